package analyze

import (
	"math"
	"testing"

	"github.com/inferprof/inferprof/trace"
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

// TestExpertsInside: gpt-oss' experts are Triton kernels inside moe_forward, whose inputs are the tokens and the router's logits
// alone. The sizes are the padded ones that the weights have: up to 5,888 and down from 2,944 of 3,072.
func TestExpertsInside(t *testing.T) {
	capture := readReal(t, "tl__inference__vllm_decode_full__capture_traces__graph_capture_rank_0.1773709742341309550")
	res := Analyze([]*trace.Trace{readReal(t, "tl__inference__vllm_decode_full__graph_execution")}, Options{CaptureTraces: []*trace.Trace{capture}})
	o := findOp(t, res.Roofline, "vllm::moe_forward", "[[32, 3072], [32, 32], [], []]")
	const flops = 2*32*4*3072*5888 + 2*32*4*2944*3072
	if o.Count != 24 || !o.Graph || o.Kind != modelMoE || o.FLOPs/24 != flops || o.Invalid || o.RooflinePercent <= 0 {
		t.Errorf("%+v", o)
	}
	// TraceLens takes both for 3,072: 4.83 and 2.42 GFLOP, 284.92 and 142.93 MiB.
	if tl := (284.92 + 142.93) * mib; o.Bytes/24 > tl || o.Bytes/24 < 0.94*tl || flops > 7.25e9 || flops < 0.94*7.25e9 {
		t.Errorf("%.1f MiB, %.3f GFLOP a call", o.Bytes/24/mib, flops/1e9)
	}
}
