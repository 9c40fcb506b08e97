package findings

import (
	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Requests that are generating wait while prompts of others are worked on. Three things are told apart.
//
// The ramp-up is no interference: a profile that begins with its requests has steps in which the first of them generate while the
// last are still read, once. So a step counts only after decoding has begun, by a decode step of as many requests as usual, and
// if it holds up at least half as many.
//
// The stall is what such a step takes longer than a decode step. It is what the requests feel.
//
// What is at stake is less: the prompts have to be worked on at some time. What their tokens need at least is estimated from the
// decode step itself. It reads the weights once, so that its work is no less than bytes/bandwidth; a token of a prompt computes
// with each of them, which for weights of two bytes is as many operations as they have bytes. On a device of B bytes/s and P
// operations/s (of two bytes) it takes B/P of a decode step's work. Where the device is not known, the mixed step that took least
// for its tokens is the measure. Attention and weights of fewer bits are not in it: it is an estimate.

// mixedRatio is by how much a step with prompts must be longer than one without, a choice, beyond what decode steps differ by
// among themselves.
const mixedRatio = 1.3

// mixedSteps are those that hold up decoding.
type mixedSteps struct {
	times         []int64
	tokens        int64
	excess, stall int64 // in all, and weighted by the part of the usual requests that are held up
	slowest       int   // iteration
	cheapest      float64
	weighted      []struct{ excess, tokens, weight float64 }
}

func prefillInterference(rv *rankView) *analyze.Finding {
	var decode, generating []int64
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) && rv.step(i).Closed() {
			decode = append(decode, rv.step(i).TimeNs)
			generating = append(generating, rv.step(i).GenerationRequests)
		}
	}
	usual, requests := stats.Median(decode), stats.Median(generating)
	if usual == 0 || requests <= 0 {
		return nil
	}
	m := rv.mixedSteps(usual, requests)
	if len(m.times) == 0 || ratio(m.stall, rv.totalNs) < minStake {
		return nil
	}
	perToken, known := rv.tokenNeeds(usual)
	if !known {
		perToken = m.cheapest
	}
	var stake float64
	for _, w := range m.weighted {
		stake += max(0, w.excess-perToken*w.tokens) * w.weight
	}
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: quotient(int64(stake), rv.steps()),
		Evidence: []analyze.Evidence{nanoseconds("stall_weighted_by_requests", m.stall), nanoseconds("longer_in_all", m.excess)},
		Try: "smaller chunks of prompts (--max-num-batched-tokens, SGLang's --chunked-prefill-size) for steadier latency, or prefill " +
			"on other GPUs (disaggregation)",
	}
	f.Evidence = append(f.Evidence, number("prompt_tokens", int(m.tokens)))
	whole := 0
	for i := range rv.iterations {
		if rv.step(i).Closed() {
			whole++
		}
	}
	say(f, "%s of %s steps mix prompts", number("mixed_steps", len(m.times)), number("steps", whole))
	if m.tokens > 0 { // before vLLM 0.14 steps tell requests alone
		say(f, " (%s tokens each)", mean("prompt_tokens_each", int(m.tokens), len(m.times)))
	}
	say(f, " into running decoding and take %s, where decode steps take %s: running requests stall meanwhile",
		nanoseconds("median_mixed_step", stats.Median(m.times)), nanoseconds("median_decode_step", usual))
	if m.tokens > 0 {
		say(f, "; the prompts' tokens need an estimated %s of it anyway",
			nanoseconds("tokens_need_estimated", min(m.excess, int64(perToken*float64(m.tokens)))))
	}
	if row := rv.stepRow(rv.step(m.slowest)); row >= 0 {
		f.Events = []analyze.EventRef{rv.ref(row)}
	}
	return f
}

// mixedSteps finds the steps that hold up decoding, which usually takes so long for so many requests.
func (rv *rankView) mixedSteps(usual, requests int64) *mixedSteps {
	m := &mixedSteps{}
	begun := false
	for i := range rv.iterations {
		s := rv.step(i)
		if rv.in(int32(i), trace.StepDecode) {
			begun = begun || 2*s.GenerationRequests >= requests
		}
		if !begun || !rv.in(int32(i), trace.StepMixed) || !s.Closed() || 2*s.GenerationRequests < requests ||
			float64(s.TimeNs) < mixedRatio*float64(usual) {
			continue
		}
		excess, tokens := float64(s.TimeNs-usual), float64(max(0, s.ContextTokens))
		weight := min(1, float64(s.GenerationRequests)/float64(requests))
		m.times = append(m.times, s.TimeNs)
		m.tokens += int64(tokens)
		m.excess += s.TimeNs - usual
		m.stall += int64(excess * weight)
		m.weighted = append(m.weighted, struct{ excess, tokens, weight float64 }{excess, tokens, weight})
		if tokens > 0 && (m.cheapest == 0 || excess/tokens < m.cheapest) {
			m.cheapest = excess / tokens
		}
		if len(m.times) == 1 || s.TimeNs > rv.step(m.slowest).TimeNs {
			m.slowest = i
		}
	}
	return m
}

// tokenNeeds is how long a token of a prompt takes at least, in ns, where a decode step takes so long.
func (rv *rankView) tokenNeeds(usual int64) (ns float64, known bool) {
	r := rv.rank.Roofline
	if r == nil || r.GPU == nil || r.GPU.CPU || r.GPU.FP16 <= 0 || r.GPU.MemoryBytesPerS <= 0 {
		return 0, false
	}
	var busy []int64
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) && rv.step(i).Closed() {
			busy = append(busy, rv.step(i).BusyNs)
		}
	}
	return float64(min(usual, stats.Median(busy))) * r.GPU.MemoryBytesPerS / r.GPU.FP16, true
}
