package categories

import "testing"

// plainly is the category of a name by the expressions alone.
func plainly(rules []rule, name string) string {
	for _, r := range rules {
		if r.match.MatchString(name) {
			return r.category
		}
	}
	return Other
}

// FuzzFilter: no name gets another category for not being put to every expression.
func FuzzFilter(f *testing.F) {
	for _, name := range []string{"", "ncclDevKernel_AllReduce", "void vllm::RMSNorm<half>", "ampere_fp16_s16816gemm", "Memcpy DtoH", "aten::addmm",
		"\u212aernel_moe", "re\u017fhape_and_cache", "triton_poi_fused_add", "bmm_E2m1_t128x8", "cub::DeviceScan", "TopK", "\xff\xfe gemm"} {
		f.Add(name)
	}
	kernels, ops := New(Kernels), New(Ops)
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := kernels.Of(name), plainly(Kernels, name); got != want {
			t.Errorf("kernel %q is %s, by the expressions %s", name, got, want)
		}
		if got, want := ops.Of(name), plainly(Ops, name); got != want {
			t.Errorf("op %q is %s, by the expressions %s", name, got, want)
		}
	})
}

// TestAlternatives: what an expression is taken apart into: words that are all there is to match, words and an expression, or
// an expression alone.
func TestAlternatives(t *testing.T) {
	for _, c := range []struct {
		expression             string
		words, filtered, plain int
	}{
		{`(?i)gemm|nvjet`, 2, 0, 0}, {`^aten::(mm|addmm)$`, 0, 1, 0}, {`(?i)topk_?softmax`, 1, 0, 0}, {`[ab]c?`, 0, 0, 1}, {`abc|.`, 1, 0, 1},
		{`(abc)+d`, 0, 1, 0}, {`(?i)a_?b(ce|df)`, 1, 0, 0}, {`(?i:ab)CD`, 0, 1, 0}, {`a?`, 0, 0, 1}, {`fp8.*gemm`, 0, 1, 0},
	} {
		words, filtered, plain := 0, 0, 0
		for _, a := range alternatives(c.expression) {
			switch {
			case a.match == nil:
				words++
			case a.words != nil:
				filtered++
			default:
				plain++
			}
		}
		if words != c.words || filtered != c.filtered || plain != c.plain {
			t.Errorf("%s: %d, %d, %d; want %d, %d, %d", c.expression, words, filtered, plain, c.words, c.filtered, c.plain)
		}
	}
}

func BenchmarkCategorizer(b *testing.B) {
	names := []string{
		"void cutlass::Kernel2<cutlass_80_tensorop_f16_s16816gemm_relu_f16_64x64_64x6_tn_align8>(cutlass_80_tensorop_f16_s16816gemm_relu_f16_64x64_64x6_tn_align8::Params)",
		"void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl_nocast<at::native::BinaryFunctor<float, half, float, at::native::binary_internal::MulFunctor<float> > >(at::TensorIteratorBase&, at::native::BinaryFunctor<float, half, float, at::native::binary_internal::MulFunctor<float> > const&)::{lambda(int)#1}>(int, at::native::gpu_kernel_impl_nocast<at::native::BinaryFunctor<float, half, float, at::native::binary_internal::MulFunctor<float> > >(at::TensorIteratorBase&)::{lambda(int)#1})",
		"something that no rule knows of, as long as the names of kernels are that were made by templates",
	}
	for _, c := range []struct {
		name string
		of   func(string) string
	}{
		{"filtered", func(name string) string { return New(Kernels).Of(name) }},
		{"plain", func(name string) string { return plainly(Kernels, name) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				for _, n := range names {
					c.of(n)
				}
			}
		})
	}
}
