package findings

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/inferprof/inferprof/analyze/index"
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
	gapCompile                  // the same, because it was compiling
)

// gap is a time in which the device stood still, between two pieces of selected work.
type gap struct {
	*index.Gap
	iteration int32 // that it began in
	inside    bool  // it ended before the step's own work did
	cause     gapCause
}

// findGaps says of each gap which rule it belongs to.
func (rv *rankView) findGaps(gaps []index.Gap) {
	var deviceNs int64
	for _, w := range rv.work {
		deviceNs = max(deviceNs, w.EndNs-rv.work[0].StartNs)
	}
	rv.gaps = make([]gap, 0, len(gaps))
	for i := range gaps {
		if gaps[i].Last < 0 || gaps[i].Next < 0 {
			continue // what lies on one side of it is not selected
		}
		g := gap{Gap: &gaps[i], iteration: rv.at(gaps[i].StartNs)}
		g.inside = g.iteration >= 0 && g.EndNs < rv.iterations[g.iteration].WorkEndNs
		late := g.Cause == index.IdleHost
		switch {
		case g.Ns() > deviceNs/2 && len(rv.work) > 2, index.OutOfProportion(g.Ns(), rv.medianNs):
			g.cause = gapOutlier
		case g.Cause == index.IdleUnknown:
			g.cause = gapUnknown
		case late && g.Sync:
			g.cause = gapSync
		case late && isPageable(rv.name(rv.x.GPU[g.Last].Name)):
			g.cause = gapPageable
		case late:
			g.cause = gapHost
		}
		if g.cause == gapOutlier && rv.totalNs > g.Ns() {
			rv.totalNs -= g.Ns()
		}
		if late && 2*rv.compiling.within(g.StartNs, g.EndNs) >= g.Ns() {
			g.cause = gapCompile
		}
		rv.gaps = append(rv.gaps, g)
	}
}

// idleGaps are some gaps.
type idleGaps struct {
	gaps    []gap
	ns      int64
	longest gap // without a Gap if there are none
}

func (rv *rankView) idle(of func(g *gap) bool) *idleGaps {
	s := &idleGaps{}
	for i := range rv.gaps {
		if g := &rv.gaps[i]; of(g) {
			s.gaps = append(s.gaps, *g)
			s.ns += g.Ns()
			if s.longest.Gap == nil || g.Ns() > s.longest.Ns() {
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

// culprits says what the launching thread did during gaps, as index.Index.During has it. Most time first.
func (rv *rankView) culprits(gaps []gap) []culprit {
	byLength := slices.Clone(gaps)
	slices.SortStableFunc(byLength, func(a, b gap) int { return cmp.Compare(b.Ns(), a.Ns()) })
	list := make([]index.Gap, 0, searched)
	for _, g := range byLength[:min(len(byLength), searched)] {
		list = append(list, *g.Gap)
	}
	slices.SortFunc(list, func(a, b index.Gap) int { return cmp.Compare(a.StartNs, b.StartNs) })
	of := map[string]*culprit{}
	longest := map[string]int64{}
	var names []string
	for i, o := range rv.x.During(list) {
		if o.Row < 0 {
			continue
		}
		name := rv.name(rv.t.Events.Name(int(o.Row)))
		c := of[name]
		if c == nil {
			c = &culprit{name: name}
			of[name] = c
			names = append(names, name)
		}
		c.ns += list[i].Ns()
		if list[i].Ns() > longest[name] {
			longest[name], c.row = list[i].Ns(), o.Row
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
