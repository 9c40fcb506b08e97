package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A tile adds to y[rows][columns] the product of x, [k][rows], and a panel's w, [k][32]: 32 columns, or 16 where the
// registers do not suffice for more. Each output is one chain of multiply-adds along k. One step costs 128 bytes of
// weights and, for few rows, the latency of one multiply-add: 4 cycles, still twice the speed of any core's memory.

const (
	// prefetchBytes is how far ahead of use the weights are asked for: what a core reads at 40 GB/s in the 100 ns that memory takes
	// to answer. The hardware's own prefetching does as much, but stops at the end of each page of 4 KiB.
	prefetchBytes = 4096
)

func (s set) tiles() {
	for _, f := range []format{float32Weights, bfloat16Weights, float16Weights} {
		if s.wide {
			for rows := 1; rows <= 12; rows++ {
				s.tile(f, rows, 2, unroll(rows))
			}
			continue
		}
		for rows := 1; rows <= 3; rows++ {
			s.tile(f, rows, 4, unroll(rows))
		}
		for rows := 4; rows <= 6; rows++ {
			s.tile(f, rows, 2, unroll(rows))
		}
	}
}

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

const panelRows = 32

// inQuads says that the kernels keep the vectors of 16 outputs as the outputs 0-3 and 8-11, and 4-7 and 12-15. That is how AVX2 widens
// bfloat16 with one instruction a vector: it interleaves words with zeros, in each half of a register. To widen words in a
// row takes two instructions, of which AMD's first cores make six operations, too many even for one row.
func (s set) inQuads(f format) bool { return f == bfloat16Weights && !s.wide }

// quads is the memory of a vector's halves, if its outputs are in quads: vector v of those at base.
func quads(base reg.Register, v int) (low, high Mem) {
	first := v/2*64 + v%2*16
	return at(base, first), at(base, first+32)
}

// loadOutputs reads vector v of a row of y.
func (s set) loadOutputs(f format, row reg.Register, v int, to reg.VecVirtual) {
	if !s.inQuads(f) {
		VMOVUPS(at(row, s.bytes*v), to)
		return
	}
	low, high := quads(row, v)
	VMOVUPS(low, to.AsX())
	VINSERTF128(U8(1), high, to, to)
}

// storeOutputs writes it back.
func (s set) storeOutputs(f format, from reg.VecVirtual, row reg.Register, v int) {
	if !s.inQuads(f) {
		VMOVUPS(from, at(row, s.bytes*v))
		return
	}
	low, high := quads(row, v)
	VMOVUPS(from.AsX(), low)
	VEXTRACTF128(U8(1), from, high)
}

// widenQuads reads 16 bfloat16 weights into two vectors.
func widenQuads(from Mem, zero reg.VecVirtual, to [2]reg.VecVirtual) {
	VPUNPCKLWD(from, zero, to[0])
	VPUNPCKHWD(from, zero, to[1])
}

// load reads a vector of weights into v.
func (s set) load(f format, from Mem, v reg.VecVirtual) {
	switch f {
	case bfloat16Weights:
		VPMOVZXWD(from, v)
		VPSLLD(U8(16), v, v)
	case float16Weights:
		VCVTPH2PS(from, v)
	default:
		VMOVUPS(from, v)
	}
}

// unroll is the number of steps that a loop takes at once, a power of 2.
func unroll(rows int) int {
	switch {
	case rows <= 3:
		return 4
	case rows <= 6:
		return 2
	}
	return 1
}

// tile generates the tile of some rows by some vectors.
func (s set) tile(f format, rows, vectors, steps int) {
	s.function(fmt.Sprintf("Tile%d%s", rows, f.suffix),
		fmt.Sprintf("adds to y[%d][%d] the product of x[k][%d] and w[k][32]; rows of y are stride values apart.",
			rows, vectors*s.lanes(), rows),
		"func(k int, x, w, y *float32, stride int)")
	k, x, w, y, stride := scalar("k"), scalar("x"), scalar("w"), scalar("y"), scalar("stride")
	SHLQ(U8(2), stride)

	acc := make([][]reg.VecVirtual, rows)
	row := GP64()
	MOVQ(y, row)
	for r := range acc {
		for v := range vectors {
			acc[r] = append(acc[r], s.vector())
			s.loadOutputs(f, row, v, acc[r][v])
		}
		if r < rows-1 {
			ADDQ(stride, row)
		}
	}
	t := tileOperands{acc: acc, x: x, w: w}
	if s.inQuads(f) {
		t.zero = s.zero()
	}

	if steps > 1 {
		rest, loop, blocks := label("rest"), label("loop"), GP64()
		MOVQ(k, blocks)
		SHRQ(U8(log2(steps)), blocks)
		JZ(LabelRef(rest))
		Label(loop)
		for step := range steps {
			s.tileStep(f, t, step)
		}
		ADDQ(U32(uint32(f.panelBytes()*steps)), w)
		ADDQ(U32(uint32(4*rows*steps)), x)
		DECQ(blocks)
		JNZ(LabelRef(loop))
		Label(rest)
		ANDQ(U32(uint32(steps-1)), k)
		done := label("done")
		JZ(LabelRef(done))
		s.tileLoop(f, t, k)
		Label(done)
	} else {
		s.tileLoop(f, t, k)
	}

	for r := range acc {
		for v := range vectors {
			s.storeOutputs(f, acc[r][v], y, v)
		}
		if r < rows-1 {
			ADDQ(stride, y)
		}
	}
	end()
}

// tileOperands are a tile's registers: sums, pointers, and zeros to widen with where they are needed.
type tileOperands struct {
	acc  [][]reg.VecVirtual
	x, w reg.GPVirtual
	zero reg.VecVirtual
}

func log2(n int) uint8 {
	bits := uint8(0)
	for ; n > 1; n /= 2 {
		bits++
	}
	return bits
}

// tileLoop takes k ≥ 1 steps one by one.
func (s set) tileLoop(f format, t tileOperands, k reg.GPVirtual) {
	loop := label("step")
	Label(loop)
	s.tileStep(f, t, 0)
	ADDQ(U32(uint32(f.panelBytes())), t.w)
	ADDQ(U32(uint32(4*len(t.acc))), t.x)
	DECQ(k)
	JNZ(LabelRef(loop))
}

// tileStep takes one step along k, the step-th from where the pointers stand.
func (s set) tileStep(f format, t tileOperands, step int) {
	acc, x, w := t.acc, t.x, t.w
	rows, vectors := len(acc), len(acc[0])
	xAt := func(r int) Mem { return at(x, 4*(step*rows+r)) }
	wAt := func(v int) Mem { return at(w, step*f.panelBytes()+v*s.lanes()*f.bytes) }
	for line := 0; line < f.panelBytes(); line += 64 { // both, if the tile is half a panel wide: the other half is next
		PREFETCHT0(at(w, step*f.panelBytes()+prefetchBytes+line))
	}

	if s.wide { // weights in registers; activations are broadcast by the multiply-add
		ws := make([]reg.VecVirtual, vectors)
		for v := range ws {
			ws[v] = ZMM()
			s.load(f, wAt(v), ws[v])
		}
		for r := range rows {
			for v := range ws {
				VFMADD231PS_BCST(xAt(r), ws[v], acc[r][v])
			}
		}
		return
	}
	if vectors == 2 || s.inQuads(f) { // two vectors of weights in registers, one activation after the other
		for v := 0; v < vectors; v += 2 {
			ws := [2]reg.VecVirtual{YMM(), YMM()}
			if s.inQuads(f) {
				widenQuads(wAt(v), t.zero, ws)
			} else {
				s.load(f, wAt(v), ws[0])
				s.load(f, wAt(v+1), ws[1])
			}
			for r := range rows {
				b := YMM()
				VBROADCASTSS(xAt(r), b)
				VFMADD231PS(ws[0], b, acc[r][v])
				VFMADD231PS(ws[1], b, acc[r][v+1])
			}
		}
		return
	}
	bs := make([]reg.VecVirtual, rows) // activations in registers, one vector of weights after the other
	for r := range bs {
		bs[r] = YMM()
		VBROADCASTSS(xAt(r), bs[r])
	}
	for v := range vectors {
		if rows == 1 && f == float32Weights {
			VFMADD231PS(wAt(v), bs[0], acc[0][v])
			continue
		}
		weights := YMM()
		s.load(f, wAt(v), weights)
		for r := range rows {
			VFMADD231PS(weights, bs[r], acc[r][v])
		}
	}
}

// packRows4 generates the transposition of four rows.
func packRows4() {
	TEXT("PackRows4", NOSPLIT, "func(blocks int, x *float32, stride int, dst *float32, dstStride int)")
	Pragma("noescape")
	Doc("PackRows4 transposes four rows of 4*blocks values each: dst[i*dstStride+r] = x[r*stride+i]. blocks is at least 1.")
	blocks, x, stride, dst, dstStride := scalar("blocks"), scalar("x"), scalar("stride"), scalar("dst"), scalar("dstStride")
	SHLQ(U8(2), stride)
	SHLQ(U8(2), dstStride)
	x2 := GP64()
	LEAQ(Mem{Base: x, Index: stride, Scale: 2}, x2)
	loop := label("loop")
	Label(loop)
	a, b, c, d := XMM(), XMM(), XMM(), XMM()
	VMOVUPS(at(x, 0), a)
	VMOVUPS(Mem{Base: x, Index: stride, Scale: 1}, b)
	VMOVUPS(at(x2, 0), c)
	VMOVUPS(Mem{Base: x2, Index: stride, Scale: 1}, d)
	ab, cd, AB, CD := XMM(), XMM(), XMM(), XMM()
	VUNPCKLPS(b, a, ab) // a0 b0 a1 b1
	VUNPCKLPS(d, c, cd)
	VUNPCKHPS(b, a, AB) // a2 b2 a3 b3
	VUNPCKHPS(d, c, CD)
	for _, pair := range [][2]reg.VecVirtual{{ab, cd}, {AB, CD}} {
		t, u := XMM(), XMM()
		VUNPCKLPD(pair[1], pair[0], t)
		VUNPCKHPD(pair[1], pair[0], u)
		VMOVUPS(t, at(dst, 0))
		VMOVUPS(u, Mem{Base: dst, Index: dstStride, Scale: 1})
		LEAQ(Mem{Base: dst, Index: dstStride, Scale: 2}, dst)
	}
	ADDQ(U32(16), x)
	ADDQ(U32(16), x2)
	DECQ(blocks)
	JNZ(LabelRef(loop))
	RET()
}

func pause() {
	TEXT("Pause", NOSPLIT, "func()")
	Doc("Pause tells the CPU that it is in a loop that waits.")
	PAUSE()
	RET()
}
