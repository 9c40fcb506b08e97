package findings

import (
	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
)

// waitingShare of the steps is what launched work must wait to be a finding. Without anything that holds it up it is far less:
// 0.1 % at most in some fifty profiles of engines that had their device to themselves.
const waitingShare = 0.05

// launchedWorkWaits: work was launched in time, and still the device does nothing that the trace shows. Of two processes on one
// device each sees the other's turns so; but a stream that waits for an event looks the same.
func launchedWorkWaits(rv *rankView) *analyze.Finding {
	p := rv.idleByPhase(func(g *gap) bool { return g.cause == gapWaiting && !rv.lostBefore(g) })[0]
	if p.ns == 0 || p.share() < waitingShare {
		return nil
	}
	var replays []gap
	for _, g := range p.gaps {
		if rv.x.GPU[g.Next].Call == rv.x.GPU[g.Last].Call {
			replays = append(replays, g)
		}
	}
	if len(replays) > 0 && !rv.wholeGraphs(replays) {
		return nil // what is missing looks like a pause
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

// lostBefore tells whether work is lost that may have run in a gap: the duration of what lies on either side, or all of what was
// launched between the two.
func (rv *rankView) lostBefore(g *gap) bool {
	last, next := &rv.x.GPU[g.Last], &rv.x.GPU[g.Next]
	if last.EndNs == last.StartNs || next.EndNs == next.StartNs {
		return true
	}
	from, to := last.Call, next.Call
	for c := from + 1; from >= 0 && c < to; c++ {
		if call := &rv.x.Calls[c]; call.GPUEvents == 0 && index.IsKernelLaunch(rv.name(call.Name)) {
			return true
		}
	}
	return false
}
