package compare

import (
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
)

// The headline of steps is their median, which one slow step in ten does not move. What a median consists of is another
// question: no step need be it, and the medians of parts do not sum to the median of the whole. So the steps that are
// nearest to the median, half of them, stand for it: their mean is at it, or very near, and is divided without remainder.
// Where steps are of two kinds, the median is of one of them, and so are the steps nearest to it; the middle half of the
// steps in order of time would mix both.
//
// What the mean has besides, the steps that are far off, is divided on its own: into work and causes of idleness (meanParts in
// waterfall.go).

// typicalSteps are the places, in order, of the steps that are nearest to the median: half of them, and those as near as the
// farthest of these.
func typicalSteps(ns []int64) []int {
	if len(ns) == 0 {
		return nil
	}
	middle := stats.Median(ns)
	off := make([]int64, len(ns))
	for i, v := range ns {
		off[i] = abs(v - middle)
	}
	slices.Sort(off)
	limit := off[(len(ns)-1)/2]
	var out []int
	for i, v := range ns {
		if abs(v-middle) <= limit {
			out = append(out, i)
		}
	}
	return out
}
