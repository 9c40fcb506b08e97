package findings

import (
	"regexp"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// Matrix multiplications with fp8 or int8 on both sides need activations in that type, and so a kernel that finds their scale
// and rounds them, once for each input. On its own it reads and writes what the norm or the activation function before it has
// just written; fused with that one it costs next to nothing.
//
// Kernels that quantize are told by their category, and that it is activations by what stands beside them: a matrix
// multiplication. What quantizes keys and values stands beside attention or the cache.

const (
	// activationShare of the GPU's work is what such kernels must take. Some 4 a layer of 1.5 to 3 µs each are 5 to 10 % of a
	// decode step of a model of 7 billion weights.
	activationShare = 0.02
	// besideGEMM is the part of a kind's runs that must have a matrix multiplication next to them.
	besideGEMM = 0.5
)

// fusedQuantize are kernels that quantize what they compute, as they should; and those of a cache.
var fusedQuantize = regexp.MustCompile(`(?i)norm|silu|gelu|_and_mul|gated|swiglu|cache|rope|allreduce|all_reduce`)

// multiplies tells categories of matrix multiplications.
func multiplies(category string) bool {
	return category == "gemm" || category == "quant_gemm" || category == "moe_gemm"
}

// quantizers is a kind of kernel that quantizes.
type quantizers struct {
	n, beside int
	ns        int64
	longest   *work
}

// activationQuantization: activations are quantized in kernels of their own.
func activationQuantization(rv *rankView) *analyze.Finding {
	kinds := map[trace.StringID]*quantizers{}
	var order []trace.StringID
	var work int64
	gemms := 0
	for i := range rv.work {
		w := &rv.work[i]
		if !rv.inSteps(w) {
			continue
		}
		work += w.EndNs - w.StartNs
		category := rv.category(w)
		if multiplies(category) {
			gemms++
		}
		if w.Category != trace.CategoryKernel || category != "quantize" || rv.matches(fusedQuantize, w.Name) ||
			rv.matches(dequantizing, w.Name) {
			continue
		}
		q := kinds[w.Name]
		if q == nil {
			q = &quantizers{}
			kinds[w.Name] = q
			order = append(order, w.Name)
		}
		q.n++
		q.ns += w.EndNs - w.StartNs
		if i > 0 && multiplies(rv.category(&rv.work[i-1])) || i+1 < len(rv.work) && multiplies(rv.category(&rv.work[i+1])) {
			q.beside++
		}
		if q.longest == nil || w.EndNs-w.StartNs > q.longest.EndNs-q.longest.StartNs {
			q.longest = w
		}
	}
	n, ns := 0, int64(0)
	var most *quantizers
	for _, id := range order {
		q := kinds[id]
		if float64(q.beside) < besideGEMM*float64(q.n) {
			continue
		}
		n += q.n
		ns += q.ns
		if most == nil || q.ns > most.ns {
			most = q
		}
	}
	if most == nil || ratio(ns, work) < activationShare {
		return nil
	}
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: quotient(ns, rv.steps()),
		Evidence: []analyze.Evidence{number("kernels", n), nanoseconds("quantizing", ns), number("matrix_multiplications", gemms)},
		Events:   []analyze.EventRef{rv.ref(most.longest.Row)},
		Try: "fuse them with what comes before: in vLLM the passes fuse_norm_quant, fuse_act_quant and fuse_attn_quant " +
			"(--compilation-config, pass_config; they need compilation); " +
			"in SGLang and TensorRT-LLM fused norm and activation kernels; scales that are static need no search for them",
	}
	say(f, "%s kernels %s quantize activations beside matrix multiplications, %s %s: %s %s (%s of the GPU's work), an estimate "+
		"of what would go at most were they fused with what comes before",
		mean("kernels_per_step", n, rv.steps()), rv.per(), choose(2*most.ns >= ns, "most of it", "the largest part"),
		shortName(rv.name(most.longest.Name)),
		nanoseconds("quantizing_per_step", quotient(ns, rv.steps())), rv.per(),
		share("of_work", ns, work))
	return f
}
