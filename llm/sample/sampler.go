// Package sample chooses the next token: greedy or drawn from the temperature-scaled, min-p, top-k and top-p restricted
// distribution, with a random stream of its own per request, so that a request's tokens do not depend on its batch.
package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/inferprof/inferprof/llm/tensor"
	"github.com/inferprof/inferprof/sampling"
)

// How a token is drawn.
//
// Logits are changed by what came before (penalty.go) and divided by the temperature; min-p keeps those whose
// probability is that share of the best one's, top-k the k best of them, top-p the best of those, down to and
// including the one with which their probability reaches p, and one random number picks from what is left: vLLM's
// order. Equal logits count in the order of their ids, so that exactly k are kept and top-k 1 is greedy.
//
// A vocabulary has 50 to 250 thousand entries, and sorting it for each token would cost as much as a small model's
// step. Nothing here is sorted. A logit and its id are packed into one integer, larger meaning better
// (key). Top-k collects keys above a bar that rises whenever the collection has grown to a few times k. Top-p first
// drops all tokens less likely than (1-p)/n: together they are less than 1-p, so none of them can be among the best
// that make up p. In the rest, mostly a few hundred, it looks for the last token to keep by quickselect.
//
// A random number is taken for each token drawn, and none for a greedy one. The exponentials of a whole vocabulary are
// float32, eight or sixteen at once; those of the few tokens that are left are float64.

// Sampler picks the tokens of one request. Its random stream comes from the seed alone, so the tokens do not depend on
// which other requests are computed beside it.
type Sampler struct {
	params  sampling.Params
	random  *rand.Rand
	history *history // nil unless logits depend on what came before
}

// New returns a sampler for valid parameters. The prompt's tokens count for the repetition penalty; ends are the tokens
// that end an output, which min_tokens keeps from coming early.
func New(p sampling.Params, seed uint64, prompt, ends []int32) *Sampler {
	random := rand.New(rand.NewPCG(seed, 0x696e66657270726f)) // the second word is any constant
	return &Sampler{p, random, newHistory(&p, prompt, ends)}
}

// negligible is a logit's distance from the best one, over the temperature, from which it is not drawn any more: its
// probability, below e^-64, is less than the resolution of the random number.
const negligible = 64

// Next picks the output's next token for logits, one for each token of the vocabulary, which it leaves as they are. A
// logit of -Inf excludes its token. It fails if there is no logit, or one that is NaN or +Inf; the caller knows for
// which request.
func (s *Sampler) Next(logits []float32) (int32, error) {
	if s.history == nil {
		return s.pick(logits)
	}
	id, err := s.pick(s.history.apply(logits))
	s.history.add(id)
	return id, err
}

func (s *Sampler) pick(logits []float32) (int32, error) {
	best, err := argmax(logits)
	if err != nil || s.params.Temperature == 0 || s.params.TopK == 1 {
		return int32(best), err
	}
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	w.top, w.scale = float64(logits[best]), 1/s.params.Temperature
	k, p, u := s.params.TopK, s.params.TopP, s.random.Float64()
	switch {
	case s.params.MinP > 0:
		w.collectAbove(logits, s.params.MinP)
		if 0 < k && k < len(w.keys) {
			selectTop(w.keys, k)
			w.keys = w.keys[:k]
		}
		mass := w.mass()
		if p < 1 {
			return w.drawFromNucleus(p*mass, u), nil
		}
		return w.draw(w.keys, mass, u), nil
	case 0 < k && k < len(logits):
		w.collectTop(logits, k)
		mass := w.mass()
		if p < 1 {
			return w.drawFromNucleus(p*mass, u), nil
		}
		return w.draw(w.keys, mass, u), nil
	case p < 1:
		w.computeProbabilities(logits)
		w.collectLikely(logits, (1-p)/float64(len(logits)))
		return w.drawFromNucleus(p/float64(w.probabilities[best]), u), nil
	}
	w.computeProbabilities(logits)
	return w.drawFromAll(u), nil
}

// argmax returns the first of the largest logits.
func argmax(logits []float32) (int, error) {
	at, best := -1, float32(math.Inf(-1))
	for i, v := range logits {
		if !(v <= best) { // NaN too
			if v != v || v > math.MaxFloat32 {
				return 0, fmt.Errorf("choosing a token: the logit of token %d is %v: the model's weights or its computing are broken", i, v)
			}
			at, best = i, v
		}
	}
	if at < 0 {
		return 0, fmt.Errorf("choosing a token: none of %d logits is above -Inf", len(logits))
	}
	return at, nil
}

// workspace is what drawing a token needs. Samplers take turns with it: one is large, and requests are many.
type workspace struct {
	top           float64 // the best logit
	scale         float64 // 1 / temperature
	keys          []key
	probabilities []float32 // of all tokens
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// weight is a logit's probability, up to a factor; 1 for the best one.
func (w *workspace) weight(logit float32) float64 {
	x := (float64(logit) - w.top) * w.scale
	if !(x > -negligible) { // NaN too: the best logit at an infinite scale
		if float64(logit) == w.top {
			return 1
		}
		return 0
	}
	return math.Exp(x)
}

// computeProbabilities sets w.probabilities.
func (w *workspace) computeProbabilities(logits []float32) {
	w.probabilities = w.probabilities[:0]
	for _, v := range logits {
		x := (float64(v) - w.top) * w.scale
		if x != x { // the best logit at an infinite scale
			x = 0
		}
		w.probabilities = append(w.probabilities, float32(x))
	}
	tensor.Softmax(w.probabilities)
}

// mass is the sum of the weights of w.keys.
func (w *workspace) mass() float64 {
	sum := 0.0
	for _, k := range w.keys {
		sum += w.weight(k.logit())
	}
	return sum
}

// collectTop sets w.keys to the k best, in no order.
func (w *workspace) collectTop(logits []float32, k int) {
	room := max(4*k, 512)
	keys, bar := w.keys[:0], key(0)
	for i, v := range logits {
		if c := newKey(v, i); c > bar {
			keys = append(keys, c)
			if len(keys) == room {
				selectTop(keys, k)
				keys = keys[:k]
				bar = slices.Min(keys)
			}
		}
	}
	if len(keys) > k {
		selectTop(keys, k)
		keys = keys[:k]
	}
	w.keys = keys
}

// collectAbove sets w.keys to those whose weight is bar or more, in no order: the best one's is 1.
func (w *workspace) collectAbove(logits []float32, bar float64) {
	w.keys = w.keys[:0]
	for i, v := range logits {
		if w.weight(v) >= bar {
			w.keys = append(w.keys, newKey(v, i))
		}
	}
}

// collectLikely sets w.keys to those whose probability is bar or more, in no order.
func (w *workspace) collectLikely(logits []float32, bar float64) {
	w.keys = w.keys[:0]
	for i, x := range w.probabilities {
		if float64(x) >= bar {
			w.keys = append(w.keys, newKey(logits[i], i))
		}
	}
}

// drawFromNucleus picks among the best of w.keys, as many as it takes to reach a mass of target; u is in [0, 1).
func (w *workspace) drawFromNucleus(target, u float64) int32 {
	// Quickselect, but for the place where a mass is reached rather than a count: keys[:lo] are in the nucleus,
	// keys[hi:] are not, and what lies between them is smaller than the former and larger than the latter.
	keys, lo, hi, mass := w.keys, 0, len(w.keys), 0.0
	for lo < hi && mass < target {
		middle := lo + partition(keys[lo:hi])
		above := 0.0
		for _, k := range keys[lo:middle] {
			above += w.weight(k.logit())
		}
		if mass+above >= target {
			hi = middle
			continue
		}
		mass += above + w.weight(keys[middle].logit())
		lo = middle + 1
	}
	return w.draw(keys[:lo], mass, u)
}

// draw picks one of keys, whose mass is given.
func (w *workspace) draw(keys []key, mass, u float64) int32 {
	at, left := 0, u*mass
	for i, k := range keys {
		x := w.weight(k.logit())
		if x > 0 {
			at = i // what rounding leaves over falls to the last that can be drawn
		}
		if left -= x; left < 0 {
			break
		}
	}
	return keys[at].id()
}

// drawFromAll picks one of all tokens; u is in [0, 1).
func (w *workspace) drawFromAll(u float64) int32 {
	mass := 0.0 // 1 but for rounding
	for _, x := range w.probabilities {
		mass += float64(x)
	}
	at, left := 0, u*mass
	for i, x := range w.probabilities {
		if x > 0 {
			at = i
		}
		if left -= float64(x); left < 0 {
			break
		}
	}
	return int32(at)
}
