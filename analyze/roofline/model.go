package roofline

import (
	"regexp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// Kinds of Op.
const (
	modelGEMM        = "gemm"
	modelAttention   = "attention"
	modelMoE         = "moe"
	modelNorm        = "norm"
	modelElementwise = "elementwise"
	modelGiven       = "given" // the op itself says what it does
)

// opModel says what ops of some names do. Adding an op is adding a line to opModels.
type opModel struct {
	match *regexp.Regexp
	kind  string
	of    func(c *opCall) (work, bool)
}

// opCall is what a model may ask.
type opCall struct {
	in     []tensor
	causal bool
	step   *trace.Step // with attention sums; nil outside such a step

	reader *tensorReader // and op: for what stands inside
	op     index.Span    // the call
}

func (c *opCall) tensors(n int) bool {
	if len(c.in) < n {
		return false
	}
	for _, t := range c.in[:n] {
		if len(t.shape) == 0 || t.bytes == 0 {
			return false
		}
	}
	return true
}

func model(kind, match string, of func(*opCall) (work, bool)) opModel {
	return opModel{regexp.MustCompile(match), kind, of}
}

// opModels: the first that matches wins. Of ops that call each other (linear calls addmm), the innermost counts.
var opModels = []opModel{
	model(modelGEMM, `^aten::(mm|bmm|_scaled_mm|_int_mm)$`, func(c *opCall) (work, bool) { return matmulOf(c, 0, 1, -1) }),
	model(modelGEMM, `^aten::(addmm|baddbmm|_addmm_activation|addbmm)$`, func(c *opCall) (work, bool) { return matmulOf(c, 1, 2, 0) }),
	model(modelGEMM, `^_C::cutlass_scaled_mm$|^sgl_kernel::(fp8|int8)_scaled_mm$`, scaledMatmul),
	model(modelGEMM, `^(aten::linear|vllm::rocm_unquantized_gemm|aiter::gemm_a16w16)$`, linearOf),
	model(modelGEMM, `(?i)^(_C|vllm|sgl_kernel|aiter|torch_ao)\w*::.*(gptq|awq|marlin|machete|wna16|w4a16).*(gemm|mm)`, weightOnly),
	model(modelAttention, `^aten::(scaled_dot_product_attention|_scaled_dot_product_\w+_attention)$`, sdpaOf),
	model(modelAttention, `^vllm::unified_attention(_with_output)?$`, func(c *opCall) (work, bool) { return pagedOf(c, 0, 1, 1) }),
	model(modelAttention, `^_C::cpu_attention_with_kv_cache$`, func(c *opCall) (work, bool) { return pagedOf(c, 0, 1, 1) }),
	model(modelAttention, `attention_paged_attention_ragged|^aiter::paged_attention_ragged`,
		func(c *opCall) (work, bool) { return pagedOf(c, 2, 3, 2) }),
	model(modelMoE, `(?i)^\w+::(\w*fused_experts\w*|\w*fused_moe_?|\w*asm_moe\w*)$`, expertsOf),
	model(modelMoE, `^vllm::moe_forward(_shared)?$`, expertsInside),
	model(modelNorm, `^aten::(native_layer_norm|layer_norm|rms_norm|_fused_rms_norm|native_group_norm)$`, functionalNorm),
	model(modelNorm, `^_C::fused_add_rms_norm$`, inPlaceNorm),
	model(modelNorm, `^(_C::rms_norm|aiter::(add_)?rmsnorm|aiter::rmsnorm2d_fwd_with_add_ck)$`, outputNorm),
	model(modelElementwise, `^aten::(copy_)$`, copyOf),
	model(modelElementwise, `^aten::(neg|exp|log|sqrt|rsqrt|abs|cos|sin|silu|gelu|relu|sigmoid|tanh|reciprocal|erf|square)_?$`, unary),
	model(modelElementwise, `^aten::(add|sub|rsub|mul|div|pow|maximum|minimum|eq|ne|lt|le|gt|ge)_?$`, binary),
	model(modelElementwise, `^aten::(_softmax|_log_softmax)$`, unary),
	model(modelElementwise, `^_C::(silu|gelu|gelu_tanh)_and_mul$`, gated),
}

// modelOf finds the model of an op; nil if there is none.
func modelOf(name string) *opModel {
	for i := range opModels {
		if opModels[i].match.MatchString(name) {
			return &opModels[i]
		}
	}
	return nil
}

// matmulOf is a product of input a, […, m, k], and b, […, k, n], with a bias at input bias or -1.
func matmulOf(c *opCall, a, b, bias int) (work, bool) {
	if !c.tensors(max(a, b) + 1) {
		return work{}, false
	}
	x, y := &c.in[a], &c.in[b]
	if len(x.shape) < 2 || len(x.shape) != len(y.shape) || x.dim(-1) != y.dim(-2) {
		return work{}, false
	}
	m, k, n := x.dim(-2), x.dim(-1), y.dim(-1)
	out := x.bytes
	if out == 1 {
		out = 2 // products of 8-bit matrices leave the op in 16
	}
	w := work{dtype: x.dtype}
	var biasElements float64
	if bias >= 0 {
		biasElements = c.in[bias].elements()
	}
	w.flops, w.bytes = gemmWork(x.elements()/(m*k), m, n, k, x.bytes, y.bytes, out, biasElements)
	return w, true
}

// scaledMatmul is a product of 8-bit matrices whose first argument is its output.
func scaledMatmul(c *opCall) (work, bool) {
	if c.tensors(3) && c.in[0].floating() && !c.in[1].floating() {
		return matmulOf(c, 1, 2, -1)
	}
	return matmulOf(c, 0, 1, -1)
}

// linearOf is x·Wᵀ + b: x is […, k], W is [n, k].
func linearOf(c *opCall) (work, bool) {
	if !c.tensors(2) || len(c.in[1].shape) != 2 || c.in[0].dim(-1) != c.in[1].dim(1) {
		return work{}, false
	}
	x, y := &c.in[0], &c.in[1]
	w := work{dtype: x.dtype}
	var bias float64
	if c.tensors(3) && len(c.in[2].shape) == 1 {
		bias = c.in[2].elements()
	}
	w.flops, w.bytes = gemmWork(1, x.rows(), y.dim(0), y.dim(1), x.bytes, y.bytes, x.bytes, bias)
	return w, true
}

// weightOnly is a product of 16-bit x, […, k], with a packed weight. Which of its dimensions is packed how differs by
// format; how many outputs there are stands in the scales, [groups, n]. The packed tensor's own size is what is read.
func weightOnly(c *opCall) (work, bool) {
	var x, packed, scales *tensor
	for i := range c.in {
		t := &c.in[i]
		switch {
		case len(t.shape) == 0 || t.bytes == 0:
		case x == nil && t.floating() && len(t.shape) >= 2:
			x = t
		case packed == nil && !t.floating() && len(t.shape) == 2:
			packed = t
		case packed != nil && scales == nil && t.floating() && len(t.shape) == 2:
			scales = t
		}
	}
	if x == nil || packed == nil || scales == nil {
		return work{}, false
	}
	k, n := x.dim(-1), scales.dim(-1)
	if bits := packed.size() * 8 / (k * n); bits < 1.9 || bits > 8.1 {
		return work{}, false
	}
	w := work{dtype: x.dtype}
	w.flops, w.bytes = gemmWork(1, x.rows(), n, k, x.bytes, 0, x.bytes, 0)
	w.bytes += packed.size() + scales.size()
	return w, true
}

// sdpaOf is attention over [batch, heads, tokens, dim] tensors.
func sdpaOf(c *opCall) (work, bool) {
	if !c.tensors(3) || len(c.in[0].shape) != 4 || len(c.in[1].shape) != 4 || len(c.in[2].shape) != 4 {
		return work{}, false
	}
	q, k, v := &c.in[0], &c.in[1], &c.in[2]
	w := work{dtype: q.dtype}
	w.flops, w.bytes = sdpaWork(q.dim(0), q.dim(1), k.dim(1), q.dim(2), k.dim(2), q.dim(3), v.dim(3), c.causal, q.bytes)
	return w, true
}

// pagedOf is attention of queries [tokens, heads, dim] over a cache, whose heads are dimension headsAt of input keys
// if that has three dimensions or more.
func pagedOf(c *opCall, queries, keys, headsAt int) (work, bool) {
	if c.step == nil || !c.tensors(keys+1) || len(c.in[queries].shape) != 3 || len(c.in[keys].shape) < 3 {
		return work{}, false
	}
	q, k := &c.in[queries], &c.in[keys]
	d := q.dim(2)
	w := work{dtype: q.dtype}
	w.flops, w.bytes = pagedWork(c.step.Context, c.step.Generation, q.dim(0), q.dim(1), k.dim(headsAt), d, d, q.bytes, k.bytes)
	return w, true
}

// Norms take about five operations an element, which no device notices: what counts is bytes.
const normFLOPs = 5

// functionalNorm reads its input and its weights, and writes a new tensor.
func functionalNorm(c *opCall) (work, bool) {
	if !c.tensors(1) {
		return work{}, false
	}
	w := work{flops: normFLOPs * c.in[0].elements(), bytes: c.in[0].size(), dtype: dtypeFP32}
	for _, t := range present(c.in) {
		w.bytes += t.size()
	}
	return w, true
}

// outputNorm has its outputs among its arguments: each is touched once.
func outputNorm(c *opCall) (work, bool) {
	if !c.tensors(2) {
		return work{}, false
	}
	w := work{flops: normFLOPs * c.in[0].elements(), dtype: dtypeFP32}
	for _, t := range present(c.in) {
		w.bytes += t.size()
	}
	return w, true
}

// inPlaceNorm reads and writes the input and the residual.
func inPlaceNorm(c *opCall) (work, bool) {
	w, ok := outputNorm(c)
	if ok {
		w.bytes += c.in[0].size() + c.in[1].size()
	}
	return w, ok
}

// unary reads one tensor and writes one of its kind.
func unary(c *opCall) (work, bool) {
	if !c.tensors(1) {
		return work{}, false
	}
	return work{flops: c.in[0].elements(), bytes: 2 * c.in[0].size(), dtype: dtypeFP32}, true
}

// binary reads one or two tensors and writes what they broadcast to, in the wider type.
func binary(c *opCall) (work, bool) {
	if !c.tensors(1) {
		return work{}, false
	}
	in := c.in[:1]
	if c.tensors(2) {
		in = c.in[:2]
	}
	elements, width, w := 1.0, 0.0, work{dtype: dtypeFP32}
	for i := 1; ; i++ {
		widest, any := 0.0, false
		for j := range in {
			if i <= len(in[j].shape) {
				widest, any = max(widest, in[j].dim(-i)), true
			}
		}
		if !any {
			break
		}
		elements *= widest
	}
	for j := range in {
		w.bytes += in[j].size()
		width = max(width, in[j].bytes)
	}
	w.flops, w.bytes = elements, w.bytes+elements*width
	return w, true
}

// copyOf copies the second tensor to the first: no arithmetic.
func copyOf(c *opCall) (work, bool) {
	if !c.tensors(2) {
		return work{}, false
	}
	return work{bytes: c.in[0].size() + c.in[0].elements()*c.in[1].bytes, dtype: dtypeFP32}, true
}

// gated is act(x)·y of the two halves of its second argument, to the first.
func gated(c *opCall) (work, bool) {
	if !c.tensors(2) {
		return work{}, false
	}
	return work{flops: 5 * c.in[0].elements(), bytes: c.in[0].size() + c.in[1].size(), dtype: dtypeFP32}, true
}
