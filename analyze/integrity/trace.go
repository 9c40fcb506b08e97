package integrity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// check finds what is wrong with one trace.
type check struct {
	x     *index.Index
	rank  *ranks.Rank // what the trace says
	found []Problem
}

// say adds a problem.
func (c *check) say(id, severity string, count int, ns int64, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.found = append(c.found, Problem{ID: id, Severity: severity, Rank: c.rank.Rank, Count: count, Ns: ns, Text: text})
}

// CheckTrace finds what is wrong with one trace, of which r says what it may. badNests is how many of its spans outlive the
// one that they began in.
func CheckTrace(x *index.Index, r *ranks.Rank, badNests int) []Problem {
	c := &check{x: x, rank: r}
	if n := len(r.Damage); n > 0 {
		c.say("damaged", SeverityError, n, 0, "%s", damageText(r.Damage))
	}
	if len(x.GPU) == 0 && len(x.Host()) == 0 {
		c.say("empty", SeverityError, 0, 0, "the trace has no ops, calls or GPU work in it")
		return c.found
	}
	c.unlinked()
	c.calls()
	if 100*x.OtherKinds > x.EventCount() {
		c.say("other_kinds", SeverityNote, x.OtherKinds, 0,
			"%s of kinds that no analysis reads, such as another accelerator's work: %s",
			words.Plural(x.OtherKinds, "event is", "events are"), otherKindNames(x))
	}
	for _, idle := range r.Idle {
		t := r.Time[slices.IndexFunc(r.Time, func(t device.Time) bool { return t.Device == idle.Device })]
		if len(idle.Longest) > 0 && idle.Longest[0].Ns > t.TotalNs/2 {
			g := idle.Longest[0]
			c.say("one_long_gap", SeverityNote, 1, g.Ns,
				"one gap is %.1f %% of device %d's time; without it the device was busy %.1f %%",
				100*float64(g.Ns)/float64(t.TotalNs), t.Device, 100*float64(t.BusyNs)/float64(max(1, t.TotalNs-g.Ns)))
		}
	}
	if badNests > 0 {
		c.say("bad_nesting", SeverityNote, badNests, 0, "%s end after the span they began in; self times are cut there",
			words.Plural(badNests, "CPU span", "CPU spans"))
	}
	return c.found
}

// otherKindNames are the kinds of events that no analysis reads, the most frequent first.
func otherKindNames(x *index.Index) string {
	e := &x.Trace.Events
	counts := map[string]int{}
	for i := range e.Len() {
		if e.Category(i) == trace.CategoryOther && e.Phase(i) == trace.PhaseComplete {
			counts[e.CategoryName(i)]++
		}
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	return words.List(names[:min(len(names), 4)], len(names))
}

// unlinked finds GPU work without launches.
func (c *check) unlinked() {
	l := c.rank.Launch
	if l == nil || l.Unlinked == 0 || len(c.x.Calls) == 0 {
		return
	}
	text := "%s of %s were launched before the profiler began; they count as work, but belong to no op and no step"
	if l.Unlinked == 1 {
		text = "%s of %s was launched before the profiler began; it counts as work, but belongs to no op and no step"
	}
	c.say("unlinked", SeverityWarning, l.Unlinked, l.UnlinkedNs, text,
		words.Plural(l.Unlinked, "GPU event", "GPU events"), words.Grouped(int64(l.Linked+l.Unlinked)))
}

// calls finds launches without GPU work, or before which it began.
func (c *check) calls() {
	x := c.x
	graphs, emptyGraphs, kernels, emptyKernels, early := 0, 0, 0, 0, 0
	for i := range x.Calls {
		call := &x.Calls[i]
		switch {
		case x.IsGraphLaunch(call):
			graphs++
			if call.GPUEvents == 0 {
				emptyGraphs++
			}
		case index.IsKernelLaunch(x.Name(call.Name)):
			kernels++
			if call.GPUEvents == 0 {
				emptyKernels++
			}
		}
		if call.GPUEvents > 0 && x.GPU[call.FirstGPU].StartNs < call.StartNs {
			early++
		}
	}
	if graphs+kernels > 0 && !x.OnGPU {
		c.say("no_gpu_events", SeverityError, graphs+kernels, 0,
			"%s, but the trace has no GPU work: the profiler recorded CPU activity alone "+
				"(another tool held the GPU's profiling interface, or only CPU was asked for)",
			words.Plural(graphs+kernels, "kernel launch", "kernel launches"))
		return
	}
	if emptyGraphs > 0 {
		c.say("empty_graphs", SeverityWarning, emptyGraphs, 0, "%s of %s have no kernels in the trace: busy times are too low",
			words.Plural(emptyGraphs, "graph launch", "graph launches"), words.Grouped(int64(graphs)))
	}
	if l := c.rank.Replays; l != nil && l.Short > 0 {
		c.say("replays_differ", SeverityWarning, l.Short, l.LostNs,
			"%s of %s have fewer kernels in the trace than others like them: busy times are too low",
			words.Plural(l.Short, "graph launch", "graph launches"), words.Grouped(int64(l.Launches)))
	}
	if emptyKernels > 0 {
		severity, steps := SeverityNote, c.rank.Steps
		if emptyKernels > kernels/10 && len(steps) > 0 && steps[0].Dialect != string(trace.DialectCapture) {
			severity = SeverityWarning
		}
		c.say("empty_launches", severity, emptyKernels, 0,
			"%s of %s have no kernel in the trace: recorded into a graph, or still queued when the profiler stopped",
			words.Plural(emptyKernels, "kernel launch", "kernel launches"), words.Grouped(int64(kernels)))
	}
	if early > 0 {
		c.say("early_kernels", SeverityWarning, early, 0,
			"%s before the call that launched them: the clocks of CPU and GPU disagree",
			words.Plural(early, "GPU event begins", "GPU events begin"))
	}
}

// damageWords say what each kind of damage is.
var damageWords = map[string]string{
	"syntax":           "no JSON",
	"value":            "a value that is no JSON",
	"truncated":        "it ends too early",
	"crc":              "its checksum is wrong, and any value may be",
	"trailing garbage": "something follows its end",
	"metadata":         "a key outside the events is not what it should be",
	"input":            "it could not be read to its end",
	"more":             "more places than are listed",
}

// damageText says how much of a file is damaged, and what and where the worst of it is: what ends a file says more than
// the scrap of an event before that.
func damageText(all []ranks.Damage) string {
	lost := 0
	for _, d := range all {
		lost += d.Lost
	}
	text := "the file is damaged in " + words.Plural(len(all), "place", "places")
	if lost > 0 {
		text += ", " + words.Plural(lost, "event", "events") + " lost"
	}
	ends := func(d ranks.Damage) bool { return d.Kind == "truncated" || d.Kind == "crc" || d.Kind == "input" }
	d := all[max(slices.IndexFunc(all, ends), 0)]
	text += ": " + cmp.Or(damageWords[d.Kind], d.Kind)
	if d.Line > 0 && d.Kind != "crc" {
		text += ", at line " + words.Grouped(d.Line)
	}
	return text
}
