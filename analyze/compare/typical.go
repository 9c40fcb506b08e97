package compare

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
)

// The headline of steps is their median, which one slow step in ten does not move. What a median consists of is another
// question: no step need be it, and the medians of parts do not sum to the median of the whole. So steps near the median stand
// for it, whose mean is at it, or very near, and is divided without remainder: the half of them that is nearest, less the
// farthest of the side that has too many. Where steps are of two kinds, the median is of one of them, and so are the steps
// nearest to it; the middle half of the steps in order of their times would mix both.
//
// What the mean has besides, the steps that are far off, is divided on its own: into work and causes of idleness (meanParts in
// waterfall.go).

const (
	// nearMedian is how near the mean of typical steps is brought to the median, as a part of it.
	nearMedian = 0.002
	// fewTypical is the part of the steps that are typical ones at the least.
	fewTypical = 0.2
)

// typicalSteps are the places of typical steps, in order.
func typicalSteps(ns []int64) []int {
	n := len(ns)
	if n == 0 {
		return nil
	}
	middle := stats.Median(ns)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(abs(ns[a]-middle), abs(ns[b]-middle)), cmp.Compare(a, b))
	})
	half := (n + 1) / 2
	for limit := abs(ns[order[half-1]]-middle) + 1; half < n && abs(ns[order[half]]-middle) <= limit; { // the median of two is rounded
		half++ // none of those that are as near is more typical than the other
	}
	out := order[:half]
	slices.SortFunc(out, func(a, b int) int { return cmp.Or(cmp.Compare(ns[a], ns[b]), cmp.Compare(a, b)) })
	var off float64
	for _, i := range out {
		off += float64(ns[i] - middle)
	}
	least := max(3, int(fewTypical*float64(n)))
	for len(out) > least && math.Abs(off) > nearMedian*float64(middle)*float64(len(out)) {
		last := len(out) - 1
		if off > 0 {
			off -= float64(ns[out[last]] - middle)
			out = out[:last]
		} else {
			off -= float64(ns[out[0]] - middle)
			out = out[1:]
		}
	}
	slices.Sort(out)
	return out
}
