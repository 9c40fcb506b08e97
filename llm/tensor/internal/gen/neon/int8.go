package main

import "fmt"

// Products of 4-bit weights with activations of 8 bits: int8.go of package tensor tells about blocks and records.
//
// Along k, 32 weights of 0 to 15 meet 32 activations of -127 to 127, four of each to a word of 32 bits. The sums are whole
// numbers and exact, so how they are taken is free:
//
//   - With the instructions for dot products (ARMv8.2, most cores since 2018), one adds the four products of each of four
//     words to four sums of 32 bits, the activations being one lane of a vector.
//   - Without, a word of activations is broadcast, and products are added in 16 bits, each lane its own: 8 of them, at most
//     8·15·127 = 15240. Then neighbours are added, twice: what began in four lanes is in one of 32 bits.
//
// For 16 weights the first way takes one instruction, the second two, and one more for each row and word of activations.

const (
	int8Rows   = 4  // most rows of a tile
	int8Values = 32 // of a block
)

func (a *assembler) int8() {
	for rows := 1; rows <= int8Rows; rows++ {
		a.tileInt8(rows, true)
		a.tileInt8(rows, false)
	}
	a.roundInt8()
}

func (a *assembler) tileInt8(rows int, dot bool) {
	name, doc := "Tile%dInt8", "adds to y[%d][32] the product of the records of %d rows at x and blocks of a group's w; rows of y are stride values apart."
	if dot {
		name, doc = "Tile%dInt8Dot", doc+" It needs the instructions for dot products."
	}
	a.function(fmt.Sprintf(name, rows), fmt.Sprintf(doc, rows, rows), "func(blocks int, header, x, w, y *float32, stride int)")
	vectors := 4 // of outputs at a time
	if rows > 2 {
		vectors = 2
	}
	if rows > 1 && !dot {
		vectors /= 2 // whose sums take two registers each
	}
	header, panel, y, stride, mask := a.scalar("header"), a.scalar("w"), a.scalar("y"), a.stride("stride"), a.vec()
	a.moviBytes(mask, 15)
	a.columns(vectors, header, panel, y, func() {
		blocks, x, w, loop := a.scalar("blocks"), a.scalar("x"), a.copyOf(panel), a.label("block")
		sums := a.rowsOfZeros(rows, vectors)
		zeros := a.header(header, panelRows, vectors)
		a.place(loop)
		for line := 0; line < int8Values/wordWeights*4*panelRows; line += 64 {
			a.prefetch(w, prefetchBytes+line)
		}
		a.scope(func() {
			var products [][]vec
			if dot {
				products = a.dotProducts(rows, vectors, x, w, mask)
			} else {
				products = a.products(rows, vectors, x, w, mask)
			}
			factors := a.loadValues(x, int8Values*rows, 2*rows)
			for r := range rows {
				for v, p := range products[r] {
					a.scvtf(p, p)
					a.fmlaLane(sums[r][v], p, factors[r])
					a.fmlsLane(sums[r][v], zeros[v], factors[rows+r])
				}
			}
		})
		a.add(int8Values/wordWeights*4*panelRows, w)
		a.add((int8Values+2*4)*rows, x)
		a.countDown(blocks, loop)
		scales, out := a.header(header, 0, vectors), a.vecs(vectors)
		a.eachRow(sums, y, stride, func(sums []vec, row gp) {
			a.loadAll(out, row, 0)
			for v := range out {
				a.fmla(out[v], sums[v], scales[v])
			}
			a.storeAll(out, row, 0)
		})
	})
	a.end()
}

func (a *assembler) rowsOfZeros(rows, vectors int) [][]vec {
	v := make([][]vec, rows)
	for r := range v {
		for range vectors {
			v[r] = append(v[r], a.zero())
		}
	}
	return v
}

// header loads values of a header in float16: a vector of four, or several.
func (a *assembler) header(header gp, output, vectors int) []vec {
	if vectors > 1 {
		return a.halves(header, output, vectors)
	}
	v := a.vec()
	a.ins("FMOVD %d(%v), %s", 2*output, header, v.f())
	a.fcvtl(v, v)
	return []vec{v}
}

// nibbles loads words of weights and takes them apart: the weights 0 to 3, and 4 to 7.
func (a *assembler) nibbles(vectors int, w gp, disp int, mask vec) (low, high []vec) {
	low, high = a.vecs(vectors), a.vecs(vectors)
	a.loadAll(low, w, disp)
	for v := range vectors {
		a.ushrBytes(high[v], low[v], 4)
		a.and(low[v], low[v], mask)
	}
	return low, high
}

// dotProducts are a block's sums of products of all rows, in 32 bits, with the instructions for it.
func (a *assembler) dotProducts(rows, vectors int, x, w gp, mask vec) [][]vec {
	sums := a.rowsOfZeros(rows, vectors)
	for step := range int8Values / wordWeights {
		a.scope(func() {
			values := a.loadValues(x, 4*2*rows*step, 2*rows)
			for v := range vectors {
				a.scope(func() {
					low, high := a.nibbles(1, w, 4*panelRows*step+vecBytes*v, mask)
					for half, q := range []vec{low[0], high[0]} {
						for r := range rows {
							a.sdotLane(sums[r][v], q, values[half*rows+r])
						}
					}
				})
			}
		})
	}
	return sums
}

// products are the same without these instructions.
func (a *assembler) products(rows, vectors int, x, w gp, mask vec) [][]vec {
	sums := make([][][2]vec, rows) // in 16 bits: of a vector's first two outputs, and of the others
	for r := range sums {
		sums[r] = make([][2]vec, vectors)
		for v := range vectors {
			sums[r][v] = [2]vec{a.vec(), a.vec()}
		}
	}
	for step := range int8Values / wordWeights {
		a.scope(func() {
			low, high := a.nibbles(vectors, w, 4*panelRows*step, mask)
			for half, q := range [][]vec{low, high} {
				for r := range rows {
					a.scope(func() {
						word := a.vec()
						a.scope(func() {
							from := a.gp()
							a.ins("ADD $%d, %v, %v", 4*((2*step+half)*rows+r), x, from)
							a.ins("VLD1R (%v), [%s.S4]", from, word.v())
						})
						for v, weights := range q {
							if step+half == 0 {
								a.smull(sums[r][v][0], weights, word)
								a.smull2(sums[r][v][1], weights, word)
							} else {
								a.smlal(sums[r][v][0], weights, word)
								a.smlal2(sums[r][v][1], weights, word)
							}
						}
					})
				}
			}
		})
	}
	products := make([][]vec, rows)
	for r := range sums {
		for _, pair := range sums[r] {
			a.saddlp(pair[0], pair[0])
			a.saddlp(pair[1], pair[1])
			a.addp(pair[0], pair[0], pair[1])
			products[r] = append(products[r], pair[0])
		}
	}
	return products
}

// roundInt8 makes the records of one row.
func (a *assembler) roundInt8() {
	a.begin("RoundInt8", "writes one row's part of the records of blocks of 32 values, of so many rows each.",
		"func(blocks int, x, dst *float32, rows int)")
	blocks, x, dst, rows := a.scalar("blocks"), a.scalar("x"), a.scalar("dst"), a.stride("rows")
	limit := a.vec()
	a.ins("FMOVS $127.0, %s", limit.f())
	v := a.vecs(int8Values / lanes)
	largest, t, scale, inverse := a.vec(), a.vec(), a.vec(), a.vec()
	loop, done := a.label("block"), a.label("none")
	a.place(loop)
	a.loadAll(v, x, 0)
	a.fabs(largest, v[0])
	for _, w := range v[1:] {
		a.fabs(t, w)
		a.fmax(largest, largest, t)
	}
	a.fmaxAcross(largest, largest)
	a.ins("FDIVS %s, %s, %s", limit.f(), largest.f(), scale.f())
	a.eor(inverse, inverse, inverse)
	a.ins("FCMPS $(0.0), %s", largest.f())
	a.ins("BEQ %s", done)
	a.ins("FDIVS %s, %s, %s", largest.f(), limit.f(), inverse.f())
	a.place(done)
	for _, w := range v {
		a.fmulLane(w, w, value{inverse, 0})
		a.fcvtns(w, w)
	}
	a.addInts(t, v[0], v[1])
	for _, w := range v[2:] {
		a.addInts(t, t, w)
	}
	a.addAcross(t, t)
	a.scvtf(t, t)
	a.ins("FMULS %s, %s, %s", scale.f(), t.f(), t.f())
	for i := 0; i < len(v); i += 2 {
		a.sqxtn16(v[i], v[i])
		a.sqxtn16High(v[i], v[i+1])
	}
	for i := 0; i < len(v); i += 4 {
		a.sqxtn8(v[i], v[i])
		a.sqxtn8High(v[i], v[i+2])
		for word := range lanes {
			a.ins("VST1.P %s.S[%d], (%v)(%v)", v[i].v(), word, dst, rows)
		}
	}
	for _, w := range []vec{scale, t} {
		a.ins("VST1.P %s.S[0], (%v)(%v)", w.v(), dst, rows)
	}
	a.add(4*int8Values, x)
	a.countDown(blocks, loop)
	a.end()
}
