package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
)

// Decode steps of two kinds: their times fall into two heaps with nothing between them, and steps change from one to the other
// and back. So a median tells of one kind alone, and which one hangs on a few steps more or less.
//
// The heaps are those that differ least in themselves (the best cut of the sorted times, by the squares of what they differ from
// their heap's mean). They count as two if they are far apart by what each differs by in itself.

const (
	// modeShare of the steps, and modeLeast of them, must be of each kind: what is rarer is an outlier.
	modeShare = longShare
	modeLeast = 3
	// modeRatio is by how much the slower kind must take longer.
	modeRatio = 1.10
	// modeDistance is how far apart the heaps' medians are, in what each differs by in itself, and modeValley the part of the
	// steps that may lie in the middle half between them: of fewer than twenty, none.
	modeDistance, modeValley = 6, 0.05
	// modeChanges is how often steps must change kind: once is a trend, or a change of what is asked for.
	modeChanges = 4
)

// bimodalSteps: decode steps of the same requests are of two kinds.
func bimodalSteps(rv *rankView) *analyze.Finding {
	s := rv.decodeSeries()
	if s == nil || s.rhythm != nil { // the steps after a pause catch up
		return nil
	}
	steady := s.steady()
	m := modesOf(those(s.ns, steady))
	if m == nil {
		return nil
	}
	var fast, slow []int
	changes := 0
	for i, k := range steady {
		if is := s.ns[k] >= m.from; is {
			slow = append(slow, k)
		} else {
			fast = append(fast, k)
		}
		if i > 0 && (s.ns[k] >= m.from) != (s.ns[steady[i-1]] >= m.from) {
			changes++
		}
	}
	if changes < modeChanges {
		return nil
	}
	var excess int64
	for _, k := range slow {
		excess += s.ns[k] - m.fast
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(excess, rv.steps()), Events: rv.stepEvents(s, fast[0], slow[0]),
		Try: "compare a fast step with a slow one in the timeline; do not read the median as what a step takes: the mean, and both kinds, " +
			"tell more",
	}
	say(f, "decode steps of the same requests are of two kinds: %s of %s take %s, the others %s, and they change from one kind to the "+
		"other %s times",
		number("fast_steps", len(fast)), number("steps_alike", len(steady)), nanoseconds("median_fast_step", m.fast),
		nanoseconds("median_slow_step", m.slow),
		number("changes", changes))
	if every := s.everyOf(slow); every > 0 {
		say(f, "; a slow one comes every %s steps", number("slow_every", every))
	}
	if rv.gpu {
		say(f, "; the GPU computes %s in fast ones and %s in slow ones",
			nanoseconds("gpu_computes_in_fast_steps", s.median(useComputing, fast)),
			nanoseconds("gpu_computes_in_slow_steps", s.median(useComputing, slow)))
	}
	return f
}

// modes are the two heaps of a list of times.
type modes struct {
	fast, slow int64 // medians
	from       int64 // the least of the slow ones
}

// modesOf finds the heaps; nil if there are no two.
func modesOf(times []int64) *modes {
	slices.Sort(times)
	n := len(times)
	var sum float64
	for _, v := range times {
		sum += float64(v)
	}
	// Of all cuts, the one with the largest squares between the heaps leaves the least inside them.
	cut, most, left := 0, 0.0, 0.0
	for i := 1; i < n; i++ {
		left += float64(times[i-1])
		d := left/float64(i) - (sum-left)/float64(n-i)
		if between := d * d * float64(i) * float64(n-i); between > most && times[i] > times[i-1] {
			cut, most = i, between
		}
	}
	if float64(min(cut, n-cut)) < max(modeLeast, modeShare*float64(n)) {
		return nil
	}
	fast, slow := times[:cut], times[cut:]
	m := &modes{stats.Median(fast), stats.Median(slow), slow[0]}
	noise := max(noiseOf(fast, m.fast), noiseOf(slow, m.slow))
	distance := m.slow - m.fast
	if float64(m.slow) < modeRatio*float64(m.fast) || distance < modeDistance*noise {
		return nil
	}
	valley := 0
	for _, v := range times {
		if v > m.fast+distance/4 && v < m.slow-distance/4 {
			valley++
		}
	}
	if float64(valley) > modeValley*float64(n) {
		return nil
	}
	return m
}

// everyOf is the one number of steps from each place to the next; 0 if there are several.
func (s *series) everyOf(places []int) int {
	every := 0
	for i := 1; i < len(places); i++ {
		d := int(s.at[places[i]] - s.at[places[i-1]])
		if every != 0 && d != every {
			return 0
		}
		every = d
	}
	return every
}
