package findings

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Every ns in which the device stood still belongs to one rule, so that what they have at stake does not overlap. A gap belongs
// to the iteration that it begins in, and what lies in none, before the first or while traffic pauses, to none.
//
// A gap that begins while the host waits for the device is the wait's for as long as the call took, and the host's beyond
// that: had it not waited, the host would have gone on when the call began, and the next launch would have come sooner by
// that, but no sooner than the device ran dry.

// gapCause says which rule a gap of the device, or a part of it, belongs to.
type gapCause uint8

const (
	gapLaunch   gapCause = iota // launched in time: the device's own delay, or waiting for a stream
	gapGraph                    // short, between two kernels of one graph launch
	gapUnknown                  // what came next was launched before the profiler began
	gapOutlier                  // no part of the work's rhythm
	gapSync                     // the host had waited in a synchronising call that began before it
	gapBlocking                 // the same, in a copy that blocks the host
	gapEager                    // the host launched what came next too late, in the rhythm of its launches in an eager decode step
	gapHost                     // the host launched what came next too late
	gapCompile                  // the same, because it was compiling
	gapCauses
)

// gap is a time in which the device stood still, between two pieces of selected work, or a part of it.
type gap struct {
	*index.Gap
	fromNs, toNs int64
	iteration    int32 // that it is in; -1: none
	inside       bool  // it ended before the step's own work did
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
		}
		if g.cause != gapHost || g.SyncNs == 0 {
			rv.gaps = append(rv.gaps, g)
			continue
		}
		waiting, call := g, &rv.x.Calls[g.Sync]
		waiting.toNs = min(g.toNs, g.StartNs+call.EndNs-call.StartNs)
		if waiting.cause = gapSync; rv.copies(call) {
			waiting.cause = gapBlocking
		}
		rv.gaps = append(rv.gaps, waiting)
		if g.fromNs = waiting.toNs; g.Ns() > 0 {
			rv.gaps = append(rv.gaps, g)
		}
	}
	rv.findEager()
}

// causeOf is the cause of a whole gap, as far as it can be told without those of others.
func (rv *rankView) causeOf(g *gap, deviceNs int64) gapCause {
	next, last := rv.x.GPU[g.Next].Call, rv.x.GPU[g.Last].Call
	late := g.Cause == index.IdleHost
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

// phaseGaps are some gaps of the iterations of one phase: a share of the time is one of its kind of steps, since one prompt
// may lose more than all decode steps.
type phaseGaps struct {
	idleGaps
	phase     string
	steps     int   // 0: the trace has none
	stepsNs   int64 // of all those steps, or of the device
	betweenNs int64 // of the gaps, after the step's own work
	perStep   []int64
	step      []int32 // the iteration of each perStep
}

// share is what the gaps are of the steps' time.
func (p *phaseGaps) share() float64 { return ratio(p.ns, p.stepsNs) }

// idleByPhase parts gaps by the phase of their step, the phase with most of them first. Gaps in no step are left out.
func (rv *rankView) idleByPhase(of func(g *gap) bool) []*phaseGaps {
	byPhase := map[string]*phaseGaps{}
	var phases []*phaseGaps
	place := make([]int, len(rv.iterations)) // in perStep
	phaseOf := func(name string) *phaseGaps {
		if byPhase[name] == nil {
			byPhase[name] = &phaseGaps{phase: name}
			phases = append(phases, byPhase[name])
		}
		return byPhase[name]
	}
	for i := range rv.iterations {
		if rv.step(i).Unmeasured {
			continue
		}
		p := phaseOf(rv.step(i).Phase)
		place[i] = p.steps
		p.steps++
		p.stepsNs += rv.endOf(int32(i)) - rv.iterations[i].BeginNs
		p.perStep, p.step = append(p.perStep, 0), append(p.step, int32(i))
	}
	if len(phases) == 0 {
		phaseOf("").stepsNs = rv.totalNs
	}
	for i := range rv.gaps {
		g := &rv.gaps[i]
		if !g.counts(rv) {
			continue
		}
		p := phaseOf("")
		if g.iteration >= 0 {
			p = phaseOf(rv.step(int(g.iteration)).Phase)
		}
		switch {
		case g.cause == gapOutlier && g.iteration >= 0:
			p.stepsNs -= g.Ns() // no step has it
		case of(g):
			p.add(g)
			if g.iteration >= 0 {
				p.perStep[place[g.iteration]] += g.Ns()
				if !g.inside {
					p.betweenNs += g.Ns()
				}
			}
		}
	}
	slices.SortStableFunc(phases, func(a, b *phaseGaps) int { return cmp.Compare(b.ns, a.ns) })
	return phases
}

const (
	// fewestForOutliers is how many steps of a phase there must be for some of them to be unlike the others.
	fewestForOutliers = 4
	// outlierTimes what the usual step of its phase loses makes one an outlier.
	outlierTimes = 5
)

// outliers are the steps that are few, lose many times what the usual one does, and hold most of the phase's gaps: how many
// they are, and what they lose. 0 if there are none.
func (p *phaseGaps) outliers() (n int, ns int64) {
	if p.steps < fewestForOutliers {
		return 0, 0
	}
	usual := stats.Median(slices.Clone(p.perStep))
	for _, step := range p.perStep {
		if step > outlierTimes*usual {
			n++
			ns += step
		}
	}
	if 5*n > p.steps || 2*ns < p.ns {
		return 0, 0
	}
	return n, ns
}

// one is what one step of the phase is called: decode step.
func (p *phaseGaps) one() string {
	switch p.phase {
	case string(trace.StepPrefill), string(trace.StepMixed), string(trace.StepDecode):
		return p.phase + " step"
	}
	return "step"
}

// per says what numbers that were divided by steps are of.
func (p *phaseGaps) per() string {
	if p.steps == 0 {
		return "in all"
	}
	return "per " + p.one()
}

// key is the phase in the names of evidence.
func (p *phaseGaps) key() string {
	if p.phase == "" {
		return "steps"
	}
	return p.phase
}

// each is what a sum over the phase is per step.
func (p *phaseGaps) each(ns int64) int64 { return quotient(ns, max(1, p.steps)) }

// during divides gaps among what the thread was inside that launched what ended them, as index.Index.During has it.
func (rv *rankView) during(gaps []gap) index.Division {
	list := make([]index.Stretch, 0, len(gaps))
	for i := range gaps {
		if s, ok := rv.x.HostStretch(gaps[i].Gap); ok {
			s.StartNs, s.EndNs = gaps[i].fromNs, gaps[i].toNs
			s.LaunchedNs = max(s.StartNs, min(s.LaunchedNs, s.EndNs))
			list = append(list, s)
		}
	}
	return rv.x.During(list, 1)[0]
}

// worthNaming is the share of gaps' time below which nothing is named that the host did.
const worthNaming = 0.05

// sayMeanwhile says what the host did during gaps: what it was inside for at least half of their time, or else the few that
// fill most of it.
func (rv *rankView) sayMeanwhile(f *analyze.Finding, gaps []gap) {
	d := rv.during(gaps)
	most, half := d.Most()
	most = slices.DeleteFunc(most, func(o index.Occupant) bool { return ratio(o.Ns, d.Ns) < worthNaming })
	for i, o := range most {
		of := share("of_it_in_"+rv.occupant(&o), o.Ns, d.Ns)
		switch {
		case half:
			say(f, "; for %s of that time the host is in %s", of, rv.occupant(&o))
		case i == 0:
			say(f, "; meanwhile the host is in %s for %s of that time", rv.occupant(&o), of)
		default:
			say(f, "%s in %s for %s", choose(i+1 == len(most), " and", ","), rv.occupant(&o), of)
		}
		if o.Row >= 0 {
			f.Events = append(f.Events, rv.ref(o.Row))
		}
	}
}

// occupant names what the host was inside.
func (rv *rankView) occupant(o *index.Occupant) string {
	switch {
	case !o.None:
		return shortName(rv.name(o.Name))
	case rv.x.Frames > 0:
		return "no op, call or frame"
	}
	return "no op or call"
}

func itoa(n int) string { return strconv.Itoa(n) }
