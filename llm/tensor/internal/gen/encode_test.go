package main

import (
	"encoding/hex"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// What binutils 2.40 makes of the same instructions.
func TestEncode(t *testing.T) {
	dot, bytes := standsIn["avx512dot"]["VPDPWSSD"], standsIn["avxvnni"]["VPDPBUSD"]
	one := []string{"BCST"}
	for _, test := range []struct {
		s        standIn
		suffixes []string
		operands []Op
		want     string
	}{
		{dot, one, []Op{at(reg.RCX, 0), reg.Z5, reg.Z2}, "62f256585211"},
		{dot, one, []Op{at(reg.R13, 4), reg.Z31, reg.Z17}, "62c20650524d01"},
		{dot, one, []Op{at(reg.R13, 0), reg.Z0, reg.Z8}, "62527e58524500"},
		{dot, one, []Op{at(reg.R12, 508), reg.Z9, reg.Z25}, "62423658524c247f"},
		{dot, one, []Op{at(reg.RSP, 512), reg.Z16, reg.Z15}, "62727e5052bc2400020000"},
		{dot, one, []Op{at(reg.RAX, 6), reg.Z1, reg.Z1}, "62f27658528806000000"},
		{dot, nil, []Op{at(reg.RBX, -128), reg.Z1, reg.Z30}, "626276485273fe"},
		{dot, nil, []Op{reg.Z29, reg.Z14, reg.Z6}, "62920e4852f5"},
		{dot, nil, []Op{reg.Z10, reg.Z22, reg.Z24}, "62424e4052c2"},
		{bytes, nil, []Op{reg.Y11, reg.Y9, reg.Y5}, "c4c23550eb"},
		{bytes, nil, []Op{reg.Y2, reg.Y15, reg.Y8}, "c4620550c2"},
	} {
		i := &ir.Instruction{Suffixes: test.suffixes, Operands: test.operands}
		code, err := test.s.encode(test.s, i)
		if got := hex.EncodeToString(code); err != nil || got != test.want {
			t.Errorf("%s%s is %s (%v), want %s", test.s.name, text(i), got, err, test.want)
		}
	}
	for _, operands := range [][]Op{
		{reg.Y16, reg.Y9, reg.Y5}, {at(reg.RAX, 0), reg.Y9, reg.Y5}, // of AVX-VNNI
	} {
		if _, err := bytes.encode(bytes, &ir.Instruction{Operands: operands}); err == nil {
			t.Errorf("%v is encoded", operands)
		}
	}
	if _, err := dot.encode(dot, &ir.Instruction{Operands: []Op{Mem{Base: reg.RAX, Index: reg.RBX, Scale: 4}, reg.Z9, reg.Z5}}); err == nil {
		t.Error("an address with an index is encoded")
	}
}
