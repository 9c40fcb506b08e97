package findings

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// phaseGaps are some gaps of the iterations of one phase: a share of the time is one of its kind of steps, since one prompt
// may lose more than all decode steps.
type phaseGaps struct {
	idleGaps
	phase     trace.StepPhase
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
	byPhase := map[trace.StepPhase]*phaseGaps{}
	var phases []*phaseGaps
	place := make([]int, len(rv.iterations)) // in perStep
	phaseOf := func(name trace.StepPhase) *phaseGaps {
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

// mostLongest is how many gaps are few, and fewShare how many there are to each of them at least.
const mostLongest, fewShare = 5, 10

// fewLongest are the few gaps, of many, that hold half of all where steps are too few to tell which of them are unlike the others: how
// many they are, and what they last. 0 if there are none.
func (p *phaseGaps) fewLongest() (n int, ns int64) {
	if p.steps >= fewestForOutliers {
		return 0, 0
	}
	longest := make([]int64, len(p.gaps))
	for i := range p.gaps {
		longest[i] = p.gaps[i].Ns()
	}
	slices.SortFunc(longest, func(a, b int64) int { return cmp.Compare(b, a) })
	for n < len(longest) && 2*ns < p.ns {
		ns += longest[n]
		n++
	}
	if n > mostLongest || fewShare*n > len(longest) {
		return 0, 0
	}
	return n, ns
}

// one is what one step of the phase is called: decode step.
func (p *phaseGaps) one() string {
	switch p.phase {
	case trace.StepPrefill, trace.StepMixed, trace.StepDecode, trace.StepEmpty:
		return string(p.phase) + " step"
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
	return string(p.phase)
}

// each is what a sum over the phase is per step.
func (p *phaseGaps) each(ns int64) int64 { return quotient(ns, max(1, p.steps)) }
