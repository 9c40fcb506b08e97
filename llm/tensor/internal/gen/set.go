package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sumLanes is the number of interleaved partial sums along a vector, in every set.
const sumLanes = 32

// A set is what differs between the kernel sets: AVX-512 (wide) has registers of 16 values and mask registers, AVX2
// registers of 8 values and masks in vectors.
type set struct {
	suffix string
	bytes  int // of a vector register
	wide   bool
	vnni   bool // multiplies bytes by fours: VPDPBUSD
}

func (s set) lanes() int { return s.bytes / 4 }

// sumRegisters is the number of registers that hold the partial sums.
func (s set) sumRegisters() int { return sumLanes / s.lanes() }

// function begins a function of the set.
func (s set) function(name, doc, signature string) {
	TEXT(name+s.suffix, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + s.suffix + " " + doc)
}

// end ends a function.
func end() {
	VZEROUPPER()
	RET()
}

func (s set) vector() reg.VecVirtual {
	if s.wide {
		return ZMM()
	}
	return YMM()
}

func (s set) zero() reg.VecVirtual {
	v := s.vector()
	if s.wide {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

// parameter broadcasts a float32 parameter.
func (s set) parameter(name string) reg.VecVirtual {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := s.vector()
	VBROADCASTSS(p.Addr, v)
	return v
}

// slice loads a slice parameter's address.
func slice(name string) reg.GPVirtual { return Load(Param(name).Base(), GP64()).(reg.GPVirtual) }

func scalar(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// at is the memory at disp bytes from a pointer.
func at(p reg.Register, disp int) Mem { return Mem{Base: p, Disp: disp} }

// A constant is a float32 in every lane: in a register where there are 32 of them, in memory where there are 16.
func (s set) constant(value float32) Op { return s.constantBits(math.Float32bits(value)) }

func (s set) constantBits(bits uint32) Op {
	m := s.constantMemory(bits)
	if !s.wide {
		return m
	}
	v := ZMM()
	VMOVUPS(m, v)
	return v
}

var constants = map[uint32]Mem{}

func (s set) constantMemory(bits uint32) Mem {
	m, ok := constants[bits]
	if !ok {
		m = GLOBL(fmt.Sprintf("constant%08x%s", bits, s.suffix), RODATA|NOPTR)
		for i := range s.lanes() {
			DATA(4*i, U32(bits))
		}
		constants[bits] = m
	}
	return m
}

// register is a constant in a register, for the operands that cannot be in memory.
func (s set) register(c Op) reg.Register {
	if r, ok := c.(reg.Register); ok {
		return r
	}
	v := s.vector()
	VMOVUPS(c, v)
	return v
}

var labels int

// label returns a name that is new.
func label(name string) string {
	labels++
	return fmt.Sprintf("%s%d", name, labels)
}

// An access reads and writes the vector at which a loop stands: a full one, or the first lanes of one at the end,
// the rest of which is neither read nor written.
type access struct {
	s      set
	masked bool
	k      reg.Register // mask, AVX-512
	v      reg.Register // mask, AVX2
	disp   int
}

// load reads the vector at p; lanes outside are zero.
func (a access) load(p reg.Register) reg.VecVirtual {
	v := a.s.vector()
	switch {
	case !a.masked:
		VMOVUPS(at(p, a.disp), v)
	case a.s.wide:
		VMOVUPS_Z(at(p, a.disp), a.k, v)
	default:
		VMASKMOVPS(at(p, a.disp), a.v, v)
	}
	return v
}

func (a access) store(v, p reg.Register) {
	switch {
	case !a.masked:
		VMOVUPS(v, at(p, a.disp))
	case a.s.wide:
		VMOVUPS(v, a.k, at(p, a.disp))
	default:
		VMASKMOVPS(v, a.v, at(p, a.disp))
	}
}

// clear makes the lanes outside zero.
func (a access) clear(v reg.Register) {
	switch {
	case !a.masked:
	case a.s.wide:
		VMOVUPS_Z(v, a.k, v)
	default:
		VANDPS(a.v, v, v)
	}
}

// fill copies to the lanes outside what other has there.
func (a access) fill(v, other reg.Register) {
	switch {
	case !a.masked:
	case a.s.wide:
		t := ZMM()
		VMOVAPS(other, t)
		VMOVUPS(v, a.k, t)
		VMOVAPS(t, v)
	default:
		VBLENDVPS(a.v, v, other, v)
	}
}

// masks prepares the accesses to count vectors of which only the first n values exist, 0 ≤ n < 32, with bits from a table:
// 32 bits are two AVX-512 masks, and 32 ones before 32 zeros contain every AVX2 mask.
func (s set) masks(n reg.Register, count int) []access {
	table := GP64()
	accesses := make([]access, count)
	if s.wide {
		LEAQ(s.maskTable(), table)
		for i := range accesses {
			k := K()
			KMOVW(Mem{Base: table, Index: n, Scale: 4, Disp: 2 * i}, k)
			accesses[i] = access{s: s, masked: true, k: k, disp: s.bytes * i}
		}
		return accesses
	}
	LEAQ(s.maskTable().Offset(4*sumLanes), table)
	back := GP64()
	XORQ(back, back)
	SUBQ(n, back)
	for i := range accesses {
		v := YMM()
		VMOVUPS(Mem{Base: table, Index: back, Scale: 4, Disp: s.bytes * i}, v)
		accesses[i] = access{s: s, masked: true, v: v, disp: s.bytes * i}
	}
	return accesses
}

var maskTableOf = map[string]Mem{}

func (s set) maskTable() Mem {
	if m, ok := maskTableOf[s.suffix]; ok {
		return m
	}
	m := GLOBL("masks"+s.suffix, RODATA|NOPTR)
	if s.wide {
		for n := range sumLanes {
			DATA(4*n, U32(1<<n-1))
		}
	} else {
		for i := range 2 * sumLanes {
			bits := uint32(0xffffffff)
			if i >= sumLanes {
				bits = 0
			}
			DATA(4*i, U32(bits))
		}
	}
	maskTableOf[s.suffix] = m
	return m
}

// each runs body for every vector of n values, the last of which may be partial, advancing the pointers. n is used up.
func (s set) each(n reg.Register, pointers []reg.GPVirtual, body func(a access)) {
	loop, tail, done := label("loop"), label("tail"), label("done")
	SUBQ(U32(uint32(s.lanes())), n)
	JLT(LabelRef(tail))
	Label(loop)
	body(access{s: s})
	for _, p := range pointers {
		ADDQ(U32(uint32(s.bytes)), p)
	}
	SUBQ(U32(uint32(s.lanes())), n)
	JGE(LabelRef(loop))
	Label(tail)
	ADDQ(U32(uint32(s.lanes())), n)
	JZ(LabelRef(done))
	body(s.masks(n, 1)[0])
	Label(done)
}

// eachBlock runs body for every block of 32 values, vector by vector: the i-th vector of a block belongs to the i-th
// register of partial sums. The last block may be partial. n is used up; after returns, the pointers stand at the
// last partial block.
func (s set) eachBlock(n reg.Register, pointers []reg.GPVirtual, body func(i int, a access)) {
	loop, tail, done := label("loop"), label("tail"), label("done")
	SUBQ(U32(sumLanes), n)
	JLT(LabelRef(tail))
	Label(loop)
	for i := range s.sumRegisters() {
		body(i, access{s: s, disp: s.bytes * i})
	}
	for _, p := range pointers {
		ADDQ(U32(4*sumLanes), p)
	}
	SUBQ(U32(sumLanes), n)
	JGE(LabelRef(loop))
	Label(tail)
	ADDQ(U32(sumLanes), n)
	JZ(LabelRef(done))
	for i, a := range s.masks(n, s.sumRegisters()) {
		body(i, a)
	}
	Label(done)
}

// halve folds the 32 partial results to 4 with op (dst = op(a, b), commutative), always the upper half to the lower.
func (s set) halve(v []reg.VecVirtual, op func(a, b, dst Op)) reg.VecVirtual {
	for h := len(v) / 2; h >= 1; h /= 2 {
		for i := range h {
			op(v[i+h], v[i], v[i])
		}
	}
	x, t := v[0], s.vector()
	if s.wide {
		VEXTRACTF64X4(U8(1), x, t.AsY())
		op(t.AsY(), x.AsY(), x.AsY())
		VEXTRACTF32X4(U8(1), x.AsY(), t.AsX())
	} else {
		VEXTRACTF128(U8(1), x, t.AsX())
	}
	op(t.AsX(), x.AsX(), x.AsX())
	return x
}

// sum folds the partial sums to one: 32 to 4 by halves, 4 to 1 by neighbours.
func (s set) sum(v []reg.VecVirtual) reg.VecVirtual {
	x := s.halve(v, func(a, b, dst Op) { VADDPS(a, b, dst) })
	VHADDPS(x.AsX(), x.AsX(), x.AsX())
	VHADDPS(x.AsX(), x.AsX(), x.AsX())
	return x
}

// sums are sumRegisters registers of zeros.
func (s set) sums() []reg.VecVirtual {
	v := make([]reg.VecVirtual, s.sumRegisters())
	for i := range v {
		v[i] = s.zero()
	}
	return v
}
