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
	}
	say(f, "the GPU waits for the host %s %s (%s of %s)", nanoseconds("waiting_per_"+main.key(), main.each(main.ns)), main.per(),
		share("of_"+main.key()+"_time", main.ns, main.stepsNs), rv.whose(main))
	if main.betweenNs > 0 {
		say(f, ", %s of it between steps", share("between_steps", main.betweenNs, main.ns))
	}
	if n, outNs := main.outliers(); n > 0 {
		say(f, "; %s of it in %s of %s %ss, the others wait %s each", share("in_outliers", outNs, main.ns), number("outliers", n),
			number(main.key()+"_steps", main.steps), main.one(), nanoseconds("waiting_per_other", quotient(main.ns-outNs, main.steps-n)))
	}
	few, fewNs := main.fewLongest()
	if few > 0 {
		in, gaps := share("in_longest", fewNs, main.ns), number("longest_gaps", few)
		if few == 1 {
			say(f, "; %s of it in its longest gap", in)
			f.Evidence = addEvidence(f.Evidence, gaps)
		} else {
			say(f, "; %s of it in its %s longest gaps", in, gaps)
		}
	}
	in, longestNs := rv.sayMeanwhile(f, main.gaps)
	f.Try = rv.tryHost(&hostWait{in: in, longestNs: longestNs, few: few > 0, graphs: rv.graphsOf(main.phase), inside: 2*main.betweenNs < main.ns})
	for _, p := range phases {
		if p != main && p.steps > 0 && p.ns > 0 {
			say(f, "; %ss wait %s each (%s)", p.one(), nanoseconds("waiting_per_"+p.key(), p.each(p.ns)),
				share("of_"+p.key()+"_time", p.ns, p.stepsNs))
		}
	}
	if rv.count > main.steps { // else the stake is what the sentence begins with
		say(f, "; what is at stake is spread over all %s steps", number("steps", rv.count))
	}
	return f
}

// whose names the time that gaps of a phase are a share of.
func (rv *rankView) whose(p *phaseGaps) string {
	switch {
	case p.steps > 0:
		return "its time"
	case slices.ContainsFunc(rv.gaps, func(g gap) bool { return g.cause == gapOutlier }):
		return "the time without the long gap" // not of the window: totalNs is without it
	}
	return "the time"
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

// has tells whether some name of the trace has a pattern in it.
func (rv *rankView) has(pattern *regexp.Regexp) bool {
	for id := range rv.t.Strings.Len() {
		if pattern.MatchString(rv.name(trace.StringID(id))) {
			return true
		}
	}
	return false
}

// syncInStep: calls that wait for the device let it run dry, and what they took is missing until the host is ahead again.
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
	say(f, "the host waits for the GPU in %s (%s %s) and is late by that with what comes next: the GPU stands idle %s %s (%s of %s), "+
		"%s of it before the calls return",
		what, mean("calls_per_step", calls, max(1, p.steps)), p.per(), nanoseconds("idle_per_"+p.key(), p.each(p.ns)), p.per(),
		share("of_"+p.key()+"_time", p.ns, p.stepsNs), rv.whose(p), share("before_they_return", stillWaiting(p.gaps), p.ns))
	return f
}

// stillWaiting is for how long of gaps the host still waited.
func stillWaiting(gaps []gap) (ns int64) {
	for i := range gaps {
		ns += min(gaps[i].SyncNs, gaps[i].Ns())
	}
	return ns
}

// mostWaited is the kind of call by which the host was late for the longest time during gaps, the op around it with it, the
// row of one of them, and how many there were.
func (rv *rankView) mostWaited(gaps []gap) (what string, row int32, calls int) {
	type kind struct {
		ns, longestNs int64
		row           int32
		calls         int
	}
	kinds := map[string]*kind{}
	last := int32(-1)
	for i := range gaps {
		g := &gaps[i]
		c := &rv.x.Calls[g.call]
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
		if g.Ns() > k.longestNs {
			k.longestNs, k.row = g.Ns(), c.Row
		}
		if g.call != last { // several gaps of one call follow each other
			k.calls++
			last = g.call
		}
		if what == "" || k.ns > kinds[what].ns {
			what = name
		}
	}
	return what, kinds[what].row, kinds[what].calls
}

// oneLongGap: a gap that is no part of the work's rhythm makes every share of the whole window wrong. It may lie inside a
// step's work, as a first call does that loads or compiles kernels: then it is that step's, and makes it long. Or it lies
// between steps, where traffic may have paused or requests waited.
func oneLongGap(rv *rankView) *analyze.Finding {
	idle := rv.idle(func(g *gap) bool { return g.cause == gapOutlier })
	if idle.ns == 0 {
		return nil
	}
	var device int64
	for _, t := range rv.rank.Time {
		device = max(device, t.TotalNs)
	}
	longest := &idle.longest
	n := len(idle.gaps)
	f := &analyze.Finding{
		Evidence: []analyze.Evidence{
			nanoseconds("longest_gap", longest.Gap.Ns()), number("such_gaps", n), share("of_window", idle.ns, device),
		},
		Events: []analyze.EventRef{rv.ref(rv.x.GPU[longest.Next].Row)},
	}
	say(f, "the GPU stands still ")
	if n > 1 {
		say(f, "%s times for far longer than usual, at most ", number("such_gaps", n))
	}
	say(f, "for %s (%s of the window)",
		nanoseconds("longest_gap", longest.Gap.Ns()), share("longest_of_window", longest.Gap.Ns(), device))
	rv.sayPlace(f, longest)
	say(f, choose(n == 1, ": findings about idle time leave it out", ": findings about idle time leave them out"))
	in, _ := rv.sayMeanwhile(f, []gap{*longest})
	if ran := len(slices.DeleteFunc(idle.gaps, func(g gap) bool { return !rv.ranOn(&g) })); ran == n {
		say(f, choose(n == 1, "; requests ran meanwhile", "; requests ran during all of them"))
	} else if ran > 0 {
		say(f, "; requests ran during %s of them", number("while_requests_ran", ran))
	}
	f.Try = rv.tryLongGap(longest, in)
	return f
}

// sayPlace says where a long gap lies: inside a step's work, or far longer than a step takes.
func (rv *rankView) sayPlace(f *analyze.Finding, g *gap) {
	switch {
	case g.inside && rv.step(int(g.iteration)).Phase != "":
		say(f, " inside step %s (%s), which takes %s with it", number("in_step", rv.step(int(g.iteration)).Index),
			rv.step(int(g.iteration)).Phase, nanoseconds("that_step", rv.iterations[g.iteration].Ns()))
	case index.OutOfProportion(g.Gap.Ns(), rv.medianNs):
		say(f, ", where a step usually takes %s", nanoseconds("usual_step", rv.medianNs))
	}
}

// ranOn tells whether requests ran during a gap: it is inside a step's work, or the next step goes on with the same requests.
func (rv *rankView) ranOn(g *gap) bool {
	if g.iteration < 0 {
		return false
	}
	s := rv.step(int(g.iteration))
	return (s.GenerationRequests > 0 || s.ContextRequests > 0) && (g.inside || s.Closed())
}
