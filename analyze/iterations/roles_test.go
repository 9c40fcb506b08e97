package iterations

import (
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// A decoder layer in kernels of two libraries: the roles are the same.
func TestKernelRoles(t *testing.T) {
	for name, layer := range map[string][][2]string{
		"cuBLAS": {{"rms_norm_kernel", "norm"}, {"nvjet_1", roleQKV}, {"rotary_embedding_kernel", "rope"}, {"reshape_and_cache_flash_kernel", "kv_cache"},
			{"flash_fwd_splitkv_kernel", "attention"}, {"nvjet_2", roleOut}, {"splitKreduce_kernel", roleOut}, {"fused_add_rms_norm_kernel", "norm"},
			{"nvjet_3", roleUp}, {"silu_and_mul_kernel", "activation"}, {"nvjet_4", roleDown}, {"cross_device_reduce_1stage", "comm"}},
		"Machete and Triton": {{"triton_red_fused_add_rms_norm_0", "norm"}, {"Memset (Device)", "memset"}, {"device_kernel<machete::X>", roleQKV},
			{"triton_poi_fused_1", "triton"}, {"reshape_and_cache_flash_kernel", "kv_cache"}, {"flash::FlashAttnFwd", "attention"}, {"Memset (Device)", "memset"},
			{"device_kernel<machete::X>", roleOut}, {"triton_red_fused_add_rms_norm_2", "norm"}, {"device_kernel<machete::Y>", roleUp},
			{"triton_poi_fused_mul_silu_slice_1", "activation"}, {"device_kernel<machete::X>", roleDown}},
		"norms of q and k": {{"rms_norm_kernel", "norm"}, {"nvjet_1", roleQKV}, {"qk_norm_kernel", "norm"}, {"flash_fwd", "attention"}, {"nvjet_2", roleOut}},
		"the end":          {{"rms_norm_kernel", "norm"}, {"nvjet_5", roleLMHead}, {"argmax_kernel", "sampling"}},
		"nothing to go by": {{"nvjet_1", "gemm"}, {"nvjet_2", "gemm"}},
	} {
		b := tracetest.New()
		for i, k := range layer {
			category := trace.CategoryKernel
			if k[1] == "memset" {
				category = trace.CategoryMemset
			}
			b.GPU(category, k[0], 7, int64(i), int64(100*i), 50)
		}
		r := Of(b.Trace, 0, &index.Options{})
		if r.Whole == nil {
			t.Fatalf("%s: no whole", name)
		}
		for _, k := range layer {
			if !slices.ContainsFunc(r.Work, func(w Work) bool { return w.Name == k[0] && w.Role == k[1] }) {
				t.Errorf("%s: %s is not %s: %+v", name, k[0], k[1], r.Work)
			}
		}
	}
}
