package findings

import (
	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// A graph launches all of its kernels at once, and still the device pauses between them: it must see that one has ended
// before it begins what depends on it. That is a µs or so, of each of hundreds of kernels.

// graphGapShare of a step is what these pauses must take: a 7B model's graph of 450 kernels loses 4 % on an H200.
const graphGapShare = 0.05

// fewGraphs is how many graphs of different sizes few replays may be of: a graph a batch size, and batches change seldom.
const fewGraphs = 3

// shortReplays: of this many, one that has lost kernels is one too many.
const shortReplays = 10

// graphGaps: many short kernels in a graph, between which the device pauses.
func graphGaps(rv *rankView) *analyze.Finding {
	p := rv.idleByPhase(func(g *gap) bool { return g.cause == gapGraph })[0]
	if p.ns == 0 || p.share() < graphGapShare || !rv.wholeGraphs(p.gaps) {
		return nil
	}
	var sets idleGaps
	for i := range p.gaps {
		if g := &p.gaps[i]; rv.x.GPU[g.Next].Category == trace.CategoryMemset || rv.x.GPU[g.Last].Category == trace.CategoryMemset {
			sets.add(g)
		}
	}
	next := &rv.x.GPU[p.longest.Next]
	f := &analyze.Finding{
		StakeNsPerStep: quotient(p.ns, rv.steps()),
		Evidence:       []analyze.Evidence{number("gaps", len(p.gaps)), nanoseconds("gaps_in_graphs", p.ns)},
		Events:         []analyze.EventRef{rv.ref(next.Row), rv.ref(rv.x.Calls[next.Call].Row)},
		Try: "fewer and longer kernels: fuse what is elementwise (torch.compile), batch more; " +
			"programmatic dependent launch, where the kernels have it",
	}
	say(f, "between the kernels of a CUDA graph the GPU pauses %s %s (%s of %s time): %s times, %s each",
		nanoseconds("pauses_per_"+p.key(), p.each(p.ns)), p.per(), share("of_"+p.key()+"_time", p.ns, p.stepsNs),
		choose(p.steps > 0, "its", "the"),
		mean("gaps_per_step", len(p.gaps), p.steps), nanoseconds("mean_gap", quotient(p.ns, len(p.gaps))))
	if 2*sets.ns >= p.ns {
		say(f, ", %s of that beside memory sets (%s of them, %s each)", share("beside_sets", sets.ns, p.ns),
			mean("gaps_beside_sets_per_step", len(sets.gaps), p.steps), nanoseconds("mean_gap_beside_sets", quotient(sets.ns, len(sets.gaps))))
		f.Try = "have kernels clear their own buffers, or clear them all at once: a memory set is a step of the graph of its own; " + f.Try
	}
	return f
}

// wholeGraphs tells whether graphs' kernels seem to be there, with their durations: where some are lost, what is missing
// looks like a pause. Replays of few graphs have few different numbers of kernels.
func (rv *rankView) wholeGraphs(gaps []gap) bool {
	if r := rv.rank.Replays; r != nil && shortReplays*(r.Short+r.Empty) > r.Launches {
		return false
	}
	kernels, none := map[int32]bool{}, 0
	replays := map[int32]bool{}
	some := false // kernel, and not sets and copies alone
	for i := range gaps {
		g := &gaps[i]
		next, last := &rv.x.GPU[g.Next], &rv.x.GPU[g.Last]
		some = some || next.Category == trace.CategoryKernel
		if next.StartNs == next.EndNs || last.StartNs == last.EndNs {
			none++
		}
		if !replays[next.Call] {
			replays[next.Call] = true
			kernels[rv.x.Calls[next.Call].GPUEvents] = true
		}
	}
	return some && 100*none <= len(gaps) && len(kernels) <= max(fewGraphs, len(replays)/5)
}
