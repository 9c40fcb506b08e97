package roofline

import (
	"math"
	"testing"

	"github.com/inferprof/inferprof/trace"
)

// TestWork: the figures are TraceLens', checked by hand.
func TestWork(t *testing.T) {
	check := func(what string, flops, bytes, wantGFLOP, wantMiB float64) {
		t.Helper()
		if math.Abs(flops/1e9-wantGFLOP) > 1e-6 || math.Abs(bytes/(1<<20)-wantMiB) > 0.006 {
			t.Errorf("%s: %.9f GFLOP, %.4f MiB; want %v, %v", what, flops/1e9, bytes/(1<<20), wantGFLOP, wantMiB)
		}
	}
	f, b := gemmWork(1, 8944, 2816, 1024, 2, 2, 2, 0)
	check("mm", f, b, 51.581550592, 71.0078125)
	f, b = gemmWork(1, 8944, 1024, 1024, 2, 2, 2, 1024)
	check("addmm", f, b, 18.766086144, 36.939453125)
	f, b = gemmWork(1, 32, 24576, 4096, 2, 2, 2, 0)
	check("gate-up", f, b, 6.442450944, 193.75)
	f, b = sdpaWork(16, 16, 16, 559, 559, 64, 64, true, 2)
	check("sdpa", f, b, 10.239377408, 69.875)
	none := trace.AttentionSums{Query: 0, Key: 0, QuerySq: 0, QueryKey: 0}
	f, b = pagedWork(none, trace.AttentionSums{Query: 32, Key: 55086, QuerySq: 32, QueryKey: 55086}, 32, 64, 8, 64, 64, 2, 2)
	check("paged, vLLM", f, b, 0.902529024, 108.08984375)
	f, b = pagedWork(none, trace.AttentionSums{Query: 32, Key: 32785, QuerySq: 32, QueryKey: 32785}, 32, 32, 8, 128, 128, 2, 2)
	check("paged, SGLang", f, b, 0.53714944, 128.56640625)
	f, b = expertWork(32, 3072, 2*3072, 32, 4, 32, 32*4, 0.5, 2)
	b -= 32 * 4 * 3072 * 2 // the gate halves what is written
	check("experts up", f, b, 4.831838208, 284.92)
	f, b = expertWork(32, 3072, 3072, 32, 4, 32*4, 32, 0.5, 2)
	check("experts down", f, b, 2.415919104, 142.93)
}
