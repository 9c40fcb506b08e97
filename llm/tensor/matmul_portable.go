package tensor

import "unsafe"

// tileRowsPortable is the most rows of a portable tile.
const tileRowsPortable = 4

// tilePortable adds to y[rows][32] the product of x, [k][rows], and one panel's w, [k][32]. Rows of y are stride values
// apart. It keeps as many sums in variables as a CPU has registers: two rows by four outputs, or one by eight.
func tilePortable(rows, k int, x, w, y *float32, stride int) {
	xs := unsafe.Slice(x, rows*k)
	ws := unsafe.Slice(w, panelRows*k)
	ys := unsafe.Slice(y, (rows-1)*stride+panelRows)
	r := 0
	for ; r+2 <= rows; r += 2 {
		for c := 0; c < panelRows; c += 4 {
			tile2x4(xs[r:], rows, ws[c:], ys[r*stride+c:], ys[(r+1)*stride+c:])
		}
	}
	if r < rows {
		for c := 0; c < panelRows; c += 8 {
			tile1x8(xs[r:], rows, ws[c:], ys[r*stride+c:])
		}
	}
}

// The conversions keep compilers from fusing: without them, results would differ between architectures.

func tile1x8(x []float32, rows int, w, y []float32) {
	y = y[:8:8]
	s0, s1, s2, s3, s4, s5, s6, s7 := y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7]
	for {
		v, p := x[0], w[:8:8]
		s0 += float32(v * p[0])
		s1 += float32(v * p[1])
		s2 += float32(v * p[2])
		s3 += float32(v * p[3])
		s4 += float32(v * p[4])
		s5 += float32(v * p[5])
		s6 += float32(v * p[6])
		s7 += float32(v * p[7])
		if len(x) <= rows {
			break
		}
		x, w = x[rows:], w[panelRows:]
	}
	y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7] = s0, s1, s2, s3, s4, s5, s6, s7
}

func tile2x4(x []float32, rows int, w, y, z []float32) {
	y, z = y[:4:4], z[:4:4]
	s0, s1, s2, s3 := y[0], y[1], y[2], y[3]
	t0, t1, t2, t3 := z[0], z[1], z[2], z[3]
	for {
		v, u, p := x[0], x[1], w[:4:4]
		s0 += float32(v * p[0])
		t0 += float32(u * p[0])
		s1 += float32(v * p[1])
		t1 += float32(u * p[1])
		s2 += float32(v * p[2])
		t2 += float32(u * p[2])
		s3 += float32(v * p[3])
		t3 += float32(u * p[3])
		if len(x) <= rows {
			break
		}
		x, w = x[rows:], w[panelRows:]
	}
	y[0], y[1], y[2], y[3] = s0, s1, s2, s3
	z[0], z[1], z[2], z[3] = t0, t1, t2, t3
}

// transposePortable writes dst[i*dstStride+r] = x[r*k+i] for the rows r from firstRow to endRow and i from first to k. It goes by
// blocks along k, so that the cache lines that it writes piecewise stay in the nearest cache.
func transposePortable(dst []float32, dstStride int, x []float32, firstRow, endRow, first, k int) {
	const block = 16
	for k0 := first; k0 < k; k0 += block {
		k1 := min(k0+block, k)
		for r := firstRow; r < endRow; r++ {
			out := dst[k0*dstStride+r:]
			for i, v := range x[r*k+k0 : r*k+k1] {
				out[i*dstStride] = v
			}
		}
	}
}
