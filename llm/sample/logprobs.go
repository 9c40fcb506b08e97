package sample

import (
	"math"
	"slices"

	"github.com/inferprof/inferprof/sampling"
)

// Logprobs computes the log-probabilities of the chosen token and of the n likeliest: those of the model itself, before
// temperature and penalties, as vLLM's logprobs_mode raw_logprobs has it.
func Logprobs(logits []float32, chosen int32, n int) sampling.PlaceLogprobs {
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
	of := func(v float32) float64 { return max(float64(v)-top-math.Log(sum), sampling.LeastLogprob) }
	p := sampling.PlaceLogprobs{Chosen: sampling.TokenLogprob{ID: chosen, Logprob: of(logits[chosen]), Rank: rank}}
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
		p.Top = append(p.Top, sampling.TokenLogprob{ID: k.id(), Logprob: of(k.logit()), Rank: i + 1})
	}
	return p
}
