package findings

import (
	"fmt"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// idleShare of a step is what waiting must take to be a finding: less is not worth the search.
const idleShare = 0.05

// hostIdle: the GPU waits for the host, between steps (scheduling, sampling, output) or in them, and what the host did.
// Launch-bound decode steps, synchronising calls and blocking copies have rules of their own.
func hostIdle(rv *rankView) *analyze.Finding {
	bound, _, _ := rv.launchBound()
	idle := rv.idle(func(g *gap) bool {
		return g.cause == gapHost && (bound == nil || !g.inside || !rv.in(g.iteration, trace.StepDecode))
	})
	if idle.ns == 0 || ratio(idle.ns, rv.totalNs) < idleShare {
		return nil
	}
	var between int64
	for _, g := range idle.gaps {
		if !g.inside && g.iteration >= 0 {
			between += g.Ns()
		}
	}
	next := rv.x.GPU[idle.longest.Next]
	f := &analyze.Finding{
		StakeNsPerStep: quotient(idle.ns, rv.steps()),
		Evidence: []analyze.Evidence{
			number("gaps", len(idle.gaps)), nanoseconds("waiting_for_host", idle.ns), share("of_time", idle.ns, rv.totalNs),
			nanoseconds("longest_gap", idle.longest.Ns()),
		},
		Events: []analyze.EventRef{rv.ref(next.Row)},
		Try: "look at what the host does there: asynchronous scheduling, fewer Python objects per request, detokenizing and output off the engine's thread, more requests per step; " +
			"a profile without Python stacks shows how much of it is the profiler's",
	}
	if len(rv.iterations) > 0 {
		f.Evidence = append(f.Evidence, nanoseconds("between_steps", between))
	}
	f.Sentence = fmt.Sprintf("the GPU waits for the host %s %s (%s of the time)", duration(f.StakeNsPerStep), rv.per(), percent(idle.ns, rv.totalNs))
	if between > 0 {
		f.Sentence += fmt.Sprintf(", %s of it between steps", percent(between, idle.ns))
	}
	if found := rv.culprits(idle.gaps); len(found) > 0 {
		c := found[0]
		f.Sentence += fmt.Sprintf("; the host is mostly in %s meanwhile (gaps of %s in all)", shortName(c.name), duration(c.ns))
		f.Evidence = append(f.Evidence, nanoseconds("gaps_during_it", c.ns))
		f.Events = append(f.Events, rv.ref(c.row))
	}
	return f
}

// lookBackNs before a gap is where a call that waits in it may have begun.
const lookBackNs = 10_000_000

// syncInStep: calls that wait for the device let it run dry.
func syncInStep(rv *rankView) *analyze.Finding {
	idle := rv.idle(func(g *gap) bool { return g.cause == gapSync })
	if idle.ns == 0 || ratio(idle.ns, rv.totalNs) < idleShare {
		return nil
	}
	// Which calls: of each gap the one that ended last before the next launch.
	type waiter struct {
		calls int
		row   int32
	}
	byName := map[string]*waiter{}
	most := ""
	counted := map[int32]bool{}
	at := 0
	for _, g := range idle.gaps {
		launch := rv.x.Calls[rv.x.GPU[g.Next].Call].StartNs
		blocking := int32(-1)
		for at > 0 && rv.x.Calls[at-1].StartNs > g.StartNs-lookBackNs {
			at--
		}
		for ; at < len(rv.x.Calls) && rv.x.Calls[at].StartNs < launch; at++ {
			if c := &rv.x.Calls[at]; rv.x.IsSync(c) && c.EndNs > g.StartNs {
				blocking = int32(at)
			}
		}
		if blocking < 0 || counted[blocking] {
			continue
		}
		counted[blocking] = true
		name := rv.name(rv.x.Calls[blocking].Name)
		if byName[name] == nil {
			byName[name] = &waiter{row: rv.x.Calls[blocking].Row}
		}
		if byName[name].calls++; most == "" || byName[name].calls > byName[most].calls {
			most = name
		}
	}
	next := rv.x.GPU[idle.longest.Next]
	f := &analyze.Finding{
		StakeNsPerStep: quotient(idle.ns, rv.steps()),
		Evidence: []analyze.Evidence{
			number("gaps", len(idle.gaps)), nanoseconds("idle_around_synchronising_calls", idle.ns), share("of_time", idle.ns, rv.totalNs),
		},
		Events: []analyze.EventRef{rv.ref(next.Row)},
		Try:    "keep the host ahead: copy results to pinned memory and wait on an event one step later, take tensors' .item() and .cpu() out of the step; in vLLM and SGLang overlap scheduling with execution",
	}
	what := "a synchronising call"
	if most != "" {
		what = fmt.Sprintf("%s (%s %s)", most, times(byName[most].calls, rv.steps()), rv.per())
		f.Evidence = append(f.Evidence, number("calls_of_"+most, byName[most].calls))
		f.Events = append(f.Events, rv.ref(byName[most].row))
	}
	f.Sentence = fmt.Sprintf("the GPU runs dry while the host waits for it in %s: idle %s %s (%s of the time)", what, duration(f.StakeNsPerStep), rv.per(), percent(idle.ns, rv.totalNs))
	return f
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
	f := &analyze.Finding{
		Evidence: []analyze.Evidence{nanoseconds("longest_gap", idle.longest.Ns()), number("such_gaps", len(idle.gaps)), share("of_window", idle.ns, device)},
		Events:   []analyze.EventRef{rv.ref(next.Row)},
		Try:      "take idle shares per step, not of the window; begin the profile when requests run, and end it before they stop",
	}
	f.Sentence = fmt.Sprintf("a pause of %s stands in the window (%s of it), far longer than any step: it is not the work's, and other findings leave it out",
		duration(idle.longest.Ns()), percent(idle.longest.Ns(), device))
	if len(idle.gaps) > 1 {
		f.Sentence = strings.Replace(f.Sentence, "a pause of", fmt.Sprintf("%d pauses, the longest of", len(idle.gaps)), 1)
		f.Sentence = strings.NewReplacer("stands in", "stand in", "it is not", "they are not", "leave it out", "leave them out").Replace(f.Sentence)
	}
	if found := rv.culprits([]gap{idle.longest}); len(found) > 0 {
		f.Sentence += " (during " + shortName(found[0].name) + ")"
		f.Events = append(f.Events, rv.ref(found[0].row))
	}
	return f
}
