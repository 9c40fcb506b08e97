package tensor

import (
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/inferprof/inferprof/llm/tensor/internal/asm"
)

// Which kernel does what on 64-bit Arm. Calls are direct, so that arguments need not escape to the heap. Length checks are done
// by the callers: the assembly trusts its arguments.

const setNEON kernelSet = 1

// setNames are this architecture's sets. Higher needs more.
var setNames = [...]string{setPortable: "portable", setNEON: "neon"}

func bestSet() kernelSet {
	if cpu.ARM64.HasASIMD { // every CPU that Go runs on, so far
		return setNEON
	}
	return setPortable
}

// hasDotProd says that the CPU has DotProd (ARMv8.2 and later), dot products of four bytes. The kernels with and without
// them give the same results.
var hasDotProd = cpu.ARM64.HasASIMDDP

// tileRows is the most rows of a tile.
func tileRows() int {
	if active == setNEON {
		return len(tilesNEON)
	}
	return tileRowsPortable
}

// wholeK reports whether a single block of that many rows is best computed in one go along K: if its tile reads a panel
// once.
func wholeK(rows int) bool {
	if active == setNEON {
		return rows <= 3
	}
	return rows == 1
}

type tileKernel = func(k int, x, w, y *float32, stride int)

var (
	tilesNEON     = [...]tileKernel{asm.Tile1NEON, asm.Tile2NEON, asm.Tile3NEON, asm.Tile4NEON, asm.Tile5NEON, asm.Tile6NEON}
	tilesBF16NEON = [...]tileKernel{asm.Tile1BF16NEON, asm.Tile2BF16NEON, asm.Tile3BF16NEON, asm.Tile4BF16NEON, asm.Tile5BF16NEON, asm.Tile6BF16NEON}
	tilesF16NEON  = [...]tileKernel{asm.Tile1F16NEON, asm.Tile2F16NEON, asm.Tile3F16NEON, asm.Tile4F16NEON, asm.Tile5F16NEON, asm.Tile6F16NEON}
)

// tile adds to y[rows][32] the product of x, [k][rows], and w, [k][32]; rows of y are stride values apart. k ≥ 1.
func tile(rows, k int, x, w, y *float32, stride int) {
	if active == setPortable {
		tilePortable(rows, k, x, w, y, stride)
		return
	}
	tilesNEON[rows-1](k, x, w, y, stride)
	if rows > 3 { // these tiles are half a panel wide
		tilesNEON[rows-1](k, x, after(w, panelRows/2), after(y, panelRows/2), stride)
	}
}

// directRows is the most rows for which there are tiles that read weights of a format other than float32 as they are stored.
func directRows(f Format) int {
	switch {
	case active == setPortable:
		return 0
	case f == Int4:
		return len(tilesInt4NEON)
	}
	return len(tilesNEON)
}

// tile16 is tile for weights of 16 bits. rows ≤ directRows.
func tile16(f Format, rows, k int, x, w, y *float32, stride int) {
	kernel := tilesF16NEON[rows-1]
	if f == BFloat16 {
		kernel = tilesBF16NEON[rows-1]
	}
	kernel(k, x, w, y, stride)
	if rows > 3 { // these tiles are half a panel wide
		kernel(k, x, after(w, panelRows/4), after(y, panelRows/2), stride)
	}
}

type int4Kernel = func(steps int, header, x, w, y *float32, stride int)

var (
	tilesInt4NEON    = [...]int4Kernel{asm.Tile1Int4NEON, asm.Tile2Int4NEON, asm.Tile3Int4NEON}
	tilesInt8NEON    = [int8TileRows]int4Kernel{asm.Tile1Int8NEON, asm.Tile2Int8NEON, asm.Tile3Int8NEON, asm.Tile4Int8NEON}
	tilesInt8DotNEON = [int8TileRows]int4Kernel{asm.Tile1Int8DotNEON, asm.Tile2Int8DotNEON, asm.Tile3Int8DotNEON, asm.Tile4Int8DotNEON}
)

// tileInt4 adds to y[rows][32] the product of x, [8*words][rows], and words of a group, [words][32]. rows ≤ directRows.
func tileInt4(rows, words int, header, x, w, y *float32, stride int) {
	tilesInt4NEON[rows-1](words, header, x, w, y, stride)
}

// tileInt8 adds to y[rows][32] the product of records and so many blocks of a group, header and weights.
func tileInt8(rows, blocks int, group, record, y []float32, stride int) {
	switch {
	case active == setPortable:
		tileInt8Portable(rows, blocks, group, record, y, stride)
	case hasDotProd:
		tilesInt8DotNEON[rows-1](blocks, &group[0], &record[0], &group[headerSize], &y[0], stride)
	default:
		tilesInt8NEON[rows-1](blocks, &group[0], &record[0], &group[headerSize], &y[0], stride)
	}
}

// widenInt4 writes len(dst)/32 steps, a multiple of 8, of a group's weights to dst.
func widenInt4(header, weights, dst []float32) {
	if active == setPortable {
		widenInt4Portable(header, weights, dst)
		return
	}
	asm.WidenInt4NEON(len(dst)/panelRows/wordWeights, &header[0], &weights[0], &dst[0])
}

// widen writes src, a multiple of 32 values of a format of 16 bits, to dst.
func widen(f Format, src []uint16, dst []float32) {
	if active == setPortable {
		widenPortable(f, src, dst)
		return
	}
	n, from := len(src)/panelRows, (*float32)(unsafe.Pointer(&src[0]))
	if f == BFloat16 {
		asm.WidenBF16NEON(n, from, &dst[0])
	} else {
		asm.WidenF16NEON(n, from, &dst[0])
	}
}

// narrow rounds src, a multiple of 32 values, to a format of 16 bits.
func narrow(f Format, src []float32, dst []uint16) {
	if active == setPortable {
		narrowPortable(f, src, dst)
		return
	}
	n, to := len(src)/panelRows, (*float32)(unsafe.Pointer(&dst[0]))
	if f == BFloat16 {
		asm.NarrowBF16NEON(n, &src[0], to)
	} else {
		asm.NarrowF16NEON(n, &src[0], to)
	}
}

func add(dst, x []float32) {
	if active == setPortable {
		addPortable(dst, x)
		return
	}
	asm.AddNEON(dst, x)
}

func scale(x []float32, factor float32) {
	if active == setPortable {
		scalePortable(x, factor)
		return
	}
	asm.ScaleNEON(x, factor)
}

func dot(a, b []float32) float32 {
	if active == setPortable {
		return dotPortable(a, b)
	}
	return asm.DotNEON(a, b)
}

func maximum(x []float32) float32 {
	if active == setPortable {
		return maximumPortable(x)
	}
	return asm.MaximumNEON(x)
}

func relu(x []float32) {
	if active == setPortable {
		reluPortable(x)
		return
	}
	asm.ReluNEON(x)
}

func gelu(x []float32) {
	if active == setPortable {
		geluPortable(x)
		return
	}
	asm.GeluNEON(x)
}

func geluTanh(x []float32) {
	if active == setPortable {
		geluTanhPortable(x)
		return
	}
	asm.GeluTanhNEON(x)
}

func siluMul(dst, gate, up []float32) {
	if active == setPortable {
		siluMulPortable(dst, gate, up)
		return
	}
	asm.SiluMulNEON(dst, gate, up)
}

func expSum(x []float32, shift float32) float32 {
	if active == setPortable {
		return expSumPortable(x, shift)
	}
	return asm.ExpSumNEON(x, shift)
}

func rope(a, b, cos, sin []float32) {
	if active == setPortable {
		ropePortable(a, b, cos, sin)
		return
	}
	asm.RopeNEON(a, b, cos, sin)
}

func layerNorm(dst, x, weight, bias []float32, eps float32) {
	if active == setPortable {
		layerNormPortable(dst, x, weight, bias, eps)
		return
	}
	n := float64(len(x))
	mean := float32(float64(asm.SumNEON(x)) / n)
	asm.NormaliseNEON(dst, x, weight, bias, mean, inverseRoot(asm.SquaresAroundNEON(x, mean), n, eps))
}

func rmsNorm(dst, x, weight []float32, eps float32) {
	if active == setPortable {
		rmsNormPortable(dst, x, weight, eps)
		return
	}
	asm.ScaleMulNEON(dst, x, weight, inverseRoot(asm.DotNEON(x, x), float64(len(x)), eps))
}

func dotRows(q, k []float32, stride int, scale float32, out []float32) {
	if active == setPortable || len(q) == 0 {
		dotRowsPortable(q, k, stride, scale, out)
		return
	}
	pairs := len(out) / 2 * 2
	if pairs > 0 {
		asm.Dot2RowsNEON(q, &k[0], stride, pairs, scale, &out[0])
	}
	for i := pairs; i < len(out); i++ {
		out[i] = scale * asm.DotNEON(q, k[i*stride:])
	}
}

func mixRows(p, v []float32, stride int, out []float32) {
	if active == setPortable {
		mixRowsPortable(p, v, stride, out)
		return
	}
	const lanes = 4
	for len(out) > 0 {
		n := len(out)
		switch {
		case n >= 16*lanes:
			n = 16 * lanes
			asm.Mix16VectorsNEON(p, &v[0], stride, &out[0])
		case n >= 4*lanes:
			n = 4 * lanes
			asm.Mix4VectorsNEON(p, &v[0], stride, &out[0])
		case n >= lanes:
			n = lanes
			asm.MixVectorNEON(p, &v[0], stride, &out[0])
		default:
			asm.MixPartNEON(p, &v[0], stride, out)
		}
		out = out[n:]
		if len(out) > 0 {
			v = v[n:]
		}
	}
}

func read(x []float32) float32 {
	if blocks := len(x) / 256; blocks > 0 && active == setNEON { // of 1 KiB
		return asm.ReadNEON(blocks, &x[0])
	}
	return readPortable(x)
}

// multiplyAdds does so many rounds of 24 vectors' multiply-adds and returns the number of additions and products.
func multiplyAdds(rounds int) (flops float64) {
	if active == setPortable {
		return multiplyAddsPortable(rounds)
	}
	asm.PeakNEON(rounds)
	return float64(rounds) * 24 * 4 * 2
}
