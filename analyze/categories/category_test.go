package categories

import (
	"testing"
)

func TestCommRules(t *testing.T) {
	for name, want := range map[string][2]bool{ // wide, TraceLens
		"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevComm*)":    {true, true},
		"void vllm::cross_device_reduce_1stage<half, 4>()":          {true, true},
		"multimem_all_reduce_kernel":                                {true, false},
		"deep_ep::internode::dispatch":                              {true, false},
		"triton_poi_fused_add_all_reduce_embedding_0":               {false, false},
		"triton_red_fused_nccl_0":                                   {false, true},
		"nvjet_sm90_hsh_128x8_64x12_2x1_v_bz_TNT":                   {false, false},
		"void quickreduce::allreduce_prototype_twoshot<half, quick": {true, false},
	} {
		category := New(Kernels).Of(name)
		if got := [2]bool{CommWide.IsComm(name, category), CommTraceLens.IsComm(name, category)}; got != want {
			t.Errorf("%s: wide, TraceLens = %v, want %v", name, got, want)
		}
	}
}

func TestCategories(t *testing.T) {
	kernels, ops := New(Kernels), New(Ops)
	for name, want := range map[string]string{
		"flashinfer::norm::FusedAddRMSNormKernel":                                       "norm", // not attn, for "flash"
		"bmm_E2m1_E2m1E2m1_Fp32_t128x8x512":                                             "moe_gemm",
		"bmm_Bfloat16_Bfloat16_Fp32":                                                    "gemm",
		"_p_matmul_ogs_NNT_bf16xbf16xmxfp4_swiglu":                                      "moe_gemm",
		"void cublasLt::splitKreduce_kernel<32, 16>":                                    "gemm", // not reduce
		"finalize_matmul_scatter":                                                       "moe_route",
		"void vllm::reshape_and_cache_flash_kernel<short>":                              "kv_cache",
		"triton_poi_fused_add_all_reduce_embedding_0":                                   "triton",
		"Memcpy DtoH (Device -> Pageable)":                                              "memcpy",
		"something never seen":                                                          Other,
		"cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128": "attn", // not conv
		"void machete::machete_mm_kernel<cutlass::half_t>":                              "quant_gemm",
		"void gptq_marlin::Marlin<half, 256>":                                           "quant_gemm",
		"Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT16":                             "gemm",
		"kernel_cutlass_kernel_vllmmodel_executorkernelslinearcute_dsl_ll_bf16_dotprod": "gemm",
		"void vllm::ConcatMLAQKernel<c10::BFloat16, 512>(c10::BFloat16*)":               "embed_index",
		"void vllm::concat_and_cache_mla_kernel<float>":                                 "kv_cache", // not embed_index
	} {
		if got := kernels.Of(name); got != want {
			t.Errorf("kernel %s is %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"aten::addmm": "gemm", "aten::linear": "gemm", "_C::cpu_attention_with_kv_cache": "attn",
		"_C::cpu_attn_reshape_and_cache": "kv_cache", "vllm::unified_kv_cache_update": "kv_cache",
		"aten::native_layer_norm": "norm", "c10d::allreduce_": "comm", "gloo:all_reduce": "comm", "vllm::all_reduce": "comm",
		"aten::softmax": "softmax", "aten::slice": "view", "aten::empty": "memory", "aten::copy_": "copy", "aten::relu": "activation",
		"aten::embedding": "embed_index", "aten::argmax": "sampling", "aten::add": "elementwise", "aten::add_": "elementwise",
		"aten::scaled_dot_product_attention": "attn", "Torch-Compiled Region: 0/0": "compiled", "## Call CompiledFxGraph fabc ##": "compiled",
		"pass.fuse_attention (dynamo_timed)": Compile, "AOTAutogradCache.inductor_load (dynamo_timed)": Compile,
		"fx.bucketing.merge_all_gather (dynamo_timed)": Compile, "guard_collective (dynamo_timed)": "compiled", "CUDAGraphNode.record (dynamo_timed)": "compiled", "my::op": Other,
	} {
		if got := ops.Of(name); got != want {
			t.Errorf("op %s is %s, want %s", name, got, want)
		}
		if IsCompiler(name) != (want == Compile) {
			t.Errorf("IsCompiler(%q) = %v", name, IsCompiler(name))
		}
	}
}
