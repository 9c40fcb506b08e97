package native

import (
	"fmt"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/llm/model"
	"github.com/inferprof/inferprof/llm/tensor"
)

// precision is what a model's matrices are kept in: vLLM's dtype and quantization. Weights of 16 bits become float32,
// exactly, in the kernels, and the arithmetic is float32's; on CPUs that multiply bfloat16, weights of that meet activations
// that are rounded to it. Weights of 4 bits meet activations that are rounded to 8. dtype float32 asks for every bit: then
// all weights become float32, and nothing is rounded.
type precision struct {
	format       tensor.Format
	quantization string // of the weights as they run: awq, gptq; "": none
	rounded      bool   // to 4 bits by us, while loading
	rounds       bool   // activations are rounded where they meet weights that gain by it
}

// precisionOf decides it. As in vLLM, dtype auto is bfloat16 for a bfloat16 model and float16 for one of float16 or float32.
func precisionOf(c engine.Config, m *model.Config) (p precision, err error) {
	switch c.Dtype {
	case "", "auto":
		p.format = tensor.Float16
		if m.Dtype == "bfloat16" {
			p.format = tensor.BFloat16
		}
	case "float16", "half":
		p.format = tensor.Float16
	case "bfloat16":
		p.format = tensor.BFloat16
	case "float32", "float":
		p.format = tensor.Float32
	default:
		return p, usagef("dtype %q: must be auto, float32, bfloat16 or float16", c.Dtype)
	}
	p.quantization = m.Quantization()
	switch c.Quantization {
	case "", "none":
	case "awq", "gptq":
		if p.quantization != "" && p.quantization != c.Quantization {
			return p, usagef("quantization %q: the model's weights are quantized with %s: use that, or leave it out", c.Quantization, p.quantization)
		}
		p.rounded = p.quantization == ""
		p.quantization = c.Quantization
	default:
		return p, usagef("quantization %q: must be none, awq or gptq", c.Quantization)
	}
	p.rounds = p.format != tensor.Float32
	return p, nil
}

// store tells the weights.
func (p precision) store(w *model.Weights) {
	rounding := ""
	if p.rounded {
		rounding = p.quantization
	}
	w.Store(p.format, rounding)
	if p.rounds {
		w.RoundActivations()
	}
}

// checkMemory refuses a model that the machine cannot hold, before it is half loaded.
func (p precision) checkMemory(name string, m *model.Config) error {
	perWeight := map[tensor.Format]int64{tensor.Float32: 4}[p.format]
	if perWeight == 0 {
		perWeight = 2
	}
	need := perWeight * m.Parameters()
	kept := p.format.String()
	if p.quantization != "" {
		outside := int64(m.VocabSize) * int64(m.Embedding)
		if !m.TieEmbeddings {
			outside *= 2
		}
		need = perWeight*outside + (m.Parameters()-outside)*9/16
		kept = p.quantization
	}
	if free, known := host.AvailableMemory(); known && need > free {
		return fmt.Errorf("model %s: its weights take %s in %s, %s of memory are free: use a smaller model or a machine with more memory",
			name, words.Size(need), kept, words.Size(free))
	}
	return nil
}

// activations names what activations are rounded to; "" if they are not.
func (p precision) activations() string {
	switch {
	case !p.rounds:
	case p.quantization != "":
		return "int8"
	case tensor.CanRoundActivations(p.format):
		return p.format.String()
	}
	return ""
}
