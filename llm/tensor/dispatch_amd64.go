package tensor

import (
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/inferprof/inferprof/llm/tensor/internal/asm"
)

// Which kernel does what, by set. Calls are direct, so that arguments need not escape to the heap. Length checks are done by
// the callers: the assembly trusts its arguments.

const (
	setAVX2 kernelSet = iota + 1
	setAVX512
)

// setNames are this architecture's sets. Higher needs more.
var setNames = [...]string{setPortable: "portable", setAVX2: "avx2", setAVX512: "avx512"}

func bestSet() kernelSet {
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA || !cpu.X86.HasF16C:
		return setPortable
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW:
		return setAVX512
	}
	return setAVX2
}

// tileRows is the most rows of a tile.
func tileRows() int {
	switch active {
	case setAVX512:
		return 12
	case setAVX2:
		return 6
	}
	return tileRowsPortable
}

// wholeK reports whether a single block of that many rows is best computed in one go along K: if its tile reads a panel
// once.
func wholeK(rows int) bool {
	switch active {
	case setAVX512:
		return true
	case setAVX2:
		return rows <= 3
	}
	return rows == 1
}

type tileKernel = func(k int, x, w, y *float32, stride int)

var tilesAVX512 = [...]tileKernel{
	asm.Tile1AVX512, asm.Tile2AVX512, asm.Tile3AVX512, asm.Tile4AVX512, asm.Tile5AVX512, asm.Tile6AVX512,
	asm.Tile7AVX512, asm.Tile8AVX512, asm.Tile9AVX512, asm.Tile10AVX512, asm.Tile11AVX512, asm.Tile12AVX512,
}

var tilesAVX2 = [...]tileKernel{asm.Tile1AVX2, asm.Tile2AVX2, asm.Tile3AVX2, asm.Tile4AVX2, asm.Tile5AVX2, asm.Tile6AVX2}

// tile adds to y[rows][32] the product of x, [k][rows], and w, [k][32]; rows of y are stride values apart. k ≥ 1.
func tile(rows, k int, x, w, y *float32, stride int) {
	switch active {
	case setAVX512:
		tilesAVX512[rows-1](k, x, w, y, stride)
	case setAVX2:
		tilesAVX2[rows-1](k, x, w, y, stride)
		if rows > 3 { // these tiles are half a panel wide
			tilesAVX2[rows-1](k, x, after(w, panelRows/2), after(y, panelRows/2), stride)
		}
	default:
		tilePortable(rows, k, x, w, y, stride)
	}
}

// What newer CPUs add to the sets, for some products of matrices. The dot products of bytes give the same results as the
// kernels of the sets; those of bfloat16 are a matter of precision (bf16.go).
var (
	hasVNNI    = cpu.X86.HasAVX512VNNI
	hasAVXVNNI = cpu.X86.HasAVXVNNI
	hasBF16Dot = cpu.X86.HasAVX512BF16
)

func canDotBF16() bool { return active == setAVX512 && hasBF16Dot }

// directRows is the most rows for which weights of a format other than float32 are best read as they are stored, not
// widened first. AVX2's tiles widen bfloat16 at no cost, and AVX-512's, of up to 12 rows, widen 16 bits for less than
// it costs to write them out: on a Zen 4, 16 rows of float16 take 0.65 of the time, 128 rows 0.96.
func directRows(f Format) int {
	switch {
	case active == setPortable:
		return 0
	case f == BFloat16 && active == setAVX2, f != Int4 && active == setAVX512:
		return chunkRows
	case f != Int4:
		return tileRows()
	case active == setAVX512:
		return len(tilesInt4AVX512)
	}
	return len(tilesInt4AVX2)
}

var tilesBF16AVX512 = [...]tileKernel{
	asm.Tile1BF16AVX512, asm.Tile2BF16AVX512, asm.Tile3BF16AVX512, asm.Tile4BF16AVX512, asm.Tile5BF16AVX512, asm.Tile6BF16AVX512,
	asm.Tile7BF16AVX512, asm.Tile8BF16AVX512, asm.Tile9BF16AVX512, asm.Tile10BF16AVX512, asm.Tile11BF16AVX512, asm.Tile12BF16AVX512,
}

var tilesF16AVX512 = [...]tileKernel{
	asm.Tile1F16AVX512, asm.Tile2F16AVX512, asm.Tile3F16AVX512, asm.Tile4F16AVX512, asm.Tile5F16AVX512, asm.Tile6F16AVX512,
	asm.Tile7F16AVX512, asm.Tile8F16AVX512, asm.Tile9F16AVX512, asm.Tile10F16AVX512, asm.Tile11F16AVX512, asm.Tile12F16AVX512,
}

var tilesBF16AVX2 = [...]tileKernel{
	asm.Tile1BF16AVX2, asm.Tile2BF16AVX2, asm.Tile3BF16AVX2, asm.Tile4BF16AVX2, asm.Tile5BF16AVX2, asm.Tile6BF16AVX2,
}

var tilesF16AVX2 = [...]tileKernel{asm.Tile1F16AVX2, asm.Tile2F16AVX2, asm.Tile3F16AVX2, asm.Tile4F16AVX2, asm.Tile5F16AVX2, asm.Tile6F16AVX2}

// tile16 is tile for weights of 16 bits, in sets where directRows is not 0.
func tile16(f Format, rows, k int, x, w, y *float32, stride int) {
	if active == setAVX512 {
		if f == BFloat16 {
			tilesBF16AVX512[rows-1](k, x, w, y, stride)
		} else {
			tilesF16AVX512[rows-1](k, x, w, y, stride)
		}
		return
	}
	kernel := tilesF16AVX2[rows-1]
	if f == BFloat16 {
		kernel = tilesBF16AVX2[rows-1]
	}
	kernel(k, x, w, y, stride)
	if rows > 3 { // these tiles are half a panel wide
		kernel(k, x, after(w, panelRows/4), after(y, panelRows/2), stride)
	}
}

type int4Kernel = func(steps int, header, x, w, y *float32, stride int)

var tilesInt4AVX512 = [...]int4Kernel{
	asm.Tile1Int4AVX512, asm.Tile2Int4AVX512, asm.Tile3Int4AVX512, asm.Tile4Int4AVX512, asm.Tile5Int4AVX512, asm.Tile6Int4AVX512, asm.Tile7Int4AVX512,
	asm.Tile8Int4AVX512,
}

var tilesInt4AVX2 = [...]int4Kernel{asm.Tile1Int4AVX2, asm.Tile2Int4AVX2, asm.Tile3Int4AVX2}

// tileInt4 adds to y[rows][32] the product of x, [8*words][rows], and words of a group, [words][32]. rows ≤ directRows.
func tileInt4(rows, words int, header, x, w, y *float32, stride int) {
	if active == setAVX512 {
		tilesInt4AVX512[rows-1](words, header, x, w, y, stride)
	} else {
		tilesInt4AVX2[rows-1](words, header, x, w, y, stride)
	}
}

var tilesInt8AVX512 = [int8TileRows]int4Kernel{asm.Tile1Int8AVX512, asm.Tile2Int8AVX512, asm.Tile3Int8AVX512, asm.Tile4Int8AVX512}

var tilesInt8AVX2 = [int8TileRows]int4Kernel{asm.Tile1Int8AVX2, asm.Tile2Int8AVX2, asm.Tile3Int8AVX2, asm.Tile4Int8AVX2}

var tilesInt8AVX512VNNI = [int8TileRows]int4Kernel{
	asm.Tile1Int8AVX512VNNI, asm.Tile2Int8AVX512VNNI, asm.Tile3Int8AVX512VNNI, asm.Tile4Int8AVX512VNNI,
}

var tilesInt8AVXVNNI = [int8TileRows]int4Kernel{asm.Tile1Int8AVXVNNI, asm.Tile2Int8AVXVNNI, asm.Tile3Int8AVXVNNI, asm.Tile4Int8AVXVNNI}

// tileInt8 adds to y[rows][32] the product of records and so many blocks of a group, header and weights.
func tileInt8(rows, blocks int, group, record, y []float32, stride int) {
	if active == setPortable {
		tileInt8Portable(rows, blocks, group, record, y, stride)
		return
	}
	kernels := &tilesInt8AVX2
	switch {
	case active == setAVX512 && hasVNNI:
		kernels = &tilesInt8AVX512VNNI
	case active == setAVX512:
		kernels = &tilesInt8AVX512
	case hasAVXVNNI:
		kernels = &tilesInt8AVXVNNI
	}
	kernels[rows-1](blocks, &group[0], &record[0], &group[headerSize], &y[0], stride)
}

var tilesBF16DotAVX512 = [...]tileKernel{
	asm.Tile1BF16DotAVX512, asm.Tile2BF16DotAVX512, asm.Tile3BF16DotAVX512, asm.Tile4BF16DotAVX512, asm.Tile5BF16DotAVX512, asm.Tile6BF16DotAVX512,
	asm.Tile7BF16DotAVX512, asm.Tile8BF16DotAVX512, asm.Tile9BF16DotAVX512, asm.Tile10BF16DotAVX512, asm.Tile11BF16DotAVX512, asm.Tile12BF16DotAVX512,
}

// tileBF16Dot adds to y[rows][32] the product of pairs of activations, [(k+1)/2][rows], and a bfloat16 panel's w, [k][32].
func tileBF16Dot(rows, k int, pairs, w, y *float32, stride int) {
	if canDotBF16() {
		tilesBF16DotAVX512[rows-1](k, pairs, w, y, stride)
	} else {
		tileBF16DotPortable(rows, k, pairs, w, y, stride)
	}
}

// widenInt4 writes len(dst)/32 steps, a multiple of 8, of a group's weights to dst.
func widenInt4(header, weights, dst []float32) {
	n := len(dst) / panelRows / wordWeights
	switch {
	case active == setAVX512:
		asm.WidenInt4AVX512(n, &header[0], &weights[0], &dst[0])
	case active != setPortable:
		asm.WidenInt4AVX2(n, &header[0], &weights[0], &dst[0])
	default:
		widenInt4Portable(header, weights, dst)
	}
}

// widen writes src, a multiple of 32 values of a format of 16 bits, to dst.
func widen(f Format, src []uint16, dst []float32) {
	if active == setPortable {
		widenPortable(f, src, dst)
		return
	}
	n, from := len(src)/panelRows, (*float32)(unsafe.Pointer(&src[0]))
	switch {
	case active == setAVX512 && f == BFloat16:
		asm.WidenBF16AVX512(n, from, &dst[0])
	case active == setAVX512:
		asm.WidenF16AVX512(n, from, &dst[0])
	case f == BFloat16:
		asm.WidenBF16AVX2(n, from, &dst[0])
	default:
		asm.WidenF16AVX2(n, from, &dst[0])
	}
}

// narrow rounds src, a multiple of 32 values, to a format of 16 bits.
func narrow(f Format, src []float32, dst []uint16) {
	if active == setPortable {
		narrowPortable(f, src, dst)
		return
	}
	n, to := len(src)/panelRows, (*float32)(unsafe.Pointer(&dst[0]))
	switch {
	case active == setAVX512 && f == BFloat16:
		asm.NarrowBF16AVX512(n, &src[0], to)
	case active == setAVX512:
		asm.NarrowF16AVX512(n, &src[0], to)
	case f == BFloat16:
		asm.NarrowBF16AVX2(n, &src[0], to)
	default:
		asm.NarrowF16AVX2(n, &src[0], to)
	}
}

func add(dst, x []float32) {
	switch active {
	case setAVX512:
		asm.AddAVX512(dst, x)
	case setAVX2:
		asm.AddAVX2(dst, x)
	default:
		addPortable(dst, x)
	}
}

func scale(x []float32, factor float32) {
	switch active {
	case setAVX512:
		asm.ScaleAVX512(x, factor)
	case setAVX2:
		asm.ScaleAVX2(x, factor)
	default:
		scalePortable(x, factor)
	}
}

func dot(a, b []float32) float32 {
	switch active {
	case setAVX512:
		return asm.DotAVX512(a, b)
	case setAVX2:
		return asm.DotAVX2(a, b)
	}
	return dotPortable(a, b)
}

func maximum(x []float32) float32 {
	switch active {
	case setAVX512:
		return asm.MaximumAVX512(x)
	case setAVX2:
		return asm.MaximumAVX2(x)
	}
	return maximumPortable(x)
}

func relu(x []float32) {
	switch active {
	case setAVX512:
		asm.ReluAVX512(x)
	case setAVX2:
		asm.ReluAVX2(x)
	default:
		reluPortable(x)
	}
}

func gelu(x []float32) {
	switch active {
	case setAVX512:
		asm.GeluAVX512(x)
	case setAVX2:
		asm.GeluAVX2(x)
	default:
		geluPortable(x)
	}
}

func geluTanh(x []float32) {
	switch active {
	case setAVX512:
		asm.GeluTanhAVX512(x)
	case setAVX2:
		asm.GeluTanhAVX2(x)
	default:
		geluTanhPortable(x)
	}
}

func siluMul(dst, gate, up []float32) {
	switch active {
	case setAVX512:
		asm.SiluMulAVX512(dst, gate, up)
	case setAVX2:
		asm.SiluMulAVX2(dst, gate, up)
	default:
		siluMulPortable(dst, gate, up)
	}
}

func expSum(x []float32, shift float32) float32 {
	switch active {
	case setAVX512:
		return asm.ExpSumAVX512(x, shift)
	case setAVX2:
		return asm.ExpSumAVX2(x, shift)
	}
	return expSumPortable(x, shift)
}

func rope(a, b, cos, sin []float32) {
	switch active {
	case setAVX512:
		asm.RopeAVX512(a, b, cos, sin)
	case setAVX2:
		asm.RopeAVX2(a, b, cos, sin)
	default:
		ropePortable(a, b, cos, sin)
	}
}

func layerNorm(dst, x, weight, bias []float32, eps float32) {
	n := float64(len(x))
	switch active {
	case setAVX512:
		mean := float32(float64(asm.SumAVX512(x)) / n)
		asm.NormaliseAVX512(dst, x, weight, bias, mean, inverseRoot(asm.SquaresAroundAVX512(x, mean), n, eps))
	case setAVX2:
		mean := float32(float64(asm.SumAVX2(x)) / n)
		asm.NormaliseAVX2(dst, x, weight, bias, mean, inverseRoot(asm.SquaresAroundAVX2(x, mean), n, eps))
	default:
		layerNormPortable(dst, x, weight, bias, eps)
	}
}

func rmsNorm(dst, x, weight []float32, eps float32) {
	n := float64(len(x))
	switch active {
	case setAVX512:
		asm.ScaleMulAVX512(dst, x, weight, inverseRoot(asm.DotAVX512(x, x), n, eps))
	case setAVX2:
		asm.ScaleMulAVX2(dst, x, weight, inverseRoot(asm.DotAVX2(x, x), n, eps))
	default:
		rmsNormPortable(dst, x, weight, eps)
	}
}

func dotRows(q, k []float32, stride int, scale float32, out []float32) {
	if len(q) == 0 {
		dotRowsPortable(q, k, stride, scale, out)
		return
	}
	groups := 0
	switch active {
	case setAVX512:
		if groups = len(out) / 4 * 4; groups > 0 {
			asm.Dot4RowsAVX512(q, &k[0], stride, groups, scale, &out[0])
		}
	case setAVX2:
		if groups = len(out) / 2 * 2; groups > 0 {
			asm.Dot2RowsAVX2(q, &k[0], stride, groups, scale, &out[0])
		}
	}
	for i := groups; i < len(out); i++ {
		out[i] = scale * dot(q, k[i*stride:])
	}
}

func mixRows(p, v []float32, stride int, out []float32) {
	if active == setPortable {
		mixRowsPortable(p, v, stride, out)
		return
	}
	lanes := 16
	if active == setAVX2 {
		lanes = 8
	}
	for len(out) > 0 {
		n := len(out)
		switch {
		case n >= 8*lanes:
			n = 8 * lanes
			if active == setAVX512 {
				asm.Mix8VectorsAVX512(p, &v[0], stride, &out[0])
			} else {
				asm.Mix8VectorsAVX2(p, &v[0], stride, &out[0])
			}
		case n >= 4*lanes:
			n = 4 * lanes
			if active == setAVX512 {
				asm.Mix4VectorsAVX512(p, &v[0], stride, &out[0])
			} else {
				asm.Mix4VectorsAVX2(p, &v[0], stride, &out[0])
			}
		default:
			n = min(n, lanes)
			if active == setAVX512 {
				asm.MixUpToVectorAVX512(p, &v[0], stride, out[:n])
			} else {
				asm.MixUpToVectorAVX2(p, &v[0], stride, out[:n])
			}
		}
		out = out[n:]
		if len(out) > 0 {
			v = v[n:]
		}
	}
}

func read(x []float32) float32 {
	blocks := len(x) / 256 // of 1 KiB
	if blocks == 0 {
		return readPortable(x)
	}
	switch active {
	case setAVX512:
		return asm.ReadAVX512(blocks, &x[0])
	case setAVX2:
		return asm.ReadAVX2(blocks, &x[0])
	}
	return readPortable(x)
}

// multiplyAdds does so many rounds of 12 vectors' multiply-adds and returns the number of additions and products.
func multiplyAdds(rounds int) (flops float64) {
	switch active {
	case setAVX512:
		asm.PeakAVX512(rounds)
		return float64(rounds) * 12 * 16 * 2
	case setAVX2:
		asm.PeakAVX2(rounds)
		return float64(rounds) * 12 * 8 * 2
	}
	return multiplyAddsPortable(rounds)
}
