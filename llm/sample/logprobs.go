package sample

import (
	"math"
	"slices"
)

// TokenLogprob is the natural logarithm of a token's probability.
type TokenLogprob struct {
	ID      int32   `json:"token_id"`
	Logprob float64 `json:"logprob"` // leastLogprob or more
	Rank    int     `json:"rank"`    // 1 is the likeliest
}

// leastLogprob stands for the logarithm of 0, which JSON cannot write. OpenAI's servers and vLLM's give the same.
const leastLogprob = -9999

// PlaceLogprobs are those at one place of an output.
type PlaceLogprobs struct {
	Chosen TokenLogprob   `json:"chosen"`
	Top    []TokenLogprob `json:"top,omitempty"` // likeliest first
}

// Logprobs computes the log-probabilities of the chosen token and of the n likeliest: those of the model itself, before
// temperature and penalties, as vLLM's logprobs_mode raw_logprobs has it.
func Logprobs(logits []float32, chosen int32, n int) PlaceLogprobs {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, float64(v))
	}
	sum, rank := 0.0, 1
	mine := newKey(logits[chosen], int(chosen))
	for i, v := range logits {
		sum += math.Exp(float64(v) - top)
		if newKey(v, i) > mine {
			rank++
		}
	}
	of := func(v float32) float64 { return max(float64(v)-top-math.Log(sum), leastLogprob) }
	p := PlaceLogprobs{Chosen: TokenLogprob{chosen, of(logits[chosen]), rank}}
	if n == 0 {
		return p
	}
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	w.collectTop(logits, n)
	slices.SortFunc(w.keys, func(a, b key) int {
		if a > b {
			return -1
		}
		return 1
	})
	for i, k := range w.keys {
		p.Top = append(p.Top, TokenLogprob{k.id(), of(k.logit()), i + 1})
	}
	return p
}
