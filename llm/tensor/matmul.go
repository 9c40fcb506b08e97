package tensor

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

// The matrix product y = x·Wᵀ + bias.
//
// One row (decode) reads every weight once and uses it once: it runs at the speed of memory if the weights come in one
// sequential stream, which the panels give. Many rows (prefill) are bound by arithmetic: a tile of up to tileRows rows
// by the 32 outputs of a panel lives in registers, and each step along K costs two cache lines of weights and
// one value for each row.
//
// The loops, from the outside:
//
//	chunks of up to chunkRows rows, packed into blocks of up to tileRows rows, each [K][rows of the block]
//	  panels, handed to the workers in runs (a task; with few panels and many rows, rows are split as well)
//	    blocks of blockK steps: what a panel has of them stays in the nearest caches
//	      blocks of rows: the tile
//
// A tile starts from what y holds and leaves its sums there, so each output is one chain of multiply-adds along K
// whatever the blocks are. That is the guarantee of the package's documentation, and it costs only that y is written
// before the first tile: with the bias, or zeros.
//
// Weights that are not float32 are widened in registers where a panel is read for one block of rows, which is what decoding
// does; for more, each block along K is widened once into a buffer of the worker's that stays in its cache, unless widening
// costs a tile nothing (directRows). Either way the sums are the same.
//
// A panel that is only partly used has its y in a buffer of the worker's.
//
// Not done: packing x for one row (it is a tile's layout already) and splitting K over threads (it would change the sums).

const (
	chunkRows = 240 // multiple of every set's tileRows
	blockK    = 256 // × 128 bytes of a panel: 32 KiB

	// prefetched is how far ahead kernels ask for weights at most, in float32s.
	prefetched = 2 << 10

	// tasksPerThread lets threads that run faster take more.
	tasksPerThread = 4

	// packAloneBelow is the number of values of x that are not worth a fork.
	packAloneBelow = 1 << 13
)

// matmul is the product that a pool works at, and its scratch memory.
type matmul struct {
	pool          *Pool
	pack, compute func(worker int)

	m        *Matrix
	x        []float32 // rows [rows][steps] of this chunk
	y        []float32 // [rows][N] of this chunk
	bias     []float32 // [N] or nil
	rows     int
	blocks   int       // of rows
	packed   []float32 // x by blocks
	narrowed []float32 // rows of pairs that are not packed yet
	scratch  []float32
	edges    [][]float32 // by worker: [rows][32]
	wide     [][]float32 // by worker: [blockK][32]
	ordered  []float32   // x in the order of the matrix's steps

	panelsPerTask, rowSplits, tasks int64
	next                            atomic.Int64 // task that is not taken
}

func (j *matmul) init(p *Pool) {
	j.pool = p
	j.pack = j.packShare
	j.compute = j.computeTasks
	j.edges = make([][]float32, p.Threads())
	j.wide = make([][]float32, p.Threads())
}

// MatMul computes y = x·Wᵀ + bias for rows ≥ 0 rows: x is [rows][K], y [rows][N], both row-major, bias is [N] or nil for
// none. y must not overlap x. It uses p's threads and scratch memory, and allocates only when that has to grow.
func (m *Matrix) MatMul(p *Pool, x []float32, rows int, y []float32, bias []float32) {
	if len(x) < rows*m.K || len(y) < rows*m.N || bias != nil && len(bias) < m.N {
		panic(fmt.Sprintf("tensor: %d rows of %d by a matrix of %d by %d: x has %d values, y %d, bias %d",
			rows, m.K, m.N, m.K, len(x), len(y), len(bias)))
	}
	j := &p.mul
	j.m, j.bias = m, bias
	for r := 0; r < rows; r += chunkRows {
		j.rows = min(chunkRows, rows-r)
		j.x = j.inputs(x[r*m.K : (r+j.rows)*m.K])
		j.y = y[r*m.N : (r+j.rows)*m.N]
		j.run()
	}
	runtime.KeepAlive(m)
	j.m, j.x, j.y, j.bias, j.packed, j.narrowed = nil, nil, nil, nil, nil, nil // do not keep the caller's memory alive
}

// inputs is x in the order of the matrix's steps.
func (j *matmul) inputs(x []float32) []float32 {
	m := j.m
	if m.order == nil {
		return x
	}
	if len(j.ordered) < j.rows*m.steps {
		j.ordered = alignedFloats(j.rows * m.steps)
	}
	for r := range j.rows {
		m.gather(x[r*m.K:(r+1)*m.K], j.ordered[r*m.steps:])
	}
	return j.ordered[:j.rows*m.steps]
}

func (j *matmul) run() {
	most, size := tileRows(), len(j.x)
	switch {
	case j.m.rounds && j.m.format == Int4:
		most, size = int8TileRows, len(j.x)/int8Block*recordSize
	case j.m.rounds:
		size = 2 * j.rows * pairs(j.m.steps) // as rows, and packed
	}
	j.blocks = (j.rows + most - 1) / most
	if j.rows == 1 && !j.m.rounds {
		j.packed = j.x
	} else {
		if len(j.scratch) < size {
			j.scratch = alignedFloats(size)
		}
		j.packed = j.scratch[:size]
		if j.m.rounds && j.m.format == BFloat16 {
			j.packed, j.narrowed = j.scratch[:size/2], j.scratch[size/2:size]
		}
		if len(j.x) < packAloneBelow {
			for b := range j.blocks {
				j.packBlock(b)
			}
		} else {
			j.pool.Run(j.pack)
		}
	}

	panels, aim := int64(j.m.panels()), int64(1)
	if threads := j.pool.Threads(); threads > 1 {
		aim = int64(threads * tasksPerThread)
	}
	j.panelsPerTask = max(1, panels/aim)
	j.rowSplits = min(int64(j.blocks), max(1, aim/panels))
	j.tasks = (panels + j.panelsPerTask - 1) / j.panelsPerTask * j.rowSplits
	j.next.Store(0)
	j.pool.Run(j.compute)
}

// firstRow is where block b of rows begins. The blocks share the rows evenly: 13 rows are 7 and 6, not 12 and 1.
func (j *matmul) firstRow(b int) int { return j.rows * b / j.blocks }

func (j *matmul) packShare(worker int) {
	threads := j.pool.Threads()
	for b := j.blocks * worker / threads; b < j.blocks*(worker+1)/threads; b++ {
		j.packBlock(b)
	}
}

// packBlock transposes block b of the rows of x into [K][rows of the block], or rounds it into records or pairs.
func (j *matmul) packBlock(b int) {
	switch {
	case j.m.rounds && j.m.format == Int4:
		j.roundRows(b)
		return
	case j.m.rounds:
		j.pairRows(b)
		return
	}
	first, end := j.firstRow(b), j.firstRow(b+1)
	k := j.m.steps
	transpose(j.packed[first*k:end*k], end-first, j.x[first*k:end*k], end-first, k)
}

// computeTasks takes tasks until none is left.
func (j *matmul) computeTasks(worker int) {
	panels := int64(j.m.panels())
	for {
		t := j.next.Add(1) - 1
		if t >= j.tasks {
			return
		}
		split := t % j.rowSplits
		firstBlock, endBlock := int(split*int64(j.blocks)/j.rowSplits), int((split+1)*int64(j.blocks)/j.rowSplits)
		first := t / j.rowSplits * j.panelsPerTask
		for panel := first; panel < min(first+j.panelsPerTask, panels); panel++ {
			j.computePanel(worker, int(panel), firstBlock, endBlock)
		}
	}
}

// computePanel computes the outputs of one panel for some blocks of rows.
func (j *matmul) computePanel(worker, panel, firstBlock, endBlock int) {
	m := j.m
	firstRow, endRow := j.firstRow(firstBlock), j.firstRow(endBlock)
	column := panel * panelRows
	width := min(panelRows, m.N-column)

	out, stride := j.y[firstRow*m.N+column:], m.N
	if width < panelRows {
		out, stride = j.edge(worker, endRow-firstRow), panelRows
	}
	for r := range endRow - firstRow {
		row := out[r*stride:][:width]
		if j.bias == nil {
			clear(row)
		} else {
			copy(row, j.bias[column:])
		}
	}

	t := tiles{j: j, firstBlock: firstBlock, endBlock: endBlock, out: out, stride: stride}
	t.compute(worker, m.panel(panel))

	if width < panelRows {
		for r := firstRow; r < endRow; r++ {
			copy(j.y[r*m.N+column:][:width], out[(r-firstRow)*panelRows:])
		}
	}
}

// edge returns the worker's buffer for a panel that is partly used.
func (j *matmul) edge(worker, rows int) []float32 {
	if len(j.edges[worker]) < rows*panelRows {
		j.edges[worker] = alignedFloats(rows * panelRows)
	}
	return j.edges[worker]
}

// wideBuffer returns the worker's buffer for a block of weights in float32. It goes on for as far as kernels prefetch, and all of
// it has been written to: to prefetch from a page that has no memory behind it yet costs more than a tile's arithmetic.
func (j *matmul) wideBuffer(worker int) []float32 {
	if j.wide[worker] == nil {
		j.wide[worker] = alignedFloats(blockK*panelRows + prefetched)
		for i := range j.wide[worker] {
			j.wide[worker][i] = 0
		}
	}
	return j.wide[worker]
}

// tiles is a panel's work for some blocks of rows.
type tiles struct {
	j                    *matmul
	firstBlock, endBlock int
	out                  []float32
	stride               int
}

func (t *tiles) compute(worker int, panel []float32) {
	j := t.j
	m := j.m
	one, rows := t.endBlock-t.firstBlock == 1, j.firstRow(t.endBlock)-j.firstRow(t.firstBlock)
	switch {
	case m.rounds && m.format == Int4:
		t.int8(panel)
	case m.rounds:
		t.dots(panel)
	case m.format == Float32:
		step := blockK
		if one && wholeK(rows) {
			step = m.steps
		}
		for k := 0; k < m.steps; k += step {
			t.block(k, min(step, m.steps-k), panel[k*panelRows:])
		}
	case rows > directRows(m.format):
		wide := j.wideBuffer(worker)
		for k := 0; k < m.steps; k += blockK {
			count := min(blockK, m.steps-k)
			m.widen(panel, k, count, wide)
			t.block(k, count, wide)
		}
	case m.format == Int4:
		x := j.packed[j.firstRow(t.firstBlock)*m.steps:]
		for i := range m.groups {
			g := &m.groups[i]
			tileInt4(rows, (g.end-g.first)/wordWeights, &panel[g.offset], &x[g.first*rows], &panel[g.offset+headerSize], &t.out[0], t.stride)
		}
	default:
		step := blockK
		if one && wholeK(rows) {
			step = m.steps
		}
		first := j.firstRow(t.firstBlock)
		for k := 0; k < m.steps; k += step {
			for b := t.firstBlock; b < t.endBlock; b++ {
				r0, r1 := j.firstRow(b), j.firstRow(b+1)
				x := &j.packed[r0*m.steps+k*(r1-r0)]
				tile16(m.format, r1-r0, min(step, m.steps-k), x, &panel[k*panelRows/2], &t.out[(r0-first)*t.stride], t.stride)
			}
		}
	}
}

// block computes count steps from step k on, of which weights are the weights in float32, for all blocks of rows.
func (t *tiles) block(k, count int, weights []float32) {
	j := t.j
	first := j.firstRow(t.firstBlock)
	for b := t.firstBlock; b < t.endBlock; b++ {
		r0, r1 := j.firstRow(b), j.firstRow(b+1)
		tile(r1-r0, count, &j.packed[r0*j.m.steps+k*(r1-r0)], &weights[0], &t.out[(r0-first)*t.stride], t.stride)
	}
}
