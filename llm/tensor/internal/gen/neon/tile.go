package main

import "fmt"

// A tile adds to y[rows][columns] the product of x, [k][rows], and a panel's w, [k][32]: 32 columns, or 16 where the
// registers do not suffice for more. Each output is one chain of multiply-adds along k.
//
// A weight's vector is multiplied by one lane of a vector of activations, so no activation is broadcast. What the loops
// ask of a core, for each step along k (loads are of vectors of 16 bytes; a pair is one instruction):
//
//	rows   columns   sums   multiply-adds   loads of w and x   multiply-adds to a load
//	1      32        8      8               8 and ¼            1.0
//	3      32        24     24              8 and ¾            2.7
//	6      16        24     24              4 and 1½           4.4
//
// One row is bound by memory, and two loads a cycle are more than that gives. Cores start two to four multiply-adds a cycle and
// finish one in four: 8 to 16 independent sums keep them busy, which all tiles of more than one row have.

const (
	panelRows = 32
	panelVecs = panelRows / lanes

	// prefetchBytes is how far ahead of use the weights are asked for; the AVX sets' generator says why.
	prefetchBytes = 4096
)

// A format is what weights are stored in. All are computed with in float32: 16 bits become 32 on their way into a register,
// exactly.
type format struct {
	suffix string // of the kernels' names
	bytes  int    // of a weight
}

var (
	float32Weights  = format{"", 4}
	bfloat16Weights = format{"BF16", 2}
	float16Weights  = format{"F16", 2}
)

// panelBytes is one step along k.
func (f format) panelBytes() int { return panelRows * f.bytes }

func (a *assembler) tiles() {
	for _, f := range []format{float32Weights, bfloat16Weights, float16Weights} {
		for rows := 1; rows <= 3; rows++ {
			a.tile(f, rows, panelVecs, 4)
		}
		for rows := 4; rows <= 6; rows++ {
			a.tile(f, rows, panelVecs/2, 2)
		}
	}
}

// loadWeights loads vectors of weights, an even number, and converts them.
func (a *assembler) loadWeights(f format, v []vec, p gp, disp int) {
	if f == float32Weights {
		a.loadAll(v, p, disp)
		return
	}
	for i := 0; i < len(v); i += 2 { // into the first of two, which is converted last
		a.load(v[i], p, disp+vecBytes*i/2)
		if f == bfloat16Weights {
			a.shll2(v[i+1], v[i])
			a.shll(v[i], v[i])
		} else {
			a.fcvtl2(v[i+1], v[i])
			a.fcvtl(v[i], v[i])
		}
	}
}

// tile generates the tile of some rows by some vectors. Its loop takes so many steps at once, a power of 2.
func (a *assembler) tile(f format, rows, vectors, steps int) {
	a.function(fmt.Sprintf("Tile%d%s", rows, f.suffix),
		fmt.Sprintf("adds to y[%d][%d] the product of x[k][%d] and w[k][32]; rows of y are stride values apart.",
			rows, vectors*lanes, rows),
		"func(k int, x, w, y *float32, stride int)")
	k, x, w, y, stride := a.scalar("k"), a.scalar("x"), a.scalar("w"), a.scalar("y"), a.stride("stride")
	acc := make([][]vec, rows)
	for r := range acc {
		acc[r] = a.vecs(vectors)
	}
	a.eachRow(acc, y, stride, func(v []vec, row gp) { a.loadAll(v, row, 0) })

	loop, rest, last, done, blocks := a.label("loop"), a.label("rest"), a.label("step"), a.label("done"), a.gp()
	a.ins("LSR $%d, %v, %v", steps/2, k, blocks) // the logarithm of 2 or 4
	a.ins("CBZ %v, %s", blocks, rest)
	a.place(loop)
	a.tileSteps(f, acc, x, w, steps)
	a.countDown(blocks, loop)
	a.place(rest)
	a.ins("ANDS $%d, %v", steps-1, k)
	a.ins("BEQ %s", done)
	a.place(last)
	a.tileSteps(f, acc, x, w, 1)
	a.countDown(k, last)
	a.place(done)
	a.eachRow(acc, y, stride, func(v []vec, row gp) { a.storeAll(v, row, 0) })
	a.end()
}

// eachRow runs move with each row's sums and its address.
func (a *assembler) eachRow(acc [][]vec, y, stride gp, move func(v []vec, row gp)) {
	a.scope(func() {
		row := a.copyOf(y)
		for r := range acc {
			move(acc[r], row)
			if r < len(acc)-1 {
				a.ins("ADD %v, %v", stride, row)
			}
		}
	})
}

// tileSteps takes some steps along k and advances the pointers.
func (a *assembler) tileSteps(f format, acc [][]vec, x, w gp, steps int) {
	rows, vectors := len(acc), len(acc[0])
	for line := 0; line < steps*f.panelBytes(); line += 64 { // all of them, if the tile is half a panel wide: the other half is next
		a.prefetch(w, prefetchBytes+line)
	}
	group := 1 // of steps of which the activations are loaded together
	if rows*steps%lanes == 0 && rows*steps/lanes <= 3 {
		group = steps
	}
	for first := 0; first < steps; first += group {
		a.scope(func() {
			values := a.loadValues(x, 4*first*rows, group*rows)
			for step := range group {
				const atOnce = 4 // vectors of weights: with 24 sums there is room for no more
				for v := 0; v < vectors; v += atOnce {
					a.scope(func() {
						weights := a.vecs(atOnce)
						a.loadWeights(f, weights, w, (first+step)*f.panelBytes()+v*lanes*f.bytes)
						for i, weight := range weights {
							for r := range rows {
								a.fmlaLane(acc[r][v+i], weight, values[step*rows+r])
							}
						}
					})
				}
			}
		})
	}
	a.add(steps*f.panelBytes(), w)
	a.add(4*steps*rows, x)
}

// packRows4 generates the transposition of four rows.
func (a *assembler) packRows4() {
	a.begin("PackRows4", "transposes four rows of 4*blocks values each: dst[i*dstStride+r] = x[r*stride+i]. blocks is at least 1.",
		"func(blocks int, x *float32, stride int, dst *float32, dstStride int)")
	blocks, x, stride, dst, dstStride := a.scalar("blocks"), a.scalar("x"), a.stride("stride"), a.scalar("dst"), a.stride("dstStride")
	rows := []gp{x, a.gp(), a.gp(), a.gp()}
	for r := 1; r < 4; r++ {
		a.ins("ADD %v, %v, %v", stride, rows[r-1], rows[r])
	}
	loop := a.label("loop")
	a.place(loop)
	in, half, out := a.vecs(4), a.vecs(4), a.vecs(4)
	for r, row := range rows {
		a.load(in[r], row, 0)
	}
	a.add(vecBytes, rows...)
	a.zip1(half[0], in[0], in[1]) // a0 b0 a1 b1
	a.zip1(half[1], in[2], in[3])
	a.zip2(half[2], in[0], in[1]) // a2 b2 a3 b3
	a.zip2(half[3], in[2], in[3])
	for i := 0; i < 4; i += 2 {
		a.zip1Pairs(out[i], half[i], half[i+1])
		a.zip2Pairs(out[i+1], half[i], half[i+1])
	}
	for _, v := range out {
		a.store(v, dst, 0)
		a.ins("ADD %v, %v", dstStride, dst)
	}
	a.countDown(blocks, loop)
	a.end()
}

func (a *assembler) pause() {
	a.begin("Pause", "tells the CPU that it is in a loop that waits.", "func()")
	a.ins("YIELD")
	a.end()
}
