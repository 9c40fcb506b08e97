package model

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/llm/tensor"
)

// Rounding to 4 bits errs by half a step at most, and keeps zero.
func TestRoundToInt4(t *testing.T) {
	w := make([]float32, roundingGroup)
	q := make([]uint8, len(w))
	for _, method := range []string{"awq", "gptq"} {
		for seed := range 50 {
			offset := float32(seed%5-2) / 2
			for i := range w {
				w[i] = float32(int32(mix64(uint64(seed*1000+i))))/(1<<31) + offset
			}
			w[7] = 0
			bits, zero := roundToInt4(method, w, q)
			scale := tensor.Float16Value(bits)
			for i, v := range w {
				got := scale * (float32(q[i]) - float32(zero))
				// The scale is itself rounded, by one part in 2^11, which 15 steps away is less than a hundredth of one. The
				// upper end of GPTQ's range is one step short of the lower.
				limit := float64(scale) * 0.51
				if method == "gptq" {
					limit = float64(scale) * 1.01
				}
				if d := math.Abs(float64(got - v)); d > limit {
					t.Fatalf("%s: %v becomes %v, %v steps away", method, v, got, d/float64(scale))
				}
			}
			if q[7] != zero {
				t.Fatalf("%s: 0 becomes %d, the zero is %d", method, q[7], zero)
			}
		}
		clear(w)
		if bits, _ := roundToInt4(method, w, q); tensor.Float16Value(bits) != 0 {
			t.Errorf("%s: a group of zeros has scale %v", method, tensor.Float16Value(bits))
		}
	}
}

// A model that is rounded while it is loaded is the same however it is split, and close to what it was.
func TestRoundedWeightsDoNotDependOnTheSplit(t *testing.T) {
	g := loadGolden(t, "testdata/llama")
	for _, method := range []string{"awq", "gptq"} {
		var logits [][]float32
		for _, ranks := range []int{1, 2, 4} {
			w, err := OpenWeights(g.dir, g.name, g.config)
			if err != nil {
				t.Fatal(err)
			}
			w.Store(tensor.Float16, method)
			s := newSplit(t, w, ranks, 1, len(g.ids))
			if f := s.shards[0].layers[0].qkv.weight.Format(); f != tensor.Int4 {
				t.Errorf("%s: weights are %v", method, f)
			}
			logits = append(logits, s.run(g.ids, 0))
			w.Close()
		}
		for i, l := range logits[1:] {
			if d := maxDifference(l, logits[0]); d > 1e-4 {
				t.Errorf("%s: over %d ranks logits differ by up to %g from those of one", method, 2<<i, d)
			}
		}
		if d := maxDifference(logits[0], g.logits); d < 1e-3 || d > 3 {
			t.Errorf("%s: logits differ by up to %g from those of the exact weights", method, d)
		}
	}
}

// In 16 bits a model is close to itself in 32; one that was stored in 16 bits is the same.
func TestHalfWeights(t *testing.T) {
	for _, test := range []struct {
		dir       string
		format    tensor.Format
		tolerance float64
	}{
		{"testdata/llama", tensor.BFloat16, 4e-2}, {"testdata/llama", tensor.Float16, 4e-3},
		{"testdata/opt", tensor.BFloat16, 2e-2}, {"testdata/opt350m-like", tensor.Float16, 2e-3}, {"testdata/llama-awq", tensor.Float16, 1e-4},
	} {
		g := loadGolden(t, test.dir)
		w, err := OpenWeights(g.dir, g.name, g.config)
		if err != nil {
			t.Fatal(err)
		}
		w.Store(test.format, "")
		s := newSplit(t, w, 1, 2, len(g.ids))
		if d := maxDifference(s.run(g.ids, 0), g.logits); d > test.tolerance {
			t.Errorf("%s in %v: logits differ by up to %g", test.dir, test.format, d)
		}
		if test.format == tensor.BFloat16 { // activations are rounded by as much as weights, if the CPU does so
			w.RoundActivations()
			s := newSplit(t, w, 1, 2, len(g.ids))
			if d := maxDifference(s.run(g.ids, 0), g.logits); d > 2*test.tolerance {
				t.Errorf("%s in %v with rounded activations: logits differ by up to %g", test.dir, test.format, d)
			}
		}
		w.Close()
	}
}

func TestParseQuantization(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`null`, ""},
		{`{"quant_method":"awq","bits":4}`, "awq 128 +0"},
		{`{"quant_method":"AWQ","w_bit":4,"q_group_size":64,"version":"GEMM","zero_point":true}`, "awq 64 +0"},
		{`{"quant_method":"gptq","bits":4,"group_size":-1}`, "gptq 0 +1"},
		{`{"quant_method":"gptq","bits":4,"group_size":32,"checkpoint_format":"gptq_v2","dynamic":{}}`, "gptq 32 +0"},
		{`{"quant_method":"gptq","bits":8}`, "error: gptq of 8 bits"},
		{`{"quant_method":"gptq","bits":4,"is_marlin_format":true}`, "error: Marlin's layout"},
		{`{"quant_method":"gptq","bits":4,"dynamic":{"-:.*":{}}}`, `error: "dynamic"`},
		{`{"quant_method":"awq","bits":4,"zero_point":false}`, "error: zero_point false"},
		{`{"quant_method":"awq","bits":4,"group_size":-2}`, "error: group_size -2"},
		{`{"bits":4}`, `error: quant_method ""`},
		{`[]`, "error: quantization_config"},
	} {
		q, err := parseQuantization(json.RawMessage(test.text), "LlamaForCausalLM")
		switch want, fails := strings.CutPrefix(test.want, "error: "); {
		case fails:
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", test.text, err, want)
			}
		case err != nil:
			t.Errorf("%s: %v", test.text, err)
		case test.want == "":
			if q != nil {
				t.Errorf("%s: %+v", test.text, q)
			}
		default:
			if got := fmt.Sprintf("%s %d +%d", q.method, q.groupSize, q.zeroOffset); got != test.want {
				t.Errorf("%s: %s, want %s", test.text, got, test.want)
			}
		}
	}
}
