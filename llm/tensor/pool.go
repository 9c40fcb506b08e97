package tensor

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A decode step forks and joins some eighty times in a few milliseconds, so a fork must cost well under a microsecond;
// yet an idle engine must cost nothing, and a machine may have fewer cores than we have workers (several ranks,
// containers with quotas, other tenants).
//
// A fork raises a sequence number that the workers watch. They watch for about spinFor and then park on a channel. Worker i's
// share of a fork is whoever's claims it first: its own goroutine, as a rule, or the caller, once that has finished its own
// share. So a worker that is parked, or that the operating system keeps from running, delays nobody: its share is done by
// the time it comes. When all shares are claimed, the caller watches for the last to finish, and parks in turn.
//
// Workers do not spin at all while the process's pools have more threads than GOMAXPROCS.

// spinFor is how long a thread watches for work before it parks: longer than the single-threaded gaps in a decode
// step, shorter than anything that shows in a CPU meter.
const spinFor = 20 * time.Microsecond

// poolThreads counts the threads of all open pools, callers included.
var poolThreads atomic.Int64

// Pool runs functions on a fixed number of threads: the caller's and its own. A Pool serves one caller at a time;
// different Pools may be used at once. It also owns the scratch memory of the operations that run on it.
type Pool struct {
	workers []worker // [0] is the caller's
	cores   int64
	isDone  func() bool // no share of the current fork is unfinished

	fn      func(int)
	seq     atomic.Uint64 // of the current fork
	_       cacheLine
	pending atomic.Int64 // shares of the current fork that are not finished
	_       cacheLine
	caller  parking
	stopped atomic.Bool

	mul matmul // state and scratch of MatMul
}

type cacheLine [64]byte

type worker struct {
	claimed atomic.Uint64 // the last fork of which this worker's share was claimed
	parking
	_ cacheLine
}

// parking lets one goroutine sleep until another wakes it.
type parking struct {
	parked atomic.Bool
	wake   chan struct{}
}

// sleep blocks until wakeUp is called, or returns at once if ready reports that there is nothing to wait for. What makes
// ready true must happen before the call of wakeUp.
func (p *parking) sleep(ready func() bool) {
	p.parked.Swap(true) // as Store, but emulators of Arm let a load overtake a store
	if ready() && p.parked.CompareAndSwap(true, false) {
		return
	}
	<-p.wake
}

func (p *parking) wakeUp() {
	if p.parked.CompareAndSwap(true, false) {
		p.wake <- struct{}{}
	}
}

// NewPool starts a pool of the given number of threads, at least one: the caller of Run and threads-1 goroutines.
// Close it when done.
func NewPool(threads int) *Pool {
	threads = max(threads, 1)
	p := &Pool{workers: make([]worker, threads), cores: int64(runtime.GOMAXPROCS(0))}
	p.isDone = func() bool { return p.pending.Load() == 0 }
	p.caller.wake = make(chan struct{}, 1)
	p.mul.init(p)
	poolThreads.Add(int64(threads))
	for i := 1; i < threads; i++ {
		p.workers[i].wake = make(chan struct{}, 1)
		go p.work(i)
	}
	return p
}

// Threads is the number of threads, the caller's included.
func (p *Pool) Threads() int { return len(p.workers) }

// Close ends the pool's goroutines. It must not be called during a Run.
func (p *Pool) Close() {
	if p.stopped.Swap(true) {
		return
	}
	poolThreads.Add(-int64(len(p.workers)))
	for i := 1; i < len(p.workers); i++ {
		p.workers[i].wakeUp()
	}
}

// Run calls fn once for each worker 0 … Threads()-1, in parallel as far as there are idle cores, and returns when all
// calls have. The calls must not wait for each other: one thread may make several of them in turn. fn must not call Run
// on the same pool. After Close, Run makes all calls itself.
func (p *Pool) Run(fn func(worker int)) {
	if len(p.workers) == 1 {
		fn(0)
		return
	}
	p.fn = fn
	p.pending.Store(int64(len(p.workers) - 1))
	seq := p.seq.Add(1)
	for i := 1; i < len(p.workers); i++ {
		p.workers[i].wakeUp()
	}
	fn(0)
	for i := 1; i < len(p.workers); i++ {
		p.share(i, seq)
	}
	if !p.spinUntil(p.isDone) {
		for !p.isDone() { // the last worker of an earlier fork may wake us late
			p.caller.sleep(p.isDone)
		}
	}
	p.fn = nil
}

// share does worker i's part of fork seq, unless somebody has claimed it.
func (p *Pool) share(i int, seq uint64) {
	if !p.workers[i].claimed.CompareAndSwap(seq-1, seq) {
		return
	}
	p.fn(i)
	if p.pending.Add(-1) == 0 {
		p.caller.wakeUp()
	}
}

// work is the life of worker i's goroutine.
func (p *Pool) work(i int) {
	seq := uint64(0)
	ready := func() bool { return p.seq.Load() != seq || p.stopped.Load() }
	for {
		if !p.spinUntil(ready) {
			p.workers[i].sleep(ready)
		}
		if p.stopped.Load() {
			return
		}
		seq = p.seq.Load()
		p.share(i, seq)
	}
}

// spinUntil watches for ready for about spinFor, and reports whether it came true. It does not watch when there are more
// threads than cores to run them.
func (p *Pool) spinUntil(ready func() bool) bool {
	if ready() {
		return true
	}
	if poolThreads.Load() > p.cores {
		return false
	}
	for start := time.Now(); time.Since(start) < spinFor; {
		for range 16 {
			if ready() {
				return true
			}
			pause()
		}
	}
	return false
}
