// Package parallel lets the ranks of one process work on one model: barriers and all-reduces in shared memory.
//
// The ranks are goroutines, so a collective needs no copies of its own: each rank publishes its buffer, all meet, each
// sums one slice of all buffers and writes the sum into all of them, all meet again. The first meeting is the waiting
// (for the slowest rank), the rest is the transfer; the two are told apart because they have different cures.
//
// Ranks may outnumber cores. A waiting rank therefore spins only for microseconds, and only if every rank can have a
// core; then it sleeps.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inferprof/inferprof/llm/tensor"
)

// Group is N ranks that meet in collectives. Every rank must call the same collectives in the same order.
type Group struct {
	n     int
	spins int
	bufs  [][]float32

	arrived    atomic.Int32
	generation atomic.Uint32
	mu         sync.Mutex
	cond       *sync.Cond
}

// spinRounds is some 10 µs of looking before sleeping: longer than two ranks of equal work usually differ by, and about
// what a sleep and a wake-up cost.
const spinRounds = 1 << 14

// NewGroup makes a group of n ranks of which each uses threads cores.
func NewGroup(n, threads int) *Group {
	g := &Group{n: n, bufs: make([][]float32, n)}
	g.cond = sync.NewCond(&g.mu)
	if n*threads <= runtime.GOMAXPROCS(0) {
		g.spins = spinRounds
	}
	return g
}

// Size is the number of ranks.
func (g *Group) Size() int { return g.n }

// Barrier returns when all ranks have called it, and says how long the caller waited.
func (g *Group) Barrier() time.Duration {
	if g.n == 1 {
		return 0
	}
	start := time.Now()
	generation := g.generation.Load()
	if int(g.arrived.Add(1)) == g.n {
		g.arrived.Store(0)
		g.mu.Lock()
		g.generation.Add(1)
		g.mu.Unlock()
		g.cond.Broadcast()
		return time.Since(start)
	}
	for range g.spins {
		if g.generation.Load() != generation {
			return time.Since(start)
		}
	}
	g.mu.Lock()
	for g.generation.Load() == generation {
		g.cond.Wait()
	}
	g.mu.Unlock()
	return time.Since(start)
}

// AllReduce replaces every rank's x by the sum over the ranks, added in the ranks' order, so that all ranks and all
// runs get the same bits. It returns the time that the caller waited for the others to begin.
func (g *Group) AllReduce(rank int, x []float32) (wait time.Duration) {
	if g.n == 1 {
		return 0
	}
	g.bufs[rank] = x
	wait = g.Barrier()
	lo, hi := g.slice(rank, len(x))
	sum := g.bufs[0][lo:hi]
	for r := 1; r < g.n; r++ {
		tensor.Add(sum, g.bufs[r][lo:hi])
	}
	for r := 1; r < g.n; r++ {
		copy(g.bufs[r][lo:hi], sum)
	}
	g.Barrier()
	return wait
}

// AllGather copies every rank's columns into dst, [rows][width] and shared by the ranks: rank r's part, [rows][hi-lo],
// becomes columns lo to hi. It returns the time that the caller waited for the others to finish theirs.
func (g *Group) AllGather(part []float32, rows, lo, hi, width int, dst []float32) (wait time.Duration) {
	w := hi - lo
	for i := range rows {
		copy(dst[i*width+lo:i*width+hi], part[i*w:(i+1)*w])
	}
	return g.Barrier()
}

// slice is the part of n elements that a rank sums: whole cache lines.
func (g *Group) slice(rank, n int) (lo, hi int) {
	const line = 16
	lines := (n + line - 1) / line
	return min(lines*rank/g.n*line, n), min(lines*(rank+1)/g.n*line, n)
}
