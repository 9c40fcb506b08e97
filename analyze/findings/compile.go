package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
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
		Evidence:       []analyze.Evidence{nanoseconds("compiling", c.ns), number("compilations", len(c.spans)), share("of_the_profile", c.ns, window)},
		Try:            "warm up more before the profile begins (--warmup, or --warmup auto), with requests of the same shapes",
	}
	longest := slices.Clone(c.spans)
	slices.SortStableFunc(longest, func(a, b index.Span) int { return cmp.Compare(b.EndNs-b.StartNs, a.EndNs-a.StartNs) })
	for _, s := range longest[:min(mostShown, len(longest))] {
		f.Events = append(f.Events, rv.ref(s.Row))
	}
	often := count(len(c.spans)) + " times"
	if len(c.spans) == 1 {
		often = "once"
	}
	f.Sentence = fmt.Sprintf("compiled during the profile: %s, %s in all, %s of it", often, duration(c.ns), percent(c.ns, window))
	if steps := rv.rank.Steps; len(steps) > 0 {
		with, phases := compiledSteps(c, steps)
		f.Evidence = append(f.Evidence, number("steps_with_it", with), number("steps", len(steps)))
		if with == 0 {
			f.Sentence += ", in no step"
			return f
		}
		f.Sentence += fmt.Sprintf(", in %d of the %d steps (%s): means and sums contain it", with, len(steps), phases)
		if first, last, ok := cleanSteps(c, steps); ok {
			f.Try += fmt.Sprintf("; here look at steps without it alone (--step %d-%d)", first, last)
		}
	}
	return f
}

// compiledSteps counts the steps in which a rank compiled, and lists them by phase.
func compiledSteps(c *compiling, steps []analyze.Step) (n int, phases string) {
	count := map[string]int{}
	var order []string
	for i := range steps {
		if c.inStep(&steps[i]) == 0 {
			continue
		}
		n++
		if count[steps[i].Phase]++; count[steps[i].Phase] == 1 {
			order = append(order, steps[i].Phase)
		}
	}
	for i, p := range order {
		order[i] = fmt.Sprintf("%d %s", count[p], p)
	}
	return n, strings.Join(order, ", ")
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

// compiledMore is for how much longer a rank compiled than the others did on average.
func (v *view) compiledMore(rank int) int64 {
	var others int64
	for i, l := range v.ranks {
		if i != rank {
			others += l.compiledNs
		}
	}
	return max(0, v.ranks[rank].compiledNs-quotient(others, len(v.ranks)-1))
}
