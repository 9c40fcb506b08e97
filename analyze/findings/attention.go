package findings

import (
	"fmt"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

const (
	trendSteps = 9 // three thirds of three steps: fewer show no trend
	// growthRatio and growthShare: attention must cost a quarter more at the end of the profile than at its beginning, and
	// be a tenth of a decode step's work by then, before its growth is what a longer context will cost.
	growthRatio = 1.25
	growthShare = 0.10
)

// attentionGrowth: attention takes more with every token of context. Decode steps with the same number of requests are
// compared, the last third of them with the first.
func attentionGrowth(rv *rankView) *analyze.Finding {
	if !rv.gpu {
		return nil
	}
	requests := map[int64]int{}
	most := trace.Absent
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) {
			n := rv.step(i).GenerationRequests
			if requests[n]++; requests[n] > requests[most] || most == trace.Absent {
				most = n
			}
		}
	}
	var steps []int32
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) && rv.step(i).GenerationRequests == most {
			steps = append(steps, int32(i))
		}
	}
	if len(steps) < trendSteps {
		return nil
	}
	attention, all := make([]int64, len(rv.iterations)), make([]int64, len(rv.iterations))
	first := make([]int32, len(rv.iterations))
	for i := range rv.work {
		w := &rv.work[i]
		if w.iteration < 0 {
			continue
		}
		all[w.iteration] += w.EndNs - w.StartNs
		if rv.category(w) == "attn" {
			attention[w.iteration] += w.EndNs - w.StartNs
			first[w.iteration] = w.Row
		}
	}
	third := len(steps) / 3
	middle := func(of []int64, steps []int32) int64 {
		var values []int64
		for _, s := range steps {
			values = append(values, of[s])
		}
		return stats.Median(values)
	}
	before, after := steps[:third], steps[len(steps)-third:]
	a, b := middle(attention, before), middle(attention, after)
	allA, allB := middle(all, before), middle(all, after)
	if a == 0 || float64(b) < growthRatio*float64(a) || ratio(b, allB) < growthShare {
		return nil
	}
	return &analyze.Finding{
		Sentence: fmt.Sprintf("attention grows with the context: over %d decode steps from %s to %s per step, from %s to %s of their work",
			len(steps), duration(a), duration(b), percent(a, allA), percent(b, allB)),
		StakeNsPerStep: b - a,
		Evidence: []analyze.Evidence{
			number("decode_steps", len(steps)), nanoseconds("attention_at_first", a), nanoseconds("attention_at_last", b),
			share("of_work_at_first", a, allA), share("of_work_at_last", b, allB),
		},
		Events: []analyze.EventRef{rv.ref(first[before[0]]), rv.ref(first[after[len(after)-1]])},
		Try:    "profile at the context lengths that matter; an fp8 KV cache halves what attention reads, a split-KV (flash-decoding) kernel spreads long contexts over the GPU",
	}
}

const (
	mixedRatio = 1.3 // by how much a step with prompts must be longer than one without, a choice, beyond what decode steps differ by among themselves
)

// prefillInterference: requests that are generating wait while prompts of others are worked on. Each such step counts
// by how many of the requests it holds up.
func prefillInterference(rv *rankView) *analyze.Finding {
	var decode, generating []int64
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) {
			decode = append(decode, rv.step(i).TimeNs)
			generating = append(generating, rv.step(i).GenerationRequests)
		}
	}
	usual, requests := stats.Median(decode), stats.Median(generating)
	if usual == 0 || requests <= 0 {
		return nil
	}
	var mixed []int64
	var stake, tokens int64
	slowest := -1
	for i := range rv.iterations {
		s := rv.step(i)
		if !rv.in(int32(i), trace.StepMixed) || float64(s.TimeNs) < mixedRatio*float64(usual) {
			continue
		}
		mixed = append(mixed, s.TimeNs)
		tokens += max(0, s.ContextTokens)
		stake += (s.TimeNs - usual) * min(requests, max(0, s.GenerationRequests)) / requests
		if slowest < 0 || s.TimeNs > rv.step(slowest).TimeNs {
			slowest = i
		}
	}
	if len(mixed) == 0 {
		return nil
	}
	each := ""
	if tokens > 0 { // before vLLM 0.14 steps tell requests alone
		each = fmt.Sprintf(" (%d tokens each)", tokens/int64(len(mixed)))
	}
	f := &analyze.Finding{
		Sentence: fmt.Sprintf("%d of %d steps mix prompts%s into decoding and take %s, where decode steps take %s: running requests stall meanwhile",
			len(mixed), len(rv.iterations), each, duration(stats.Median(mixed)), duration(usual)),
		StakeNsPerStep: quotient(stake, rv.steps()),
		Evidence: []analyze.Evidence{
			number("mixed_steps", len(mixed)), number("steps", len(rv.iterations)), nanoseconds("median_mixed_step", stats.Median(mixed)),
			nanoseconds("median_decode_step", usual), number("prompt_tokens", int(tokens)), nanoseconds("stall_weighted_by_requests", stake),
		},
		Try: "smaller chunks of prompts (--max-num-batched-tokens, SGLang's --chunked-prefill-size) for steadier latency, or prefill on other GPUs (disaggregation)",
	}
	if row := rv.stepRow(rv.step(slowest)); row >= 0 {
		f.Events = []analyze.EventRef{rv.ref(row)}
	}
	return f
}
