package findings

import (
	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
)

const (
	// growthRatio and growthShare: attention must cost a quarter more at the end of the profile than at its beginning, beyond
	// what all else does, and be a tenth of a decode step's work by then, before its growth is what a longer context will cost.
	growthRatio = 1.25
	growthShare = 0.10
)

// attentionGrowth: attention takes more with every token of context. Of a series of decode steps the last third is compared with
// the first. What slows everything down, as a falling clock does, is taken off: attention must grow by more than the other work.
func attentionGrowth(rv *rankView) *analyze.Finding {
	s := rv.decodeSeries()
	if s == nil || !rv.gpu {
		return nil
	}
	attention, all := make([]int64, len(rv.iterations)), make([]int64, len(rv.iterations))
	first := make([]int32, len(rv.iterations))
	for i := range rv.work {
		w := &rv.work[i]
		if w.iteration < 0 || rv.category(w) == "comm" {
			continue
		}
		all[w.iteration] += w.EndNs - w.StartNs
		if rv.category(w) == "attn" {
			attention[w.iteration] += w.EndNs - w.StartNs
			first[w.iteration] = w.Row
		}
	}
	third := len(s.at) / 3
	middle := func(of []int64, steps []int32) int64 {
		var values []int64
		for _, i := range steps {
			values = append(values, of[i])
		}
		return stats.Median(values)
	}
	before, between, after := s.at[:third], s.at[third:len(s.at)-third], s.at[len(s.at)-third:]
	a, b := middle(attention, before), middle(attention, after)
	allA, allB := middle(all, before), middle(all, after)
	if a == 0 || allA <= a {
		return nil
	}
	rest := max(1, float64(allB-b)/float64(allA-a)) // by how much the other work grew
	if float64(b) < growthRatio*rest*float64(a) || ratio(b, allB) < growthShare || middle(attention, between) < a ||
		middle(attention, between) > b {
		return nil
	}
	stake := quotient((b-int64(rest*float64(a)))*int64(len(s.at)), 2*rv.steps()) // a steady growth costs half of it on average
	f := &analyze.Finding{
		StakeNsPerStep: stake,
		Events:         []analyze.EventRef{rv.ref(first[before[0]]), rv.ref(first[after[len(after)-1]])},
		Try: "profile at the context lengths that matter; an fp8 KV cache halves what attention reads, a split-KV " +
			"(flash-decoding) kernel spreads long contexts over the GPU",
	}
	say(f, "attention takes more over %s decode steps of the same requests, as it does when contexts grow: from %s to %s per step, from "+
		"%s to %s of their work, while the other work takes %s of what it took",
		number("decode_steps", len(s.at)), nanoseconds("attention_at_first", a), nanoseconds("attention_at_last", b),
		share("of_work_at_first", a, allA), share("of_work_at_last", b, allB), factor("other_work", float64(allB-b)/float64(allA-a)))
	return f
}
