package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s set) attention() {
	if s.wide {
		s.dotRows(4)
	} else {
		s.dotRows(2)
	}
	s.mixRows(8)
	s.mixRows(4)
	s.mixRows(0)
}

// dotRows generates the products of q and some rows at once, 2 or 4: they share the loads of q and the folding of sums.
func (s set) dotRows(rows int) {
	name := map[int]string{2: "Dot2Rows", 4: "Dot4Rows"}[rows]
	s.function(name, "writes scale*(q·k[i*stride:]) to out[i] for the rows i = 0 … rows-1, a multiple of the rows in its name.",
		"func(q []float32, k *float32, stride, rows int, scale float32, out *float32)")
	count, base := Load(Param("rows"), GP64()), scalar("k")
	stride, out := scalar("stride"), scalar("out")
	scale := s.parameter("scale")
	SHLQ(U8(2), stride)

	each := label("rows")
	Label(each)
	n, q := Load(Param("q").Len(), GP64()).(reg.GPVirtual), slice("q")
	pointers := []reg.GPVirtual{q}
	row := base
	for range rows {
		p := GP64()
		MOVQ(row, p)
		pointers = append(pointers, p)
		next := GP64()
		LEAQ(Mem{Base: row, Index: stride, Scale: 1}, next)
		row = next
	}
	MOVQ(row, base)
	sums := make([][]reg.VecVirtual, rows)
	for r := range sums {
		sums[r] = s.sums()
	}
	s.eachBlock(n, pointers, func(i int, a access) {
		v := a.load(q)
		for r := range rows {
			if a.masked {
				VFMADD231PS(a.load(pointers[r+1]), v, sums[r][i])
			} else {
				VFMADD231PS(at(pointers[r+1], a.disp), v, sums[r][i])
			}
		}
	})
	var fours []reg.VecVirtual
	for r := range sums {
		fours = append(fours, s.halve(sums[r], func(a, b, dst Op) { VADDPS(a, b, dst) }))
	}
	for i := 0; i < rows; i += 2 {
		VHADDPS(fours[i+1].AsX(), fours[i].AsX(), fours[i].AsX())
	}
	result := fours[0].AsX()
	VHADDPS(fours[(rows-1)/2*2].AsX(), result, result)
	VMULPS(scale.AsX(), result, result)
	if rows == 4 {
		VMOVUPS(result, at(out, 0))
	} else {
		VMOVLPS(result, at(out, 0))
	}
	ADDQ(U32(uint32(4*rows)), out)
	SUBQ(U32(uint32(rows)), count)
	JNZ(LabelRef(each))
	end()
}

// mixRows generates the sum of weighted rows for a number of full vectors, or, for 0, for up to one vector.
func (s set) mixRows(vectors int) {
	name := map[int]string{8: "Mix8Vectors", 4: "Mix4Vectors", 0: "MixUpToVector"}[vectors]
	doc, signature := "adds p[i]*v[i*stride:] to as many vectors at out.",
		"func(p []float32, v *float32, stride int, out *float32)"
	if vectors == 0 {
		doc, signature = "adds p[i]*v[i*stride:] to out, which has at most a vector's lanes.",
			"func(p []float32, v *float32, stride int, out []float32)"
	}
	s.function(name, doc, signature)
	n, p, v, stride := Load(Param("p").Len(), GP64()), slice("p"), scalar("v"), scalar("stride")
	SHLQ(U8(2), stride)
	var out reg.GPVirtual
	var accesses []access
	if vectors == 0 {
		out = slice("out")
		accesses = s.masks(Load(Param("out").Len(), GP64()), 1)
	} else {
		out = scalar("out")
		for i := range vectors {
			accesses = append(accesses, access{s: s, disp: i * s.bytes})
		}
	}
	var acc []reg.VecVirtual
	for _, a := range accesses {
		acc = append(acc, a.load(out))
	}
	loop := label("row")
	Label(loop)
	weight := s.vector()
	VBROADCASTSS(at(p, 0), weight)
	for i, a := range accesses {
		if a.masked {
			VFMADD231PS(a.load(v), weight, acc[i])
		} else {
			VFMADD231PS(at(v, a.disp), weight, acc[i])
		}
	}
	ADDQ(U32(4), p)
	ADDQ(stride, v)
	DECQ(n)
	JNZ(LabelRef(loop))
	for i, a := range accesses {
		a.store(acc[i], out)
	}
	end()
}
