package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products of 4-bit weights with activations of 8 bits: int8.go of package tensor tells about blocks and records.
//
// Along k, 32 weights of 0 to 15 meet 32 activations of -127 to 127. Pairs of products are added in 16 bits, and eight
// such pairs are too: at most 8·2·15·127 = 30480. Then pairs become 32 bits, and a float. VNNI has one instruction that
// adds four products to 32 bits; the sum is the same whole number.

// most rows of a tile.
const int8Rows = 4

func (s set) int8() {
	s.tilesInt8()
	s.roundInt8()
}

func (s set) tilesInt8() {
	for rows := 1; rows <= int8Rows; rows++ {
		s.tileInt8(rows)
	}
}

func (s set) tileInt8(rows int) {
	s.function(fmt.Sprintf("Tile%dInt8", rows),
		fmt.Sprintf("adds to y[%d][32] the product of the records of %d rows at x and blocks of a group's w; rows of y are stride values apart.", rows, rows),
		"func(blocks int, header, x, w, y *float32, stride int)")
	vectors := 2
	if !s.wide && rows > 2 {
		vectors = 1
	}
	header, stride := scalar("header"), scalar("stride")
	SHLQ(U8(2), stride)
	mask, ones := s.register(s.constantBits(0x0f0f0f0f)), Op(nil)
	if !s.vnni {
		ones = s.constantBits(0x00010001)
	}
	for first := 0; first < panelRows; first += vectors * s.lanes() {
		blocks, x, w, y := scalar("blocks"), scalar("x"), scalar("w"), scalar("y")
		sums := make([][]reg.VecVirtual, rows)
		for r := range sums {
			for range vectors {
				sums[r] = append(sums[r], s.zero())
			}
		}
		loop := label("block")
		Label(loop)
		pairs := make([][]reg.VecVirtual, rows)
		if s.vnni {
			for r := range pairs {
				for range vectors {
					pairs[r] = append(pairs[r], s.zero())
				}
			}
		}
		for step := range 4 {
			if first == 0 {
				PREFETCHT0(at(w, step*128+prefetchBytes))
				PREFETCHT0(at(w, step*128+prefetchBytes+64))
			}
			low, high := make([]reg.VecVirtual, vectors), make([]reg.VecVirtual, vectors)
			for v := range vectors {
				low[v], high[v] = s.vector(), s.vector()
				VMOVUPS(at(w, step*128+4*first+s.bytes*v), low[v])
				VPSRLW(U8(4), low[v], high[v])
				s.and(mask, low[v], low[v])
				s.and(mask, high[v], high[v])
			}
			for half, q := range [][]reg.VecVirtual{low, high} {
				for r := range rows {
					if s.vnni {
						s.dotBytes(at(x, 4*((2*step+half)*rows+r)), q, pairs[r])
						continue
					}
					b := s.vector()
					VPBROADCASTD(at(x, 4*((2*step+half)*rows+r)), b)
					for v := range vectors {
						if step+half == 0 {
							p := s.vector()
							VPMADDUBSW(b, q[v], p)
							pairs[r] = append(pairs[r], p)
							continue
						}
						t := s.vector()
						VPMADDUBSW(b, q[v], t)
						VPADDW(t, pairs[r][v], pairs[r][v])
					}
				}
			}
		}
		var zeros []reg.VecVirtual // loaded again and again: with 16 registers there is no room to keep them
		for v := range vectors {
			z := s.vector()
			VCVTPH2PS(at(header, 2*(panelRows+first+v*s.lanes())), z)
			zeros = append(zeros, z)
		}
		for r := range rows {
			scale, sum := s.vector(), s.vector()
			VBROADCASTSS(at(x, 32*rows+4*r), scale)
			VBROADCASTSS(at(x, 36*rows+4*r), sum)
			for v := range vectors {
				p := pairs[r][v]
				if !s.vnni {
					VPMADDWD(ones, p, p)
				}
				VCVTDQ2PS(p, p)
				VFMADD231PS(scale, p, sums[r][v])
				VFNMADD231PS(sum, zeros[v], sums[r][v])
			}
		}
		ADDQ(U32(4*128), w)
		ADDQ(U32(uint32(40*rows)), x)
		DECQ(blocks)
		JNZ(LabelRef(loop))
		var scales []reg.VecVirtual
		for v := range vectors {
			scale := s.vector()
			VCVTPH2PS(at(header, 2*(first+v*s.lanes())), scale)
			scales = append(scales, scale)
		}
		for r := range rows {
			for v := range vectors {
				out := at(y, 4*first+s.bytes*v)
				VFMADD213PS(out, scales[v], sums[r][v])
				VMOVUPS(sums[r][v], out)
			}
			if r < rows-1 {
				ADDQ(stride, y)
			}
		}
	}
	end()
}

// dotBytes adds the products of four activations and the weights in q to sums.
func (s set) dotBytes(four Mem, q, sums []reg.VecVirtual) {
	if s.wide {
		for v := range q {
			VPDPBUSD_BCST(four, q[v], sums[v])
		}
		return
	}
	b := s.vector()
	VPBROADCASTD(four, b)
	for v := range q {
		VPDPBUSD(b, q[v], sums[v])
	}
}

// roundInt8 makes the records of one row. It is the same in all sets: blocks are too short for wider registers.
func (s set) roundInt8() {
	if s.wide {
		return
	}
	TEXT("RoundInt8", NOSPLIT, "func(blocks int, x, dst *float32, rows int)")
	Pragma("noescape")
	Doc("RoundInt8 writes one row's part of the records of blocks of 32 values, of so many rows each.")
	blocks, x, dst, rows := scalar("blocks"), scalar("x"), scalar("dst"), scalar("rows")
	SHLQ(U8(2), rows)
	record := GP64() // bytes: 10 values to a row
	LEAQ(Mem{Base: rows, Index: rows, Scale: 4}, record)
	SHLQ(U8(1), record)
	absolute := s.register(s.constantBits(1<<31 - 1))
	limit := XMM()
	VMOVSS(s.constantMemory(0x42fe0000), limit) // 127
	order := YMM()
	VMOVUPS(packOrder(), order)
	loop := label("block")
	Label(loop)
	var v []reg.VecVirtual
	for i := range 4 {
		v = append(v, YMM())
		VMOVUPS(at(x, 32*i), v[i])
	}
	largest, t := YMM(), YMM()
	VANDPS(absolute, v[0], largest)
	for _, w := range v[1:] {
		VANDPS(absolute, w, t)
		VMAXPS(t, largest, largest)
	}
	VEXTRACTF128(U8(1), largest, t.AsX())
	VMAXPS(t.AsX(), largest.AsX(), largest.AsX())
	VPERMILPS(U8(0x4e), largest.AsX(), t.AsX())
	VMAXPS(t.AsX(), largest.AsX(), largest.AsX())
	VPERMILPS(U8(0xb1), largest.AsX(), t.AsX())
	VMAXPS(t.AsX(), largest.AsX(), largest.AsX())
	scale, inverse, zero := XMM(), YMM(), XMM()
	VDIVSS(limit, largest.AsX(), scale)
	VDIVSS(largest.AsX(), limit, inverse.AsX())
	VXORPS(zero, zero, zero)
	VCMPSS(U8(0), zero, largest.AsX(), zero) // all ones if there are zeros alone
	VANDNPS(inverse.AsX(), zero, inverse.AsX())
	VBROADCASTSS(inverse.AsX(), inverse)
	for _, w := range v {
		VMULPS(inverse, w, w)
		VCVTPS2DQ(w, w)
	}
	total, u := YMM(), YMM()
	VPADDD(v[0], v[1], total)
	VPADDD(v[2], v[3], u)
	VPADDD(u, total, total)
	VPACKSSDW(v[1], v[0], v[0])
	VPACKSSDW(v[3], v[2], v[2])
	VPACKSSWB(v[2], v[0], v[0])
	VPERMD(v[0], order, v[0])
	VEXTRACTI128(U8(1), total, u.AsX())
	VPADDD(u.AsX(), total.AsX(), total.AsX())
	VPHADDD(total.AsX(), total.AsX(), total.AsX())
	VPHADDD(total.AsX(), total.AsX(), total.AsX())
	VCVTDQ2PS(total.AsX(), total.AsX())
	VMULSS(scale, total.AsX(), total.AsX())
	to, high := GP64(), XMM()
	MOVQ(dst, to)
	VEXTRACTI128(U8(1), v[0], high)
	for quad := range 8 {
		from := v[0].AsX()
		if quad >= 4 {
			from = high
		}
		VPEXTRD(U8(quad%4), from, at(to, 0))
		ADDQ(rows, to)
	}
	VMOVSS(scale, at(to, 0))
	ADDQ(rows, to)
	VMOVSS(total.AsX(), at(to, 0))
	ADDQ(U32(128), x)
	ADDQ(record, dst)
	DECQ(blocks)
	JNZ(LabelRef(loop))
	end()
}

// packOrder undoes the packing within lanes.
func packOrder() Mem {
	m := GLOBL("packOrder", RODATA|NOPTR)
	for i, v := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, U32(v))
	}
	return m
}
