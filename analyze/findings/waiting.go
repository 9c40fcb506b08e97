package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
)

// waitingShare of the steps is what launched work must wait to be a finding. Without anything that holds it up it is far less:
// 0.1 % at most in some fifty profiles of engines that had their device to themselves.
const waitingShare = 0.05

// launchedWorkWaits: work was launched in time, and still the device does nothing that the trace shows. Of two processes on one
// device each sees the other's turns so; but a stream that waits for an event looks the same.
func launchedWorkWaits(rv *rankView) *analyze.Finding {
	p := rv.idleByPhase(func(g *gap) bool { return g.cause == gapWaiting })[0]
	if p.ns == 0 || p.share() < waitingShare {
		return nil
	}
	var since int64
	for i := range p.gaps {
		since += p.gaps[i].EndNs - rv.x.Arrival(p.gaps[i].Gap).Returned
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(p.ns, rv.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("idle_with_work_launched", p.ns)},
		Events:         []analyze.EventRef{rv.ref(rv.x.GPU[p.longest.Next].Row)},
		Try: "see whether other processes use that GPU (nvidia-smi): they take turns with this one and are in no trace of it; else look " +
			"at the streams' order and events around the longest of these gaps",
	}
	say(f, "work that is launched already waits %s %s (%s of %s), while the GPU does nothing that the trace shows (gaps: %s, of %s on average, "+
		"%s after the launch); the trace does not say for what: another process on that GPU, or another stream's event",
		nanoseconds("waiting_per_"+p.key(), p.each(p.ns)), p.per(), share("of_"+p.key()+"_time", p.ns, p.stepsNs), rv.whose(p),
		number("gaps", len(p.gaps)), nanoseconds("mean_gap", quotient(p.ns, len(p.gaps))),
		nanoseconds("mean_delay", quotient(since, len(p.gaps))))
	return f
}

// lostWork are the problems of a trace of which work is lost, or its durations: what is missing looks like a pause.
var lostWork = []string{"rank_lost_work", "lost_kernels", "lost_copies", "lost_launches", "replays_differ", "empty_graphs", "no_duration"}

// ofWholeRanks is the worst of the ranks whose traces have lost no work.
func ofWholeRanks(v *view, found []*analyze.Finding) *analyze.Finding {
	found = slices.Clone(found)
	for i, l := range v.ranks {
		if slices.ContainsFunc(v.result.Problems, func(p analyze.Problem) bool { return p.Rank == l.rank.Rank && slices.Contains(lostWork, p.ID) }) {
			found[i] = nil
		}
	}
	return v.worst(found)
}
