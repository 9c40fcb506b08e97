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
		category := New(Kernels()).Of(name)
		if got := [2]bool{CommWide.IsComm(name, category), CommTraceLens.IsComm(name, category)}; got != want {
			t.Errorf("%s: wide, TraceLens = %v, want %v", name, got, want)
		}
	}
}

func TestCategories(t *testing.T) {
	kernels, ops := New(Kernels()), New(Ops())
	for name, want := range map[string]string{
		"flashinfer::norm::FusedAddRMSNormKernel":                                                              "norm", // not attn, for "flash"
		"bmm_E2m1_E2m1E2m1_Fp32_t128x8x512":                                                                    "moe_gemm",
		"bmm_Bfloat16_Bfloat16_Fp32":                                                                           "gemm",
		"_p_matmul_ogs_NNT_bf16xbf16xmxfp4_swiglu":                                                             "moe_gemm",
		"void cublasLt::splitKreduce_kernel<32, 16>":                                                           "gemm", // not reduce
		"finalize_matmul_scatter":                                                                              "moe_route",
		"void vllm::reshape_and_cache_flash_kernel<short>":                                                     "kv_cache",
		"triton_poi_fused_add_all_reduce_embedding_0":                                                          "triton",
		"Memcpy DtoH (Device -> Pageable)":                                                                     "memcpy",
		"void allspark::cuda::topp::filter::cutoffKernel<float>()":                                             "sampling",
		"something never seen":                                                                                 Other,
		"cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128":                        "attn", // not conv
		"void machete::machete_mm_kernel<cutlass::half_t>":                                                     "quant_gemm",
		"void gptq_marlin::Marlin<half, 256>":                                                                  "quant_gemm",
		"Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT16":                                                    "gemm",
		"kernel_cutlass_kernel_vllmmodel_executorkernelslinearcute_dsl_ll_bf16_dotprod":                        "gemm",
		"void vllm::ConcatMLAQKernel<c10::BFloat16, 512>(c10::BFloat16*)":                                      "attn",     // not embed_index, for "concat"
		"void vllm::concat_and_cache_mla_kernel<float>":                                                        "kv_cache", // not embed_index
		"void vllm::cooperative::cooperative_topk_cs8<2048u>(vllm::cooperative::CooperativeTopKParams<2048u>)": "attn",     // not sampling: its indexer
		"void deep_gemm::sm90_fp8_paged_mqa_logits<1u, 32u, 128u>(unsigned int)":                               "attn",     // not quant_gemm
		"memcpy32_post": "elementwise", // a copy made by a kernel, as direct_copy_kernel_cuda
		"_convert_req_index_to_global_index_kernel":                  "embed_index", // not conv
		"void vllm::moe::topkGatingSoftmax<8, 256, 4>(float const*)": "moe_route",
		"topkGatingSoftmax": "moe_route",
		"void tensorrt_llm::kernels::finalizeMoeRoutingKernel<half>()":                            "moe_route",
		"void tensorrt_llm::kernels::expandInputRowsKernel<half>()":                               "moe_route",
		"void moe_fused_gate_kernel<float>()":                                                     "moe_route",
		"ck_moe_stage1_kernel":                                                                    "moe_gemm",
		"_fwd_kernel_ep_scatter_1":                                                                "moe_route", // not attn
		"deepep_post_reorder_triton_kernel":                                                       "moe_route", // not comm
		"void causal_conv1d_fwd_kernel<Causal_conv1d_fwd_kernel_traits<128>>()":                   "ssm",       // neither attn nor conv
		"chunk_gated_delta_rule_fwd_kernel_h_blockdim64":                                          "ssm",
		"chunk_fwd_kernel_o":                                                                      "ssm",
		"chunk_scaled_dot_kkt_fwd_kernel":                                                         "ssm",
		"void selective_scan_fwd_kernel<Selective_Scan_fwd_kernel_traits<32>>()":                  "ssm",
		"_selective_scan_update_kernel":                                                           "ssm",
		"void flashinfer::SinglePrefillWithKVCacheKernel<flashinfer::KernelTraits>()":             "attn", // not elementwise, for "fill"
		"set_mla_kv_buffer_kernel":                                                                "kv_cache",
		"assign_req_to_token_pool":                                                                "kv_cache", // not conv, for "pool"
		"void vllm::gather_and_maybe_dequant_cache<half, half, 0>()":                              "kv_cache",
		"void fbgemm_gpu::(anonymous namespace)::_float_to_fused8bitrowwise_cuda_kernel<float>()": "quantize", // not quant_gemm
		"sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x128x16":      "conv",
		"void mscclpp::allreduce::allreduceNvls<half>()":                                          "comm",
		"void tensorrt_llm::kernels::moe_comm::moeA2ADispatchKernel<1>()":                         "comm",
		"void mori::moe::dispatch<float>()":                                                       "comm",
		"void mori::dispatch<float>()":                                                            "comm",
		"void vllm::bgmv_kernel<8, 4096>()":                                                       "lora",
		"_sgmv_shrink_kernel":                                                                     "lora",
		"_lora_expand_kernel":                                                                     "lora",
		"rejection_greedy_sample_kernel":                                                          "spec_decode",
		"eagle_prepare_inputs_padded_kernel":                                                      "spec_decode",
		"void build_tree_efficient<1>()":                                                          "spec_decode",
		"void rocprim::ROCPRIM_400200_NS::detail::trampoline_kernel<rocprim::ROCPRIM_400200_NS::detail::wrapped_scan_config<long> >()": "reduce",
		"nvjet_sm100_qqtst_128x8_64x12_2x1_v_bz_TNT": "quant_gemm", "Cijk_Alik_Bljk_F8BS_BH_Bias_HA_S_SAV": "quant_gemm", "sm90_xmma_gemm_e4m3e4m3_f32f32": "quant_gemm",
		"void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<cutlass::float_e4m3_t> >()": "quant_gemm", "void cutlass::device_kernel<machete::X>()": "quant_gemm",
		"_ZN5aiter42fmoe_bf16_blockscaleFp8_g1u1_vs_silu_1tg_32E": "moe_gemm", "triton_tem_fused_addmm_3": "gemm", "triton_tem_fused_flex_attention_0": "attn",
		"_gemma_rms_scale_kernel": "norm", "_grouped_gemma_kernel": "other",
		"void tensorrt_llm::kernels::speculative_decoding::(anonymous namespace)::acceptDraftTokensKernel<float>(float const*)": "spec_decode",
		"void tensorrt_llm::kernels::speculative_decoding::(anonymous namespace)::maskTargetLogitsKernel<float>(float*)":        "spec_decode",
		"void tensorrt_llm::kernels::add_bias_temperature<float>(float*)":                                                       "sampling",
		"void tensorrt_llm::kernels::apply_repetition_penalty<float, true>(float*)":                                             "sampling",
		"void thrust::GatherOperation<int>()":                                                                                   "embed_index", // not rope
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
		"sglang::_run_activation_inplace": "activation", "sglang::store_cache": "kv_cache", "sglang::apply_rope_inplace": "rope", "aten::log_softmax": "softmax",
		"sglang::unified_attention_with_output": "attn", "_C_cache_ops::reshape_and_cache_flash": "kv_cache", "_vllm_fa3_C::fwd": "attn",
		"fbgemm::FloatToFP8RowwiseQuantized": "quantize", "vllm::moe_forward": "moe_gemm", "aten::_index_put_impl_": "embed_index", "aten::__or__": "elementwise",
		"vllm::mamba_mixer2": "ssm", "vllm::lora_shrink": "lora",
	} {
		if got := ops.Of(name); got != want {
			t.Errorf("op %s is %s, want %s", name, got, want)
		}
		if IsCompiler(name) != (want == Compile) {
			t.Errorf("IsCompiler(%q) = %v", name, IsCompiler(name))
		}
	}
}
