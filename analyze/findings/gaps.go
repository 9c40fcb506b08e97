package findings

import (
	"cmp"
	"slices"
	"sort"
	"strconv"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// gapCause says which rule a gap of the device belongs to.
type gapCause uint8

const (
	gapLaunch   gapCause = iota // launched in time: the device's own delay, or waiting for a stream
	gapUnknown                  // what came next was launched before the profiler began
	gapOutlier                  // no part of the work's rhythm
	gapSync                     // some thread was in a synchronising call
	gapPageable                 // after a copy to or from pageable memory, which blocks the host
	gapHost                     // the host launched what came next too late
)

// gap is a time in which the device stood still.
type gap struct {
	start, ns int64
	next      int32 // index of work: what ended it
	iteration int32 // that it began in
	inside    bool  // it ended before the step's own work did
	cause     gapCause
}

const (
	// outlierIterations and outlierNs tell a pause from a loss: no engine loses ten whole steps between two kernels of one,
	// but one without requests stands still for as long as nobody asks.
	outlierIterations = 10
	outlierNs         = 10_000_000
)

// findGaps lists the gaps of the device and says why each was.
func (rv *rankView) findGaps() {
	if len(rv.work) == 0 {
		return
	}
	var syncs []call
	for _, c := range rv.calls {
		if isSync(rv.name(c.name)) {
			syncs = append(syncs, c)
		}
	}
	// The latest end of all syncs so far, so that one search finds whether any overlaps.
	until := make([]int64, len(syncs))
	for i, s := range syncs {
		if until[i] = s.end; i > 0 {
			until[i] = max(until[i], until[i-1])
		}
	}
	var deviceNs int64
	for _, w := range rv.work {
		deviceNs = max(deviceNs, w.end-rv.work[0].start)
	}
	end, last := rv.work[0].end, 0
	for i := 1; i < len(rv.work); i++ {
		w := &rv.work[i]
		if w.start > end && !rv.left(end, w.start) {
			g := gap{start: end, ns: w.start - end, next: int32(i), iteration: rv.at(end)}
			g.inside = g.iteration >= 0 && w.start < rv.iterations[g.iteration].workEnd
			before := sort.Search(len(syncs), func(k int) bool { return syncs[k].start >= w.start }) - 1
			late := w.call >= 0 && rv.calls[w.call].start > end
			switch {
			case g.ns > deviceNs/2 && len(rv.work) > 2, rv.medianNs > 0 && g.ns > outlierIterations*rv.medianNs && g.ns > outlierNs:
				g.cause = gapOutlier
			case w.call < 0:
				g.cause = gapUnknown
			case late && before >= 0 && until[before] > end:
				g.cause = gapSync
			case late && isPageable(rv.name(rv.work[last].name)):
				g.cause = gapPageable
			case late:
				g.cause = gapHost
			}
			if g.cause == gapOutlier && rv.totalNs > g.ns {
				rv.totalNs -= g.ns
			}
			rv.gaps = append(rv.gaps, g)
		}
		if w.end > end {
			end, last = w.end, i
		}
	}
}

// left tells whether a time holds steps that are not selected.
func (rv *rankView) left(from, to int64) bool {
	return rv.rank.Windows != nil && !slices.ContainsFunc(rv.rank.Windows, func(w analyze.Window) bool { return w.FromNs <= from && to < w.ToNs })
}

// idleGaps are some gaps.
type idleGaps struct {
	gaps    []gap
	ns      int64
	longest gap
}

func (rv *rankView) idle(of func(g *gap) bool) *idleGaps {
	s := &idleGaps{}
	for i := range rv.gaps {
		if g := &rv.gaps[i]; of(g) {
			s.gaps = append(s.gaps, *g)
			s.ns += g.ns
			if g.ns > s.longest.ns {
				s.longest = *g
			}
		}
	}
	return s
}

// culprit is what the host did while the device waited for it.
type culprit struct {
	name string
	ns   int64 // of the gaps that it was the best explanation for
	row  int32 // of it, in the longest of those
}

// searched is how many of the longest gaps are explained: enough to name what they have in common, few enough to keep
// it one quick pass over a trace.
const searched = 256

// culprits says what the launching thread did during gaps: of each gap, the op, annotation, call or Python frame whose
// time is most nearly the gap's (the largest ratio of what both share to what either covers). Most time first.
func (rv *rankView) culprits(gaps []gap) []culprit {
	type explained struct {
		gap
		track trace.TrackID
		match float64
		row   int32
	}
	byLength := slices.Clone(gaps)
	slices.SortStableFunc(byLength, func(a, b gap) int { return cmp.Compare(b.ns, a.ns) })
	var list []explained
	for _, g := range byLength[:min(len(byLength), searched)] {
		if c := rv.work[g.next].call; c >= 0 {
			list = append(list, explained{gap: g, track: rv.calls[c].track, row: -1})
		}
	}
	slices.SortFunc(list, func(a, b explained) int { return cmp.Compare(a.start, b.start) })
	e := &rv.t.Events
	for i := range e.Len() {
		switch e.Category(i) {
		case trace.CategoryCPUOp, trace.CategoryUserAnnotation, trace.CategoryRuntime, trace.CategoryDriver, trace.CategoryPythonFunction:
		default:
			continue
		}
		start, end, track := e.StartNs(i), e.EndNs(i), e.Track(i)
		at := sort.Search(len(list), func(k int) bool { return list[k].start+list[k].ns > start })
		for ; at < len(list) && list[at].start < end; at++ {
			x := &list[at]
			if x.track != track {
				continue
			}
			shared := min(end, x.start+x.ns) - max(start, x.start)
			if match := float64(shared) / float64(end-start+x.ns-shared); match > x.match {
				x.match, x.row = match, int32(i)
			}
		}
	}
	of := map[string]*culprit{}
	longest := map[string]int64{}
	var names []string
	for _, x := range list {
		if x.row < 0 {
			continue
		}
		name := rv.name(e.Name(int(x.row)))
		c := of[name]
		if c == nil {
			c = &culprit{name: name}
			of[name] = c
			names = append(names, name)
		}
		c.ns += x.ns
		if x.ns > longest[name] {
			longest[name], c.row = x.ns, x.row
		}
	}
	out := make([]culprit, 0, len(names))
	for _, n := range names {
		out = append(out, *of[n])
	}
	slices.SortStableFunc(out, func(a, b culprit) int { return cmp.Compare(b.ns, a.ns) })
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }
