//go:build !amd64 && !arm64

package tensor

// setNames are the sets: one.
var setNames = [...]string{setPortable: "portable"}

func bestSet() kernelSet { return setPortable }

func pause() {}

func tileRows() int { return tileRowsPortable }

// wholeK reports whether a block of that many rows is best computed in one go along K.
func wholeK(rows int) bool { return rows == 1 }

func tile(rows, k int, x, w, y *float32, stride int) { tilePortable(rows, k, x, w, y, stride) }

func directRows(Format) int { return 0 }

// Rows are widened to float32 here, since directRows says so, and no block of packed weights gets to these.
func tile16(Format, int, int, *float32, *float32, *float32, int) { panic("tensor: no such kernel") }

func tileInt4(int, int, *float32, *float32, *float32, *float32, int) {
	panic("tensor: no such kernel")
}

func tileInt8(rows, blocks int, group, record, y []float32, stride int) {
	tileInt8Portable(rows, blocks, group, record, y, stride)
}

func roundRow(x, dst []float32, rows int)          { roundRowPortable(x, dst, rows) }
func widenInt4(header, weights, dst []float32)     { widenInt4Portable(header, weights, dst) }
func widen(f Format, src []uint16, dst []float32)  { widenPortable(f, src, dst) }
func narrow(f Format, src []float32, dst []uint16) { narrowPortable(f, src, dst) }
func multiplyAdds(rounds int) (flops float64)      { return multiplyAddsPortable(rounds) }

// transpose writes dst[i*dstStride+r] = x[r*k+i] for rows r and i < k.
func transpose(dst []float32, dstStride int, x []float32, rows, k int) {
	transposePortable(dst, dstStride, x, 0, rows, 0, k)
}

func add(dst, x []float32)                      { addPortable(dst, x) }
func scale(x []float32, s float32)              { scalePortable(x, s) }
func dot(a, b []float32) float32                { return dotPortable(a, b) }
func maximum(x []float32) float32               { return maximumPortable(x) }
func relu(x []float32)                          { reluPortable(x) }
func gelu(x []float32)                          { geluPortable(x) }
func geluTanh(x []float32)                      { geluTanhPortable(x) }
func siluMul(dst, gate, up []float32)           { siluMulPortable(dst, gate, up) }
func expSum(x []float32, shift float32) float32 { return expSumPortable(x, shift) }
func rope(a, b, cos, sin []float32)             { ropePortable(a, b, cos, sin) }
func read(x []float32) float32                  { return readPortable(x) }
func mixRows(p, v []float32, stride int, out []float32) {
	mixRowsPortable(p, v, stride, out)
}
func dotRows(q, k []float32, stride int, scale float32, out []float32) {
	dotRowsPortable(q, k, stride, scale, out)
}
func layerNorm(dst, x, weight, bias []float32, eps float32) {
	layerNormPortable(dst, x, weight, bias, eps)
}
func rmsNorm(dst, x, weight []float32, eps float32) { rmsNormPortable(dst, x, weight, eps) }
