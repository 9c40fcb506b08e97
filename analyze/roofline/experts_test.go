package roofline

import (
	"math"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/kineto"
)

// TestExperts: what a mixture of experts does, by the inputs of its op. 16 tokens of 64 elements, 2 of 8 experts each, whose
// inner size is 32: up makes 64 (gated), down takes 32.
func TestExperts(t *testing.T) {
	const flops = 2*16*2*64*64 + 2*16*2*32*64
	active := 8 * (1 - math.Pow(6.0/8, 16))
	bytes := func(width float64) float64 {
		return active*64*64*width + (16*64+16*2*64)*2 + active*32*64*width + (16*2*32+16*64)*2
	}
	for _, test := range []struct {
		name, op, dims, types string
		known                 bool
		width                 float64
	}{
		{"vLLM", "vllm::outplace_fused_experts", "[[16, 64], [8, 64, 64], [8, 64, 32], [16, 2], [16, 2]]",
			`["c10::BFloat16", "c10::BFloat16", "c10::BFloat16", "float", "int"]`, true, 2},
		{"AITER, 8 bits", "vllm::rocm_aiter_fused_moe", "[[16, 64], [8, 64, 64], [8, 64, 32], [16, 2], [16, 2]]",
			`["c10::BFloat16", "c10::Float8_e4m3fnuz", "c10::Float8_e4m3fnuz", "float", "int"]`, true, 1},
		{"choices before the weights", "vllm::flashinfer_fused_moe", "[[16, 64], [16, 2], [16, 2], [8, 64, 64], [8, 64, 32]]",
			`["c10::BFloat16", "int", "float", "c10::BFloat16", "c10::BFloat16"]`, true, 2},
		{"4 bits, packed along the inputs", "vllm::fused_moe", "[[16, 64], [8, 64, 32], [8, 64, 16], [16, 2], [16, 2]]",
			`["c10::BFloat16", "unsigned char", "unsigned char", "float", "int"]`, true, 0.5},
		{"inputs first", "vllm::fused_moe", "[[16, 64], [8, 32, 64], [8, 16, 64], [16, 2], [16, 2]]",
			`["c10::BFloat16", "unsigned char", "unsigned char", "float", "int"]`, true, 0.5},
		{"no choices", "vllm::fused_moe", "[[16, 64], [8, 64, 64], [8, 64, 32]]", `["c10::BFloat16", "c10::BFloat16", "c10::BFloat16"]`, false, 0},
		{"packed by a kernel's own order", "vllm::fused_marlin_moe", "[[16, 64], [8, 4, 128], [8, 2, 128], [16, 2], [16, 2]]",
			`["c10::BFloat16", "int", "int", "float", "int"]`, false, 0},
		{"sizes that do not fit", "vllm::fused_moe", "[[16, 64], [8, 64, 64], [8, 64, 24], [16, 2], [16, 2]]",
			`["c10::BFloat16", "c10::BFloat16", "c10::BFloat16", "float", "int"]`, false, 0},
	} {
		m := modelOf(test.op)
		if m == nil {
			if test.known {
				t.Errorf("%s: no model of %s", test.name, test.op)
			}
			continue
		}
		w, ok := m.of(&opCall{in: inputTensors(inputsOf(test.dims, test.types))})
		if ok != test.known || ok && (w.flops != flops || math.Abs(w.bytes-bytes(test.width)) > 1) {
			t.Errorf("%s: %v, %+v; want %v, %d FLOP, %.0f bytes", test.name, ok, w, test.known, flops, bytes(test.width))
		}
	}
}

// inputsOf decodes lists of shapes and types as files spell them.
func inputsOf(shapes, dtypes string) ([]trace.Shape, []string) {
	t := &trace.Trace{Strings: trace.NewStrings()}
	return t.Inputs.Shapes(kineto.ShapesOf(t, shapes)).Args, t.Inputs.Dtypes(kineto.DtypesOf(t, dtypes)).Names
}
