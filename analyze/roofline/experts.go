package roofline

// Mixtures of experts. An op that has the tokens, the weights and the choices among its inputs says everything: fused_experts
// of vLLM and SGLang, AITER's fused_moe. vLLM's moe_forward has the tokens and the router's logits alone; where its experts run
// in ops of their own, those say it, and where they are Triton kernels without an op (gpt-oss), the ops around them show
// weights and choices in passing. Where they do not, what it does stays unknown.

// expertWeights is a tensor of the weights of all experts.
type expertWeights struct {
	experts, in, out float64
	width            float64 // bytes of an element
	dtype            string
}

// packing is how many elements there are in one of a tensor: two in each byte of 4-bit weights, which are bytes without a
// type of their own, or PyTorch's float4.
func (t *tensor) packing() float64 {
	if t.bytes == 1 && (t.dtype == "" || t.dtype == dtypeFP4) {
		return 2
	}
	return 1
}

// fromInputs reads weights that multiply rows of in elements, [e, out, in] or [e, in, out]; 4-bit ones are packed along in.
func fromInputs(t *tensor, in float64) (expertWeights, bool) {
	p := t.packing()
	w := expertWeights{experts: t.dim(0), in: in, out: t.dim(1), width: t.bytes / p, dtype: t.dtype}
	if t.dim(2)*p != in {
		w.out = t.dim(2)
		return w, t.dim(1)*p == in
	}
	return w, true
}

// toOutputs reads weights that make rows of out elements, [e, out, in] or [e, in, out].
func toOutputs(t *tensor, out float64) (expertWeights, bool) {
	p := t.packing()
	w := expertWeights{experts: t.dim(0), in: t.dim(2) * p, out: out, width: t.bytes / p, dtype: t.dtype}
	if t.dim(1) != out {
		w.in = t.dim(1) * p
		return w, t.dim(2) == out
	}
	return w, true
}

// expertsWork is both products of m tokens with k experts each: up, which is gated if it makes twice what down takes.
func expertsWork(x *tensor, k float64, up, down expertWeights) (work, bool) {
	if up.experts != down.experts || up.out != down.in && up.out != 2*down.in || k < 1 || k > up.experts {
		return work{}, false
	}
	m := x.dim(0)
	w := work{dtype: x.dtype}
	if up.dtype == dtypeFP8 {
		w.dtype = dtypeFP8
	}
	f, b := expertWork(m, up.in, up.out, up.experts, k, m, m*k, up.width, x.bytes)
	w.flops, w.bytes = f, b
	f, b = expertWork(m, down.in, down.out, up.experts, k, m*k, m, down.width, x.bytes)
	w.flops += f
	w.bytes += b
	return w, true
}

// integers tells a tensor of numbers such as those of experts: [m, k].
func (t *tensor) integers() bool { return t.dtype == "" && t.bytes >= 2 }

// expertsOf is a whole mixture of experts: tokens [m, h], weights of both products, and choices [m, k], which are integers
// or, behind the weights, the experts' shares.
func expertsOf(c *opCall) (work, bool) {
	var x, choice *tensor
	var weights []*tensor
	for i := range c.in {
		switch t := &c.in[i]; {
		case t.bytes == 0:
		case len(t.shape) == 2 && x == nil && (t.floating() || t.dtype == dtypeFP8):
			x = t
		case len(t.shape) == 3 && len(weights) < 2:
			weights = append(weights, t)
		case len(t.shape) == 2 && x != nil && choice == nil && t.dim(0) == x.dim(0) && (t.integers() || len(weights) == 2):
			choice = t
		}
	}
	if choice == nil || len(weights) < 2 {
		return work{}, false
	}
	up, ok := fromInputs(weights[0], x.dim(1))
	down, fits := toOutputs(weights[1], x.dim(1))
	if !ok || !fits {
		return work{}, false
	}
	return expertsWork(x, choice.dim(1), up, down)
}

// expertsInside is a mixture of experts of which the op itself has the tokens, [m, h], and the router's logits, [m, e]. The
// ops inside show the weights, which are the tensors of e matrices, and, as two inputs of one op, the shares and the numbers
// of the chosen experts, both [m, k].
func expertsInside(c *opCall) (work, bool) {
	if !c.tensors(2) || len(c.in[0].shape) != 2 || len(c.in[1].shape) != 2 || c.in[0].dim(0) != c.in[1].dim(0) || c.reader == nil {
		return work{}, false
	}
	x, experts := &c.in[0], c.in[1].dim(1)
	var up, down *expertWeights
	k := 0.0
	for _, in := range c.reader.inside(c.op) {
		for i := range in {
			t := &in[i]
			if t.bytes == 0 {
				continue
			}
			if len(t.shape) == 3 && t.dim(0) == experts {
				if w, ok := fromInputs(t, x.dim(1)); ok && up == nil {
					up = &w
				} else if w, ok := toOutputs(t, x.dim(1)); ok && up != nil && down == nil {
					down = &w
				}
			}
			if i > 0 && k == 0 && t.integers() && in[i-1].floating() && len(t.shape) == 2 && len(in[i-1].shape) == 2 &&
				t.dim(0) == x.dim(0) && in[i-1].dim(0) == t.dim(0) && in[i-1].dim(1) == t.dim(1) {
				k = t.dim(1)
			}
		}
	}
	if up == nil || down == nil {
		return work{}, false
	}
	return expertsWork(x, k, *up, *down)
}
