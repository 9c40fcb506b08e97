package categories

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKernelName(t *testing.T) {
	for name, want := range map[string]string{
		"std::enable_if<(((8)>(0)))&&vllm::_typeConvert<c10::Half>::exists, void>::type vllm::fused_add_rms_norm_kernel<c10::Half, 8, true>(c10::Half*, long)":                                                                       "fused_add_rms_norm_kernel",
		"void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<int>, std::array<char*, 1ul> >(int)":                                                                                                              "vectorized_elementwise_kernel<FillFunctor>",
		"void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl_nocast<at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()":                                                                     "elementwise_kernel<direct_copy_kernel_cuda>",
		"void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<c10::Half, float, false>(int, float)":                                                                                                                  "vectorized_layer_norm_kernel",
		"void cutlass::Kernel2<cutlass_80_tensorop_s16816gemm_bf16_128x64_64x6_tn_align8>(cutlass_80::Params)":                                                                                                                       "cutlass_80_tensorop_s16816gemm_bf16_128x64_64x6_tn_align8",
		"void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<flash::CollectiveMainloopFwdSm90<2, cute::tuple<cute::C<1>, cute::C<1>, cute::C<1> >, cute::tuple<cute::C<64>, cute::C<128>, cute::C<96> >": "FlashAttnFwdSm90 64x128x96",
		"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevComm*, unsigned long, ncclWork*)":                                                                                                                                           "ncclDevKernel_AllReduce_Sum_bf16_RING_LL",
		"nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT": "nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT",
		"Memcpy HtoD (Pinned -> Device)":         "Memcpy HtoD (Pinned -> Device)",
		"_ZN5aiter24add_rmsnorm_quant_kernelIDF16bDF16bLi256ELi16ELb1ELb0ELb0ELi1EEEvPT0_PT_PfS4_S4_S4_diiiiiiib":           "add_rmsnorm_quant_kernel",
		"_ZN7ck_tile6kentryILi1ENS_12Rmsnorm2dFwdINS_27Rmsnorm2dFwdPipelineOnePassINS_27Rmsnorm2dFwdPipelineProblemIDF16bE": "Rmsnorm2dFwd",
		"_ZN1":       "_ZN1",
		"_ZN6kentry": "kentry",
		"(anonymous namespace)::resolve_kernel(int*)": "resolve_kernel",
		"": "",
	} {
		if got := ShortKernel(name); got != want {
			t.Errorf("ShortKernel(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestKernelNamesApart: kernels that differ in their types alone are told apart by them.
func TestKernelNamesApart(t *testing.T) {
	fill := "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<%s>, std::array<char*, 1ul> >(int, at::native::FillFunctor<%s>, std::array<char*, 1ul>)"
	got := ShortKernels([]string{fmt.Sprintf(fill, "int", "int"), "nvjet", fmt.Sprintf(fill, "c10::BFloat16", "c10::BFloat16"), "other<int>(int)"})
	want := []string{"vectorized_elementwise_kernel<FillFunctor> (int)", "nvjet", "vectorized_elementwise_kernel<FillFunctor> (BFloat16)", "other"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mangled := "_ZN5aiter24add_rmsnorm_quant_kernelIDF16bDF16bLi%dELi8ELb1ELb0ELb1ELi1EEEvPT0_PT_PfS4_S4_S4_diiiiiiib"
	got = ShortKernels([]string{fmt.Sprintf(mangled, 64), fmt.Sprintf(mangled, 256)})
	if diff := cmp.Diff([]string{"add_rmsnorm_quant_kernel (64)", "add_rmsnorm_quant_kernel (256)"}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzShortKernel(f *testing.F) {
	for _, s := range []string{"void a::b<c::d<1>, e>(int)", "_ZN5aiter3fooE", "_ZN", "_ZN99999999999999999999x", "<", ">(", "::", "a<b", "Kernel2<>", "é<ü>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got := ShortKernel(name); name != "" && got == "" {
			// A name of nothing but noise may vanish; a name with a word in it may not.
			if regexp.MustCompile(`^[A-Za-z]\w*$`).MatchString(name) {
				t.Errorf("ShortKernel(%q) is empty", name)
			}
		}
	})
}
