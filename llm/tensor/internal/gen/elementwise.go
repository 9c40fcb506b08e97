package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s set) elementwise() {
	s.add()
	s.scale()
	s.relu()
	s.gelu()
	s.geluTanh()
	s.siluMul()
	s.rope()
	s.normalise()
	s.scaleMul()
}

// begin loads the length of the first slice and the addresses of all.
func begin(names ...string) (n reg.GPVirtual, pointers []reg.GPVirtual) {
	n = Load(Param(names[0]).Len(), GP64()).(reg.GPVirtual)
	for _, name := range names {
		pointers = append(pointers, slice(name))
	}
	return n, pointers
}

func (s set) add() {
	s.function("Add", "adds x to dst.", "func(dst, x []float32)")
	n, p := begin("dst", "x")
	s.each(n, p, func(a access) {
		d, x := a.load(p[0]), a.load(p[1])
		VADDPS(x, d, d)
		a.store(d, p[0])
	})
	end()
}

func (s set) scale() {
	s.function("Scale", "multiplies x by factor.", "func(x []float32, factor float32)")
	n, p := begin("x")
	factor := s.parameter("factor")
	s.each(n, p, func(a access) {
		x := a.load(p[0])
		VMULPS(factor, x, x)
		a.store(x, p[0])
	})
	end()
}

func (s set) relu() {
	s.function("Relu", "replaces negative elements by zero.", "func(x []float32)")
	n, p := begin("x")
	zero := s.zero()
	s.each(n, p, func(a access) {
		x := a.load(p[0])
		VMAXPS(x, zero, x) // the first operand where one is NaN
		a.store(x, p[0])
	})
	end()
}

func (s set) siluMul() {
	s.function("SiluMul", "writes gate/(1+exp(-gate))*up to dst.", "func(dst, gate, up []float32)")
	n, p := begin("dst", "gate", "up")
	e, one, sign := s.exponential(), s.constant(1), s.constantBits(1<<31)
	s.each(n, p, func(a access) {
		g, t := a.load(p[1]), s.vector()
		s.xor(sign, g, t)
		e.exp(t)
		VADDPS(one, t, t)
		VDIVPS(t, g, g)
		VMULPS(a.load(p[2]), g, g)
		a.store(g, p[0])
	})
	end()
}

func (s set) xor(a, b, dst Op) {
	if s.wide {
		VPXORD(a, b, dst)
	} else {
		VXORPS(a, b, dst)
	}
}

func (s set) and(a, b, dst Op) {
	if s.wide {
		VPANDD(a, b, dst)
	} else {
		VANDPS(a, b, dst)
	}
}

func (s set) geluTanh() {
	s.function("GeluTanh", "replaces x by x/(1+exp(-2√(2/π)(x+0.044715x³))).", "func(x []float32)")
	n, p := begin("x")
	e, one := s.exponential(), s.constant(1)
	linear, cubic := s.constant(-2*0.7978845608028654), s.constant(0.044715)
	s.each(n, p, func(a access) {
		x, t := a.load(p[0]), s.vector()
		VMULPS(x, x, t)
		VFMADD213PS(one, s.register(cubic), t) // 1 + 0.044715x²
		VMULPS(x, t, t)
		VMULPS(linear, t, t)
		e.exp(t)
		VADDPS(one, t, t)
		VDIVPS(t, x, x)
		a.store(x, p[0])
	})
	end()
}

// gelu: exp.go of package tensor explains the approximation.
func (s set) gelu() {
	s.function("Gelu", "replaces x by x·Φ(x).", "func(x []float32)")
	n, p := begin("x")
	e, one, half := s.exponential(), s.constant(1), s.constant(-0.5)
	tailP, absolute := s.constant(0.3275911/math.Sqrt2), s.constantBits(1<<31-1)
	var q []Op
	for _, c := range []float32{1.061405429 / 2, -1.453152027 / 2, 1.421413741 / 2, -0.284496736 / 2, 0.254829592 / 2} {
		q = append(q, s.constant(c))
	}
	s.each(n, p, func(a access) {
		x, z, t, y := a.load(p[0]), s.vector(), s.vector(), s.vector()
		s.and(absolute, x, z)
		VMOVAPS(z, t)
		VFMADD213PS(one, s.register(tailP), t)
		VDIVPS(t, s.register(one), t)
		VMOVUPS(q[0], y)
		for _, c := range q[1:] {
			VFMADD213PS(c, t, y)
		}
		VMULPS(t, y, y)
		VMULPS(z, z, z)
		VMULPS(half, z, z)
		e.exp(z)
		VMULPS(z, y, y) // the tail beyond |x|
		u := s.vector()
		VSUBPS(y, s.register(one), u)
		s.choosePositive(x, u, y)
		VMULPS(y, x, x)
		a.store(x, p[0])
	})
	end()
}

// choosePositive copies u to y where x > 0.
func (s set) choosePositive(x, u, y reg.VecVirtual) {
	const greater = 0x1e // ordered, quiet
	if s.wide {
		k := K()
		VCMPPS(U8(greater), s.zero(), x, k)
		VMOVAPS(u, k, y)
		return
	}
	m := YMM()
	VCMPPS(U8(greater), s.zero(), x, m)
	VBLENDVPS(m, u, y, y)
}

func (s set) rope() {
	s.function("Rope", "rotates the pairs (a[i], b[i]) by the angles of which cos and sin are given.",
		"func(a, b, cos, sin []float32)")
	n, p := begin("a", "b", "cos", "sin")
	s.each(n, p, func(a access) {
		x, y, c, d := a.load(p[0]), a.load(p[1]), a.load(p[2]), a.load(p[3])
		t, u := s.vector(), s.vector()
		VMULPS(y, d, t)
		VFMSUB231PS(x, c, t) // x·cos - y·sin
		VMULPS(x, d, u)
		VFMADD231PS(y, c, u) // y·cos + x·sin
		a.store(t, p[0])
		a.store(u, p[1])
	})
	end()
}

func (s set) normalise() {
	s.function("Normalise", "writes (x-mean)*factor*weight + bias to dst.",
		"func(dst, x, weight, bias []float32, mean, factor float32)")
	n, p := begin("dst", "x", "weight", "bias")
	mean, factor := s.parameter("mean"), s.parameter("factor")
	s.each(n, p, func(a access) {
		x := a.load(p[1])
		VSUBPS(mean, x, x)
		VMULPS(factor, x, x)
		VFMADD213PS(a.load(p[3]), a.load(p[2]), x)
		a.store(x, p[0])
	})
	end()
}

func (s set) scaleMul() {
	s.function("ScaleMul", "writes x*factor*weight to dst.", "func(dst, x, weight []float32, factor float32)")
	n, p := begin("dst", "x", "weight")
	factor := s.parameter("factor")
	s.each(n, p, func(a access) {
		x := a.load(p[1])
		VMULPS(factor, x, x)
		VMULPS(a.load(p[2]), x, x)
		a.store(x, p[0])
	})
	end()
}

// An exponential has the constants of the exponential function; exp.go of package tensor explains it.
type exponential struct {
	s                                     set
	lowest, highest, log2e, ln2Hi, ln2Low Op
	polynomial                            []Op
	exponentBias                          Op
}

func (s set) exponential() exponential {
	e := exponential{
		s: s, lowest: s.constant(-104), highest: s.constant(89),
		log2e: s.constant(1.44269504), ln2Hi: s.constant(0.693359375), ln2Low: s.constant(-2.12194440e-4),
	}
	for _, c := range []float32{
		1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1,
	} {
		e.polynomial = append(e.polynomial, s.constant(c))
	}
	if !s.wide {
		e.exponentBias = s.constantBits(127)
	}
	return e
}

// exp replaces x by exp(x).
func (e exponential) exp(x reg.VecVirtual) {
	s := e.s
	VMAXPS(x, s.register(e.lowest), x) // the first operand where one is NaN
	VMINPS(x, s.register(e.highest), x)
	n, y := s.vector(), s.vector()
	VMULPS(e.log2e, x, n)
	const nearestEven = 8
	if s.wide {
		VRNDSCALEPS(U8(nearestEven), n, n)
	} else {
		VROUNDPS(U8(nearestEven), n, n)
	}
	VFNMADD231PS(e.ln2Hi, n, x)
	VFNMADD231PS(e.ln2Low, n, x)
	VMOVUPS(e.polynomial[0], y)
	for _, c := range e.polynomial[1:] {
		VFMADD213PS(c, x, y)
	}
	if s.wide {
		VSCALEFPS(n, y, x)
		return
	}
	// 2ⁿ in two factors, so that neither leaves the normal numbers; only the second product rounds.
	first := YMM()
	VCVTPS2DQ(n, n)
	VPSRAD(U8(1), n, first)
	VPSUBD(first, n, n)
	for _, v := range []reg.VecVirtual{first, n} {
		VPADDD(e.exponentBias, v, v)
		VPSLLD(U8(23), v, v)
	}
	VMULPS(first, y, y)
	VMULPS(n, y, x)
}
