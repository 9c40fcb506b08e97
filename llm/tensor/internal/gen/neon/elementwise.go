package main

import "math"

func (a *assembler) elementwise() {
	a.addTo()
	a.scale()
	a.relu()
	a.gelu()
	a.geluTanh()
	a.siluMul()
	a.rope()
	a.normalise()
	a.scaleMul()
}

func (a *assembler) addTo() {
	a.function("Add", "adds x to dst.", "func(dst, x []float32)")
	n, p := a.slices("dst", "x")
	a.each(n, p, func(e access) {
		d := e.load(p[0])
		a.fadd(d, d, e.load(p[1]))
		e.store(d, p[0])
	})
	a.end()
}

func (a *assembler) scale() {
	a.function("Scale", "multiplies x by factor.", "func(x []float32, factor float32)")
	n, p := a.slices("x")
	factor := a.parameter("factor")
	a.each(n, p, func(e access) {
		x := e.load(p[0])
		a.fmul(x, x, factor)
		e.store(x, p[0])
	})
	a.end()
}

func (a *assembler) relu() {
	a.function("Relu", "replaces negative elements by zero.", "func(x []float32)")
	n, p := a.slices("x")
	a.each(n, p, func(e access) {
		x, negative := e.load(p[0]), a.vec()
		a.fnegative(negative, x) // -0 and NaN are not
		a.bic(x, x, negative)
		e.store(x, p[0])
	})
	a.end()
}

func (a *assembler) siluMul() {
	a.function("SiluMul", "writes gate/(1+exp(-gate))*up to dst.", "func(dst, gate, up []float32)")
	n, p := a.slices("dst", "gate", "up")
	e, one := a.exponential(), a.constant(1)
	a.each(n, p, func(x access) {
		g, t := x.load(p[1]), a.vec()
		a.fneg(t, g)
		e.exp(t)
		a.fadd(t, t, one)
		a.fdiv(g, g, t)
		a.fmul(g, g, x.load(p[2]))
		x.store(g, p[0])
	})
	a.end()
}

func (a *assembler) geluTanh() {
	a.function("GeluTanh", "replaces x by x/(1+exp(-2√(2/π)(x+0.044715x³))).", "func(x []float32)")
	n, p := a.slices("x")
	e, one := a.exponential(), a.constant(1)
	linear, cubic := a.constant(-2*0.7978845608028654), a.constant(0.044715)
	a.each(n, p, func(v access) {
		x, square, t := v.load(p[0]), a.vec(), a.vec()
		a.fmul(square, x, x)
		a.mov(t, one)
		a.fmla(t, square, cubic) // 1 + 0.044715x²
		a.fmul(t, t, x)
		a.fmul(t, t, linear)
		e.exp(t)
		a.fadd(t, t, one)
		a.fdiv(x, x, t)
		v.store(x, p[0])
	})
	a.end()
}

// gelu: exp.go of package tensor explains the approximation.
func (a *assembler) gelu() {
	a.function("Gelu", "replaces x by x·Φ(x).", "func(x []float32)")
	n, p := a.slices("x")
	e, one, half, tailP := a.exponential(), a.constant(1), a.constant(-0.5), a.constant(0.3275911/math.Sqrt2)
	var q []vec
	for _, c := range []float32{1.061405429 / 2, -1.453152027 / 2, 1.421413741 / 2, -0.284496736 / 2, 0.254829592 / 2} {
		q = append(q, a.constant(c))
	}
	a.each(n, p, func(v access) {
		x, z, t, y := v.load(p[0]), a.vec(), a.vec(), a.vec()
		a.fabs(z, x)
		a.mov(t, one)
		a.fmla(t, z, tailP)
		a.fdiv(t, one, t)
		a.mov(y, q[0])
		a.scope(func() { a.polynomial(y, t, q[1:]) })
		a.fmul(y, y, t)
		a.fmul(z, z, z)
		a.fmul(z, z, half)
		e.exp(z)
		a.fmul(y, y, z) // the tail beyond |x|
		a.fsub(t, one, y)
		a.fpositive(z, x)
		a.bit(y, t, z)
		a.fmul(x, x, y)
		v.store(x, p[0])
	})
	a.end()
}

// polynomial replaces y by (y·x + c)·x + … for the coefficients c. It takes a register.
func (a *assembler) polynomial(y, x vec, coefficients []vec) {
	to, from := a.vec(), y
	for _, c := range coefficients {
		a.mov(to, c)
		a.fmla(to, from, x)
		to, from = from, to
	}
	if from != y {
		a.mov(y, from)
	}
}

func (a *assembler) rope() {
	a.function("Rope", "rotates the pairs (a[i], b[i]) by the angles of which cos and sin are given.",
		"func(a, b, cos, sin []float32)")
	n, p := a.slices("a", "b", "cos", "sin")
	a.each(n, p, func(e access) {
		x, y, c, d := e.load(p[0]), e.load(p[1]), e.load(p[2]), e.load(p[3])
		t, u := a.vec(), a.vec()
		a.fmul(t, y, d)
		a.fneg(t, t)
		a.fmla(t, x, c) // x·cos - y·sin
		a.fmul(u, x, d)
		a.fmla(u, y, c) // y·cos + x·sin
		e.store(t, p[0])
		e.store(u, p[1])
	})
	a.end()
}

func (a *assembler) normalise() {
	a.function("Normalise", "writes (x-mean)*factor*weight + bias to dst.",
		"func(dst, x, weight, bias []float32, mean, factor float32)")
	n, p := a.slices("dst", "x", "weight", "bias")
	mean, factor := a.parameter("mean"), a.parameter("factor")
	a.each(n, p, func(e access) {
		x := e.load(p[1])
		a.fsub(x, x, mean)
		a.fmul(x, x, factor)
		y := e.load(p[3])
		a.fmla(y, x, e.load(p[2]))
		e.store(y, p[0])
	})
	a.end()
}

func (a *assembler) scaleMul() {
	a.function("ScaleMul", "writes x*factor*weight to dst.", "func(dst, x, weight []float32, factor float32)")
	n, p := a.slices("dst", "x", "weight")
	factor := a.parameter("factor")
	a.each(n, p, func(e access) {
		x := e.load(p[1])
		a.fmul(x, x, factor)
		a.fmul(x, x, e.load(p[2]))
		e.store(x, p[0])
	})
	a.end()
}

// An exponential has the constants of the exponential function; exp.go of package tensor explains it.
type exponential struct {
	a                                     *assembler
	lowest, highest, log2e, ln2Hi, ln2Low vec
	coefficients                          []vec
	exponentBias                          vec
}

func (a *assembler) exponential() exponential {
	e := exponential{
		a: a, lowest: a.constant(-104), highest: a.constant(89),
		log2e: a.constant(1.44269504), ln2Hi: a.constant(0.693359375), ln2Low: a.constant(-2.12194440e-4),
		exponentBias: a.constantBits(127),
	}
	for _, c := range []float32{
		1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1,
	} {
		e.coefficients = append(e.coefficients, a.constant(c))
	}
	e.coefficients = append(e.coefficients, e.coefficients[6]) // 1 again
	return e
}

// exp replaces x by exp(x).
func (e exponential) exp(x vec) {
	a := e.a
	a.scope(func() {
		a.fmax(x, x, e.lowest)
		a.fmin(x, x, e.highest)
		n, y := a.vec(), a.vec()
		a.fmul(n, x, e.log2e)
		a.frintn(n, n)
		a.fmls(x, n, e.ln2Hi)
		a.fmls(x, n, e.ln2Low)
		a.mov(y, e.coefficients[0])
		a.polynomial(y, x, e.coefficients[1:])
		// 2ⁿ in two factors, so that neither leaves the normal numbers; only the second product rounds.
		a.fcvtns(n, n)
		a.sshr(x, n, 1)
		a.subInts(n, n, x)
		for _, v := range []vec{x, n} {
			a.addInts(v, v, e.exponentBias)
			a.shl(v, v, 23)
		}
		a.fmul(y, y, x)
		a.fmul(x, y, n)
	})
}
