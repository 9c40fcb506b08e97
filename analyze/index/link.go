package index

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/internal/runs"
	"github.com/inferprof/inferprof/trace"
)

// link joins GPU work, sorted, to the calls that launched it, which are in file order: of several with one correlation
// it is the first.
func (x *Index) link() {
	if len(x.GPU) == 0 {
		return
	}
	external := x.externalAsCorrelation()
	callOf := x.callsByCorrelation()
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Side == trace.NoSide {
			continue
		}
		side := x.Trace.GPU.At(g.Side)
		correlation := side.Correlation
		if external {
			correlation = side.ExternalID
		}
		if c := callOf(correlation); c >= 0 {
			g.Call = c
			x.count(i)
		}
	}
}

// externalAsCorrelation gives calls their external ids as correlations where a file has no correlation at all, and no two calls have one
// external id, as some builds for ROCm write: it is the correlation then. Elsewhere it is the op's, of which there may be many calls.
func (x *Index) externalAsCorrelation() bool {
	for i := range x.GPU {
		if s := x.GPU[i].Side; s != trace.NoSide && x.Trace.GPU.At(s).Correlation > 0 {
			return false
		}
	}
	ids := make([]int64, len(x.Calls))
	seen := make(map[int64]bool, len(x.Calls))
	for i := range x.Calls {
		ids[i] = trace.Absent
		if s := x.Trace.Events.Side(int(x.Calls[i].Row)); s != trace.NoSide {
			ids[i] = x.Trace.Calls.At(s).ExternalID
		}
		if x.Calls[i].Correlation > 0 || ids[i] > 0 && seen[ids[i]] {
			return false
		}
		seen[ids[i]] = true
	}
	for i := range x.Calls {
		x.Calls[i].Correlation = ids[i]
	}
	return true
}

// count counts a piece of work at its call.
func (x *Index) count(i int) {
	c := &x.Calls[x.GPU[i].Call]
	if c.GPUEvents == 0 {
		c.FirstGPU = int32(i)
	}
	c.GPUEvents++
}

// sortCalls puts the calls in order of time, and says so to the work that they launched. Files hold the calls of each
// thread in order, so that of one thread there is nothing to do.
func (x *Index) sortCalls() {
	byStart := func(a, b Call) int { return cmp.Compare(a.StartNs, b.StartNs) }
	if slices.IsSortedFunc(x.Calls, byStart) {
		return
	}
	order := make([]int32, len(x.Calls))
	for i := range order {
		order[i] = int32(i)
	}
	runs.Sort(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(x.Calls[a].StartNs, x.Calls[b].StartNs), cmp.Compare(a, b))
	})
	sorted, place := make([]Call, len(order)), make([]int32, len(order))
	for to, from := range order {
		sorted[to], place[from] = x.Calls[from], int32(to)
	}
	x.Calls = sorted
	for i := range x.GPU {
		if g := &x.GPU[i]; g.Call >= 0 {
			g.Call = place[g.Call]
		}
	}
}

// callsByCorrelation finds calls by their correlation: the first in the list of each, -1 if there is none. Correlations count
// from 1: 0 is what files write where there is none, of many calls and much work that have nothing to do with each other.
// Profilers count them up, so that a list over their range is small; where they do not, a map does.
func (x *Index) callsByCorrelation() func(correlation int64) int32 {
	const spread = 8 // places of the list for each call
	low, high := int64(math.MaxInt64), int64(-1)
	for i := range x.Calls {
		if c := x.Calls[i].Correlation; c > 0 {
			low, high = min(low, c), max(high, c)
		}
	}
	if high < low {
		low, high = 0, -1
	}
	if n := high - low + 1; n <= spread*int64(len(x.Calls)) && n > 0 {
		list := make([]int32, n)
		for i, c := range slices.Backward(x.Calls) {
			if c.Correlation > 0 {
				list[c.Correlation-low] = int32(i) + 1
			}
		}
		return func(correlation int64) int32 {
			if correlation < low || correlation > high {
				return -1
			}
			return list[correlation-low] - 1
		}
	}
	byCorrelation := make(map[int64]int32, len(x.Calls))
	for i, c := range slices.Backward(x.Calls) {
		if c.Correlation > 0 {
			byCorrelation[c.Correlation] = int32(i)
		}
	}
	return func(correlation int64) int32 {
		if c, ok := byCorrelation[correlation]; ok {
			return c
		}
		return -1
	}
}
