package roofline

import (
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// What an op computes and moves, from the shapes of its inputs. All counts are of one call. Multiplying and adding are
// two operations. Bytes are what must come from and go to memory if every input is read once and every output written
// once; what a cache saves or a kernel reads twice is not in them.
//
// The formulas are the usual ones, and TraceLens' where it has them; where it differs, the function says so.

// work is what one call of an op does.
type work struct {
	flops, bytes float64
	dtype        string // of the arithmetic
}

// gemmWork is batch × (m×k · k×n): 2·m·n·k, and m·n for a bias. biasElements is how many elements of a bias are read.
func gemmWork(batch, m, n, k, bytesA, bytesB, bytesOut, biasElements float64) (flops, bytes float64) {
	flops = 2 * batch * m * n * k
	if biasElements > 0 {
		flops += batch * m * n
	}
	return flops, batch*(m*k*bytesA+k*n*bytesB+m*n*bytesOut) + biasElements*bytesOut
}

// sdpaWork is attention of whole tensors: 2·batch·heads·nq·nkv·(dqk+dv), half of it under a causal mask over a square.
func sdpaWork(batch, heads, kvHeads, nq, nkv, dqk, dv float64, causal bool, elementBytes float64) (flops, bytes float64) {
	flops = 2 * batch * heads * nq * nkv * (dqk + dv)
	if causal && nq == nkv {
		flops /= 2
	}
	return flops, batch * (heads*nq + kvHeads*nkv) * (dqk + dv) * elementBytes
}

// pagedWork is attention over a paged cache with requests of different lengths, of which a step's name gives the sums:
// heads·((2·Σq·k − Σq²) of the prompts + 2·Σq·k of the generating)·(dqk+dv). Prompts attend causally, so that of q new
// tokens each one sees half of the other new ones. Sliding windows are not known from shapes: an op that has one does
// less than this.
func pagedWork(
	context, generation trace.AttentionSums, tokens, heads, kvHeads, dqk, dv, queryBytes, cacheBytes float64,
) (flops, bytes float64) {
	sum := func(v int64) float64 { return float64(max(v, 0)) }
	pairs := 2*sum(context.QueryKey) - sum(context.QuerySq) + 2*sum(generation.QueryKey)
	flops = heads * pairs * (dqk + dv)
	keys := sum(context.Key) + sum(generation.Key)
	return flops, tokens*heads*(dqk+dv)*queryBytes + keys*kvHeads*(dqk+dv)*cacheBytes
}

// activeExperts is how many of e experts at least one of m tokens chooses if each chooses k of them evenly.
func activeExperts(m, e, k float64) float64 { return e * (1 - math.Pow((e-k)/e, m)) }

// expertWork is one of the two grouped GEMMs of a mixture of experts: m tokens to topk experts each, from in to out
// elements. rowsIn and rowsOut are how many rows are read and written: m, or m·topk.
func expertWork(m, in, out, experts, topk, rowsIn, rowsOut, weightBytes, elementBytes float64) (flops, bytes float64) {
	return 2 * m * topk * in * out,
		activeExperts(m, experts, topk)*in*out*weightBytes + (rowsIn*in+rowsOut*out)*elementBytes
}

// tensor is one input of an op.
type tensor struct {
	shape []int64
	dtype string // ours; "" if not known
	bytes float64
}

func (t *tensor) elements() float64 {
	n := 1.0
	for _, d := range t.shape {
		n *= float64(d)
	}
	return n
}

func (t *tensor) size() float64 { return t.elements() * t.bytes }

// dim is the i-th dimension; of a negative i, from the end.
func (t *tensor) dim(i int) float64 {
	if i < 0 {
		i += len(t.shape)
	}
	return float64(t.shape[i])
}

// rows is the product of all dimensions but the last.
func (t *tensor) rows() float64 { return t.elements() / max(1, t.dim(-1)) }

func (t *tensor) floating() bool {
	return t.dtype == dtypeFP32 || t.dtype == dtypeFP16 || t.dtype == dtypeBF16
}

// inputTensors are the arguments of an op. Scalars, absent tensors and lists of tensors are tensors without shape, so
// that positions stay those of the arguments. There are none if the trace's shapes or types cannot be read.
func inputTensors(shapes []trace.Shape, dtypes []string) []tensor {
	if shapes == nil || dtypes == nil {
		return nil
	}
	out := make([]tensor, len(shapes))
	for i := range min(len(shapes), len(dtypes)) {
		if shapes[i].List == nil {
			out[i].shape = shapes[i].Dims
			out[i].dtype, out[i].bytes = arithmetic(dtypes[i])
		}
	}
	return out
}

// arithmetic names the dtype of a tensor as the table of GPUs does, and gives the size of an element; 0 if not known.
func arithmetic(name string) (dtype string, bytes float64) {
	size := float64(index.DtypeBytes(name))
	switch s := strings.TrimPrefix(strings.ToLower(name), "c10::"); {
	case s == "float" || s == "float32":
		return dtypeFP32, size
	case s == "half" || s == "float16":
		return dtypeFP16, size
	case s == "bfloat16":
		return dtypeBF16, size
	case strings.HasPrefix(s, "float8"):
		return dtypeFP8, 1
	case strings.HasPrefix(s, "float4"):
		return dtypeFP4, 1 // two to the byte; PyTorch counts bytes
	case s == "signed char" || s == "char" || s == "int8":
		return dtypeINT8, 1
	}
	return "", size
}

// present drops what is no tensor.
func present(in []tensor) []tensor {
	return slices.DeleteFunc(slices.Clone(in), func(t tensor) bool { return len(t.shape) == 0 || t.bytes == 0 })
}
