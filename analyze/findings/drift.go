package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
)

// Decode steps that take longer and longer. The last third of a series (without its long steps) is compared with the first by
// their medians. A trend is believed where the middle third lies between them, and where the difference stands out from what
// steps differ by from one to the next, to which a trend adds nothing.
//
// Why is said as far as the trace goes. If it is attention, the context grew (attention_growth). If all kernels take longer by
// the same factor, it is the device (throttling). Else step_drift says whether the GPU works longer or waits longer.

const (
	// driftRatio is by how much steps must have become longer: less is found in runs of the same kind.
	driftRatio = 1.05
	// driftNoise is by how many times of what neighbours differ by: medians of three differ by about one by chance.
	driftNoise = 3
	// driftOrder is the part of the pairs of an early and a late step of which the late one is longer.
	driftOrder = 0.9
)

// trend is how a series changes.
type trend struct {
	first, middle, last []int // places
	before, after       int64 // medians of the steps' times
}

// trend finds that the steps of a series take longer and longer; nil if they do not.
func (s *series) trend() *trend {
	steady := s.steady()
	if len(steady) < shortestSeries {
		return nil
	}
	n := len(steady) / 3
	t := &trend{first: steady[:n], middle: steady[n : len(steady)-n], last: steady[len(steady)-n:]}
	t.before, t.after = stats.Median(those(s.ns, t.first)), stats.Median(those(s.ns, t.last))
	between := stats.Median(those(s.ns, t.middle))
	noise := unrest(those(s.ns, steady))
	if float64(t.after) < driftRatio*float64(t.before) || t.after-t.before < driftNoise*noise || between < t.before ||
		between > t.after+noise {
		return nil
	}
	longer := 0
	for _, a := range t.first {
		for _, b := range t.last {
			if s.ns[b] > s.ns[a] {
				longer++
			}
		}
	}
	if float64(longer) < driftOrder*float64(n*n) {
		return nil
	}
	return t
}

// stepDrift: decode steps of the same requests take longer and longer, for no reason that has a rule of its own.
func stepDrift(rv *rankView) *analyze.Finding {
	s := rv.decodeSeries()
	if s == nil || throttling(rv) != nil {
		return nil
	}
	t := s.trend()
	if t == nil || rv.attentionGrew(s, t) {
		return nil
	}
	var excess int64
	for _, k := range slices.Concat(t.first, t.middle, t.last) {
		excess += max(0, s.ns[k]-t.before)
	}
	f := &analyze.Finding{StakeNsPerStep: quotient(excess, rv.steps()),
		Try: "look at what differs between an early and a late step; profile longer to see whether it goes on: a cache that grows, a " +
			"queue that fills, memory that runs short"}
	say(f, "decode steps of the same requests take longer over time: %s in the first third of %s, %s in the last (%s)",
		nanoseconds("median_of_first_third", t.before), number("steps_alike", len(s.ns)), nanoseconds("median_of_last_third", t.after),
		factor("longer", float64(t.after)/float64(t.before)))
	if rv.gpu {
		say(f, "; the GPU computes %s, then %s, and stands still %s, then %s",
			nanoseconds("gpu_computes_in_first_third", s.median(useComputing, t.first)),
			nanoseconds("gpu_computes_in_last_third", s.median(useComputing, t.last)),
			nanoseconds("gpu_stands_still_in_first_third", s.median(useStandingStill, t.first)),
			nanoseconds("gpu_stands_still_in_last_third", s.median(useStandingStill, t.last)))
	}
	f.Events = rv.stepEvents(s, t.first[0], t.last[len(t.last)-1])
	return f
}

// attentionGrew tells whether attention is at least half of what the steps became longer by.
func (rv *rankView) attentionGrew(s *series, t *trend) bool {
	if !rv.gpu {
		return false
	}
	ns := make([]int64, len(rv.iterations))
	for i := range rv.work {
		if w := &rv.work[i]; w.iteration >= 0 && rv.category(w) == "attn" {
			ns[w.iteration] += w.EndNs - w.StartNs
		}
	}
	of := func(places []int) int64 {
		var all []int64
		for _, k := range places {
			all = append(all, ns[s.at[k]])
		}
		return stats.Median(all)
	}
	return 2*(of(t.last)-of(t.first)) >= t.after-t.before
}

// stepEvents points at steps of a series.
func (rv *rankView) stepEvents(s *series, places ...int) []analyze.EventRef {
	var out []analyze.EventRef
	for _, k := range places {
		if row := rv.stepRow(rv.step(int(s.at[k]))); row >= 0 {
			out = append(out, rv.ref(row))
		} else if len(rv.work) > 0 {
			out = append(out, rv.ref(rv.workAt(rv.iterations[s.at[k]].BeginNs).Row))
		}
	}
	return out
}
