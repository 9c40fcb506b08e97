package main

import "fmt"

// The encodings of vector instructions, as in the Arm Architecture Reference Manual, C7.2: an instruction's constant bits, and
// the fields for its registers: destination in bits 0 to 4, first operand in bits 5 to 9, second in bits 16 to 20.

// word writes an instruction's bits, with its mnemonic.
func (a *assembler) word(bits uint32, mnemonic string, arguments ...any) {
	fmt.Fprintf(&a.text, "\tWORD   $0x%08x // %s\n", bits, fmt.Sprintf(mnemonic, arguments...))
}

// two writes an instruction of a destination and an operand.
func (a *assembler) two(bits uint32, mnemonic string, d, n vec) {
	a.word(bits|uint32(n)<<5|uint32(d), mnemonic, d, n)
}

// three writes an instruction of a destination and two operands.
func (a *assembler) three(bits uint32, mnemonic string, d, n, m vec) {
	a.word(bits|uint32(m)<<16|uint32(n)<<5|uint32(d), mnemonic, d, n, m)
}

// lane writes an instruction of which the second operand is one lane of 32 bits, of which H:L is the number.
func (a *assembler) lane(bits uint32, mnemonic string, d, n vec, m value) {
	bits |= uint32(m.lane&1)<<21 | uint32(m.lane>>1)<<11
	a.word(bits|uint32(m.v)<<16|uint32(n)<<5|uint32(d), mnemonic, d, n, m.v, m.lane)
}

// shift writes an instruction with a number of bits, given as its field immh:immb.
func (a *assembler) shift(bits uint32, field int, mnemonic string, d, n vec, count int) {
	a.word(bits|uint32(field)<<16|uint32(n)<<5|uint32(d), mnemonic, d, n, count)
}

// Of floats.

func (a *assembler) fadd(d, n, m vec)  { a.three(0x4e20d400, "fadd %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) fsub(d, n, m vec)  { a.three(0x4ea0d400, "fsub %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) fmul(d, n, m vec)  { a.three(0x6e20dc00, "fmul %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) fdiv(d, n, m vec)  { a.three(0x6e20fc00, "fdiv %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) fmla(d, n, m vec)  { a.three(0x4e20cc00, "fmla %v.4s, %v.4s, %v.4s", d, n, m) } // d += n·m
func (a *assembler) fmls(d, n, m vec)  { a.three(0x4ea0cc00, "fmls %v.4s, %v.4s, %v.4s", d, n, m) } // d -= n·m
func (a *assembler) fmax(d, n, m vec)  { a.three(0x4e20f400, "fmax %v.4s, %v.4s, %v.4s", d, n, m) } // NaN if one is
func (a *assembler) fmin(d, n, m vec)  { a.three(0x4ea0f400, "fmin %v.4s, %v.4s, %v.4s", d, n, m) } // NaN if one is
func (a *assembler) faddp(d, n, m vec) { a.three(0x6e20d400, "faddp %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) fcmgt(d, n, m vec) { a.three(0x6ea0e400, "fcmgt %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) fcmeq(d, n, m vec) { a.three(0x4e20e400, "fcmeq %v.4s, %v.4s, %v.4s", d, n, m) }

func (a *assembler) fmlaLane(d, n vec, m value) {
	a.lane(0x4f801000, "fmla %v.4s, %v.4s, %v.s[%d]", d, n, m)
}
func (a *assembler) fmlsLane(d, n vec, m value) {
	a.lane(0x4f805000, "fmls %v.4s, %v.4s, %v.s[%d]", d, n, m)
}

func (a *assembler) fmulLane(d, n vec, m value) {
	a.lane(0x4f809000, "fmul %v.4s, %v.4s, %v.s[%d]", d, n, m)
}

func (a *assembler) fabs(d, n vec)       { a.two(0x4ea0f800, "fabs %v.4s, %v.4s", d, n) }
func (a *assembler) fneg(d, n vec)       { a.two(0x6ea0f800, "fneg %v.4s, %v.4s", d, n) }
func (a *assembler) fpositive(d, n vec)  { a.two(0x4ea0c800, "fcmgt %v.4s, %v.4s, #0.0", d, n) }
func (a *assembler) fnegative(d, n vec)  { a.two(0x4ea0e800, "fcmlt %v.4s, %v.4s, #0.0", d, n) }
func (a *assembler) frintn(d, n vec)     { a.two(0x4e218800, "frintn %v.4s, %v.4s", d, n) } // ties to even
func (a *assembler) fmaxAcross(d, n vec) { a.across(0x6e30f800, "fmaxv", d, n) }
func (a *assembler) fcvtns(d, n vec)     { a.two(0x4e21a800, "fcvtns %v.4s, %v.4s", d, n) } // to int32, ties to even
func (a *assembler) scvtf(d, n vec)      { a.two(0x4e21d800, "scvtf %v.4s, %v.4s", d, n) }  // from int32
func (a *assembler) fcvtl(d, n vec)      { a.two(0x0e217800, "fcvtl %v.4s, %v.4h", d, n) }  // float16 to float32
func (a *assembler) fcvtl2(d, n vec)     { a.two(0x4e217800, "fcvtl2 %v.4s, %v.8h", d, n) } // of the upper half
func (a *assembler) fcvtn(d, n vec)      { a.two(0x0e216800, "fcvtn %v.4h, %v.4s", d, n) }  // float32 to float16
func (a *assembler) fcvtn2(d, n vec)     { a.two(0x4e216800, "fcvtn2 %v.8h, %v.4s", d, n) } // to the upper half

// ucvtf converts from uint32 in units of 2^-fraction.
func (a *assembler) ucvtf(d, n vec, fraction int) {
	if fraction == 0 {
		a.two(0x6e21d800, "ucvtf %v.4s, %v.4s", d, n)
		return
	}
	a.shift(0x6f00e400, 64-fraction, "ucvtf %v.4s, %v.4s, #%d", d, n, fraction)
}

// Of bits.

func (a *assembler) and(d, n, m vec) { a.three(0x4e201c00, "and %v.16b, %v.16b, %v.16b", d, n, m) }
func (a *assembler) bic(d, n, m vec) { a.three(0x4e601c00, "bic %v.16b, %v.16b, %v.16b", d, n, m) } // n without m
func (a *assembler) orr(d, n, m vec) { a.three(0x4ea01c00, "orr %v.16b, %v.16b, %v.16b", d, n, m) }
func (a *assembler) eor(d, n, m vec) { a.three(0x6e201c00, "eor %v.16b, %v.16b, %v.16b", d, n, m) }
func (a *assembler) bit(d, n, m vec) { a.three(0x6ea01c00, "bit %v.16b, %v.16b, %v.16b", d, n, m) } // n into d where m is 1
func (a *assembler) bif(d, n, m vec) { a.three(0x6ee01c00, "bif %v.16b, %v.16b, %v.16b", d, n, m) } // where m is 0

func (a *assembler) mov(d, n vec) {
	a.word(0x4ea01c00|uint32(n)<<16|uint32(n)<<5|uint32(d), "mov %v.16b, %v.16b", d, n)
}

// dup broadcasts a lane.
func (a *assembler) dup(d, n vec, lane int) {
	a.word(0x4e000400|uint32(lane<<3|4)<<16|uint32(n)<<5|uint32(d), "dup %v.4s, %v.s[%d]", d, n, lane)
}

// movi sets each value to byte<<shift, the shift being 0, 8, 16 or 24.
func (a *assembler) movi(d vec, byte uint32, shift int) {
	a.word(0x4f000400|uint32(shift/8)<<13|byte>>5<<16|byte&31<<5|uint32(d), "movi %v.4s, #0x%x, lsl #%d", d, byte, shift)
}

// moviBytes sets each byte.
func (a *assembler) moviBytes(d vec, byte uint32) {
	a.word(0x4f00e400|byte>>5<<16|byte&31<<5|uint32(d), "movi %v.16b, #0x%x", d, byte)
}

func (a *assembler) zip1(d, n, m vec)      { a.three(0x4e803800, "zip1 %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) zip2(d, n, m vec)      { a.three(0x4e807800, "zip2 %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) zip1Pairs(d, n, m vec) { a.three(0x4ec03800, "zip1 %v.2d, %v.2d, %v.2d", d, n, m) }
func (a *assembler) zip2Pairs(d, n, m vec) { a.three(0x4ec07800, "zip2 %v.2d, %v.2d, %v.2d", d, n, m) }

// Of integers.

func (a *assembler) addInts(d, n, m vec) { a.three(0x4ea08400, "add %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) subInts(d, n, m vec) { a.three(0x6ea08400, "sub %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) addp(d, n, m vec)    { a.three(0x4ea0bc00, "addp %v.4s, %v.4s, %v.4s", d, n, m) }
func (a *assembler) addAcross(d, n vec)  { a.across(0x4eb1b800, "addv", d, n) }

func (a *assembler) ushr(d, n vec, count int) {
	a.shift(0x6f000400, 64-count, "ushr %v.4s, %v.4s, #%d", d, n, count)
}
func (a *assembler) ushrBytes(d, n vec, count int) {
	a.shift(0x6f000400, 16-count, "ushr %v.16b, %v.16b, #%d", d, n, count)
}
func (a *assembler) sshr(d, n vec, count int) {
	a.shift(0x4f000400, 64-count, "sshr %v.4s, %v.4s, #%d", d, n, count)
}
func (a *assembler) shl(d, n vec, count int) {
	a.shift(0x4f005400, 32+count, "shl %v.4s, %v.4s, #%d", d, n, count)
}

// Between widths: shll makes the upper half of 32 bits of 16, shrn takes it; the names with 2 use the upper half of the
// register of narrow values.

func (a *assembler) shll(d, n vec)  { a.two(0x2e613800, "shll %v.4s, %v.4h, #16", d, n) }
func (a *assembler) shll2(d, n vec) { a.two(0x6e613800, "shll2 %v.4s, %v.8h, #16", d, n) }
func (a *assembler) shrn(d, n vec)  { a.shift(0x0f008400, 32-16, "shrn %v.4h, %v.4s, #%d", d, n, 16) }
func (a *assembler) shrn2(d, n vec) { a.shift(0x4f008400, 32-16, "shrn2 %v.8h, %v.4s, #%d", d, n, 16) }

func (a *assembler) sqxtn16(d, n vec)     { a.two(0x0e614800, "sqxtn %v.4h, %v.4s", d, n) }
func (a *assembler) sqxtn16High(d, n vec) { a.two(0x4e614800, "sqxtn2 %v.8h, %v.4s", d, n) }
func (a *assembler) sqxtn8(d, n vec)      { a.two(0x0e214800, "sqxtn %v.8b, %v.8h", d, n) }
func (a *assembler) sqxtn8High(d, n vec)  { a.two(0x4e214800, "sqxtn2 %v.16b, %v.8h", d, n) }

// Products of bytes. sdot, which not every CPU has, adds 4 products to each value of 32 bits; the others make 8 products of 16 bits each.

func (a *assembler) sdotLane(d, n vec, m value) {
	a.lane(0x4f80e000, "sdot %v.4s, %v.16b, %v.4b[%d]", d, n, m)
}
func (a *assembler) smull(d, n, m vec)  { a.three(0x0e20c000, "smull %v.8h, %v.8b, %v.8b", d, n, m) }
func (a *assembler) smull2(d, n, m vec) { a.three(0x4e20c000, "smull2 %v.8h, %v.16b, %v.16b", d, n, m) }
func (a *assembler) smlal(d, n, m vec)  { a.three(0x0e208000, "smlal %v.8h, %v.8b, %v.8b", d, n, m) }
func (a *assembler) smlal2(d, n, m vec) { a.three(0x4e208000, "smlal2 %v.8h, %v.16b, %v.16b", d, n, m) }
func (a *assembler) saddlp(d, n vec)    { a.two(0x4e602800, "saddlp %v.4s, %v.8h", d, n) }

// across writes an instruction that folds a vector to one value.
func (a *assembler) across(bits uint32, mnemonic string, d, n vec) {
	a.word(bits|uint32(n)<<5|uint32(d), "%s s%d, %v.4s", mnemonic, int(d), n)
}
