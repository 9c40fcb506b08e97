package categories

import "sync"

// Kernels file GPU work by the kernel's name alone: kernels replayed from a graph have nothing else.
var Kernels = sync.OnceValue(func() *Table { return built(kernelRules) })

// wrapped are functions that are told by a template argument what to do.
const wrapped = "device_kernel|=kernel|=kernel2|kentry|kernel_entry|=kernel_func|invoke_kernel|launch_kernel "

// eightBits and the like in the arguments of a GEMM are what it multiplies.
const fewBits = " <signed|e4m3|e5m2|e2m1|float_e4m3_t|float_e5m2_t|float_e2m1_t|fp8*|fp4*|nv_float4_t|mx_float8_t|integer_subbyte|biased_integer_subbyte" +
	"|scaled_epilogue|machete*|uint4b8_t|int8_t|f8_t|f8_fnuz*|f8_ocp*|f4x2_pk_t|fp_a_int_b|blockscale*|blockwise*>"

// moe and noRoute are experts, and what of them is no GEMM.
const (
	moe     = "moe|experts|expert "
	noRoute = " !quant* !*quant !sort* !sum* !scatter* !gather* !permute* !unpermute* !topk* !softmax !align* !router* !routing* !gating* !count* !gate !*gate !map* !pack* !unpack* !cvt* !hash* !prefix*"
)

// The order matters: names are full of traps. What a kernel is fused with comes after what it is; the parts of a model that
// are told by their own words (state space, adapters, experts) come before what they consist of (GEMMs, norms, copies).
var kernelRules = []Rule{
	// Copies and sets that a runtime makes.
	{Memcpy, "^memcpy_dto|^memcpy_hto|^memcpy_pto|^memcpy_unknown|^memcpy_ato|=memcpy", "CUPTI, roctracer: copies by kind"},
	{Memcpy, "^copy_host_to|^copy_device_to|^memory_copy|^hip_memcpy|amd_rocclr_copy_buffer*", "ROCm: roctracer, rocclr's blit kernels"},
	{Memset, "^memset|^hip_memset|^fill_buffer|amd_rocclr_fill_buffer*", "CUPTI, ROCm: sets"},

	// Accelerators that run a compiled program as one piece of work.
	{"program", "=pe_exe", "Meta's MTIA: its processing elements' programs"},
	{"gemm", "^fc_dtype", "Meta's MTIA in eager mode: ops, with what they are of (HTA tests/data/mtia_trace_single_rank)"},
	{"elementwise", "dtype divide|sqrt|rsqrt|log|log2|exp|sub|neg|abs|clip|eq_kernel|gt|ge|lt|le|eq|ne|reciprocal|nan_to_num|threshold_backward", "the same"},

	// torch.compile: what it fuses is called after all that is in it. Its templates are GEMMs and attention.
	{"attn", "^triton_tem|^triton_flex flex_attention|sdpa|flex_decoding", "PyTorch inductor: kernel/flex_attention.py"},
	{"gemm", "^triton_tem mm|addmm|bmm|baddbmm|matmul", "PyTorch inductor: kernel/mm.py"},
	{"gemm", "^triton_mm|^triton_bmm|^triton_addmm", "PyTorch inductor before 2.1"},
	{"conv", "^triton_tem convolution", "PyTorch inductor: kernel/conv.py"},
	{"norm", "^triton_fused_rms", "aiter normalization/fused_rmsnorm_add.py"},
	{"attn", "^triton_fused gqa*|mqa*|mha*|mla|splitkv*|paged*", "any: a library's own, which begins as PyTorch's before 2.1"},
	{"kv_cache", "^triton_fused store*", "SGLang kvcache/triton_store_cache.py"},
	{"triton", "^triton_poi|^triton_red|^triton_per|^triton_tem|^triton_for|^triton_unk|^triton_spl|^triton_0d|^triton_fused|^triton_mix", "PyTorch inductor"},

	// GEMMs whose names are parameters for the rest: MT64x128x64_LN…
	{"quant_gemm", "nvjet qqtst|qqhsh|*qqtst|qq*|oo*|ooh*|oot*", "cuBLAS nvjet: q is e4m3, o is e2m1"},
	{"quant_gemm", "cijk f8*|b8*|f8b8*|i8*", "hipBLASLt, Tensile"},
	{"gemm", "nvjet*|cijk", "cuBLAS, hipBLASLt, Tensile"},

	// Adapters: before experts and GEMMs, which they consist of.
	{"activation", "=shrink_kernel cuda::", "ONNX Runtime: its operator Shrink"},
	{"lora", "lora*::|*lora::", "mistral.rs kernels/lora"},
	{"lora", "lora|shrink|sgmv*|bgmv*|punica|sgmv_shrink", "vLLM lora/ops/triton_ops, SGLang lora/triton_ops, Punica, TensorRT-LLM lora/"},

	// Experts that speak to other ranks are comm; those that sort what came are not.
	{"moe_route", "deepep_permute|deepep_post_reorder|deepep_compute_src2dst|deepep_run_moe|post_reorder|pre_reorder|ep_scatter*|ep_gather", "SGLang moe/ep_moe/kernels.py"},
	{"moe_route", "local_expert_count|expert_offset|expert_offsets|within_expert", "mori ep_local_expert_count.hip, Triton-distributed FlashComm/csrc/ep"},
	{Comm, "nccl*|rccl*|msccl*|hccl*|oneccl*", "NCCL, RCCL, MSCCL, HCCL"},
	{Comm, "deep_ep::|intranode::|internode::|internode_ll::", "DeepEP"},
	{Comm, "nccl*::|gloo::|c10d::|hybridep::|mori::|mooncake::|mscclpp::|nixl*::|quickreduce::|userbuffers::|kittens_comm::", "mori, mscclpp, NIXL, vLLM csrc/quickreduce, TransformerEngine"},
	{Comm, "trtllm_allreduce*::|trtllm_alltoall::|trtllm_mnnvl*::|moe_alltoall::|mixed_comm::|moe_comm::|comm::|direct_dcp::|mnnvl*::|ar_fusion::", "TensorRT-LLM communicationKernels/, FlashInfer comm/"},
	{Comm, "allreduce*|all_reduce|all_gather|reduce_scatter|all_to_all|all2all|a2a|*allreduce", "vLLM, SGLang, aiter custom_all_reduce, FlashInfer comm/"},
	{Comm, "cross_device_reduce|cross_device*|quick_reduce|multimem|nvls|lamport|one_shot*|two_shot*|*userbuffers|mnnvl|multicast|symm_mem* !transpose", "vLLM csrc/custom_all_reduce.cuh, PyTorch SymmetricMemory"},
	{Comm, "nvshmem*|nvshmemi*|shmem_barrier|shmem_put|shmem_get|shmem_quiet|on_stream", "NVSHMEM, mori shmem/"},
	{Comm, "low_latency_dispatch|low_latency_combine|ep_dispatch|ep_combine|dispatch_combine|dispatch_output|send_recv|sendrecv|p2p|notify_dispatch|notify_combine", "DeepEP, mori, vLLM csrc/dcp_utils"},
	{Comm, "ag_gfx*|rs_gfx*|ar_gfx*|ar_ll_gfx*|sync_latency", "aiter custom_all_reduce_gfx1250.cuh"},
	{Comm, "2shot|1shot|barrier|fence|bump_signal|push_pull|halo*|reshard*|transport|=signal_kernel|dcp_lse*|wait_lse*|increment_epoch|rsag*", "vLLM csrc/beam, csrc/dcp_utils; FlashInfer comm/; aiter"},
	{Comm, "=dispatch_kernel|=combine_kernel|^kernel_dispatch|^kernel_combine|push_send*|push_recv*|pull_send*|pull_recv*|ring_reduce|intra_node|inter_node", "pplx-kernels, Triton-distributed, TransformerEngine userbuffers"},
	{Comm, "^pg|^ubx|^broadcast", "exllamav3 parallel/: process groups; NCCL contrib/nccl_ubx; mscclpp"},
	{Comm, "sdma|fabric_copy|ring_finish|fused_ring|ring_local|ring_remote", "mori collective/"},
	{Comm, "reduce_insert|publish|wait_combine|wait_acks|phase_ack|wait_prefix|=ack_kernel|bump_tag|count_dedup|combine_reduce|combine_group", "FlashInfer sm90_push_a2a_ops.cu"},

	// State-space models and linear attention: before convolutions, norms and attention, by whose words they go.
	{"ssm", "mamba*|ssd_kernel|ssd_chunk*|ssd_combined|ssd_scan|ssm|ssu|selective_scan*|selective_state*|state_passing|causal_conv1d|causal_conv|short_conv*|conv_state|conv_window*|conv_rewind|chunk_fwd*|bmm_chunk", "Mamba, causal-conv1d, vLLM mamba/ops, TensorRT-LLM selectiveScan"},
	{"ssm", "conv1d|conv shift_append|replay|update_cache|prefill_cache", "fastllm: states of convolutions"},
	{"ssm", "mamba::|mamba*::|=kda::|flashkda::|gdn::|ssm::", "FlashInfer mamba/, kda/"},
	{"ssm", "^chunk !attn !cat !topk !moe", "flash-linear-attention ops/*/chunk*.py, Mamba ssd_chunk_*.py"},
	{"ssm", "^chunk delta", "aiter chunk_delta_attn"},
	{"ssm", "gated_delta*|delta_rule|delta_net|gdn|gdr|kda|flashkda|rwkv*|retention|lightning_attn*|lightning_attention|linear_attn|linear_attention|seg_la|gla|hgrn|gsa|dplr|iplr|comba|deltaformer|mesa|log_linear*|rg_lru", "flash-linear-attention, SGLang linear/, vLLM fla/, aiter gated_delta_rule"},
	{"ssm", "replayssm*|recoverssm*|wu_fwd|wu_bwd|wy_repr|state_indices|k_update|forward_chunk|pass_chunks|gate_output_correction|token_shift|sconv|conv1d_split|post_conv|reduce_grouped_qk|finalize_qk_bias|angle_dt|dtrap|inverse_kernel|ttt !expert*", "flash-linear-attention rwkv7/, dplr/, atk/; Mamba mamba3/; vLLM ops/recoverssm.py"},
	{"ssm", "fused_recurrent*|recurrent|kkt|recompute_w|solve_tril|chunkwise|fused_chunk|qkvzba|initial_states|backward_chunk|parallel_based|parallel_rebased|segsum|dadt", "flash-linear-attention, Mamba mamba3/"},
	{"ssm", "fwd_kv_parallel|fwd_kv_reduce|fwd_diag|fwd_none_diag|bwd_diag|bwd_none_diag", "SGLang, vLLM lightning_attn.py"},

	// Speculative decoding.
	{"spec_decode", "eagle*|medusa|draft|draft_tokens|rejection*|rejected_tokens|spec_decode*|spec_decoding*|speculative*|tree_speculative*|verify_tree*|build_tree*|*draft|ngram_match|lookahead*|^mtp|tree_mask|chain_tree|accept_tokens !sampled !rope !*norm", "vLLM spec_decode, SGLang speculative/, TensorRT-LLM speculativeDecoding/"},
	{"spec_decode", "=expand_kernel !cuda::", "vLLM sample/rejection_sampler.py"},
	{"conv", "dflash2 conv", "vLLM models/qwen3_dflash2.py"},
	{"spec_decode", "speculative_decoding::|spec_decode::|speculative::|medusa::|eagle::", "TensorRT-LLM kernels/speculativeDecoding"},
	{"spec_decode", "next_token_padded|num_accepted|fill_accepted*|accepted_tokens|dflash*|mtp_shift|mtp_new*|mtp_input|shift_input|rotate_input|assign_new_state|insert_resampled|local_logits_stats|bonus|acceptance|residual_mass|cumulative_log_p|resample|recovered_tokens|hidden_states_pool|reject|accept|*accept|verify !mla !cache_loc", "vLLM spec_decode/, SGLang multi_layer_eagle_utils.py"},

	// What is named after what it prepares for.
	{"quantize", "*dequantize_blockwise|*quantize_blockwise|smooth_quant*|smooth_quantize*|^quant_mxfp4|quantize_linear|^per_token|^per_tensor|^per_group|^per_block|^per_channel !gemm !*gemm !gemv !matmul !attn", "SGLang quantization/fp8_kernel.py, vLLM fp8_utils.py"},
	{"quantize", "^quantize|^dequantize|^calibrate expert|experts !gemm !gemv !matmul*", "any: experts' weights and tokens, of few bits from here on"},
	{"activation", "^silu_mul|^silu_and_mul|^fused_silu|^swiglu|^gelu_and_mul|^act_and_mul !gemv", "vLLM activation_kernels.cu, batched_deep_gemm_moe.py"},

	// Experts. Sorting, gating, summing; then their GEMMs.
	{"moe_route", "aux_loss|permute_token*|permute_with_mask*|mask_map|row_id_map|row_map|sort_chunks*|chunk_sort*", "TransformerEngine fused_router/, triton/permutation.py"},
	{"moe_gemm", "moe_tma_descs|set_grouped_gemm|group_gemm_args|group_gemm_starts|group_starts|compute_problem_sizes|get_group_gemm*|problem_sizes", "vLLM moe_data.cu, FlashInfer group_gemm, SGLang nvfp4_blockwise_moe.cuh"},
	{"gemm", "router_gemm*|router_gemv|gate_gemm", "vLLM dsv3_router_gemm, FlashInfer cake_router_gemm"},
	{"activation", "silu_*|silu|swiglu*|gelu|act_and_mul moe|experts|masked|post_quant !fused_moe !gemv !gemm !matmul*", "SGLang ep_moe: activations of experts"},
	{"activation", "do_activation|do_gated_activation|moe_activation", "TensorRT-LLM cutlass_fused_moe_kernels.cuh, cuteDslKernels/moeUtils.cu"},
	{"activation", "activation::", "TensorRT-LLM trtllm_fused_moe_dev_kernel.cu"},
	{"moe_route", "routing*|topk_gating*|topk_softmax|topk_sigmoid|moe_softmax|grouped_topk|single_group_topk|biased_grouped*|topk_softplus* !gemv !*gemv", "vLLM, SGLang, aiter, TensorRT-LLM: gates"},
	{"moe_route", "router|moe_router|fused_gate|moe_fused_gate|kimi_k2_moe*|moe_topk|topk_moe|deepseek_v3_topk|noaux_tc|no_aux_tc*|softmax_topk|moe_gate* !gate_up", "SGLang moe/router.py, moe_fused_gate.cu; FlashInfer noAuxTcKernels.cu"},
	{"moe_route", "moe_align*|moe_sort*|moe_sum*|moe_permute|moe_unpermute|moe_lora|moe_fused_mul_sum|moe_reduce|moe_finalize*|moe_combine*|moe_3stage_sort::|moe_sorting", "vLLM csrc/moe, aiter moe_sorting, ck_tile MoeSortingKernel"},
	{"moe_route", "finalize_moe|^finalize_kernel|^finalize_deep_seek|^post_expert|append_shared_expert|finalize::|finalize_matmul_scatter|expand_input_rows|shuffle_input_rows|=permute_kernel|=permute::|expert_first_token*|expert_prefix*|block_expert*|global_expert*|build_expert*", "TensorRT-LLM moe_kernels.cu, trtllm_fused_moe_dev_kernel.cu"},
	{"moe_route", "expert_tokens|expert_map|expert_ids|expert_offsets|expt_data|expt_hist|experts_combine|compute_arg_sorts|blockscale_offsets|shuffle_rows|apply_shuffle_mul_sum|masked_m|masked_slab|m_indices|seg_indptr|src2dst|gateup_input|minus_one", "vLLM moe_data.cu, SGLang ep_moe/kernels.py, moe/prepare_moe_input.cu"},
	{"moe_route", "topk_forward|sum_topk*|sum_bitmatrix*|bitmatrix|compute_writeback|masked_compaction|sbtopk|topk_routes|route_count|route_prefix*|topk_id|topk_ids|topk_pack|hash_topk|moe_data|moe_output|topk_to_local|masked_topk_sum|unpermute*|topk_idx", "triton_kernels, FlashInfer moe_w4a16_route_pack.py, vLLM moe_permute_unpermute"},
	{"quant_gemm", "to_marlin", "fastllm: weights, laid out as Marlin has them"},
	{"moe_gemm", "gemv|*gemv topk*|top_k*|grouped* !gate", "any: GEMVs of the experts chosen"},
	{"moe_route", moe + "align*|count*|placement", "any: experts' tokens, counted and laid out, whatever GEMM comes after"},
	{"moe_gemm", moe + "gate_up|gateup gemm|*gemm|gemv|*gemv|matmul*|mm|grouped|batched|w8a8*|w4a8*|w4a16*", "any: of experts both projections at once"},
	{"moe_route", "gather*|scatter* dense_tokens|padded_tokens", "FBGEMM gen_ai, MSLK moe/gather_scatter.py"},
	{"moe_gemm", "moe_gemm*|moe_flat*|moe_flatmm|fused_moe*|fmoe*|ck_moe*|moe_ck*|kernel_moe*|marlin_moe*|moe_marlin|moe_wna16*|moe_mxgemm*|batched_moe|moe_stage*|opus_moe|moe_kernel|e2e_moe*|precomputed_work|compute_strides*|batched_triton|expert_triton|moe_w4a16*|moe_mk*|moe_vec*|moe_fused_kernel !pack* !unpack*", "vLLM, SGLang fused_moe; aiter fmoe, ck; Marlin MoE"},
	{"moe_gemm", "grouped_gemm|group_gemm|grouped_mm|gmm|tgmm|grouped_matmul|m_grouped|k_grouped|matmul_ogs|p_matmul*|bf16_gemm_contiguous|scatter2scatter|single2scatter|group2scatter|scatter2group|down_gemv|gate_up_gemv|swiglu_gemv|ptr_array_gemm", "DeepGEMM, triton_kernels matmul_ogs, CUTLASS grouped"},
	{"moe_gemm", "marlin_moe_wna16::|fused_moe::|moe_ck*::|grouped_gemm::" + noRoute, "vLLM csrc/moe/marlin_moe_wna16"},
	{"moe_gemm", "^bmm t128x|t64x|t256x|t192x", "TensorRT-LLM batched GEMMs of experts: trtllm-gen bmm_…_t128x8x512"},
	{"moe_route", wrapped + "<moe_sorting*|topk_softmax*>", "ck_tile"},
	{"moe_gemm", wrapped + "<moe*|fused_moe|moe_flat*|group_problem_shape|grouped_gemm|moe_gemm*|ptr_array|grouped> !<*convolution|convolution*>", "CUTLASS grouped GEMMs, ck_tile fused_moe"},
	{"moe_gemm", "sm90_fp8_gemm_1d*|sm100_fp8_gemm_1d* <m_grouped*|=m_grouped_contiguous|=m_grouped_masked>", "DeepGEMM"},
	{"moe_route", "softmax*|sigmoid*|gate|gating|softplus*|*softplus|ep topk|topk_*|top_k !logits !log_softmax !sampl* !beam* !sampling::", "exllamav2 q_mlp_softmax.cuh, lightllm softmax_topk.py"},
	{"moe_route", "reduce_topk|topk_reduce|topk_sum|topk_weight|topk_weights", "Triton-distributed nvidia/moe_utils.py"},
	{"moe_gemm", moe + "gemm|*gemm|gemv|*gemv|matmul*|down|up|gate_up|gu|ffn|mlp|fc1|fc2|w4a16*|w4a8*|w8a8*|batched|grouped|forward|fwd|mfma|wmma|mma|sm80*|sm90*|sm100*|sm120*|fp8|fp4|mxfp4|nvfp4|int4|int8|q2*|q3*|q4*|q5*|q6*|q8*" + noRoute, "any: experts, and what a GEMM is called"},
	{"moe_route", "router::|*router::|router*::", "TransformerEngine fused_router/"},
	{"moe_route", "moe::|routing::", "vLLM, TensorRT-LLM: what else is in their namespace"},
	{"moe_route", "moe|megamoe|experts|expert !norm !*norm", "any: what else says so"},

	{"moe_gemm", "fbgemm_gpu:: kernel_args", "FBGEMM gen_ai: what a grouped GEMM is called with"},
	{"moe_route", "fbgemm_gpu:: index_shuffling*", "FBGEMM gen_ai moe/"},
	{"moe_route", "eplb*|route|routes|pair_to_row|source_row|source_rows|shuffling", "any: experts' load, balanced, and which token goes where"},

	// What a layer consists of, in its order.
	{"rope", "^rope|^fused_rope|^apply_rope|^rotary", "any: rope that comes before a norm"},
	{"norm", "*norm|norm2d*|rms_norm*|layer_norm*|rms|ln_fwd|ln_bwd|ln_parallel*|bn_fw*|bn_bw*|norm_kernel|rowwise_moments*|compute_fused_params|qk_var|ln|normalization*|normalize*|*normalize|rstd|bn_forward*|bn_backward*|bn_fused*|weightnorm*|welford* !renorm !fmha !gemm !gemv !matmul", "PyTorch ATen, vLLM csrc/layernorm_kernels.cu, SGLang, FlashInfer norm.cuh, aiter, cuDNN, flash-attention layer_norm"},
	{"norm", "layer_norm::|batch_norm*::", "flash-attention, Apex"},
	{"norm", "gamma_beta|gamma_beta_backward*|batch_norm_*|compute_internal_gradients", "PyTorch ATen native/cuda/layer_norm_kernel.cu, Normalization.cuh"},
	{"norm", wrapped + "<rmsnorm*|layernorm*|rms_norm|layer_norm|add_rmsnorm*>", "ck_tile norms"},
	{"norm", "unrolled_elementwise_kernel_for_multi_outputs <batch_norm*>", "PyTorch ATen"},
	{"elementwise", "mhc|hc|ihc|hyper|hyper_connection*|sinkhorn !gemm !gemv !matmul !proj !projection !attn !silu", "hyper-connections: TransformerEngine triton/mhc.py, vLLM mhc/, SGLang"},
	{"elementwise", "sparse24*|sparsify*|sparse_nm*|semi_structured* !gemm !matmul", "xformers csrc/sparse24: weights and activations of which two of four count"},
	{"elementwise", "optimizer*|*optimizer", "bitsandbytes csrc/kernels.cu"},
	{"sampling", "apply_penalty|token_id_counter*|length_criterion|stop_criterion|stop_words|eos_penalty|min_length_penalty", "lightllm apply_penalty.py, lmdeploy stop_criteria_kernels.cu"},
	{"attn", "^fwd_split|^fwd_kernel_quant|^fwd_grouped_kernel|^fwd_kernel_stage1|^fwd_kernel_stage2", "Triton attention of SGLang and vLLM: decode_attention.py"},
	{"rope", "rope|mrope|rotate_position*|rotary*|*rope|cos_and_sin|cos_sin|sin_cos|sincos*|pos_ids|rotate_half|kn_entry|apply_rope*|packed_qk_rope !norope !no_rope", "vLLM pos_encoding_kernels.cu, SGLang rope.cuh, FlashInfer pos_enc.cuh, aiter rope_common.h"},
	{"kv_cache", "lmc::", "LMCache csrc/: caches, loaded and stored"},
	{"embed_index", "advance_step*", "vLLM csrc/prepare_inputs"},
	{"kv_cache", "flatten_kv_cache*|destindex_copy*|copy_kv*|kv_trans*|sample_kv|repack_kv*|kv_index_to_req|handl_k_cache|hanld_k_cache|concat_kv*|quant_kv_cache*|mla_insert|reshape_and_cache*|reshape_cache*|concat_and_cache*|store_cache|store_kv*|store_kvcache|set_kv*|set_mla_kv*|set_k_and_s|get_k_and_s|get_k_triton|get_s_triton|append_paged*|quant_and_cache|kv_insert|copy_all_layer|write_cache|insert_k|quantize_and_insert*|index_cache|indexer_cache", "vLLM cache_kernels.cu, SGLang mem_cache/, FlashInfer page.cuh"},
	{"kv_cache", "kv_buffer*|cache_loc|cache_locs|req_to_token*|swap_blocks*|copy_blocks*|gather_cache|dequant_cache|dequant_kv|dequant_gather*|gather_dequant*|get_mla_kv*|dequantize_and_gather|fused_store_fp8|fused_store_mse|convert_fp8|window_store|staging|save_ring*|prefill_pages|cp_gather*|kv_blocks|transfer_kernel|transfer_page*|device_buffer|gather_prefill_kv|paged_dequant|kv_cache_gather|kv_cache_scatter|k_cache|create_flashinfer_kv|hisparse*|kv_indices", "vLLM, SGLang mem_cache/, kvcacheio/transfer.cu, FlashInfer fp4_kv_dequantization.cu"},

	{"kv_cache", "kv_cache|kvcache|mla_cache|latent_cache update*|pack*|copy*|move*|load*|store*|append*|gather*|scatter*|rewind*|transfer*|swap*|reuse*|invalidate*|reshape*", "any: what is done to a cache"},

	{"quantize", "per_tensor_quant|per_token_quant|per_group_quant|per_block_quant|per_token_group_quant|scaled_quant !paged* !attention* !silu* !swiglu* !gelu* !act_and_mul*", "vLLM, SGLang, aiter: of what is no activation function"},
	// Attention, and what sparse attention chooses with.
	{"attn", "^pa|attention*|attn*|*attn|atten|flash_fwd*|flash_bwd*|flash_fprop|flash_attn*|flash_decode*|fmha*|mha*|mqa*|gqa*|sdpa|paged_attn*|hstu*|sage_fwd*|sage_attn*|kernel_mha*|flex_attention", "flash-attention, FlashInfer, vLLM, xformers, cuDNN, aiter, CUTLASS fmha, FBGEMM hstu"},
	{"attn", "mla|mla_*|*mla|concat_mlaq|mla_metadata|pa_metadata|scheduler_metadata|prepare_varlen*|merge_state*|merge_states|merge_attn*|kv_splits|split_kv*|reduce_segments|pa_decode|pa_ragged|pa_reduce|pa_mqa*|ll4mi|lean_atten*|la_persistent", "FlashMLA, FlashInfer cascade.cuh, vLLM merge_attn_states.cu, aiter pa_decode"},
	{"attn", "single_prefill*|single_decode*|batch_prefill*|batch_decode*|prefill_with*|decode_with*|xqa*|decode_att*|fwd_grouped*|prefill_kernel|sparse_mla*|block_sparse*|vertical_slash*", "FlashInfer attention/, SGLang triton_ops/decode_attention.py, TensorRT-LLM xqa"},
	{"attn", "^fwd_kernel|=bwd_kernel|^bwd_kernel_fused|^bwd_preprocess|bwd_kernel_dk*|bwd_kernel_dq|bwd_dkv|bwd_dq|convert_dq|compute_attn*", "Triton attention: SGLang, vLLM prefix_prefill.py, flash_attn_triton.py"},
	{"attn", "cooperative_topk*|topk_per_row*|mqa_logits|paged_mqa_logits|topk_transform*|fast_topk*|page_table_transform|ragged_transform|topk_ragged|indexer*|nsa|dsa|block_scores|*scores|score|context_score|persistent_topk|lse|candidate*|cand !greedy*", "vLLM, SGLang, DeepGEMM: the indexer of DeepSeek's sparse attention"},
	{"attn", "topk|topk_* swa|slots|sparse|prefill|decode|lens|scatter|global|index|indices !logits !gating !sampling::", "vLLM, aiter: what DeepSeek's sparse attention makes of its indexer's choice"},
	{"attn", "sparse|qsa|nsa|swa|sta|vsa|moba !native:: !csr* !coo* !mul_mat* !logits !penalt* !mixer !*bucketize !*features !fbgemm_gpu:: !metadata !gemm !embedding* !page_table !seqlen", "vLLM: kinds of sparse attention"},
	{"attn", "topk942::|ob::|mb::|octave*::|mqa::|persistent::|mono::", "vLLM csrc/topk512_gfx942.cu, csrc/attention, csrc/persistent_topk.cuh"},
	{"attn", "add_qkv*|qkv_bias*|qk_bias*|v_bias*|with_kv_cache|with_paged_kv|pod_with*|pod|path_fwd|path_bwd|parallel_path|parallax*|pa_prefill*|swa_decode|sparse_decode|sparse_prefill|tq_decode*|cta_info|mhca|transform_q|intra_chunk_preprocess|bwd_kernel_split|dkdv|^bwd_kernel", "FlashInfer, vLLM, aiter, flash-linear-attention path_attn/"},
	{"attn", "lean_reduction*", "cuDNN: sums the parts of its fused attention"},
	{"attn", "cudnn_sdpa*::|flash::|pytorch_flash::|natten::|fmha::|attention::|fmha*::|flash_mla*::|xqa::", "flash-attention, FlashInfer"},
	{"attn", wrapped + "<flash_attn*|fmha*|attention*|mla*|flash_mla*|sdpa|pytorch_mem_eff*>", "flash-attention 3, CUTLASS fmha, ck_tile fmha, FlashMLA"},
	{"kv_cache", "kv_cache|kvcache|full_cache|paged_kv|hicache*|past_state*|past_states|past_key*|past_kv", "any: what else says so"},

	{"attn", "decode|prefill fa|paged|varlen|heads", "any: attention by its phase and what it reads"},

	// Convolutions before GEMMs, of which most are made.
	{"conv", "fprop|dgrad|wgrad|wgrad2d*|dgrad2d|conv|conv1d|conv2d|conv3d|convolution*|convolve*|winograd*|im2col*|im2d2col|col2im*|vol2col|implicit_convolve*|scudnn|hcudnn|depthwise*", "cuDNN, PyTorch ATen native/cuda, MIOpen"},
	{"conv", "igemm_fwd|igemm_bwd|igemm_wrw|miopen*|nchw*|nhwc*|upsample*|*interpolation|grid_sample*|sumpool|interpolate*|max_pool*|avg_pool*|adaptive_max_pool*|adaptive_avg_pool*|adaptive_average*|adaptive_max*|*adaptiveaveragegradinput|*adaptivemaxgradinput|max_unpool*|average_pool*|pool2d|mean_pooling|sp3asm*|gridwise_conv*|*dgrad|*wgrad|*fprop|batched_transpose", "MIOpen, cuDNN layouts, PyTorch ATen pooling"},
	{"conv", "cudnn::|cask_cudnn*::|cutlass_cudnn*::|cutlass__5x_cudnn::", "cuDNN: what else is in its namespaces"},
	{"conv", "fft2d*|fft1d*|flip_filter|compute_offsets*|kernel_grad*", "cuDNN: convolution by Fourier transform"},
	{"conv", wrapped + "<implicit_gemm*|conv*|=conv|=dgrad|=wgrad|=fprop|*dgrad|*wgrad|*fprop> !<convert*>", "CUTLASS convolutions"},

	// GEMMs of few bits, then all others.
	{"quant_gemm", "marlin*|machete*|awq*|gptq*|exllama*|exl2|exl3|aqlm|code1x16*|code2x8*|code_kx*|squeezellm|hqq|bitblas*|q_gemm|gemm_half_q*|gemm_forward_4bit|gemm_q4*|w4a16*|w4a8*|w8a8*|w8a16*|wna16|a8w8*|a4w4*|afp4wfp4*|afp4*|a16wfp4|a8wfp4|a16w8|a16w4|a8w4|afp8*|wfp8|wfp4|block32_tiled|block32_packed", "vLLM csrc/quantization, aiter basic/gemm_*, SGLang"},
	{"quant_gemm", "fp_a_int_b|weight_only::|weight_only_batched*", "TensorRT-LLM fpA_intB_gemm, weightOnlyBatchedGemv"},
	{"quant_gemm", "wvsplitkq*", "vLLM rocm/skinny_gemms.cu: fp8"},
	{"quant_gemm", "cutlass_w4a8*::|marlin::|machete::|gptq*::|awq::|exl2::|exl3::|bitsandbytes::|aqlm::|quip*::|autoquant::|hqq::|gguf*::|vptq::|squeezellm::", "vLLM, aphrodite-engine"},
	{"quant_gemm", "decompress*|reconstruct*|repack*|qmm|qmv|qvm|quant_gemm|quant_matmul|quant_linear|quantized_matmul|quantized_gemm|qgemm*|qgemv*|qmatmul*|qlinear*|gemmv2_forward_4bit|scaled_mm*|block_scaled_mm|scaled_matmul|gemv_4bit|gemm_4bit|kgemm_4bit*|kgemv*|dequantize_weights|dequantize_block*|mul_mat_q*|mul_mat_vec_q*|mul_mat_vec*|mmq|mmvq|shuffle_2bit|shuffle_3bit|shuffle_4bit|shuffle_8bit|=shuffle_kernel|vecquant*|column_remap|make_sequential|=reconstruct_kernel|matmul_248|weight_dequant|dequantize_weight", "vLLM, bitsandbytes, ggml"},
	{"activation", "fbgemm silu*|gelu*|swiglu*", "FBGEMM gen_ai moe/activation.py: its own name is no GEMM"},
	{"quant_gemm", "linear|einsum|vecmat|matvec|*gemm|gemm|gemmk|gemv|gemvx|*matmul|matmul*|=mm|*mm|splitk fp8*|fp4*|nvfp4|mxfp4|mxfp8|int8|int4|8bit|4bit|e4m3|e5m2|e2m1|blockscale*|f8f8*|q2|q3|q4|q5|q6|q8|dp4a*|fp6|i4|u4|s4|i8|u8|s8|w4|w8|*quant|quant*|2bit|3bit", "any GEMM whose name says what it multiplies: DeepGEMM sm90_fp8_gemm_1d2d, FBGEMM _kernel_matmul_fp8"},
	{"quant_gemm", "rearrange*|interleave*|reorder* weight|weights|qweight", "AllSpark, TensorRT-LLM: weights, laid out anew"},
	{"quant_gemm", "f8f8bf16*|f4f4bf16*|f8i4bf16*|bf16i4*|i8i8bf16*|mx8mx8*|mx8mx4*|mx4mx4*", "FBGEMM gen_ai, MSLK: GEMMs by what they multiply and make"},
	{"quant_gemm", wrapped + "<machete*|marlin*>", "vLLM"},
	{"quant_gemm", wrapped + "<gemm|*gemm> " + fewBits, "CUTLASS, vLLM scaled_mm, Machete, ck gemm_xdl"},
	{"quant_gemm", "reorder_tensor" + fewBits, "CUTLASS: weights of few bits, laid out anew"},
	{"quant_gemm", "kernel_gemm*|gemm_kernel*|gemm_xdl*" + fewBits, "ck"},
	{"gemm", "xmma_gemm|cublas*|wv_split*|splitk_reduce|splitkreduce*|splitk|split_k_reduce|vecmat|dot_kernel|dotprod|*dotprod|ll_gemm*|skinny*|tinygemm*|scal_kernel|reduce_1block*|gemm_sn !argmin* !argmax*", "cuBLAS, hipBLASLt, vLLM rocm/skinny_gemms.cu, vLLM cute_dsl_ll_bf16_dotprod"},
	{"gemm", "*gemm|gemm|gemmk|gemv|gemvx|*gemv|*matmul|matmul*|mm_kernel|bmm*|*bmm|addmm|spmm*|sddmm*|=mm|fp32_router|gemmk1|trsm*|syrk*|symm*|mmad|dot_product|matrix_multiply*|batched_ptrs", "BLAS by any name"},
	{"gemm", "cublas*::|epilogue::|gemvx::|rocblas*::|ck_gemm::", "cuBLAS, rocBLAS"},
	{"quant_gemm", wrapped + "<gemm_quant*|gemm_w4a4*|w4a4*|w4a8*|w8a8*|w4a16*>", "nunchaku zgemm/"},
	{"gemm", wrapped + "<spmm*|sddmm*>", "Sputnik"},
	{"gemm", wrapped + "<gemm|*gemm|gemm_*|matmul*|tiled_mma|mma_atom>", "CUTLASS, CuTe DSL, ck"},
	{"gemm", "proj|projection|lm_head|einsum|mm|mv|vdot|vecdot|mat_vec*|*mat_vec !argmax* !argmin* !*argmax", "any: a model's linear layers, and what PyTorch calls products"},

	{"activation", "act_and_mul*|act_mul*|swish*|output_gate|powglu|silu*|gelu*|swiglu*|swigluoai*|geglu*|reglu*|relu*|sigmoid*|logsigmoid*|mish|situ|*silu|*gelu|leaky_relu*|hardswish*|tanh_backward|prelu*|activation_kernel|glu_kernel", "vLLM activation_kernels.cu, FlashInfer activation.cuh, SGLang"},
	{"activation", "*elementwise_kernel|*elementwise|elementwise_kernel* <silu*|gelu*|sigmoid*|relu*|leaky_relu*|hardswish*|hardtanh*|hardsigmoid*|hardshrink*|softshrink*|mish*|softplus*|elu_kernel|elu_backward*|glu_kernel|glu_backward*|glu_jvp*|log_sigmoid*|threshold_kernel_impl>", "PyTorch ATen native/cuda/Activation*.cu"},
	{"quantize", "*quant|quant*|qparam*|quantize*|quantization|*quantize|dequant*|requant*|requantize*|calibrate*|outlier*|outliers|pack_weight*|scale_activation*|cvt*|cast_to_fp8|per_token_cast*|absmax|to_fp4|to_fp8|downcast*|upcast_to_mxfp|upscale*|fp8rowwise*|*fp8rowwise|fusednbit*|fused8bit*|msfp*|compute_scales|group_max|swizzle_scale*|mx_scale*|pack_ue8m0*|amax|descale|max_reduction|block_scale*|channel_scale|data_to_scale|initialize_scale|transpose_and_pack_fp32*|e8m0*|bitsandbytes*", "vLLM csrc/quantization, SGLang gemm/per_token_quant, FBGEMM quantize_ops, bitsandbytes"},
	{"quantize", "^quant|^quantize|^dequant|^dequantize", "any: what begins so"},
	{"quantize", "fbgemm_gpu:: qparam|scale_matrix*|fp8*|hfp8*|*quantize|quantize*|quantized", "FBGEMM quantize_ops"},
	{"quantize", "*elementwise_kernel|elementwise_kernel* <float_to_hfp8*|hfp8_to_float*>", "FBGEMM quantize_ops: by way of ATen"},
	{"quantize", "to_float|float_to* fp8*|nbit*|hfp8*|fp4*", "FBGEMM quantize_ops"},
	{"quantize", "fp8|fp4|fp6|mxfp8|mxfp4|nvfp4|nf4|float8*|int8|int4|e4m3*|e5m2*|e2m1*|ue8m0*|mx|i4|u4|s4|1bit|2bit|3bit|4bit|6bit|8bit !embedding* !gather* !dropout* !pack_bits*", "any: few bits, and no GEMM, attention, cache or layer by what stands above"},
	{"quantize", "swizzle*|*swizzle|compute*|expand*|transpose*|update*|fill*|global scale|k_scale|v_scale|kv_scale|scales|scale_inv|scales_and_zeros|scaling|scaling_*|sf", "TransformerEngine swizzle/, recipe/: the scales of few bits"},
	{"quantize", "*quantize::|quantize*::|*quantize_kernel::|quantization::|*scaling_recipe::|=mxfp8::|=nvfp4::|=fp8::|fp8_blockwise:: !pack_bits*", "TransformerEngine cast/: what else is in their namespaces"},
	{"gemm", "gemm::", "CUTLASS, FlashInfer: what else is in their namespace"},
	{"softmax", "cross_entropy*|bce|nll|nll_loss*|softmax*|*softmax|sparsemax*|soft_max*|log_softmax*|soft_max_forward*", "PyTorch ATen native/cuda/SoftMax.cu, vLLM"},

	{"elementwise", "jagged* elementwise*", "FBGEMM jagged_tensor_ops"},
	{"embed_index", "fbgemm_gpu::|nbit::|ssd_split*::", "FBGEMM: embeddings and jagged tensors"},
	// Sampling: from logits to tokens.
	{"embed_index", "combine_sampled*", "vLLM v1/worker/gpu/input_batch.py"},
	{"sampling", "argmax*|argmin*|*argmax|sampl*|sampling*|sample|sample*|sampler|gumbel*|top_k*|topk*|top_p*|topp|min_p*|*topk|multinomial*|logits*|logit*|logprob*|logprobs|penalt*|temperature*|token_bitmask|token_filter*|vocab_mask*|bitmask*|renorm*|beam_*|beam_search*|ban_*|=bias_kernel|curand*|decoding_initialize|thinking*|bincount|=exponential_kernel|typical_p*|top_prob*|greedy*|force_decod*|rep_pen*|freq_pen*|pens|watermark*|markov*|stop_criteria|stop_words|bad_words|grammar*|eos*|*criterion|finished*|unfinished*|finalized", "vLLM sample/, SGLang, FlashInfer sampling.cuh, TensorRT-LLM"},
	{"sampling", "sampling::|sampler::|topk::|mbtopk::|sbtopk::|beam_search::", "FlashInfer sampling.cuh, hpc-ops sampler/"},
	{"embed_index", "cub:: device_radix*|radix_sort* <long> !<opaque_type>", "CUB as FBGEMM has it: sorts the rows of embeddings by their numbers; PyTorch's own sort has opaque types, samplers' have reals"},
	{"sampling", "*median|kth_value|radix_sort*|*radix_sort|bitonic*|sort_postprocess*|device_radix_sort*|radix_find*|compute_blockwise*|radix_select*|block_digit*|segmented_sort*|sort_kernel*|compute_digit*|fill_reverse_indices*|sort_key*|radix_fill*|gather_topk|gather_top_k|radix_topk*|device_merge_sort*|merge_sort*|device_segmented*", "PyTorch ATen Sort.cu, TensorTopK.cu; CUB"},
	{"sampling", "reduce_kernel <arg_max*|arg_min*|argmax*|argmin*>", "PyTorch ATen ReduceArgMaxKernel.cu"},
	{"sampling", "*elementwise_kernel|distribution_elementwise* <exponential*|multinomial*>", "PyTorch ATen DistributionExponentialKernel.cu: noise to sample with"},

	{"attn", "qk|qkv|attend|alibi* !embedding*", "any"},

	// Where things are: embeddings, indices, positions, page tables, gathers and concatenations.
	{"embed_index", "split_embedding*|embedding*|*embedding|embed|embeds|emb|embs|bucketize|jagged*|lxu_cache*|lfu_*|cache_miss|weight_momentum|lru_cache*|linearize*|ssd_*|cache_indices|permute_2d*|permute_indices*|unique*|segment_offset*|krn_partial*|sum_and_scatter|recat*|bounds_check*|compute_cuda_kernel", "FBGEMM, PyTorch ATen Embedding*.cu"},
	{"embed_index", "index*|indices|*index|lut|vstack*|hstack*|*permutation|indexing*|gather*|*gather|scatter*|*scatter|cat_array*|concat*|*concat|cat_*|chunk_cat*|where_cuda*|nonzero*|masked_select*|take|put|searchsorted|flip*|roll|roll_cuda*|rebuild_padding|padding_offset*|padded_offset*|get_rows*|set_rows*|reorder*|^tile|prompt_inputs|update_output|repeat_interleave*|uncompact_outputs|compact_inputs|compact_outputs|triu_tril*|tril*|triu*", "PyTorch ATen indexing"},
	{"embed_index", "prepare_inputs|prepare_pos*|prepare_*|compute_position|position*|positions|slot_mapping*|block_table*|block_tables|page_table*|page_indices|post_update*|apply_write|arange*|num_computed*|seq_lens|seqlens*|seqlen*|padding_map*|mapping|query_range*|query_start*|token_table*|request_mapping|req_index|metadata*|*metadata|expand_page*|resolve_future*|alloc_extend|alloc_decode|last_loc|num_sampled*|sampled_and*|batch_indices*|input_ids|token_ids|cu_seqlens*|clamp_position|prepare|hash*|engram*|ragged|compact_dense|compact_prefill|idx_mapping|ngram*|lens|shard_plan|update_counts|csr*|future_token*", "vLLM v1 input_batch.py, block_table.py; SGLang forward_batch_info.py, allocator.py"},

	// Namespaces that say what their functions are parts of.
	{"activation", "*gated_act|gated_act*|act|*elu|*ilu|*glu|hardtanh|hardsigmoid|softplus|softshrink|hardshrink|threshold", "PyTorch, TransformerEngine transpose/, activation/"},
	{"rope", "rope::|fused_rope::|rotary*::", "any"},
	{"norm", "norm::|*norm::|normalization::", "FlashInfer norm.cuh, TransformerEngine normalization/"},
	{"softmax", "softmax::|*softmax::", "any"},
	{"kv_cache", "kv_cache::|kvcache::|cache::", "TransformerEngine fused_attn/kv_cache.cu"},
	{"attn", "attn::|*attn::|*attention::|mla*::|context_parallel::", "TransformerEngine fused_attn/"},
	{"gemm", "wmma|mfma|wgmma|umma|xdlops*|matvec|sdd|dsd|dds|spmm*|*spmm|sddmm*|linear|mlp|ffn|ff|feed_forward|fc1|fc2|a16w16*|w16a16* !hadamard* !flash* !paged*", "any: what only GEMMs are made of"},

	// Words that say little, and more than nothing.
	{"moe_gemm", "cutlass_kernels:: profiler|gemm", "TensorRT-LLM cutlass_fused_moe_kernels.cuh"},
	{"attn", "decode|prefill|qk|qkv|flash|flashattention*|hd64|hd128|hd192|hd256|head_dim*", "any: phases have kernels of their own in attention alone"},
	{"kv_cache", "compressor states|state", "SGLang, ATOM: what DeepSeek V4 keeps of tokens not yet compressed"},
	{"ssm", "state|states !random* !rng", "any"},
	{"kv_cache", "cache|caches|kv|kpool !slot !flush", "any"},
	{"reduce", "reduce*|*reduce|scan*|*scan|cumsum*|*cumsum|logcumsumexp*|sum_kernel|mean_kernel|mean_dim|device_scan*|device_reduce*|device_select*|reduction*|logsumexp*|segmented_reduce*|norm_two_ops|histogram*|histc*|count_nonzero", "PyTorch ATen Reduce.cuh, ScanKernels.cu; CUB"},
	{"sampling", "rocprim:: <radix_sort*|wrapped_radix*|wrapped_merge_sort*|onesweep*>", "rocPRIM: PyTorch's sort"},
	{"reduce", "cub::|thrust::|rocprim::|hipcub::", "CUB, Thrust, rocPRIM"},
	{"elementwise", "*elementwise|elementwise*|copy*|*copy|memcpy*|memcpy32*|fill*|multi_tensor*|foreach*|functor|distribution*|transpose*|*transpose|where|op_tensor*|sub_tensor*|scale_shift|operator_*|operator|pow*|add*|mul*|clamp*|cast*|*cast|softcap|dropout*|*dropout|fused_dropout*|philox*|random*|rand|randperm*|hadamard*|rotate_activation|timestep*|pad|pads|padded*|padding*|pad2d*|pad3d*|*pad|unpad*|zero*|init*|spin_kernel|adam*|sgd*|scale*|tri_mul|slice*|split*|permute*|select*|set_*|mask*|masked*|assert_async*|mhc|ihc|hc|d2dcpy*|pack_bits|check_range|flush_cache", "PyTorch ATen, Apex multi_tensor, MIOpen"},
	{"elementwise", "arctanh|arccosh|arcsinh|logaddexp*|exponential*|diff|fft*|bessel*|*bessel|chebyshev*|hermite*|*gamma|gammainc*|igamma*|i0|i0e|i1|i1e|outer|cross|unsqueeze|as_strided*|replication*|reflection*|equal|extract_patches|patchify|neg|negative|abs|absolute|exp|exp2|expm1|log|log1p|log2|log10|sqrt|rsqrt|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|asinh|acosh|atanh|erf*|floor|ceil|round|trunc|frac|fix|sign|sgn|reciprocal|square|lerp|addcmul|addcdiv|maximum|minimum|fmax|fmin|fmod|remainder|div|divide|sub|rsub|hypot|polar|conj*|lgamma|digamma", "PyTorch ATen: an op by its name"},
	{"elementwise", "eq|ne|lt|le|gt|ge|logical*|bitwise*|leftshift|rightshift|isnan|isinf|isfinite|isin|nan_to_num|check_finite*|compare*|uniform|normal|log_normal*|bernoulli|randint|randn|poisson|cauchy|geometric|linspace|logspace|eye|diag*|kron|heaviside|xlogy|deg2rad|rad2deg|ones|full|one_hot|rot90|pixel_*|memset|empty|resize*|scalar_tensor|shuffle*", "PyTorch ATen: an op by its name"},
	{"elementwise", "from_f32|from_f16|from_fp32|from_fp16|from_bf16|from_half|from_float|half_2_float*|float_2_half*|fp32_to*|fp16_to*|bf16_to*|f32_to*|f16_to*|to_fp16|to_bf16|to_fp32|to_f16|to_f32|to_half|to_float|to_bool|float_to*|half_to*|rotate*|had|fht|fwht", "any: conversions, Hadamard transforms"},
	{"attn", "compress*|*compress|compressor !cuda::", "any: what sparse attention keeps of many tokens"},
	{"softmax", "probs|prob|probability", "any"},
	{"sampling", "sort|*sort|argsort|top1*|median", "any: what sorts"},
	{"embed_index", "token|tokens|ids|idx|offset|offsets|length|lengths|rows|slot|slots|inputs|mapping|req|page|pages|plan|lookup|candidates", "any"},
	{"activation", "gate|gates|glu|act|activation", "any"},
	{"reduce", "sum|mean|any|all|prod|amin|aminmax|nansum|var|std|trace|mode|hist|moments|loss|*loss|kldiv*|kl_div*|jsd|minmax*|percentile*|*quantile|quantile*|distance|*distance|euclid*|dist|pdist|cdist|num_nans|count|counts|max|min|stats|partial|partials|combine|merge", "any"},
	{"elementwise", "interleave*|plus*|shift*|partition|delay*|unfold*|tile_kernel|compress*|replicate*|extract*|spin*|sleep*|transform*|swap*|rearrange*|reshape*|layout|swizzle*|clear*|reset*|expand|repeat*|cpy*|bcast*|*bcast|unary*|binary*|pointwise*|elemwise*|lstm*|gru*|convert*|pack|unpack|bias|residual|mix", "any"},
	{"elementwise", "elementwise::|cub_elementwise::|eigen::|tensorflow::", "any: what else says so"},
}
