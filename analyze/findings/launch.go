package findings

import (
	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

const (
	// eagerLaunches is how many launches a decode step has at least before launching can be what holds it up: models of
	// two layers have as many, and a step that replays a graph has about a dozen.
	eagerLaunches = 32
	// launchBoundShare of a decode step spent waiting for launches makes launching what its time hangs on, rather than
	// one cost among others. Traces of eager engines on H100 and H200 show 75 to 93 %.
	launchBoundShare = 0.50
	// rhythmTimes the usual time from a launch to the next is the most that launching explains: eager engines on H100 and
	// H200 have hardly any longer gap inside a step, and in those the host does something else.
	rhythmTimes = 10
)

// eager is how a rank launches its decode steps one kernel at a time.
type eager struct {
	steps    int   // decode steps; 0: they are not eager
	launches int   // in all of them
	rhythmNs int64 // the usual time from one launch to the next
}

// findEager finds the gaps inside decode steps that wait for the next launch, where decode replays no graphs.
func (rv *rankView) findEager() {
	var launches, graphs []int64
	all := 0
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) {
			s := rv.step(i)
			launches, graphs = append(launches, int64(s.Launches)), append(graphs, int64(s.GraphLaunch))
			all += s.Launches
		}
	}
	if len(launches) == 0 || stats.Median(launches) < eagerLaunches || stats.Median(graphs) > 0 {
		return
	}
	rv.eager = eager{steps: len(launches), launches: all, rhythmNs: rv.launchRhythm()}
	for i := range rv.gaps {
		g := &rv.gaps[i]
		if g.cause == gapHost && g.inside && rv.in(g.iteration, trace.StepDecode) && g.Ns() <= rhythmTimes*rv.eager.rhythmNs {
			g.cause = gapEager
		}
	}
}

// launchRhythm is the median time from one launch of a thread to its next, over all work of decode steps.
func (rv *rankView) launchRhythm() int64 {
	last := map[trace.TrackID]int64{}
	var apart []int64
	for i := range rv.work {
		w := &rv.work[i]
		if w.Call < 0 || !rv.in(w.iteration, trace.StepDecode) {
			continue
		}
		c := &rv.x.Calls[w.Call]
		if before, ok := last[c.Track]; ok && c.StartNs > before {
			apart = append(apart, c.StartNs-before)
		}
		last[c.Track] = c.StartNs
	}
	return stats.Median(apart)
}

// launchBoundDecode: decode without graphs, in which the GPU finishes kernels before the next one is launched.
func launchBoundDecode(rv *rankView) *analyze.Finding {
	if rv.eager.steps == 0 {
		return nil
	}
	var p *phaseGaps
	for _, of := range rv.idleByPhase(func(g *gap) bool { return g.cause == gapEager }) {
		if of.phase == trace.StepDecode {
			p = of
		}
	}
	if p == nil || p.ns == 0 || p.share() < idleShare {
		return nil
	}
	next := rv.x.GPU[p.longest.Next]
	f := &analyze.Finding{
		StakeNsPerStep: quotient(p.ns, rv.steps()),
		Evidence: []analyze.Evidence{
			number("decode_steps", p.steps), number("launches", rv.eager.launches), number("gaps", len(p.gaps)),
			nanoseconds("waiting_for_launches", p.ns), nanoseconds("decode_step_time", p.stepsNs),
			nanoseconds("launch_to_launch", rv.eager.rhythmNs),
		},
		Events: []analyze.EventRef{rv.ref(next.Row), rv.ref(rv.x.Calls[next.Call].Row)},
		Try:    rv.tryGraphs(),
	}
	what := "decode runs without CUDA graphs"
	if p.share() >= launchBoundShare {
		what = "decode is launch-bound without CUDA graphs"
	}
	say(f, what+": the host makes %s launches per decode step, one every %s, and the GPU waits for them %s of a step's %s on average (%s)",
		mean("launches_per_decode_step", rv.eager.launches, rv.eager.steps), nanoseconds("launch_to_launch", rv.eager.rhythmNs),
		nanoseconds("waiting_per_decode_step", p.each(p.ns)), nanoseconds("mean_decode_step", p.each(p.stepsNs)),
		share("of_decode_steps", p.ns, p.stepsNs))
	return f
}
