package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s set) reductions() {
	s.sumOf()
	s.squaresAround()
	s.dot()
	s.maximum()
	s.expSum()
}

func (s set) sumOf() {
	s.function("Sum", "is the sum of x.", "func(x []float32) float32")
	n, p := begin("x")
	sums := s.sums()
	s.eachBlock(n, p, func(i int, a access) { VADDPS(a.load(p[0]), sums[i], sums[i]) })
	Store(s.sum(sums).AsX(), ReturnIndex(0))
	end()
}

func (s set) squaresAround() {
	s.function("SquaresAround", "is the sum of (x-mean)².", "func(x []float32, mean float32) float32")
	n, p := begin("x")
	mean, sums := s.parameter("mean"), s.sums()
	s.eachBlock(n, p, func(i int, a access) {
		x := a.load(p[0])
		VSUBPS(mean, x, x)
		a.clear(x)
		VFMADD231PS(x, x, sums[i])
	})
	Store(s.sum(sums).AsX(), ReturnIndex(0))
	end()
}

func (s set) dot() {
	s.function("Dot", "is the sum of a[i]*b[i].", "func(a, b []float32) float32")
	n, p := begin("a", "b")
	sums := s.sums()
	s.eachBlock(n, p, func(i int, a access) {
		v := a.load(p[0])
		VFMADD231PS(a.load(p[1]), v, sums[i])
	})
	Store(s.sum(sums).AsX(), ReturnIndex(0))
	end()
}

func (s set) maximum() {
	s.function("Maximum", "is the largest number in x, -Inf if there is none.", "func(x []float32) float32")
	n, p := begin("x")
	lowest := s.register(s.constant(float32(math.Inf(-1))))
	largest := s.sums()
	for _, v := range largest {
		VMOVAPS(lowest, v)
	}
	s.eachBlock(n, p, func(i int, a access) {
		x := a.load(p[0])
		a.fill(x, lowest)
		VMAXPS(largest[i], x, largest[i]) // the first operand where one is NaN
	})
	v := s.halve(largest, func(a, b, dst Op) { VMAXPS(a, b, dst) }).AsX()
	t := XMM()
	VPERMILPS(U8(0x4e), v, t)
	VMAXPS(t, v, v)
	VPERMILPS(U8(0xb1), v, t)
	VMAXPS(t, v, v)
	Store(v, ReturnIndex(0))
	end()
}

func (s set) expSum() {
	s.function("ExpSum", "replaces x by exp(x-shift) and returns the sum.", "func(x []float32, shift float32) float32")
	n, p := begin("x")
	e, shift, sums := s.exponential(), s.parameter("shift"), s.sums()
	s.eachBlock(n, p, func(i int, a access) {
		x := a.load(p[0])
		VSUBPS(shift, x, x)
		e.exp(x)
		a.store(x, p[0])
		a.clear(x)
		VADDPS(x, sums[i], sums[i])
	})
	Store(s.sum(sums).AsX(), ReturnIndex(0))
	end()
}

// read streams memory, for the roofline.
func (s set) read() {
	s.function("Read", "reads blocks times 1 KiB from x.", "func(blocks int, x *float32) float32")
	blocks, x := scalar("blocks"), scalar("x")
	sums := s.sums()
	loop := label("loop")
	Label(loop)
	for disp := 0; disp < 1024; disp += s.bytes {
		v := sums[disp/s.bytes%len(sums)]
		if disp%64 == 0 {
			PREFETCHT0(at(x, disp+prefetchBytes))
		}
		if s.wide {
			VPORD(at(x, disp), v, v)
		} else {
			VORPS(at(x, disp), v, v)
		}
	}
	ADDQ(U32(1024), x)
	DECQ(blocks)
	JNZ(LabelRef(loop))
	Store(s.sum(sums).AsX(), ReturnIndex(0))
	end()
}

// peak keeps the multipliers busy, for the roofline: enough independent sums to hide the latency of a multiply-add on
// every CPU that we know.
func (s set) peak() {
	s.function("Peak", "does rounds times 12 multiply-adds of a vector.", "func(rounds int) float32")
	rounds := scalar("rounds")
	var sums []reg.VecVirtual
	for range 12 {
		sums = append(sums, s.zero())
	}
	a, b := s.zero(), s.zero()
	loop := label("loop")
	Label(loop)
	for _, v := range sums {
		VFMADD231PS(a, b, v)
	}
	DECQ(rounds)
	JNZ(LabelRef(loop))
	for _, v := range sums[1:] {
		VADDPS(v, sums[0], sums[0])
	}
	Store(sums[0].AsX(), ReturnIndex(0))
	end()
}
