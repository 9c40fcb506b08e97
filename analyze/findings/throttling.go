package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

const (
	// throttleRatio is by how much all kernels must have slowed down: clocks go up and down by less while a GPU is busy.
	throttleRatio = 1.05
	// throttleSpread is the part of the slowdown by which a kernel's may differ from the others', and throttleAlike the part of
	// their time that kernels within it must take.
	throttleSpread = 0.35
	throttleAlike  = 0.8
	throttleKinds  = 3 // of kernels: fewer are not all
	// throttleMost is the part of the kinds that must be within it: matrix multiplications alone are most of the time, but not all.
	throttleMost = 0.7
)

// throttling: all kernels take longer over time, by the same factor, though the requests and the kernels are the same. That is
// what a falling clock does; a trace does not have clocks.
//
// Attention is left out, which grows with the context; so is communication, which waits. The kernels are the same if each kind
// runs as often at the end as at the beginning.
func throttling(rv *rankView) *analyze.Finding {
	s := rv.decodeSeries()
	if s == nil || !rv.gpu {
		return nil
	}
	steady := s.steady()
	if len(steady) < shortestSeries {
		return nil
	}
	n := len(steady) / 3
	thirds := [3][]int{steady[:n], steady[n : len(steady)-n], steady[len(steady)-n:]}
	kinds, all := rv.kindsByThird(s, thirds)
	var slow []slowdown
	var kept float64
	for _, k := range kinds {
		if k.n[0]*len(thirds[2]) != k.n[2]*len(thirds[0]) || k.ns[0] == 0 { // it runs more often, or not at all
			continue
		}
		before := float64(k.ns[0]) / float64(len(thirds[0]))
		slow = append(slow, slowdown{before, float64(k.ns[2]) / float64(len(thirds[2])) / before,
			float64(k.ns[1]) / float64(len(thirds[1])) / before})
		kept += before
	}
	if len(slow) < throttleKinds || kept < throttleAlike*float64(all)/float64(len(thirds[0])) {
		return nil
	}
	ratio, between := weightedMedian(slow, func(k slowdown) float64 { return k.last }), weightedMedian(slow, func(k slowdown) float64 { return k.middle })
	alike, most := 0.0, 0
	for _, k := range slow {
		if off := (k.last - ratio) / (ratio - 1); off > -throttleSpread && off < throttleSpread {
			alike += k.ns
			most++
		}
	}
	if ratio < throttleRatio || float64(most) < throttleMost*float64(len(slow)) || alike < throttleAlike*kept ||
		between < 1-(ratio-1)*throttleSpread || between > ratio+(ratio-1)*throttleSpread {
		return nil
	}
	stake := int64((ratio + between - 2) / 3 * kept * float64(len(steady)) / float64(rv.steps())) // the first third loses nothing
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: stake,
		Events: rv.stepEvents(s, steady[0], steady[len(steady)-1]),
		Try: "look at the GPU's clocks, power and temperature while it runs (nvidia-smi -q -d PERFORMANCE,CLOCK; amd-smi): a power " +
			"cap, heat, another process on the same GPU; lock the clocks to compare runs",
	}
	say(f, "kernels slow down alike over %s decode steps of the same requests: in the last third they take %s of what they take in the "+
		"first, %s of %s kinds and %s of their time "+
		"within %s of that slowdown (attention and communication left out): as under a falling clock, which a trace does not record",
		number("steps_alike", len(steady)), factor("slowdown", ratio), number("kinds_alike", most), number("kinds_of_kernels", len(slow)),
		share("alike", int64(alike), int64(kept)), share("spread", int64(100*throttleSpread), 100))
	f.Evidence = addEvidence(f.Evidence, factor("slowdown_in_the_middle", between),
		nanoseconds("kernels_per_step_at_first", int64(kept)))
	return f
}

// slowdown is how much longer a kind of kernel takes in the middle and last third of a series.
type slowdown struct {
	ns           float64 // per step, in the first third
	last, middle float64
}

func weightedMedian(list []slowdown, of func(slowdown) float64) float64 {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b slowdown) int {
		switch {
		case of(a) < of(b):
			return -1
		case of(a) > of(b):
			return 1
		}
		return 0
	})
	var half float64
	for _, k := range sorted {
		half += k.ns / 2
	}
	for _, k := range sorted {
		if half -= k.ns; half <= 0 {
			return of(k)
		}
	}
	return of(sorted[len(sorted)-1])
}

// kind is one kind of kernel, by thirds of a series.
type kind struct {
	n  [3]int
	ns [3]int64
}

// kindsByThird sums kernels by name and third; all is the first third's sum.
func (rv *rankView) kindsByThird(s *series, thirds [3][]int) (kinds []*kind, all int64) {
	third := make([]int8, len(rv.iterations))
	for i, places := range thirds {
		for _, k := range places {
			third[s.at[k]] = int8(i + 1)
		}
	}
	of := map[trace.StringID]*kind{}
	for i := range rv.work {
		w := &rv.work[i]
		if w.iteration < 0 || third[w.iteration] == 0 || w.Category != trace.CategoryKernel {
			continue
		}
		if c := rv.category(w); c == "attn" || c == "comm" {
			continue
		}
		k := of[w.Name]
		if k == nil {
			k = &kind{}
			of[w.Name] = k
			kinds = append(kinds, k)
		}
		k.n[third[w.iteration]-1]++
		k.ns[third[w.iteration]-1] += w.EndNs - w.StartNs
		if third[w.iteration] == 1 {
			all += w.EndNs - w.StartNs
		}
	}
	return kinds, all
}
