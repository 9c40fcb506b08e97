package findings

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Every ns in which the device stood still belongs to one rule, so that what they have at stake does not overlap. A gap belongs
// to the iteration that it begins in, and what lies in none, before the first or while traffic pauses, to none.
//
// A gap that begins while the host waits for the device is the wait's for as long as the call took, and the host's beyond
// that: had it not waited, the host would have gone on when the call began, and the next launch would have come sooner by
// that, but no sooner than the device ran dry. What is left of it then goes to the gaps that follow in the iteration, before what
// the same thread launches: the host is later in them too, by what it waited and has not made up (lead).

// gapCause says which rule a gap of the device, or a part of it, belongs to.
type gapCause uint8

const (
	gapLaunch   gapCause = iota // launched in time: the device's own delay
	gapWaiting                  // launched long before, and not begun
	gapGraph                    // short, between two kernels of one graph launch
	gapUnknown                  // what came next was launched before the profiler began
	gapOutlier                  // no part of the work's rhythm
	gapSync                     // the host was late by what it had waited in a synchronising call, which let the device run dry
	gapBlocking                 // the same, in a copy that blocks the host
	gapEager                    // the host launched what came next too late, in the rhythm of its launches in an eager decode step
	gapHost                     // the host launched what came next too late
	gapCompile                  // the same, because it was compiling
	gapLongStep                 // the same or a wait, as far as it makes a decode step longer than those like it
	gapCauses
)

// gap is a time in which the device stood still, between two pieces of selected work, or a part of it.
type gap struct {
	*index.Gap
	fromNs, toNs int64
	iteration    int32 // that it is in; -1: none
	inside       bool  // it ended before the step's own work did
	call         int32 // index of Index.Calls: of gapSync and gapBlocking, the one that waited
	cause        gapCause
}

// Ns is its length.
func (g *gap) Ns() int64 { return g.toNs - g.fromNs }

// findGaps says of each gap which rule it belongs to.
func (rv *rankView) findGaps(gaps []index.Gap) {
	var deviceNs int64
	for _, w := range rv.work {
		deviceNs = max(deviceNs, w.EndNs-rv.work[0].StartNs)
	}
	rv.gaps = make([]gap, 0, len(gaps))
	leads := map[trace.TrackID]*lead{}
	for i := range gaps {
		if gaps[i].Last < 0 || gaps[i].Next < 0 {
			continue // what lies on one side of it is not selected
		}
		g := gap{Gap: &gaps[i], fromNs: gaps[i].StartNs, toNs: gaps[i].EndNs, iteration: rv.at(gaps[i].StartNs)}
		if g.iteration >= 0 && rv.step(int(g.iteration)).Unmeasured {
			g.iteration = -1 // work is missing there: what is seen as a gap may be none
		}
		if g.iteration >= 0 {
			g.toNs = min(g.toNs, rv.endOf(g.iteration)) // several devices may take turns
			g.inside = g.EndNs < rv.iterations[g.iteration].WorkEndNs
		}
		g.cause = rv.causeOf(&g, deviceNs)
		if g.cause == gapOutlier && g.counts(rv) && rv.totalNs > g.Ns() {
			rv.totalNs -= g.Ns()
			rv.outliersNs += g.Ns()
		}
		rv.file(g, leads)
	}
	rv.findEager()
	rv.findLongSteps()
}

// lead is what a thread lost of its lead over the device in calls that waited for it, of which each let it run dry.
type lead struct {
	call      int32 // the last of them
	iteration int32
	leftNs    int64 // of what they took, what no gap has been given
}

// file adds a gap, in two parts if the host was late by what it had waited for a part of it only.
func (rv *rankView) file(g gap, leads map[trace.TrackID]*lead) {
	if l := rv.lost(&g, leads); l != nil && l.leftNs > 0 {
		waited := g
		waited.call, waited.toNs = l.call, min(g.toNs, g.fromNs+l.leftNs)
		if waited.cause = gapSync; rv.copies(&rv.x.Calls[l.call]) {
			waited.cause = gapBlocking
		}
		rv.gaps = append(rv.gaps, waited)
		l.leftNs -= waited.Ns()
		if g.fromNs = waited.toNs; g.Ns() == 0 {
			return
		}
	}
	rv.gaps = append(rv.gaps, g)
}

// lost is what the thread that ends a gap has lost of its lead when the gap ends; nil: nothing.
func (rv *rankView) lost(g *gap, leads map[trace.TrackID]*lead) *lead {
	if g.cause != gapHost {
		return nil
	}
	track := rv.x.Arrival(g.Gap).Track
	l := leads[track]
	if l != nil && (g.iteration < 0 || l.iteration != g.iteration) {
		l = nil
	}
	if g.SyncNs == 0 || l != nil && l.call == g.Sync {
		return l
	}
	if l == nil {
		l = &lead{iteration: g.iteration}
		leads[track] = l
	}
	call := &rv.x.Calls[g.Sync]
	l.call, l.leftNs = g.Sync, l.leftNs+call.EndNs-call.StartNs
	return l
}

// findLongSteps gives the rules about long decode steps (series.go) the gaps that make them long: of each such step the longest
// ones for which the host is to blame, for as long as the device stands still in it beyond the usual.
func (rv *rankView) findLongSteps() {
	s := rv.decodeSeries()
	if s == nil || len(s.long) == 0 {
		return
	}
	still := s.use[useStandingStill]
	usual := stats.Median(slices.Clone(still))
	left := map[int32]int64{}
	for _, k := range s.long {
		left[s.at[k]] = still[k] - usual
	}
	var long []int // of rv.gaps
	for i := range rv.gaps {
		if g := &rv.gaps[i]; g.iteration >= 0 && left[g.iteration] > 0 {
			switch g.cause {
			case gapOutlier:
				delete(left, g.iteration) // it is what makes the step long
			case gapHost, gapEager, gapSync, gapBlocking:
				long = append(long, i)
			}
		}
	}
	slices.SortStableFunc(long, func(a, b int) int { return cmp.Compare(rv.gaps[b].Ns(), rv.gaps[a].Ns()) })
	rest := map[int]gap{} // what is left of gaps that are cut
	for _, i := range long {
		g := &rv.gaps[i]
		switch ns := left[g.iteration]; {
		case ns <= 0:
			continue
		case ns < g.Ns():
			after := *g
			after.fromNs = g.fromNs + ns
			rest[i], g.toNs = after, after.fromNs
		}
		left[g.iteration] -= g.Ns()
		g.cause = gapLongStep
	}
	all := rv.gaps
	rv.gaps = make([]gap, 0, len(all)+len(rest))
	for i, g := range all {
		rv.gaps = append(rv.gaps, g)
		if after, ok := rest[i]; ok {
			rv.gaps = append(rv.gaps, after)
		}
	}
}

// causeOf is the cause of a whole gap, as far as it can be told without those of others.
func (rv *rankView) causeOf(g *gap, deviceNs int64) gapCause {
	next, last := rv.x.GPU[g.Next].Call, rv.x.GPU[g.Last].Call
	late := g.HostLate()
	switch {
	case late && 2*rv.compiling.within(g.StartNs, g.EndNs) >= g.Ns():
		return gapCompile
	case g.Gap.Ns() > deviceNs/2 && len(rv.work) > 2, index.OutOfProportion(g.Gap.Ns(), rv.medianNs):
		return gapOutlier
	case g.Cause == index.IdleUnknown:
		return gapUnknown
	case late:
		return gapHost
	case g.Cause == index.IdleLaunch && next >= 0 && next == last && rv.x.IsGraphLaunch(&rv.x.Calls[next]):
		return gapGraph
	case g.Cause == index.IdleOther, g.HeldUp:
		return gapWaiting
	}
	return gapLaunch
}

// copies tells whether a call that waits for the device copies.
func (rv *rankView) copies(c *index.Call) bool { return index.IsCopy(rv.name(c.Name)) }

// endOf is when an iteration ends, or the next one begins.
func (rv *rankView) endOf(i int32) int64 {
	if int(i)+1 < len(rv.iterations) {
		return min(rv.iterations[i].EndNs, rv.iterations[i+1].BeginNs)
	}
	return rv.iterations[i].EndNs
}

// counts tells whether a gap is in an iteration, where there are some.
func (g *gap) counts(rv *rankView) bool { return g.iteration >= 0 || len(rv.iterations) == 0 }

// idleGaps are some gaps.
type idleGaps struct {
	gaps    []gap
	ns      int64
	longest gap // without a Gap if there are none
}

func (s *idleGaps) add(g *gap) {
	s.gaps = append(s.gaps, *g)
	s.ns += g.Ns()
	if s.longest.Gap == nil || g.Ns() > s.longest.Ns() {
		s.longest = *g
	}
}

func (rv *rankView) idle(of func(g *gap) bool) *idleGaps {
	s := &idleGaps{}
	for i := range rv.gaps {
		if g := &rv.gaps[i]; of(g) {
			s.add(g)
		}
	}
	return s
}
