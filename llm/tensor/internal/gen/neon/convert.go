package main

// convert generates the conversions between float32 and the formats of 16 bits, of blocks of 32 values.
func (a *assembler) convert() {
	for _, f := range []format{bfloat16Weights, float16Weights} {
		a.conversion("Widen"+f.suffix, "writes blocks times 32 values to dst.", f.panelBytes(), 4*panelRows, func(x, dst gp) {
			v := a.vecs(panelVecs)
			a.loadWeights(f, v, x, 0)
			a.storeAll(v, dst, 0)
		})
	}
	const narrowed = "rounds blocks times 32 values to dst, to nearest even."
	a.conversion("NarrowF16", narrowed, 4*panelRows, float16Weights.panelBytes(), func(x, dst gp) {
		v := a.vecs(panelVecs)
		a.loadAll(v, x, 0)
		for i := 0; i < len(v); i += 2 {
			a.fcvtn(v[i], v[i])
			a.fcvtn2(v[i], v[i+1])
			a.store(v[i], dst, vecBytes*i/2)
		}
	})
	a.conversion("NarrowBF16", narrowed, 4*panelRows, bfloat16Weights.panelBytes(), func(x, dst gp) {
		one, half, quiet := a.constantBits(1), a.constantBits(0x7fff), a.constantBits(0x7fc00000)
		v, t, number := a.vecs(panelVecs), a.vec(), a.vec()
		a.loadAll(v, x, 0)
		for i, bits := range v {
			// Half a unit of the last place is added, or just less where that place is even: then the rest is cut off.
			a.fcmeq(number, bits, bits)
			a.ushr(t, bits, 16)
			a.and(t, t, one)
			a.addInts(bits, bits, half)
			a.addInts(bits, bits, t)
			a.bif(bits, quiet, number)
			if i%2 == 1 {
				a.shrn(v[i-1], v[i-1])
				a.shrn2(v[i-1], bits)
				a.store(v[i-1], dst, vecBytes*(i/2))
			}
		}
	})
}

// conversion generates a loop over blocks, which are of so many bytes before and after.
func (a *assembler) conversion(name, doc string, from, to int, body func(x, dst gp)) {
	a.function(name, doc, "func(blocks int, x, dst *float32)")
	blocks, x, dst, loop := a.scalar("blocks"), a.scalar("x"), a.scalar("dst"), a.label("loop")
	a.place(loop)
	body(x, dst)
	a.add(from, x)
	a.add(to, dst)
	a.countDown(blocks, loop)
	a.end()
}
