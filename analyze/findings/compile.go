package findings

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/trace"
)

// A model that is compiled while it is profiled. What the compiler takes is a fact of the trace (index.Compiles), and nothing
// of it will be there the next time: other rules leave it out, so that none of them advises on it.

// compiling is when a rank compiled.
type compiling struct {
	spans []index.Span // of each thread, by start
	when  interval.Set // on any thread
	ns    int64        // of when
}

func compilingOf(x *index.Index) compiling {
	c := compiling{spans: slices.Clone(x.Compiles())}
	slices.SortStableFunc(c.spans, func(a, b index.Span) int { return cmp.Compare(a.StartNs, b.StartNs) })
	for _, s := range c.spans {
		c.when.Add(s.StartNs, s.EndNs)
	}
	c.ns = c.when.Length()
	return c
}

// within is for how long the rank compiled in [from, to).
func (c *compiling) within(from, to int64) (ns int64) {
	for _, s := range c.when {
		ns += max(0, min(to, s.End)-max(from, s.Start))
	}
	return ns
}

// inStep is for how long the rank compiled while the host was in a step.
func (c *compiling) inStep(s *analyze.Step) int64 { return c.within(s.StartNs, s.StartNs+s.CPUNs) }

// mostShown is how many compilations a finding points at.
const mostShown = 3

// compiledInside: the profile has a compiler at work in it, which a warm engine has not.
func compiledInside(rv *rankView) *analyze.Finding {
	c := &rv.compiling
	if len(c.spans) == 0 {
		return nil
	}
	window := rv.rank.LastNs - rv.rank.FirstNs
	f := &analyze.Finding{
		StakeNsPerStep: quotient(c.ns, rv.steps()),
		Try:            "warm up more before the profile begins (--warmup, or --warmup auto), with requests of the same shapes",
	}
	longest := slices.Clone(c.spans)
	slices.SortStableFunc(longest, func(a, b index.Span) int { return cmp.Compare(b.EndNs-b.StartNs, a.EndNs-a.StartNs) })
	for _, s := range longest[:min(mostShown, len(longest))] {
		f.Events = append(f.Events, rv.ref(s.Row))
	}
	say(f, "compiled during the profile: %s %s, %s in all, %s of it", number("compilations", len(c.spans)), noun(len(c.spans), "time"),
		nanoseconds("compiling", c.ns), share("of_the_profile", c.ns, window))
	if steps := rv.rank.Steps; len(steps) > 0 {
		rv.sayCompiledSteps(f, steps)
	}
	return f
}

// sayCompiledSteps says in which steps a rank compiled, by phase.
func (rv *rankView) sayCompiledSteps(f *analyze.Finding, steps []analyze.Step) {
	c := &rv.compiling
	with, in := 0, map[trace.StepPhase]int{}
	var phases []trace.StepPhase
	for i := range steps {
		if c.inStep(&steps[i]) == 0 {
			continue
		}
		with++
		if in[steps[i].Phase]++; in[steps[i].Phase] == 1 {
			phases = append(phases, steps[i].Phase)
		}
	}
	f.Evidence = addEvidence(f.Evidence, number("steps_with_it", with), number("steps", len(steps)))
	if with == 0 {
		say(f, ", in no step")
		return
	}
	say(f, ", in %s of the %s steps (", number("steps_with_it", with), number("steps", len(steps)))
	for i, p := range phases {
		say(f, choose(i == 0, "%s %s", ", %s %s"), number(string(p)+"_steps_with_it", in[p]), p)
	}
	say(f, "): means and sums contain it")
	if first, last, ok := cleanSteps(c, steps); ok {
		f.Try += fmt.Sprintf("; here look at steps without it alone (--step %d-%d)", first, last)
	}
}

// cleanSteps is the longest run of steps in which nothing was compiled, by their numbers; of equals the last, which is warmest.
func cleanSteps(c *compiling, steps []analyze.Step) (first, last int, ok bool) {
	from := 0
	for i := range steps {
		if c.inStep(&steps[i]) > 0 {
			from = i + 1
		} else if !ok || i-from >= last-first {
			first, last, ok = from, i, true
		}
	}
	if ok {
		first, last = steps[first].Index, steps[last].Index
	}
	return first, last, ok
}

// compiledFirst tells whether some rank compiled in its first step for so long that others waiting is no wonder.
func (v *view) compiledFirst(waitNs int64) bool {
	return slices.ContainsFunc(v.ranks, func(l *Look) bool { return 2*l.compiledFirstNs >= waitNs && waitNs > 0 })
}
