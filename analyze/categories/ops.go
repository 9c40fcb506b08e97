package categories

import "sync"

// Ops file CPU ops by name, under the same words where the work is the same, so that a CPU-only trace reads like
// a GPU one. The tail has what only a CPU shows: allocating, taking views, compiled-graph glue. Parts of the compiler come
// first, since they are named after what they look for: "pass.fuse_attention (dynamo_timed)".
var Ops = sync.OnceValue(func() *Table { return built(opRules) })

var opRules = []Rule{
	{"compiled", "^guard_collective|^cuda_graph_node|^cudagraphify dynamo_timed", "PyTorch dynamo_timed: IsCompiler"},
	{Compile, "dynamo_timed", "PyTorch dynamo_timed"},
	{Comm, "c10d::|c10d_functional::|^gloo|^nccl|^mpi|^ucc|^xccl|^record_param_comms|^shm", "PyTorch distributed, vLLM CPU shared memory"},
	{Comm, "all_reduce|all_gather|reduce_scatter*|all_to_all*|all2all*|broadcast_coalesced|allreduce*|allgather*|alltoall*|send_recv", "vLLM, SGLang parallel_state"},
	{"engine", "inferprof::", "the embedded engine"},
	{"lora", "lora|sgmv|bgmv", "vLLM lora/ops"},
	{"ssm", "mamba*|causal_conv1d*|selective_scan*|selective_state*|gated_delta*|linear_attention|linear_attn|gdn*|kda|short_conv|plamo*|lightning_attention*", "vLLM, SGLang: mixers of state-space and linear attention"},
	{"spec_decode", "eagle*|medusa|rejection*|spec_decode*|speculative*|verify_tree*|build_tree*", "SGLang sgl_kernel speculative/, vLLM"},
	{"embed_index", "fbgemm::|fb:: permute*|cumsum*|jagged*|bucketize*|embedding*|lengths*|offsets*|*permute|recat*|bounds_check*|permute_pooled*|split_embedding*|dense_embedding*|radix_sort", "FBGEMM"},
	{"moe_route", "topk_softmax*|topk_sigmoid|grouped_topk*|moe_align*|moe_sum*|expert_mask|moe_fused_gate|biased_grouped_topk|moe_permute|moe_unpermute|topk_gating|sort_tokens", "vLLM, SGLang"},
	{"moe_gemm", "fused_moe*|fused_experts*|moe_forward*|moe_gemm*|grouped_mm|grouped_matmul|npu_grouped*|cutlass_moe*|moe_wna16*|fused_marlin_moe", "vLLM, SGLang"},
	{"norm", "*norm|rms_norm*|rmsnorm*|layer_norm*|batch_norm*|group_norm*|rmsnorm2d* !linalg !renorm !weight_norm !linalg_norm !=norm !vector", "PyTorch, vLLM, SGLang, aiter"},
	{"rope", "rope*|*rope|mrope|rotary*", "vLLM, SGLang"},
	{"kv_cache", "reshape_and_cache*|kv_cache_update|concat_and_cache*|copy_blocks|swap_blocks|store_kv*|store_cache|set_kv*|set_mla_kv*|kv_buffer*|gather_cache|kv_cache_dtype|alloc_paged*|get_num_new_pages", "vLLM, SGLang"},
	{"attn", "attention*|flash_attn*|attn*|*attn|mla*|scaled_dot_product*|scheduler_metadata|mla_decode|fmha*|sage_fwd*|fa2_c::|fa3_c::|fa_c::|vllm_fa2_c::|vllm_fa3_c::|vllm_fa_c::|flash_mla*::|sdpa|merge_state*|merge_attn*", "PyTorch, vLLM, SGLang"},
	{"quant_gemm", "marlin*|machete*|awq*|gptq*|w4a16*|w8a8*|scaled_mm*|int4*|int8pack*|weight_int8pack*|int8_scaled*|fp8_scaled*|dequant*|quantized_linear*|dynamic_4bit*|dyn_quant*|fp8_gemm*|fp4_mm|block_scaled*", "PyTorch, vLLM, SGLang"},
	{"gemm", "aten:: =mm|=addmm|=bmm|=baddbmm|=matmul|=linear|=einsum|=mv|=addmv|=dot|=inner|=addmm_activation|=tensordot", "PyTorch"},
	{"gemm", "gemm*|*gemm|onednn_mm|linear_pointwise*|convrnn*|linear|matmul*|router_gemm", "oneDNN, vLLM, aiter"},
	{"conv", "conv|conv1d|conv2d|conv3d|convolution*|*convolution|conv_transpose*|max_pool*|avg_pool*|adaptive_avg_pool*|adaptive_max_pool*|upsample*|im2col|cudnn_convolution*|thnn_conv*|slow_conv*|mkldnn_convolution*|pool2d", "PyTorch"},
	{"activation", "relu*|gelu*|silu*|swish*|hardswish*|act_and_mul*|sigmoid*|log_sigmoid*|tanh*|clamp_min|hardtanh*|run_activation*|swiglu*|leaky_relu*|threshold*|mish|situ", "PyTorch, vLLM, SGLang"},
	{"quantize", "quant*|*quant|*quantized|quantize*|dynamic_scaled*", "PyTorch, vLLM, FBGEMM"},
	{"softmax", "softmax*|*softmax", "PyTorch"},
	{"sampling", "argmax*|argmin*|topk*|top_k*|top_p*|multinomial*|=sort|=argsort|penalt*|exponential*|sampl*|sampling*|gumbel*|min_p*|=exponential", "PyTorch, vLLM, SGLang"},
	{"sampling", "aten:: =max|=min", "PyTorch"},
	{"embed_index", "embedding*|*embedding|index*|*index|gather*|scatter*|slot_mapping*|arange|nonzero*|masked_select*|bucketize|one_hot|searchsorted", "PyTorch, vLLM"},
	{"fused", "^triton_poi|^triton_red|^triton_per|^triton_tem|^triton_for|^triton|^cpp_fused|inductor*|inductor::", "PyTorch inductor"},
	{"fused", "^graph fused", "PyTorch inductor: graph_0_cpp_fused…"},
	{"view", "aten:: =view|=unsafe_view|=reshape|=as_strided|=slice|=select|=narrow|=chunk|=split|=split_with_sizes|=unbind|=transpose|=t|=permute|=expand|=expand_as|=squeeze|=unsqueeze|=flatten|=unflatten|=movedim|=detach|=alias|=resolve_conj|=resolve_neg|=lift_fresh|=numpy_t|=view_as|=reshape_alias|=contiguous|=result_type|=promote_types|=can_cast|=is_nonzero|=item|=local_scalar_dense|=broadcast_to|=broadcast_tensors|=unfold|=tensor_split|=view_as_complex|=view_as_real|=conj|=stride|=is_same_size|=type_as|=size|=numel|=real|=imag", "PyTorch"},
	{"view", "=detach", "PyTorch"},
	{"memory", "aten:: =empty|=empty_like|=empty_strided|=empty_permuted|=new_empty|=new_empty_strided|=new_zeros|=new_full|=new_ones|=zeros|=zeros_like|=zero|=ones|=ones_like|=full|=full_like|=fill|=resize|=resize_as|=set|=pin_memory|=is_pinned|=record_stream|=scalar_tensor", "PyTorch"},
	{"memory", "weak_ref_tensor*", "vLLM"},
	{"copy", "aten:: =copy|=to_copy|=to|=clone|=cat|=stack|=pin_memory|=repeat|=repeat_interleave|=pad|=constant_pad_nd|=concat|=pad_sequence|=foreach_copy|=flatten_dense_tensors|=unflatten_dense_tensors", "PyTorch"},
	{"copy", "=copy_bucket_to_grad", "PyTorch DDP"},
	{"compiled", "torch_compiled*|compiled_fx_graph|torch_dynamo*|aot_dispatch*|pregraph|aot_autograd|fake_tensor*|compiled_function*", "PyTorch"},
	{"reduce", "aten:: =sum|=mean|=cumsum|=prod|=norm|=var|=var_mean|=std|=all|=any|=max|=min|=amax|=amin|=logsumexp|=linalg_vector_norm|=linalg_norm|=count_nonzero", "PyTorch"},
	{"elementwise", "aten:: =add|=sub|=rsub|=mul|=div|=divide|=neg|=exp|=log|=log2|=pow|=sqrt|=rsqrt|=abs|=cos|=sin|=erf|=clamp|=clamp_max|=maximum|=minimum|=where|=masked_fill|=eq|=ne|=lt|=le|=gt|=ge|^logical|^bitwise|=floor|=ceil|=round|=floor_divide|=remainder|=fmod|=addcmul|=addcdiv|=lerp|=isnan|=isinf|=isfinite|=tril|=triu|=reciprocal|=square|=sign|=sgn|=random|=randint|=rand|=randn|=normal|=uniform|=bernoulli|=exponential|=or|=and|=xor|=lshift|=rshift|=iand|=ior|=nan_to_num|=diff|=dropout|=native_dropout|=logit|^foreach", "PyTorch"},
	{"elementwise", "prims:: =add|=div|=mul|=rsqrt|=sub", "PyTorch prims"},
	{"reduce", "prims:: =sum|=amax", "PyTorch prims"},
}
