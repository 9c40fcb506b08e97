package findings

import (
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// No advice that a shape follows already.
func TestAdvice(t *testing.T) {
	tests := []struct {
		name, dims, dtype string
		amd               bool
		want, not         []string
	}{
		{"few rows, aligned", "[[8, 4096], [4096, 14336]]", "bf16", false, []string{"batch more: M = 8"}, []string{"pad", "TF32", "TunableOp", "attention"}},
		{"many rows, aligned", "[[32768, 2048], [2048, 2048], [32768, 2048]]", "bf16", true, []string{"TunableOp"}, []string{"pad", "batch", "TF32", "attention"}},
		{"odd N", "[[2048], [4096, 512], [512, 2050], [], []]", "fp16", false, []string{"pad N = 2050 to a multiple of 64"}, []string{"batch", "K ="}},
		{"odd K, linear", "[[16, 100, 1000], [4096, 1000], []]", "fp16", false, []string{"pad K = 1000"}, []string{"batch", "N ="}},
		{"in fp32", "[[768], [128, 768], [768, 768], [], []]", "fp32", false, []string{"TF32"}, []string{"batch", "pad"}},
		{"writing scores", "[[96, 3137, 64], [96, 64, 3137]]", "bf16", false, []string{"fused kernel", "pad N = 3137"}, []string{"batch"}},
		{"reading scores", "[[96, 3137, 3137], [96, 3137, 64]]", "bf16", false, []string{"fused kernel", "pad K = 3137"}, []string{"batch"}},
		{"padding that would be most of it", "[[37632, 8, 64], [37632, 64, 8]]", "bf16", true, []string{"rather than a batch of small products"}, []string{"pad", "write its scores"}},
		{"unknown", "", "bf16", false, []string{"cublasLt"}, []string{"pad", "batch"}},
	}
	for _, test := range tests {
		got := adviceFor(&analyze.RooflineOp{Name: "aten::mm", Dims: test.dims, Dtype: test.dtype}, test.amd)
		for _, w := range test.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in %q", test.name, w, got)
			}
		}
		for _, w := range test.not {
			if strings.Contains(got, w) {
				t.Errorf("%s: %q in %q", test.name, w, got)
			}
		}
	}
}

// No two rules about matrix multiplications have the same time at stake: together they have no more than these take.
func TestGEMMsAreClaimedOnce(t *testing.T) {
	types := `["c10::BFloat16", "c10::BFloat16"]`
	list := []kernel{
		{name: "nvjet_far_below", ns: 300_000, blocks: 0.3, op: "aten::mm", dims: "[[8, 4096], [4096, 4096]]", types: types},
		{name: "nvjet_thin", ns: 15_000, blocks: 0.1, op: "aten::mm", dims: "[[8, 1024], [1024, 1024]]", types: types},
		{name: "nvjet_thin", ns: 15_000, blocks: 0.1, op: "aten::mm", dims: "[[8, 1024], [1024, 1024]]", types: types},
		{name: "awq_gemm_kernel", ns: 200_000, blocks: 0.2, op: "aten::mm", dims: "[[8, 2048], [2048, 2048]]", types: types},
	}
	var gemms int64
	for _, k := range list {
		gemms += k.ns
	}
	for _, quantization := range []string{"", "gptq"} {
		b := newBuilder(0, 1)
		b.run(steps{n: 12, kernels: func(int) []kernel { return list }})
		var stakes int64
		for _, f := range find(analyze.Options{Capture: &analyze.Capture{Quantization: quantization}}, b.Trace) {
			switch f.ID {
			case "gemm_below_roofline", "low_occupancy_gemm", "slow_quantized_gemm", "quantization_not_in_effect":
				stakes += f.StakeNsPerStep
			}
		}
		if stakes == 0 || stakes > gemms {
			t.Errorf("quantization %q: %d ns at stake of %d", quantization, stakes, gemms)
		}
	}
}
