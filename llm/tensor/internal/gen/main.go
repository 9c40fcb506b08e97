// Gen writes package asm, one file of assembly and one of declarations for each kernel set:
//
//	go run . -set avx2 -out ../asm/avx2_amd64.s -stubs ../asm/avx2_amd64.go
//
// It is a module of its own, so that users of the engine need not download the assembler's generator. All sets come
// from one description (set.go says what differs), which is what makes them agree bit for bit.
package main

import (
	"flag"
	"log"
	"os"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
)

func main() {
	name := flag.String("set", "", "kernel set to generate: avx2, avx512, or what newer CPUs add to them: avxvnni, avx512dot")
	flag.Parse()
	if err := flag.Set("pkg", "asm"); err != nil {
		log.Fatal(err)
	}
	os.Args = []string{os.Args[0], "-set", *name} // what the files say that they are made by, wherever they are written to
	ConstraintExpr("amd64")
	switch *name {
	case "avx2":
		pause()
		packRows4()
		set{suffix: "AVX2", bytes: 32}.all()
	case "avx512":
		set{suffix: "AVX512", bytes: 64, wide: true}.all()
	case "avxvnni":
		set{suffix: "AVXVNNI", bytes: 32, vnni: true}.tilesInt8()
	case "avx512dot":
		set{suffix: "AVX512VNNI", bytes: 64, wide: true, vnni: true}.tilesInt8()
		set{suffix: "AVX512", bytes: 64, wide: true}.tilesBF16Dot()
	default:
		log.Fatalf("generate kernel set %q: choose avx2, avx512, avxvnni or avx512dot", *name)
	}
	pass.Compile = pass.Concat(pass.Compile, pass.FunctionPass(replace(standsIn[*name])))
	Generate()
}

func (s set) all() {
	s.tiles()
	s.int4()
	s.int8()
	s.convert()
	s.elementwise()
	s.reductions()
	s.attention()
	s.read()
	s.peak()
}
