package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Weights of 4 bits, in groups along k that share a scale s and a zero z: w = s·(q-z).
//
// A step is 8 weights along k of each of the panel's 32 outputs: 32 double words, 128 bytes. Byte b of a double word
// holds weight b of the 8 in its low and weight 4+b in its high half, so that one mask gives 4 weights along k in 4 bytes. A
// group's header is 32 scales and 32 zeros in float16.
//
// To turn q into a float without a conversion, its bits are put under the leading bit of the significand of 1: that is
// t = 1+q/16. Then w = 16s·t - (16s+z·s), one multiply-add. Nothing is rounded in it: s has 11 significant bits, q and
// z have 5, the products have 16.

const (
	nibbleMask = 0xf << 19 // below the leading bit
	oneBits    = 0x3f800000
)

// nibble is where weight i of 8 begins in its double word.
func nibble(i int) int { return i%4*8 + i/4*4 }

func (s set) int4() {
	most := 3
	if s.wide {
		most = 8
	}
	for rows := 1; rows <= most; rows++ {
		s.tileInt4(rows)
	}
	s.widenInt4()
}

// unpacker turns nibbles of a vector of double words into weights.
type unpacker struct {
	s         set
	mask, one Op
}

func (s set) unpacker() unpacker {
	return unpacker{s, s.constantBits(nibbleMask), s.constantBits(oneBits)}
}

// scales loads 16·s and 16·s+z·s of a vector of outputs.
func (u unpacker) scales(header reg.Register, output int) (scale, zero reg.VecVirtual) {
	scale, zero = u.s.vector(), u.s.vector()
	z := u.s.vector()
	VCVTPH2PS(at(header, 2*output), zero)
	VCVTPH2PS(at(header, 2*(panelRows+output)), z)
	VMULPS(u.s.constant(16), zero, scale)
	VFMADD213PS(scale, z, zero)
	return scale, zero
}

// weight is weight i of 8 of the double words in q.
func (u unpacker) weight(q reg.VecVirtual, i int, scale, zero reg.VecVirtual) reg.VecVirtual {
	t := u.s.vector()
	if shift := 19 - nibble(i); shift > 0 {
		VPSLLD(U8(shift), q, t)
	} else {
		VPSRLD(U8(-shift), q, t)
	}
	if u.s.wide {
		VPANDD(u.mask, t, t)
		VPORD(u.one, t, t)
	} else {
		VPAND(u.mask, t, t)
		VPOR(u.one, t, t)
	}
	VFMSUB213PS(zero, scale, t)
	return t
}

// tileInt4 generates the tile of some rows, two vectors of outputs at a time.
func (s set) tileInt4(rows int) {
	s.function(fmt.Sprintf("Tile%dInt4", rows),
		fmt.Sprintf("adds to y[%d][32] the product of x[8*steps][%d] and steps of a group's w; rows of y are stride values apart.", rows, rows),
		"func(steps int, header, x, w, y *float32, stride int)")
	u := s.unpacker()
	header, stride := scalar("header"), scalar("stride")
	SHLQ(U8(2), stride)
	const vectors = 2
	for first := 0; first < panelRows; first += vectors * s.lanes() {
		steps, x, w, y := scalar("steps"), scalar("x"), scalar("w"), scalar("y")
		acc := make([][]reg.VecVirtual, rows)
		row := GP64()
		MOVQ(y, row)
		for r := range acc {
			for v := range vectors {
				acc[r] = append(acc[r], s.vector())
				VMOVUPS(at(row, 4*first+s.bytes*v), acc[r][v])
			}
			if r < rows-1 {
				ADDQ(stride, row)
			}
		}
		var scales, zeros []reg.VecVirtual
		for v := range vectors {
			scale, zero := u.scales(header, first+v*s.lanes())
			scales, zeros = append(scales, scale), append(zeros, zero)
		}
		loop := label("step")
		Label(loop)
		if first == 0 {
			PREFETCHT0(at(w, prefetchBytes))
			PREFETCHT0(at(w, prefetchBytes+64))
		}
		qs := make([]reg.VecVirtual, vectors)
		for v := range qs {
			qs[v] = s.vector()
			VMOVUPS(at(w, 4*first+s.bytes*v), qs[v])
		}
		for i := range 8 {
			ts := make([]reg.VecVirtual, vectors)
			for v := range ts {
				ts[v] = u.weight(qs[v], i, scales[v], zeros[v])
			}
			for r := range rows {
				if s.wide {
					for v := range ts {
						VFMADD231PS_BCST(at(x, 4*(i*rows+r)), ts[v], acc[r][v])
					}
					continue
				}
				b := YMM()
				VBROADCASTSS(at(x, 4*(i*rows+r)), b)
				for v := range ts {
					VFMADD231PS(ts[v], b, acc[r][v])
				}
			}
		}
		ADDQ(U32(4*panelRows), w)
		ADDQ(U32(uint32(4*8*rows)), x)
		DECQ(steps)
		JNZ(LabelRef(loop))
		for r := range acc {
			for v := range vectors {
				VMOVUPS(acc[r][v], at(y, 4*first+s.bytes*v))
			}
			if r < rows-1 {
				ADDQ(stride, y)
			}
		}
	}
	end()
}

// widenInt4 generates the way back to float32.
func (s set) widenInt4() {
	s.function("WidenInt4", "writes steps of a group's weights to dst[8*steps][32].", "func(steps int, header, w, dst *float32)")
	u := s.unpacker()
	header := scalar("header")
	const vectors = 2
	for first := 0; first < panelRows; first += vectors * s.lanes() {
		steps, w, dst := scalar("steps"), scalar("w"), scalar("dst")
		var scales, zeros []reg.VecVirtual
		for v := range vectors {
			scale, zero := u.scales(header, first+v*s.lanes())
			scales, zeros = append(scales, scale), append(zeros, zero)
		}
		loop := label("step")
		Label(loop)
		for v := range vectors {
			q := s.vector()
			VMOVUPS(at(w, 4*first+s.bytes*v), q)
			for i := range 8 {
				VMOVUPS(u.weight(q, i, scales[v], zeros[v]), at(dst, i*4*panelRows+4*first+s.bytes*v))
			}
		}
		ADDQ(U32(4*panelRows), w)
		ADDQ(U32(8*4*panelRows), dst)
		DECQ(steps)
		JNZ(LabelRef(loop))
	}
	end()
}

// convert generates the conversions between float32 and the formats of 16 bits, of blocks of 32 values.
func (s set) convert() {
	for _, f := range []format{bfloat16Weights, float16Weights} {
		s.function("Widen"+f.suffix, "writes blocks times 32 values to dst.", "func(blocks int, x, dst *float32)")
		blocks, x, dst := scalar("blocks"), scalar("x"), scalar("dst")
		var zero reg.VecVirtual
		if s.inQuads(f) {
			zero = s.zero()
		}
		loop := label("loop")
		Label(loop)
		for i := 0; i < s.sumRegisters(); i++ {
			v := s.vector()
			from := at(x, i*s.lanes()*f.bytes)
			if s.inQuads(f) {
				both := [2]reg.VecVirtual{v, s.vector()}
				widenQuads(from, zero, both)
				s.storeOutputs(f, both[0], dst, i)
				i++
				s.storeOutputs(f, both[1], dst, i)
				continue
			}
			s.load(f, from, v)
			VMOVUPS(v, at(dst, i*s.bytes))
		}
		ADDQ(U32(uint32(f.panelBytes())), x)
		ADDQ(U32(4*panelRows), dst)
		DECQ(blocks)
		JNZ(LabelRef(loop))
		end()

		s.function("Narrow"+f.suffix, "rounds blocks times 32 values to dst, to nearest even.", "func(blocks int, x, dst *float32)")
		blocks, x, dst = scalar("blocks"), scalar("x"), scalar("dst")
		one, half, quiet := s.constantBits(1), s.constantBits(0x7fff), s.constantBits(0x7fc00000)
		loop = label("loop")
		Label(loop)
		for i := range s.sumRegisters() {
			v := s.vector()
			VMOVUPS(at(x, i*s.bytes), v)
			to := at(dst, i*s.lanes()*f.bytes)
			if f == float16Weights {
				VCVTPS2PH(U8(0), v, to)
				continue
			}
			// Half a unit of the last place is added, or just less where that place is even: then the rest is cut off.
			t := s.vector()
			const unordered = 3
			if s.wide {
				k := K()
				VCMPPS(U8(unordered), v, v, k)
				VPSRLD(U8(16), v, t)
				VPANDD(one, t, t)
				VPADDD(half, t, t)
				VPADDD(v, t, t)
				VMOVDQU32(quiet, k, t)
				VPSRLD(U8(16), t, t)
				VPMOVDW(t, to)
				continue
			}
			m := YMM()
			VCMPPS(U8(unordered), v, v, m)
			VPSRLD(U8(16), v, t)
			VPAND(one, t, t)
			VPADDD(half, t, t)
			VPADDD(v, t, t)
			VBLENDVPS(m, quiet, t, t)
			VPSRLD(U8(16), t, t)
			high := XMM()
			VEXTRACTI128(U8(1), t, high)
			VPACKUSDW(high, t.AsX(), t.AsX())
			VMOVUPS(t.AsX(), to)
		}
		ADDQ(U32(4*panelRows), x)
		ADDQ(U32(uint32(f.panelBytes())), dst)
		DECQ(blocks)
		JNZ(LabelRef(loop))
		end()
	}
}
