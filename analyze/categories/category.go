// Package categories says of a name what kind of work it is: gemm, attn, comm … Kernels and ops have a table of rules each.
package categories

import (
	"regexp"
	"slices"
	"strings"
)

// A rule files a name under a category. Rules are tried in order and the first that matches wins, because names are
// full of traps: flashinfer's norm kernels contain "flash", a fused Triton kernel may be called after the all-reduce
// that follows it, TensorRT-LLM's MoE GEMMs are called bmm. Adding a category or a library is adding a line.
type rule struct {
	category string
	match    *regexp.Regexp
	anyOf    []alternative // of match
}

// matches reports whether a name matches; lower is the name in lower case, and the name is ASCII.
func (r *rule) matches(name, lower string) bool {
	return slices.ContainsFunc(r.anyOf, func(a alternative) bool { return a.matches(name, lower) })
}

// Other is what no rule knows. A report says how much time it holds.
const Other = "other"

// Categories that other analyses ask for by name.
const (
	Memcpy  = "memcpy"
	Memset  = "memset"
	Comm    = "comm"
	Python  = "python"
	Compile = "compile" // compiling: running what was compiled is "compiled", or what it says that it is
)

func rules(lines ...string) []rule {
	out := make([]rule, 0, len(lines)/2)
	for i := 0; i < len(lines); i += 2 {
		out = append(out, rule{lines[i], regexp.MustCompile(lines[i+1]), alternatives(lines[i+1])})
	}
	return out
}

// Kernels file GPU work by the kernel's name alone: kernels replayed from a graph have nothing else.
var Kernels = rules(
	Memcpy, `^(Memcpy|Copy(Host|Device)To|MEMORY_COPY|hipMemcpy|__amd_rocclr_copyBuffer)`,
	Memset, `^(Memset|hipMemset|FillBuffer|__amd_rocclr_fillBuffer)`,
	"triton", `^triton_`,
	Comm, `(?i)nccl|rccl|cross_device_reduce|multimem_(all|one|red)|(one|two)_?shot_?all_?reduce|allreduce_fusion|quick_?reduce|all_?reduce_kernel|::ep::(inter|intra)node|deep_?ep|low_?latency_(dispatch|combine)|nvshmem|userbuffers|reduce_scatter_kernel|all_?gather_kernel`,
	"embed_index", `split_embedding|fbgemm_gpu::\w*(permute|cumsum|jagged|bucketize|lengths|offsets)`,
	"moe_route", `routing|topk_?softmax|topk_?gating|moe_align|moe_sort|MoeSorting|_topk_forward|_sum_bitmatrix|_compute_writeback|_masked_compaction|_expt_data|sbtopk|finalize(Kernel|_matmul_scatter)|moe_sum|moe::dev::activation|expert`,
	"moe_gemm", `fused_moe|moe_gemm|[Mm]oe[Ff]lat|grouped_?gemm|group_gemm|GroupProblemShape|m_grouped|matmul_ogs|_p_matmul|^bmm_.*_t128x|fmoe|moe_ck|kernel_moe|marlin_moe|moe_wna16`,
	"norm", `(?i)rms_?norm|layer_?norm|group_?norm|batch_?norm|qk_?norm|_norm_|l2norm|RowwiseMoments|ComputeFusedParams|bn_(fw|bw)`,
	"rope", `(?i)rotary|rope|PosIds`,
	"kv_cache", `(?i)reshape_and_cache|store_cache|store_kv|set_kv|concat_and_cache|write_req_to|create_flashinfer_kv`,
	"attn", `(?i)paged_attention|unified_attention|flash_?attn|flash_?(fwd|bwd|fprop)|flash::|fmha|attention|compute_attn|attn_|_attn|mla_|_fwd_kernel|_fwd_grouped|decode_att|Batch(Prefill|Decode)|pa_(decode|ragged|reduce)|ll4mi|merge_state|sage_fwd`,
	"quant_gemm", `(?i)marlin|machete|awq|gptq|w4a16|w8a8|wna16|fp8.*gemm|gemm.*fp8|scaled_mm|block_fp8|mxfp4|nvfp4|exl2|gemv_4bit|dequant`,
	"gemm", `(?i)gemm|nvjet|cijk_|wvsplitk|matmul|gemv|splitk_?reduce|cublaslt|cutlass::Kernel2|dot_kernel|dotprod|LLGemm|skinny|^bmm_`,
	"conv", `(?i)conv|fprop|dgrad|wgrad|im2col|col2im|upsample|pool|miopen|nchw|nhwc|scudnn|cudnn`,
	"activation", `(?i)act_and_mul|silu|gelu|swiglu|sigmoid`,
	"quantize", `(?i)quant|cvt_|cast_to_fp8|per_token_cast`,
	"softmax", `(?i)softmax`,
	"sampling", `(?i)argmax|argmin|sampl|top_?k|top_?p|multinomial|radix_?sort|sort_postprocess|bitonic|logits|penalt|temperature`,
	"embed_index", `(?i)index|embedding|gather|scatter|CatArray|concat|prepare_(inputs|pos)|compute_position|slot_mapping|post_update_kernel|apply_write_kernel|arange`,
	"reduce", `(?i)reduce|scan|cumsum|cub::`,
	"elementwise", `(?i)elementwise|copy_kernel|fill|multi_tensor|foreach|Functor|distribution|transpose|where|SubTensorOp`,
)

// Ops file CPU ops by name, under the same words where the work is the same, so that a CPU-only trace reads like
// a GPU one. The tail has what only a CPU shows: allocating, taking views, compiled-graph glue. Parts of the compiler come
// first, since they are named after what they look for: "pass.fuse_attention (dynamo_timed)".
var Ops = rules(
	"compiled", `^(guard_collective|CUDAGraphNode|cudagraphify).*\(dynamo_timed\)$`, // IsCompiler
	Compile, `\(dynamo_timed\)$`,
	Comm, `^(c10d::|gloo:|nccl:|mpi:|ucc:|xccl:|_c10d_functional|record_param_comms|shm_)|(?i)all_?reduce|all_?gather|reduce_scatter|all_?to_?all|broadcast_coalesced`,
	"engine", `^inferprof::`,
	"embed_index", `^fbgemm::\w*(permute|cumsum|jagged|bucketize|embedding|lengths|offsets)`,
	"moe_route", `(?i)topk_softmax|grouped_topk|moe_align|moe_sum|expert_mask`,
	"moe_gemm", `(?i)fused_moe|fused_experts|moe_forward|moe_gemm`,
	"norm", `(?i)rms_?norm|layer_?norm|group_?norm|batch_?norm`,
	"rope", `(?i)rotary|rope`,
	"kv_cache", `(?i)reshape_and_cache|kv_cache_update|concat_and_cache|copy_blocks|swap_blocks|store_kv`,
	"attn", `(?i)attention|flash_attn|attn_|_attn|_fa\d?_C::|mla_|scaled_dot_product|get_scheduler_metadata`,
	"quant_gemm", `(?i)marlin|machete|awq|gptq|w4a16|scaled_mm|int4|_int8pack|dequant|quantized_linear|dynamic_4bit`,
	"gemm", `(?i)^aten::(mm|addmm|bmm|baddbmm|matmul|linear|einsum|mv|addmv|dot|inner|_addmm_activation)$|gemm|mkldnn.*linear|onednn_mm|linear_pointwise|convrnn`,
	"conv", `(?i)conv|pool|upsample|im2col`,
	"activation", `(?i)relu|gelu|silu|swish|act_and_mul|sigmoid|tanh|clamp_min|hardtanh`,
	"quantize", `(?i)quant`,
	"softmax", `(?i)softmax`,
	"sampling", `(?i)argmax|argmin|topk|top_k|top_p|multinomial|::sort|penalt|exponential|sampl|^aten::(max|min)$`,
	"embed_index", `(?i)embedding|index|gather|scatter|slot_mapping|arange|nonzero|masked_select`,
	"fused", `^(triton_|cpp_fused|graph_.*fused)|(?i)inductor`,
	"view", `^aten::(view|_unsafe_view|reshape|as_strided|slice|select|narrow|chunk|split|split_with_sizes|unbind|transpose|t|permute|expand|expand_as|squeeze|unsqueeze|flatten|unflatten|movedim|detach|alias|resolve_conj|resolve_neg|lift_fresh|numpy_T|view_as|_reshape_alias|contiguous|result_type|promote_types|can_cast|is_nonzero|item|_local_scalar_dense|broadcast_to)_?$|^detach_?$`,
	"memory", `^aten::(empty|empty_like|empty_strided|new_empty|new_empty_strided|new_zeros|new_full|new_ones|zeros|zeros_like|zero_|ones|ones_like|full|full_like|fill_|resize_|set_|pin_memory|is_pinned)$`,
	"copy", `^aten::(copy_|_to_copy|to|clone|cat|stack|_pin_memory|repeat|repeat_interleave|pad|constant_pad_nd)$`,
	"compiled", `Torch-Compiled|CompiledFxGraph|Dynamo|AOTDispatch|Pregraph|AotAutograd|FakeTensor`,
	"reduce", `^aten::(sum|mean|cumsum|prod|norm|var|var_mean|std|all|any|max|min|amax|amin|logsumexp|linalg_vector_norm|count_nonzero)$`,
	"elementwise", `^aten::(add|sub|rsub|mul|div|neg|exp|log|log2|pow|sqrt|rsqrt|abs|cos|sin|erf|clamp|clamp_max|maximum|minimum|where|masked_fill|eq|ne|lt|le|gt|ge|logical_\w+|bitwise_\w+|__\w+__|floor|ceil|round|floor_divide|remainder|fmod|addcmul|addcdiv|lerp|isnan|isinf|isfinite|tril|triu|reciprocal|square|sign|random|randint|normal|uniform|bernoulli|exponential)_?$`,
)

// Categorizer remembers what names came to: a name is matched once, however many events and ranks carry it.
type Categorizer struct {
	rules []rule
	known map[string]string
}

// New makes a categorizer by a table of rules, Kernels or Ops.
func New(rules []rule) *Categorizer {
	return &Categorizer{rules, map[string]string{}}
}

// Of is the category of a name; Other if no rule knows it.
func (c *Categorizer) Of(name string) string {
	if category, ok := c.known[name]; ok {
		return category
	}
	category := Other
	ascii, lower := isASCII(name), strings.ToLower(name)
	for i := range c.rules {
		if r := &c.rules[i]; ascii && r.matches(name, lower) || !ascii && r.match.MatchString(name) {
			category = r.category
			break
		}
	}
	c.known[name] = category
	return category
}

// notCompiling begins the names of parts of torch.compile that run what was compiled: each call's question whether all ranks
// have what fits; CUDA graphs, in whose recording the model's own ops run.
var notCompiling = []string{"guard_collective", "CUDAGraphNode", "cudagraphify"}

// IsCompiler tells events that torch.compile's parts make of themselves while they compile, by name.
func IsCompiler(name string) bool {
	return strings.HasSuffix(name, "(dynamo_timed)") &&
		!slices.ContainsFunc(notCompiling, func(part string) bool { return strings.HasPrefix(name, part) })
}

// CommRule says which kernels are communication.
type CommRule string

const (
	// CommWide is the category table's rule: NCCL and RCCL, the engines' own all-reduce kernels (custom, multimem,
	// one-shot, quick), DeepEP, NVSHMEM. Fused Triton kernels are computation whatever their name contains.
	CommWide CommRule = "wide"
	// CommTraceLens is TraceLens' rule, for comparing numbers with it: names with rccl, nccl or cross_device_reduce.
	CommTraceLens CommRule = "tracelens"
	// CommHTA is HTA's rule, for comparing numbers with it: names that begin with nccl or hccl, or have ncclKernel inside.
	// HTA takes every kernel that begins with hip for communication as well; this does not.
	CommHTA CommRule = "hta"
)

// IsComm reports whether a kernel of this name and category is communication under the rule.
func (r CommRule) IsComm(name, category string) bool {
	if r == CommTraceLens {
		name = strings.ToLower(name)
		return strings.Contains(name, "nccl") || strings.Contains(name, "rccl") || strings.Contains(name, "cross_device_reduce")
	}
	if r == CommHTA {
		return strings.HasPrefix(name, "nccl") || strings.HasPrefix(name, "hccl") || strings.Contains(name, "ncclKernel")
	}
	return category == Comm
}
