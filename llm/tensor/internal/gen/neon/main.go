// Neon writes package asm's part for 64-bit Arm:
//
//	go run ./neon -out ../asm/neon_arm64.s -stubs ../asm/neon_arm64.go
//
// The AVX sets' generator, next door, cannot be used for it: its assembler knows x86 alone. asm.go is the small part of
// an assembler that these kernels need. They compute in the order of the AVX sets: the essays there hold here, too, and the
// results are theirs.
package main

import (
	"bytes"
	"flag"
	"log"
	"os"
)

func main() {
	out := flag.String("out", "", "file to write the assembly to")
	stubs := flag.String("stubs", "", "file to write the declarations to")
	flag.Parse()
	text, declarations := generate()
	for _, file := range []struct {
		name    string
		content []byte
	}{{*out, text}, {*stubs, declarations}} {
		if err := os.WriteFile(file.name, file.content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the assembly and the declarations of its functions.
func generate() (text, declarations []byte) {
	a := newAssembler()
	a.pause()
	a.packRows4()
	a.tiles()
	a.int4()
	a.int8()
	a.convert()
	a.elementwise()
	a.reductions()
	a.attention()
	a.read()
	a.peak()
	a.masks()
	return oneNewline(a.text.Bytes()), oneNewline(a.stubs.Bytes())
}

func oneNewline(text []byte) []byte { return append(bytes.TrimRight(text, "\n"), '\n') }
