package main

func (a *assembler) attention() {
	a.dot2Rows()
	a.mixRows("Mix16Vectors", 16)
	a.mixRows("Mix4Vectors", 4)
	a.mixRows("MixVector", 1)
	a.mixPart()
}

// dot2Rows generates the products of q and two rows at once: they share the loads of q and the folding of sums.
func (a *assembler) dot2Rows() {
	a.function("Dot2Rows", "writes scale*(q·k[i*stride:]) to out[i] for the rows i = 0 … rows-1, a multiple of 2.",
		"func(q []float32, k *float32, stride, rows int, scale float32, out *float32)")
	count, base, stride, out := a.scalar("rows"), a.scalar("k"), a.stride("stride"), a.scalar("out")
	scale, each := a.parameter("scale"), a.label("rows")
	a.place(each)
	n, q := a.length("q"), a.slice("q")
	first, second := a.gp(), a.gp()
	a.ins("MOVD %v, %v", base, first)
	a.ins("ADD %v, %v, %v", stride, base, second)
	a.ins("ADD %v<<1, %v", stride, base)
	sums := [2][]vec{a.sums(), a.sums()}
	a.eachBlock(n, []gp{q, first, second}, func(i int, e access) {
		v := e.load(q)
		a.fmla(sums[0][i], v, e.load(first))
		a.fmla(sums[1][i], v, e.load(second))
	})
	s, t := a.halve(sums[0], a.fadd), a.halve(sums[1], a.fadd)
	a.faddp(s, s, t)
	a.faddp(s, s, s)
	a.fmul(s, s, scale)
	a.ins("FMOVD %s, (%v)", s.f(), out)
	a.add(8, out)
	a.ins("SUBS $2, %v", count)
	a.ins("BNE %s", each)
	a.end()
}

// mixRows generates the sum of weighted rows for a number of full vectors.
func (a *assembler) mixRows(name string, vectors int) {
	a.function(name, "adds p[i]*v[i*stride:] to as many vectors at out.", "func(p []float32, v *float32, stride int, out *float32)")
	n, p, v, stride, out := a.length("p"), a.slice("p"), a.scalar("v"), a.stride("stride"), a.scalar("out")
	acc, weight, loop := a.vecs(vectors), a.vec(), a.label("row")
	a.loadAll(acc, out, 0)
	a.place(loop)
	a.ins("FMOVS (%v), %s", p, weight.f())
	rows := a.vecs(min(vectors, 8))
	for first := 0; first < vectors; first += len(rows) {
		a.loadAll(rows, v, vecBytes*first)
		for i, row := range rows {
			a.fmlaLane(acc[first+i], row, value{weight, 0})
		}
	}
	a.add(4, p)
	a.ins("ADD %v, %v", stride, v)
	a.countDown(n, loop)
	a.storeAll(acc, out, 0)
	a.end()
}

// mixPart generates the sum of weighted rows for less than a vector.
func (a *assembler) mixPart() {
	a.function("MixPart", "adds p[i]*v[i*stride:] to out, which has 1 to 3 values.",
		"func(p []float32, v *float32, stride int, out []float32)")
	n, p, v, stride := a.length("p"), a.slice("p"), a.scalar("v"), a.stride("stride")
	out, e := a.slice("out"), access{a: a, kind: partial, n: a.length("out")}
	acc, weight, loop := e.load(out), a.vec(), a.label("row")
	a.place(loop)
	a.ins("FMOVS (%v), %s", p, weight.f())
	a.fmlaLane(acc, e.load(v), value{weight, 0})
	a.add(4, p)
	a.ins("ADD %v, %v", stride, v)
	a.countDown(n, loop)
	e.store(acc, out)
	a.end()
}
