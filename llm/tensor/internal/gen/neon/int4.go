package main

import "fmt"

// Weights of 4 bits, in groups along k that share a scale s and a zero z: w = s·(q-z). The AVX sets' generator tells how
// they are stored.
//
// A nibble becomes a float where it is in its word: a mask takes the others away, and a conversion from fixed point, which
// knows how many bits follow the units, does the rest. Then w takes a difference and a product, neither of which rounds: s has
// 11 significant bits, q-z has 5. That is four operations for four weights, and as many multiply-adds as there are rows.

const wordWeights = 8

// nibble is where weight i of 8 begins in its word.
func nibble(i int) int { return i%4*8 + i/4*4 }

func (a *assembler) int4() {
	a.tileInt4(1, 4)
	a.tileInt4(2, 2) // vectors: the masks leave no more registers
	a.tileInt4(3, 2)
	a.widenInt4()
}

// nibbleMasks are the masks of a word's weights.
func (a *assembler) nibbleMasks() []vec {
	masks := a.vecs(wordWeights)
	for i, v := range masks {
		a.movi(v, 0xf<<(nibble(i)%8), nibble(i)/8*8)
	}
	return masks
}

// halves loads values of a header in float16, from the output-th on, as so many vectors.
func (a *assembler) halves(header gp, output, vectors int) []vec {
	v := a.vecs(vectors)
	a.loadWeights(float16Weights, v, header, 2*output)
	return v
}

// weights are the weights i of 8 of vectors of words.
func (a *assembler) weights(words []vec, i int, mask vec, scales, zeros []vec) []vec {
	t := a.vecs(len(words))
	for v, w := range words {
		a.and(t[v], w, mask)
	}
	for _, v := range t {
		a.ucvtf(v, v, nibble(i))
	}
	for v := range t {
		a.fsub(t[v], t[v], zeros[v])
	}
	for v := range t {
		a.fmul(t[v], t[v], scales[v])
	}
	return t
}

// columns runs body for every so many vectors of a panel's outputs: header, weights and out, of which the rows are a panel or
// any stride apart, then stand where these begin.
func (a *assembler) columns(vectors int, header, weights, out gp, body func()) {
	loop, left := a.label("columns"), a.gp()
	a.ins("MOVD $%d, %v", panelVecs/vectors, left)
	a.place(loop)
	a.scope(body)
	a.add(2*lanes*vectors, header)
	a.add(4*lanes*vectors, weights, out)
	a.countDown(left, loop)
}

// tileInt4 generates the tile of some rows, some vectors of outputs at a time.
func (a *assembler) tileInt4(rows, vectors int) {
	a.function(fmt.Sprintf("Tile%dInt4", rows),
		fmt.Sprintf("adds to y[%d][32] the product of x[8*steps][%d] and steps of a group's w; rows of y are stride values apart.", rows, rows),
		"func(steps int, header, x, w, y *float32, stride int)")
	header, panel, y, stride, masks := a.scalar("header"), a.scalar("w"), a.scalar("y"), a.stride("stride"), a.nibbleMasks()
	acc := make([][]vec, rows)
	for r := range acc {
		acc[r] = a.vecs(vectors)
	}
	a.columns(vectors, header, panel, y, func() {
		steps, x, w, loop := a.scalar("steps"), a.scalar("x"), a.copyOf(panel), a.label("step")
		a.eachRow(acc, y, stride, func(v []vec, row gp) { a.loadAll(v, row, 0) })
		scales, zeros := a.halves(header, 0, vectors), a.halves(header, panelRows, vectors)
		a.place(loop)
		a.prefetch(w, prefetchBytes)
		a.prefetch(w, prefetchBytes+64)
		a.scope(func() {
			words := a.vecs(vectors)
			a.loadAll(words, w, 0)
			values := a.loadValues(x, 0, wordWeights*rows)
			for i := range wordWeights {
				a.scope(func() {
					for v, weight := range a.weights(words, i, masks[i], scales, zeros) {
						for r := range rows {
							a.fmlaLane(acc[r][v], weight, values[i*rows+r])
						}
					}
				})
			}
		})
		a.add(4*panelRows, w)
		a.add(4*wordWeights*rows, x)
		a.countDown(steps, loop)
		a.eachRow(acc, y, stride, func(v []vec, row gp) { a.storeAll(v, row, 0) })
	})
	a.end()
}

// widenInt4 generates the way back to float32.
func (a *assembler) widenInt4() {
	a.function("WidenInt4", "writes steps of a group's weights to dst[8*steps][32].", "func(steps int, header, w, dst *float32)")
	header, panel, out, masks := a.scalar("header"), a.scalar("w"), a.scalar("dst"), a.nibbleMasks()
	const vectors = 4
	a.columns(vectors, header, panel, out, func() {
		steps, w, dst, loop := a.scalar("steps"), a.copyOf(panel), a.copyOf(out), a.label("step")
		scales, zeros := a.halves(header, 0, vectors), a.halves(header, panelRows, vectors)
		a.place(loop)
		a.scope(func() {
			words := a.vecs(vectors)
			a.loadAll(words, w, 0)
			for i := range wordWeights {
				a.scope(func() {
					a.storeAll(a.weights(words, i, masks[i], scales, zeros), dst, 4*i*panelRows)
				})
			}
		})
		a.add(4*panelRows, w)
		a.add(4*wordWeights*panelRows, dst)
		a.countDown(steps, loop)
	})
	a.end()
}
