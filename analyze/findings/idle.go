package findings

import (
	"regexp"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// idleShare of a step is what waiting must take to be a finding: less is not worth the search.
const idleShare = 0.05

// hostIdle: the GPU waits for the host, between steps (scheduling, sampling, output) or in them, and what the host did.
// Launch-bound decode steps, synchronising calls and blocking copies have rules of their own.
func hostIdle(rv *rankView) *analyze.Finding {
	var told []*phaseGaps
	var ns int64
	var gaps []gap
	phases := rv.idleByPhase(rv.waitsForHost())
	for _, p := range phases {
		if p.ns > 0 && p.share() >= idleShare {
			told = append(told, p)
			ns += p.ns
			gaps = append(gaps, p.gaps...)
		}
	}
	if len(told) == 0 {
		return nil
	}
	main := told[0]
	next := rv.x.GPU[main.longest.Next]
	f := &analyze.Finding{
		StakeNsPerStep: quotient(ns, rv.steps()),
		Evidence: []analyze.Evidence{
			number("gaps", len(gaps)), nanoseconds("waiting_for_host", ns), share("of_time", ns, rv.totalNs),
			nanoseconds("longest_gap", main.longest.Ns()),
		},
		Events: []analyze.EventRef{rv.ref(next.Row)},
		Try:    rv.tryHost(),
	}
	say(f, "the GPU waits for the host %s %s (%s of %s time)", nanoseconds("waiting_per_"+main.key(), main.each(main.ns)), main.per(),
		share("of_"+main.key()+"_time", main.ns, main.stepsNs), choose(main.steps > 0, "its", "the"))
	if main.betweenNs > 0 {
		say(f, ", %s of it between steps", share("between_steps", main.betweenNs, main.ns))
	}
	if n, outNs := main.outliers(); n > 0 {
		say(f, "; %s of it in %s of %s %ss, the others wait %s each", share("in_outliers", outNs, main.ns), number("outliers", n),
			number(main.key()+"_steps", main.steps), main.one(), nanoseconds("waiting_per_other", quotient(main.ns-outNs, main.steps-n)))
	}
	rv.sayMeanwhile(f, main.gaps)
	for _, p := range phases {
		if p != main && p.steps > 0 && p.ns > 0 {
			say(f, "; %ss wait %s each (%s)", p.one(), nanoseconds("waiting_per_"+p.key(), p.each(p.ns)),
				share("of_"+p.key()+"_time", p.ns, p.stepsNs))
		}
	}
	return f
}

// waitsForHost tells the gaps that are the host's: those between launches of eager decode steps are, if they are too little
// to be a finding of their own.
func (rv *rankView) waitsForHost() func(g *gap) bool {
	eager := launchBoundDecode(rv) != nil
	return func(g *gap) bool { return g.cause == gapHost || g.cause == gapEager && !eager }
}

// How a profile shows that the next step is scheduled while the last one runs, and that it is not: by the frames of the loop
// that does it.
var (
	overlapping = regexp.MustCompile(`event_loop_overlap|step_with_batch_queue|async_scheduler\.py|overlap_utils\.py`)
	inTurn      = regexp.MustCompile(`: event_loop_normal$|v1/engine/core\.py\(\d+\): step$`)
)

// schedulingAhead is how engines are told to schedule the next step while one runs.
const schedulingAhead = "vLLM's --async-scheduling; SGLang without --disable-overlap-schedule"

// schedulesInTurn tells whether frames show that the engine schedules a step only when the one before is done.
func (rv *rankView) schedulesInTurn() bool { return rv.has(inTurn) && !rv.has(overlapping) }

// tryHost is what to try against waiting for the host: nothing that the trace shows done.
func (rv *rankView) tryHost() string {
	try := "look at what the host does there: "
	if rv.schedulesInTurn() {
		try += "scheduling the next step while one runs (" + schedulingAhead + "), "
	}
	try += "fewer Python objects per request, detokenizing and output off the engine's thread, more requests per step"
	if rv.x.Frames > 0 {
		try += "; a profile without Python stacks shows how much of it is the profiler's"
	}
	return try
}

// has tells whether some name of the trace has a pattern in it.
func (rv *rankView) has(pattern *regexp.Regexp) bool {
	for id := range rv.t.Strings.Len() {
		if pattern.MatchString(rv.name(trace.StringID(id))) {
			return true
		}
	}
	return false
}

// syncInStep: calls that wait for the device let it run dry.
func syncInStep(rv *rankView) *analyze.Finding {
	p := rv.idleByPhase(func(g *gap) bool { return g.cause == gapSync })[0]
	if p.ns == 0 || p.share() < idleShare {
		return nil
	}
	what, row, calls := rv.mostWaited(p.gaps)
	f := &analyze.Finding{
		StakeNsPerStep: quotient(p.ns, rv.steps()),
		Evidence: []analyze.Evidence{
			number("gaps", len(p.gaps)), nanoseconds("idle_for_synchronising_calls", p.ns), number("calls", calls),
		},
		Events: []analyze.EventRef{rv.ref(row), rv.ref(rv.x.GPU[p.longest.Next].Row)},
		Try: "keep the host ahead: copy results to pinned memory and wait on an event one step later, " +
			"take tensors' .item() and .cpu() out of the step",
	}
	if rv.schedulesInTurn() {
		f.Try += "; schedule the next step while one runs (" + schedulingAhead + ")"
	}
	say(f, "the host waits for the GPU in %s (%s %s), and the GPU runs dry until the next launch: %s %s (%s of %s time), "+
		"%s of it before the calls return",
		what, mean("calls_per_step", calls, max(1, p.steps)), p.per(), nanoseconds("idle_per_"+p.key(), p.each(p.ns)), p.per(),
		share("of_"+p.key()+"_time", p.ns, p.stepsNs), choose(p.steps > 0, "its", "the"), share("before_they_return", stillWaiting(p.gaps), p.ns))
	return f
}

// stillWaiting is for how long of gaps the host still waited.
func stillWaiting(gaps []gap) (ns int64) {
	for i := range gaps {
		ns += min(gaps[i].SyncNs, gaps[i].Ns())
	}
	return ns
}

// mostWaited is the kind of call that let the device run dry for the longest time during gaps, the op around it with it, the
// row of one of them, and how many there were.
func (rv *rankView) mostWaited(gaps []gap) (what string, row int32, calls int) {
	type kind struct {
		ns, longestNs int64
		row           int32
		calls         int
	}
	kinds := map[string]*kind{}
	for i := range gaps {
		g := &gaps[i]
		c := &rv.x.Calls[g.Sync]
		name := rv.name(c.Name)
		if op := rv.x.OpOf(c); op >= 0 {
			name += " in " + shortName(rv.name(rv.t.Events.Name(int(op))))
		}
		k := kinds[name]
		if k == nil {
			k = &kind{}
			kinds[name] = k
		}
		k.ns += g.Ns()
		if k.calls++; g.Ns() > k.longestNs {
			k.longestNs, k.row = g.Ns(), c.Row
		}
		if what == "" || k.ns > kinds[what].ns {
			what = name
		}
	}
	return what, kinds[what].row, kinds[what].calls
}

// oneLongGap: a pause that is no part of the work makes every share of the whole window wrong.
func oneLongGap(rv *rankView) *analyze.Finding {
	idle := rv.idle(func(g *gap) bool { return g.cause == gapOutlier })
	if idle.ns == 0 {
		return nil
	}
	var device int64
	for _, t := range rv.rank.Time {
		device = max(device, t.TotalNs)
	}
	next := rv.x.GPU[idle.longest.Next]
	n := len(idle.gaps)
	f := &analyze.Finding{
		Evidence: []analyze.Evidence{
			nanoseconds("longest_gap", idle.longest.Gap.Ns()), number("such_gaps", n), share("of_window", idle.ns, device),
		},
		Events: []analyze.EventRef{rv.ref(next.Row)},
		Try:    "take idle shares per step, not of the window; begin the profile when requests run, and end it before they stop",
	}
	pause := []any{nanoseconds("longest_gap", idle.longest.Gap.Ns()), share("longest_of_window", idle.longest.Gap.Ns(), device)}
	if n == 1 {
		say(f, "a pause of %s stands in the window (%s of it)", pause...)
	} else {
		say(f, "%s pauses, the longest of %s, stand in the window (%s of it)", append([]any{number("such_gaps", n)}, pause...)...)
	}
	if index.OutOfProportion(idle.longest.Gap.Ns(), rv.medianNs) {
		say(f, ", far longer than a step")
	}
	say(f, choose(n == 1, ": findings about idle time leave it out", ": findings about idle time leave them out"))
	rv.sayMeanwhile(f, []gap{idle.longest})
	if ran := len(slices.DeleteFunc(idle.gaps, func(g gap) bool { return !rv.ranOn(&g) })); ran == n {
		say(f, choose(n == 1, "; requests ran meanwhile", "; requests ran during all of them"))
	} else if ran > 0 {
		say(f, "; requests ran during %s of them", number("while_requests_ran", ran))
	}
	return f
}

// ranOn tells whether requests ran during a gap: it is inside a step's work, or the next step goes on with the same requests.
func (rv *rankView) ranOn(g *gap) bool {
	if g.iteration < 0 {
		return false
	}
	s := rv.step(int(g.iteration))
	return (s.GenerationRequests > 0 || s.ContextRequests > 0) && (g.inside || s.Closed())
}
