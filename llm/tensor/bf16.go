package tensor

import "unsafe"

// Products of bfloat16 weights with activations that are rounded to bfloat16. CPUs that multiply pairs of such values do twice as
// many products with an instruction, and need not widen the weights. It is what a bfloat16 model was trained and is
// served with elsewhere: PyTorch keeps every activation in bfloat16, and llama.cpp rounds them before they meet
// bfloat16 weights. An activation is wrong by at most 1/256 of itself; sums are float32.
//
// Rounded activations are kept in pairs along k, one after another for the rows of a tile: [(k+1)/2][rows][2]. If k is odd, the last
// pair has a zero. Each product is exact in float32. A pair adds its second product to an output, then its first, as the instruction is
// documented; a CPU may round the sum of the two differently, and takes subnormal values for zero. So a row's result
// does not depend on the others, but its last bits do on the kernel set.

// CanRoundActivations reports whether RoundActivations of a matrix in a format can succeed on this CPU.
func CanRoundActivations(f Format) bool { return f == Int4 || f == BFloat16 && canDotBF16() }

// pairs is how many pairs the steps along k are.
func pairs(k int) int { return (k + 1) / 2 }

// pairRows makes the pairs of block b of rows.
func (j *matmul) pairRows(b int) {
	first, end := j.firstRow(b), j.firstRow(b+1)
	k, n, rows := j.m.steps, pairs(j.m.steps), end-first
	packed := j.packed[first*n : end*n]
	narrowed := packed
	if rows > 1 {
		narrowed = j.narrowed[first*n : end*n]
	}
	for r := range rows {
		row := halves(narrowed[r*n : (r+1)*n])
		row[len(row)-1] = 0
		Narrow(BFloat16, j.x[(first+r)*k:(first+r+1)*k], row[:k])
	}
	if rows > 1 {
		transpose(packed, rows, narrowed, rows, n)
	}
}

// dots computes the outputs of a panel from pairs.
func (t *tiles) dots(panel []float32) {
	j := t.j
	step, n, base := blockK, pairs(j.m.steps), j.firstRow(t.firstBlock) // an even step: pairs stay together
	if t.endBlock-t.firstBlock == 1 {
		step = j.m.steps
	}
	for k := 0; k < j.m.steps; k += step {
		for b := t.firstBlock; b < t.endBlock; b++ {
			r0, rows := j.firstRow(b), j.firstRow(b+1)-j.firstRow(b)
			tileBF16Dot(rows, min(step, j.m.steps-k), &j.packed[r0*n+k/2*rows], &panel[k*panelRows/2], &t.out[(r0-base)*t.stride], t.stride)
		}
	}
}

// tileBF16DotPortable adds to y[rows][32] the product of pairs, [(k+1)/2][rows], and w, [k][32] in bfloat16.
func tileBF16DotPortable(rows, k int, x, w, y *float32, stride int) {
	xs := halves(unsafe.Slice(x, pairs(k)*rows))
	ws := halves(unsafe.Slice(w, k*panelRows/2))
	ys := unsafe.Slice(y, (rows-1)*stride+panelRows)
	for i := 0; i < k; i += 2 {
		first := ws[i*panelRows:][:panelRows]
		for r := range rows {
			pair, out := xs[i*rows+2*r:][:2], ys[r*stride:][:panelRows]
			a, b := BFloat16Value(pair[0]), BFloat16Value(pair[1])
			if i+1 < k {
				for lane, h := range ws[(i+1)*panelRows:][:panelRows] {
					out[lane] += float32(b * BFloat16Value(h))
				}
			}
			for lane, h := range first {
				out[lane] += float32(a * BFloat16Value(h))
			}
		}
	}
}
