package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products of bfloat16 weights with activations that are rounded to bfloat16: bf16.go of package tensor tells what they are for.
//
// VDPBF16PS multiplies two neighbours in one register by two in another and adds both products to a float32. In a panel
// the two weights of an output along k are 64 bytes apart: rows a and b of 32 weights are interleaved within each 128 bits,
// which gives the pairs of outputs 0-3, 8-11, … in one register and those of 4-7, 12-15, … in another. The sums are
// kept in that order, and put into it and out of it once a tile.

func (s set) tilesBF16Dot() {
	for rows := 1; rows <= 12; rows++ {
		s.tileBF16Dot(rows)
	}
}

func (s set) tileBF16Dot(rows int) {
	s.function(fmt.Sprintf("Tile%dBF16Dot", rows),
		fmt.Sprintf("adds to y[%d][32] the product of the pairs x[(k+1)/2][%d][2] and w[k][32]; rows of y are stride values apart.", rows, rows),
		"func(k int, x, w, y *float32, stride int)")
	k, x, w, y, stride := scalar("k"), scalar("x"), scalar("w"), scalar("y"), scalar("stride")
	SHLQ(U8(2), stride)

	acc := make([][2]reg.VecVirtual, rows)
	row := GP64()
	MOVQ(y, row)
	for r := range acc {
		low, high := ZMM(), ZMM()
		VMOVUPS(at(row, 0), low)
		VMOVUPS(at(row, s.bytes), high)
		acc[r] = [2]reg.VecVirtual{ZMM(), ZMM()}
		VSHUFF32X4(U8(0x88), high, low, acc[r][0]) // quarters 0 and 2 of both
		VSHUFF32X4(U8(0xdd), high, low, acc[r][1]) // quarters 1 and 3
		if r < rows-1 {
			ADDQ(stride, row)
		}
	}

	step := func(a, b reg.VecVirtual) {
		for half := range 2 {
			pairs := ZMM()
			if half == 0 {
				VPUNPCKLWD(b, a, pairs)
			} else {
				VPUNPCKHWD(b, a, pairs)
			}
			for r := range rows {
				VPDPWSSD_BCST(at(x, 4*r), pairs, acc[r][half]) // VDPBF16PS
			}
		}
	}
	pairs, loop, rest, done := GP64(), label("pair"), label("rest"), label("done")
	MOVQ(k, pairs)
	SHRQ(U8(1), pairs)
	JZ(LabelRef(rest))
	Label(loop)
	PREFETCHT0(at(w, prefetchBytes))
	PREFETCHT0(at(w, prefetchBytes+64))
	a, b := ZMM(), ZMM()
	VMOVUPS(at(w, 0), a)
	VMOVUPS(at(w, 64), b)
	step(a, b)
	ADDQ(U32(128), w)
	ADDQ(U32(uint32(4*rows)), x)
	DECQ(pairs)
	JNZ(LabelRef(loop))
	Label(rest)
	ANDQ(U32(1), k)
	JZ(LabelRef(done))
	last := ZMM()
	VMOVUPS(at(w, 0), last)
	step(last, s.zero())
	Label(done)

	for r := range acc {
		for half, imm := range []uint8{0x44, 0xee} { // quarters 0 and 1 of both, 2 and 3
			v := ZMM()
			VSHUFF32X4(U8(imm), acc[r][1], acc[r][0], v)
			VSHUFF32X4(U8(0xd8), v, v, v) // the middle ones change places
			VMOVUPS(v, at(y, half*s.bytes))
		}
		if r < rows-1 {
			ADDQ(stride, y)
		}
	}
	end()
}
