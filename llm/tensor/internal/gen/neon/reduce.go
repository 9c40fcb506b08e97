package main

import "math"

func (a *assembler) reductions() {
	a.sumOf()
	a.squaresAround()
	a.dot()
	a.maximum()
	a.expSum()
}

func (a *assembler) sumOf() {
	a.function("Sum", "is the sum of x.", "func(x []float32) float32")
	n, p := a.slices("x")
	sums := a.sums()
	a.eachBlock(n, p, func(i int, e access) { a.fadd(sums[i], sums[i], e.load(p[0])) })
	a.result(a.sum(sums))
	a.end()
}

func (a *assembler) squaresAround() {
	a.function("SquaresAround", "is the sum of (x-mean)².", "func(x []float32, mean float32) float32")
	n, p := a.slices("x")
	mean, sums := a.parameter("mean"), a.sums()
	a.eachBlock(n, p, func(i int, e access) {
		x := e.load(p[0])
		a.fsub(x, x, mean)
		e.clear(x)
		a.fmla(sums[i], x, x)
	})
	a.result(a.sum(sums))
	a.end()
}

func (a *assembler) dot() {
	a.function("Dot", "is the sum of a[i]*b[i].", "func(a, b []float32) float32")
	n, p := a.slices("a", "b")
	sums := a.sums()
	a.eachBlock(n, p, func(i int, e access) { a.fmla(sums[i], e.load(p[0]), e.load(p[1])) })
	a.result(a.sum(sums))
	a.end()
}

func (a *assembler) maximum() {
	a.function("Maximum", "is the largest number in x, -Inf if there is none.", "func(x []float32) float32")
	n, p := a.slices("x")
	lowest := a.constant(float32(math.Inf(-1)))
	largest := a.vecs(sumVecs)
	for _, v := range largest {
		a.mov(v, lowest)
	}
	greater := a.vec()
	largerOf := func(d, n, m vec) { // d is n; a NaN is not greater
		a.fcmgt(greater, m, n)
		a.bit(d, m, greater)
	}
	a.eachBlock(n, p, func(i int, e access) {
		if e.kind == partial { // the lanes outside are lowest
			a.mov(greater, lowest)
			e.clear(greater)
			outside, x := a.vec(), e.load(p[0])
			a.eor(outside, greater, lowest)
			a.orr(x, x, outside)
			largerOf(largest[i], largest[i], x)
			return
		}
		largerOf(largest[i], largest[i], e.load(p[0]))
	})
	v := a.halve(largest, largerOf)
	a.fmaxAcross(v, v) // there is no NaN any more
	a.result(v)
	a.end()
}

func (a *assembler) expSum() {
	a.function("ExpSum", "replaces x by exp(x-shift) and returns the sum.", "func(x []float32, shift float32) float32")
	n, p := a.slices("x")
	e, shift, sums := a.exponential(), a.parameter("shift"), a.sums()
	a.eachBlock(n, p, func(i int, v access) {
		x := v.load(p[0])
		a.fsub(x, x, shift)
		e.exp(x)
		v.store(x, p[0])
		v.clear(x)
		a.fadd(sums[i], sums[i], x)
	})
	a.result(a.sum(sums))
	a.end()
}

// read streams memory, for the roofline.
func (a *assembler) read() {
	a.function("Read", "reads blocks times 1 KiB from x.", "func(blocks int, x *float32) float32")
	blocks, x := a.scalar("blocks"), a.scalar("x")
	sums, loop := a.sums(), a.label("loop")
	a.place(loop)
	for disp := 0; disp < 1024; disp += 4 * sumLanes {
		a.prefetch(x, disp+prefetchBytes)
		a.prefetch(x, disp+prefetchBytes+64)
		a.scope(func() {
			v := a.vecs(sumVecs)
			a.loadAll(v, x, disp)
			for i, s := range sums {
				a.orr(s, s, v[i])
			}
		})
	}
	a.add(1024, x)
	a.countDown(blocks, loop)
	a.result(a.sum(sums))
	a.end()
}

// peakSums is the number of independent sums that keep the multipliers busy: four a cycle, each of which takes four cycles,
// is the most that we know of, and some more are for the loop.
const peakSums = 24

// peak keeps the multipliers busy, for the roofline.
func (a *assembler) peak() {
	a.function("Peak", "does rounds times 24 multiply-adds of a vector.", "func(rounds int) float32")
	rounds := a.scalar("rounds")
	var sums []vec
	for range peakSums {
		sums = append(sums, a.zero())
	}
	x, y, loop := a.zero(), a.zero(), a.label("loop")
	a.place(loop)
	for _, v := range sums {
		a.fmla(v, x, y)
	}
	a.countDown(rounds, loop)
	for _, v := range sums[1:] {
		a.fadd(sums[0], sums[0], v)
	}
	a.result(sums[0])
	a.end()
}
