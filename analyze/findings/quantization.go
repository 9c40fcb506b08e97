package findings

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/trace"
)

// quantizedSaving is the part of its GEMM time that a decode step should lose with weights of 4 bits. Measured with
// vLLM 0.24 on an H200, a model of Mistral-7B's shape, 8 requests: 142 ms of GEMMs in fp16, 103 ms in awq, 100 ms in gptq.
const quantizedSaving = 0.27

var (
	// quantizedWork knows kernels and ops that work on quantized weights or activations, whatever the method.
	quantizedWork = regexp.MustCompile(`(?i)marlin|machete|awq|gptq|exl2|exllama|q_gemm|w4a|w8a|wna16|fp8|e4m3|e5m2|fp4|e2m1|int8|int4|uint4|uint8b|` +
		`dequant|kgemm_4bit|gemv_4bit|4bit|scaled_mm|nvjet_\w*_q|_q[a-z]{2}_|vllm_biased_int|matmul_ogs|bitsandbytes|quantized|allspark|ggml|mxfp|nvfp|i8ii|_F8|_I8`)
	// quantizedName finds a method in the name of a model or trace.
	quantizedName = regexp.MustCompile(`(?i)(?:^|[-_./ ])(awq|gptq|w4a16|w8a8|w8a16|fp8|nvfp4|mxfp4|int4|int8|bnb-4bit|bitsandbytes)(?:$|[-_./ ])`)
)

// quantizationNotInEffect: the weights were to be quantized, and the GEMMs are ordinary ones. Kernels do not tell what
// was configured: that is what the capture's manifest says, else, as a guess, the name of the model or of the trace.
func quantizationNotInEffect(rv *rankView) *analyze.Finding {
	method, source := "", ""
	if c := rv.capture; c != nil {
		if method = c.Quantization; method != "" {
			source = "the configuration"
		} else if m := quantizedName.FindStringSubmatch(c.Model); m != nil {
			method, source = m[1], "the model's name"
		}
	}
	if method == "none" {
		return nil
	}
	if method == "" {
		m := quantizedName.FindStringSubmatch(filepath.Base(rv.t.Meta.Path))
		if m == nil {
			return nil
		}
		method, source = m[1], "the trace's name"
	}
	var gemm int64
	calls := 0
	row, most := int32(-1), int64(0)
	if rv.gpu {
		for i := range rv.work {
			w := &rv.work[i]
			if rv.category(w) == "kv_cache" || rv.category(w) == "attn" { // a KV cache may be fp8 whatever the weights are
				continue
			}
			if rv.category(w) == "quant_gemm" || rv.category(w) == "quantize" || w.Category == trace.CategoryKernel &&
				rv.matches(quantizedWork, w.Name) {
				return nil
			}
			if (rv.category(w) == "gemm" || rv.category(w) == "moe_gemm") && rv.inSteps(w) {
				gemm += w.EndNs - w.StartNs
				calls++
				if w.EndNs-w.StartNs > most {
					row, most = w.Row, w.EndNs-w.StartNs
				}
			}
		}
	} else {
		for _, o := range rv.rank.Ops {
			if o.Category == categories.Compile {
				continue
			}
			if o.Category == "quant_gemm" || o.Category == "quantize" || quantizedWork.MatchString(o.Name) {
				return nil
			}
			if o.Category == "gemm" && o.Kind == analyze.KindOp {
				gemm += o.SelfNs
				calls += o.Calls
			}
		}
		row, _ = rv.longestOp("gemm")
	}
	if row < 0 {
		return nil
	}
	stake := int64(quantizedSaving * float64(gemm-min(gemm, rv.claimedGEMMs())))
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: quotient(stake, rv.steps()),
		Evidence: []analyze.Evidence{nanoseconds("in_them", gemm)},
		Events:   []analyze.EventRef{rv.ref(row)},
		Try: "check that the checkpoint's quantization_config names this model's modules (module prefixes, ignore lists): layers " +
			"that match none are loaded in full precision without a word",
	}
	say(f, "%s says %s, but no kernel or op is known to work on quantized weights: %s matrix multiplications (%s %s) are ordinary ones, "+
		"and an estimated %s is lost",
		source, strings.ToLower(method), number("full_precision_gemms", calls), nanoseconds("in_them_per_step", quotient(gemm, rv.steps())),
		rv.per(),
		nanoseconds("estimated_saving", f.StakeNsPerStep))
	return f
}

var (
	// slowQuantized are kernels that are known to be slower than others for the same weights: AWQ's and GPTQ's first
	// kernels and exllama, which Marlin and Machete replace, and bitsandbytes'.
	slowQuantized = regexp.MustCompile(`gemm_forward_4bit|awq_gemm|gemm_half_q_half|q_gemm_kernel|vecquant\dmatmul|kgemm_4bit|gemv_4bit`)
	// dequantizing are kernels that write the weights out in full precision, for an ordinary GEMM to read back.
	dequantizing = regexp.MustCompile(`(?i)dequant|awq_dequantize|reconstruct_(exllama|gptq)|kDequantizeBlockwise`)
)

const (
	slowQuantizedShare  = 0.10 // of the GPU's work
	slowQuantizedSaving = 0.50 // of their time: an assumption, not a measurement; what it makes is marked inferred
)

// slowQuantizedGEMM: quantized weights in kernels that lose what quantization wins.
func slowQuantizedGEMM(rv *rankView) *analyze.Finding {
	var slow, unpacking, busy int64
	n := 0
	var longest *work
	for i := range rv.work {
		w := &rv.work[i]
		if !rv.inSteps(w) {
			continue
		}
		ns := w.EndNs - w.StartNs
		busy += ns
		switch {
		case w.Category != trace.CategoryKernel || rv.category(w) == "triton" && !rv.matches(slowQuantized, w.Name):
			continue
		case rv.matches(slowQuantized, w.Name):
			slow += ns
		case rv.matches(dequantizing, w.Name):
			unpacking += ns
		default:
			continue
		}
		n++
		if longest == nil || ns > longest.EndNs-longest.StartNs {
			longest = w
		}
	}
	if n == 0 || ratio(slow+unpacking, busy) < slowQuantizedShare {
		return nil
	}
	stake := unpacking + int64(slowQuantizedSaving*float64(slow))
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: quotient(stake, rv.steps()),
		Evidence: []analyze.Evidence{number("kernels", n), nanoseconds("slow_gemms", slow), nanoseconds("unpacking", unpacking)},
		Events:   []analyze.EventRef{rv.ref(longest.Row)},
	}
	switch name := rv.name(longest.Name); {
	case unpacking > slow:
		say(f, "quantized weights are unpacked by %s before each use", shortName(name))
		f.Try = "use a kernel that reads quantized weights as they are: Marlin or Machete, which vLLM takes by itself for AWQ and GPTQ " +
			"unless it is told otherwise"
	case bitsandbytes.MatchString(name):
		say(f, "quantized weights run in %s of bitsandbytes, which kernels made for serving outrun", shortName(name))
		f.Try = "serve a checkpoint that was quantized with AWQ or GPTQ: vLLM runs those in Marlin or Machete"
	default:
		say(f, "quantized weights run in %s, which Marlin and Machete outrun", shortName(name))
		f.Try = "use a kernel made for these weights: --quantization awq_marlin or gptq_marlin, which vLLM takes by itself unless it is " +
			"told otherwise; check group size and desc_act against what Marlin supports"
	}
	say(f, ": %s of the GPU's work, of which an estimated %s %s is lost", share("of_work", slow+unpacking, busy),
		nanoseconds("estimated_saving", f.StakeNsPerStep), rv.per())
	return f
}

// bitsandbytes' kernels, which AWQ's and GPTQ's advice does not fit.
var bitsandbytes = regexp.MustCompile(`kgemm_4bit|gemv_4bit|kDequantizeBlockwise`)

// Quantized tells work on quantized weights or activations by its category and name. A KV cache is left out: it may be
// fp8 whatever the weights are.
func Quantized(category, name string) bool {
	switch category {
	case "kv_cache", "attn":
		return false
	case "quant_gemm", "quantize":
		return true
	}
	return quantizedWork.MatchString(name)
}

// QuantizationNamed is the quantization that a model's or a trace's name speaks of; "" if it speaks of none.
func QuantizationNamed(name string) string {
	if m := quantizedName.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}
