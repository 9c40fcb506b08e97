package tensor

import (
	"math"
	"runtime"
	"unsafe"
)

// Products of 4-bit weights with activations that are rounded to 8 bits. Whole numbers multiply four times as many at
// once as floats do, and weights of 4 bits need no conversion. Each 32 activations in a row have a scale of their own, the largest
// of them by 127, as llama.cpp rounds them: an activation is wrong by at most 1/254 of the largest near it.
//
// With weights s·(q-z) and activations d·a, a block of 32 adds s·(d·Σqa - z·dΣa) to an output. Σqa is exact. The blocks are added in
// order in float32, so that here too a row's result does not depend on the others.
//
// Rounded activations are kept in records, one for each block and tile of R rows: [8][R] words of four values each, [R]
// scales d, [R] sums dΣa.

const (
	int8Block    = 32 // values that share a scale
	int8TileRows = 4
	recordSize   = 10 // float32s of one row's part of a record
)

// RoundActivations makes MatMul round activations: to 8 bits for Int4, to bfloat16 for BFloat16. It reports whether it can:
// Int4 must be in groups of whole blocks of 32, and for BFloat16 the CPU must have products of it in the kernel set in use
// (CanRoundActivations), since otherwise nothing is gained.
func (m *Matrix) RoundActivations() bool {
	if !CanRoundActivations(m.format) {
		return false
	}
	for _, g := range m.groups {
		if (g.end-g.first)%int8Block != 0 {
			return false
		}
	}
	m.rounds = true
	return true
}

// roundRows makes the records of block b of rows.
func (j *matmul) roundRows(b int) {
	first, end := j.firstRow(b), j.firstRow(b+1)
	steps := j.m.steps
	blocks, rows := steps/int8Block, end-first
	record := j.packed[first*blocks*recordSize:]
	for r := range rows {
		roundRow(j.x[(first+r)*steps:(first+r+1)*steps], record[r:], rows)
	}
}

// int8 computes the outputs of a panel from records.
func (t *tiles) int8(panel []float32) {
	j := t.j
	blocks, base := j.m.steps/int8Block, j.firstRow(t.firstBlock)
	for i := range j.m.groups {
		g := &j.m.groups[i]
		for b := t.firstBlock; b < t.endBlock; b++ {
			r0, rows := j.firstRow(b), j.firstRow(b+1)-j.firstRow(b)
			record := j.packed[(r0*blocks+g.first/int8Block*rows)*recordSize:]
			tileInt8(rows, (g.end-g.first)/int8Block, panel[g.offset:], record, t.out[(r0-base)*t.stride:], t.stride)
		}
	}
	runtime.KeepAlive(j.m)
}

// roundRowPortable writes one row's part of the records of x, of so many rows each, to dst.
func roundRowPortable(x, dst []float32, rows int) {
	for ; len(x) > 0; x = x[int8Block:] {
		largest := float32(0)
		for _, v := range x[:int8Block] {
			largest = max(largest, v, -v)
		}
		scale, inverse, sum := largest/127, float32(0), int32(0)
		if largest != 0 {
			inverse = 127 / largest
		}
		for i, v := range x[:int8Block] {
			q := int32(math.RoundToEven(float64(float32(v * inverse))))
			sum += q
			part := (*[4]int8)(unsafe.Pointer(&dst[i/4*rows]))
			part[i%4] = int8(q)
		}
		dst[8*rows], dst[9*rows] = scale, float32(sum)*scale
		if len(x) > int8Block {
			dst = dst[recordSize*rows:]
		}
	}
}

// tileInt8Portable adds to y[rows][32] the product of records and blocks of a group.
func tileInt8Portable(rows, blocks int, group, record, y []float32, stride int) {
	header, weights := halves(group), words(group[headerSize:])
	for r := range rows {
		out := y[r*stride:][:panelRows]
		for lane := range out {
			zero, sum := Float16Value(header[panelRows+lane]), float32(0)
			for b := range blocks {
				x, products := record[b*recordSize*rows+r:], int32(0)
				for step := range 4 {
					word := weights[(4*b+step)*panelRows+lane]
					low, high := (*[4]int8)(unsafe.Pointer(&x[2*step*rows])), (*[4]int8)(unsafe.Pointer(&x[(2*step+1)*rows]))
					for i := range 4 {
						products += int32(word>>(8*i)&15)*int32(low[i]) + int32(word>>(8*i+4)&15)*int32(high[i])
					}
				}
				sum += float32(x[8*rows] * float32(products))
				sum -= float32(x[9*rows] * zero)
			}
			out[lane] += float32(sum * Float16Value(header[lane]))
		}
	}
}
