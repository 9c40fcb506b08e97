package main

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Instructions that Go's assembler does not know are written as bytes. A kernel is described with a stand-in: an
// instruction that the generator knows, of the same operands, so that registers are given out as for any other. When they
// have been, the stand-in is replaced by the bytes of the one that is meant. Two are needed, and both differ from their stand-in in
// little:
//
//	VDPBF16PS   is VPDPWSSD with another mandatory prefix
//	VPDPBUSD    of AVX-VNNI is that of AVX512-VNNI in the older encoding, without its registers above 15

// A standIn is what an instruction is encoded as.
type standIn struct {
	name   string // of the instruction that is meant
	isa    string // what it needs
	opcode byte
	encode func(standIn, *ir.Instruction) ([]byte, error)
}

// standsIn are the stand-ins of each kernel set.
var standsIn = map[string]map[string]standIn{
	"avx512dot": {"VPDPWSSD": {"VDPBF16PS", "AVX512_BF16", 0x52, standIn.evex}},
	"avxvnni":   {"VPDPBUSD": {"VPDPBUSD", "AVX_VNNI", 0x50, standIn.vex}},
}

// replace is the pass that puts bytes in the place of stand-ins.
func replace(byOpcode map[string]standIn) func(*ir.Function) error {
	return func(f *ir.Function) error {
		var nodes []ir.Node
		needs := map[string]bool{}
		for _, node := range f.Nodes {
			i, isInstruction := node.(*ir.Instruction)
			if !isInstruction {
				nodes = append(nodes, node)
				continue
			}
			s, found := byOpcode[i.Opcode]
			if !found {
				nodes = append(nodes, node)
				for _, isa := range i.ISA {
					needs[isa] = true
				}
				continue
			}
			code, err := s.encode(s, i)
			if err != nil {
				return fmt.Errorf("encode %s in %s: %w", s.name, f.Name, err)
			}
			needs[s.isa] = true
			nodes = append(nodes, ir.NewComment(s.name+text(i)))
			nodes = append(nodes, data(code)...)
		}
		f.Nodes, f.ISA = nodes, slices.Sorted(maps.Keys(needs))
		return nil
	}
}

// text is the operands of an instruction, as the assembler's are written.
func text(i *ir.Instruction) (s string) {
	for _, suffix := range i.Suffixes {
		s += "." + suffix
	}
	for n, op := range i.Operands {
		s += map[bool]string{true: " ", false: ", "}[n == 0] + op.Asm()
	}
	return s
}

// data are directives for bytes: by fours as long as there are so many.
func data(code []byte) (nodes []ir.Node) {
	for ; len(code) >= 4; code = code[4:] {
		nodes = append(nodes, &ir.Instruction{Opcode: "LONG", Operands: []operand.Op{operand.U32(binary.LittleEndian.Uint32(code))}})
	}
	for _, b := range code {
		nodes = append(nodes, &ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(b)}})
	}
	return nodes
}

// registers are the numbers of the destination and the first source, the last two operands.
func registers(i *ir.Instruction) (dst, first int) {
	return number(i.Operands[2].(reg.Register)), number(i.Operands[1].(reg.Register))
}

func number(r reg.Register) int { return int(r.(reg.Physical).PhysicalIndex()) }

// bit is 1 if the bit of n is 0: the encodings have register numbers inverted.
func bit(n, which int) byte { return byte(^n >> which & 1) }

// evex encodes an instruction of three operands in registers of 512 bits, the second source perhaps in memory,
// whole or one value for all lanes. Intel's manual has the fields in volume 2, section 2.7.
func (s standIn) evex(i *ir.Instruction) ([]byte, error) {
	const f3, w0, map0F38, length512 = 2, 0, 2, 2
	dst, first := registers(i)
	var b byte
	x, broadcast := byte(1), byte(0)
	var tail []byte
	switch second := i.Operands[0].(type) {
	case reg.Register:
		n := number(second)
		x, b = bit(n, 4), bit(n, 3)
		tail = []byte{modRM(3, dst, n)}
	case operand.Mem:
		if second.Index != nil || second.Base == nil || second.Symbol.Name != "" {
			return nil, fmt.Errorf("address %s is not a register and a displacement", second.Asm())
		}
		unit := 64 // of short displacements
		for _, suffix := range i.Suffixes {
			if suffix == "BCST" {
				broadcast, unit = 1, 4
			}
		}
		n := number(second.Base)
		b = bit(n, 3)
		tail = address(dst, n, second.Disp, unit)
	default:
		return nil, fmt.Errorf("operand %v", second)
	}
	code := []byte{
		0x62,
		bit(dst, 3)<<7 | x<<6 | b<<5 | bit(dst, 4)<<4 | map0F38,
		w0<<7 | byte(^first&15)<<3 | 1<<2 | f3,
		length512<<5 | broadcast<<4 | bit(first, 4)<<3,
		s.opcode,
	}
	return append(code, tail...), nil
}

// vex encodes an instruction of three registers of 256 bits: section 2.3.
func (s standIn) vex(i *ir.Instruction) ([]byte, error) {
	const prefix66, w0, map0F38, length256 = 1, 0, 2, 1
	dst, first := registers(i)
	r, isRegister := i.Operands[0].(reg.Register)
	if !isRegister {
		return nil, fmt.Errorf("operand %s is no register", i.Operands[0].Asm())
	}
	second := number(r)
	if max(dst, first, second) > 15 {
		return nil, fmt.Errorf("registers %d, %d and %d: the encoding has 16", dst, first, second)
	}
	return []byte{
		0xc4,
		bit(dst, 3)<<7 | 1<<6 | bit(second, 3)<<5 | map0F38,
		w0<<7 | byte(^first&15)<<3 | length256<<2 | prefix66,
		s.opcode,
		modRM(3, dst, second),
	}, nil
}

func modRM(mode, r, rm int) byte { return byte(mode<<6 | r&7<<3 | rm&7) }

// address is the operand at a displacement from a base register: short displacements count units.
func address(r, base, displacement, unit int) []byte {
	const withSIB, noIndex = 4, 4
	mode := 2
	switch {
	case displacement == 0 && base&7 != 5: // that would be relative to the instruction pointer
		mode = 0
	case displacement%unit == 0 && displacement/unit == int(int8(displacement/unit)):
		mode = 1
	}
	code := []byte{modRM(mode, r, base)}
	if base&7 == withSIB {
		code = append(code, noIndex<<3|withSIB)
	}
	switch mode {
	case 1:
		code = append(code, byte(displacement/unit))
	case 2:
		code = binary.LittleEndian.AppendUint32(code, uint32(displacement))
	}
	return code
}
