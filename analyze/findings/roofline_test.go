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
