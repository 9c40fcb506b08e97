package sample

import (
	"math"

	"github.com/inferprof/inferprof/sampling"
)

// What came before changes what may come next. The repetition penalty r divides the logit of each token of prompt and
// output if it is positive and multiplies it if not (Keskar et al. 2019); then each token of the output loses the frequency
// penalty as often as it is there, and the presence penalty once (OpenAI's definition). Until the output has min_tokens
// the tokens that would end it are excluded. Order and meaning are vLLM's.

// history is a request's tokens so far, as far as they change logits.
type history struct {
	params *sampling.Params
	ends   []int32
	prompt map[int32]struct{}
	counts map[int32]int // of the output's tokens
	length int           // of the output
	logits []float32     // changed ones
}

// penalises tells whether earlier tokens change what is drawn.
func penalises(p *sampling.Params) bool {
	return p.RepetitionPenalty != 0 && p.RepetitionPenalty != 1 || p.PresencePenalty != 0 || p.FrequencyPenalty != 0
}

// newHistory is nil where nothing depends on it.
func newHistory(p *sampling.Params, prompt, ends []int32) *history {
	if !penalises(p) && p.MinTokens == 0 {
		return nil
	}
	h := &history{params: p, ends: ends}
	if penalises(p) {
		h.counts = map[int32]int{}
	}
	if r := p.RepetitionPenalty; r != 0 && r != 1 {
		h.prompt = make(map[int32]struct{}, len(prompt))
		for _, id := range prompt {
			h.prompt[id] = struct{}{}
		}
	}
	return h
}

// add notes a token of the output.
func (h *history) add(id int32) {
	h.length++
	if h.counts != nil {
		h.counts[id]++
	}
}

// apply returns the logits as changed by what came before, good until the next call.
func (h *history) apply(logits []float32) []float32 {
	h.logits = append(h.logits[:0], logits...)
	p := h.params
	if r := float32(p.RepetitionPenalty); r != 0 && r != 1 {
		for id := range h.prompt {
			h.repeat(id, r)
		}
		for id := range h.counts {
			if _, twice := h.prompt[id]; !twice {
				h.repeat(id, r)
			}
		}
	}
	if p.FrequencyPenalty != 0 || p.PresencePenalty != 0 {
		for id, n := range h.counts {
			h.logits[id] -= float32(p.FrequencyPenalty)*float32(n) + float32(p.PresencePenalty)
		}
	}
	if h.length < p.MinTokens {
		for _, id := range h.ends {
			if 0 <= id && int(id) < len(h.logits) {
				h.logits[id] = float32(math.Inf(-1))
			}
		}
	}
	return h.logits
}

func (h *history) repeat(id int32, penalty float32) {
	if h.logits[id] > 0 {
		h.logits[id] /= penalty
	} else {
		h.logits[id] *= penalty
	}
}
