// Package integrity says what is wrong with traces and what is less true for it.
package integrity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// Problem is a reason not to believe some of the numbers. Every profiler drops and cuts things now and then; a report
// says so before anything else.
type Problem struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // error: a part is missing; warning: numbers are affected; note: good to know
	Rank     int    `json:"rank"`     // AllRanks: of the capture
	Text     string `json:"text"`     // one sentence
	Count    int    `json:"count,omitempty"`
	Ns       int64  `json:"ns,omitempty"`
	// Affects are the parts of the result that are less true for it, by the names that they have in JSON: of all ranks, or
	// of Rank's alone. Reports mark them.
	Affects []string `json:"affects,omitempty"`
}

// affected says which parts of a result each problem makes doubtful.
var affected = map[string][]string{
	"damaged":            {"time", "kernels", "categories", "ops", "cpu", "parallel", "steps", "phases", "collectives", "memory"},
	"unlinked":           {"steps", "phases", "launch", "roofline", "modules"},
	"empty_graphs":       {"time", "kernels", "categories", "steps", "phases", "roofline", "graphs"},
	"empty_launches":     {"launch"},
	"early_kernels":      {"launch", "queues", "idle"},
	"one_long_gap":       {"time"},
	"missing_ranks":      {"collectives"},
	"different_profiles": {"time", "kernels", "categories", "ops", "cpu", "parallel", "memory_ops", "collectives", "steps", "phases"},
	"rank_numbers":       {"collectives"},
	"replays_differ":     {"time", "kernels", "categories", "steps", "phases", "graphs"},
}

// AllRanks is Problem.Rank of what concerns the capture.
const AllRanks = -1

// Severities of Problem.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityNote    = "note"
)

var severityOrder = []string{SeverityError, SeverityWarning, SeverityNote}

// damageWords say what each kind of damage is.
var damageWords = map[string]string{
	"syntax": "no JSON", "value": "a value that is no JSON", "truncated": "it ends too early", "crc": "its checksum is wrong, and any value may be",
	"trailing garbage": "something follows its end", "metadata": "a key outside the events is not what it should be",
	"input": "it could not be read to its end", "more": "more places than are listed",
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
	worst := slices.IndexFunc(all, func(d ranks.Damage) bool { return slices.Contains([]string{"truncated", "crc", "input"}, d.Kind) })
	d := all[max(worst, 0)]
	text += ": " + cmp.Or(damageWords[d.Kind], d.Kind)
	if d.Line > 0 && d.Kind != "crc" {
		text += ", at line " + words.Grouped(d.Line)
	}
	return text
}

// CheckTrace finds what is wrong with one trace.
func CheckTrace(x *index.Index, r *ranks.Rank, badNests int) []Problem {
	var out []Problem
	say := func(id, severity string, count int, ns int64, format string, args ...any) {
		out = append(out, Problem{ID: id, Severity: severity, Rank: r.Rank, Count: count, Ns: ns, Text: fmt.Sprintf(format, args...)})
	}
	if n := len(r.Damage); n > 0 {
		say("damaged", SeverityError, n, 0, "%s", damageText(r.Damage))
	}
	if len(x.GPU) == 0 && len(x.Host()) == 0 {
		say("empty", SeverityError, 0, 0, "the trace has no ops, calls or GPU work in it")
		return out
	}
	checkLinks(x, r, say)
	if 100*x.OtherKinds > x.EventCount() {
		say("other_kinds", SeverityNote, x.OtherKinds, 0, "%s of kinds that no analysis reads, such as another accelerator's work: %s",
			words.Plural(x.OtherKinds, "event is", "events are"), otherKindNames(x))
	}
	for _, idle := range r.Idle {
		t := r.Time[slices.IndexFunc(r.Time, func(t device.Time) bool { return t.Device == idle.Device })]
		if len(idle.Longest) > 0 && idle.Longest[0].Ns > t.TotalNs/2 {
			g := idle.Longest[0]
			say("one_long_gap", SeverityNote, 1, g.Ns,
				"one gap is %.1f %% of device %d's time; without it the device was busy %.1f %%",
				100*float64(g.Ns)/float64(t.TotalNs), t.Device, 100*float64(t.BusyNs)/float64(max(1, t.TotalNs-g.Ns)))
		}
	}
	if badNests > 0 {
		say("bad_nesting", SeverityNote, badNests, 0, "%s end after the span they began in; self times are cut there",
			words.Plural(badNests, "CPU span", "CPU spans"))
	}
	return out
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
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	return words.List(names[:min(len(names), 4)], len(names))
}

// checkLinks finds GPU work without launches, and launches without GPU work.
func checkLinks(x *index.Index, r *ranks.Rank, say func(id, severity string, count int, ns int64, format string, args ...any)) {
	if l := r.Launch; l != nil && l.Unlinked > 0 && len(x.Calls) > 0 {
		text := "%s of %s were launched before the profiler began; they count as work, but belong to no op and no step"
		if l.Unlinked == 1 {
			text = "%s of %s was launched before the profiler began; it counts as work, but belongs to no op and no step"
		}
		say("unlinked", SeverityWarning, l.Unlinked, l.UnlinkedNs, text, words.Plural(l.Unlinked, "GPU event", "GPU events"), words.Grouped(int64(l.Linked+l.Unlinked)))
	}
	graphs, emptyGraphs, kernels, emptyKernels, early := 0, 0, 0, 0, 0
	for i := range x.Calls {
		c := &x.Calls[i]
		switch {
		case x.IsGraphLaunch(c):
			graphs++
			if c.GPUEvents == 0 {
				emptyGraphs++
			}
		case index.IsKernelLaunch(x.Name(c.Name)):
			kernels++
			if c.GPUEvents == 0 {
				emptyKernels++
			}
		}
		if c.GPUEvents > 0 && x.GPU[c.FirstGPU].StartNs < c.StartNs {
			early++
		}
	}
	if graphs+kernels > 0 && !x.OnGPU {
		say("no_gpu_events", SeverityError, graphs+kernels, 0,
			"%s, but the trace has no GPU work: the profiler recorded CPU activity alone (another tool held the GPU's profiling interface, or only CPU was asked for)",
			words.Plural(graphs+kernels, "kernel launch", "kernel launches"))
		return
	}
	if emptyGraphs > 0 {
		say("empty_graphs", SeverityWarning, emptyGraphs, 0,
			"%s of %s have no kernels in the trace: busy times are too low", words.Plural(emptyGraphs, "graph launch", "graph launches"), words.Grouped(int64(graphs)))
	}
	if l := r.Replays; l != nil && l.Short > 0 {
		say("replays_differ", SeverityWarning, l.Short, l.LostNs, "%s of %s have fewer kernels in the trace than others like them: busy times are too low",
			words.Plural(l.Short, "graph launch", "graph launches"), words.Grouped(int64(l.Launches)))
	}
	if emptyKernels > 0 {
		severity, why := SeverityNote, "recorded into a graph, or still queued when the profiler stopped"
		if emptyKernels > kernels/10 && len(r.Steps) > 0 && r.Steps[0].Dialect != string(trace.DialectCapture) {
			severity = SeverityWarning
		}
		say("empty_launches", severity, emptyKernels, 0, "%s of %s have no kernel in the trace: %s",
			words.Plural(emptyKernels, "kernel launch", "kernel launches"), words.Grouped(int64(kernels)), why)
	}
	if early > 0 {
		say("early_kernels", SeverityWarning, early, 0, "%s before the call that launched them: the clocks of CPU and GPU disagree",
			words.Plural(early, "GPU event begins", "GPU events begin"))
	}
}

// CheckFrontends finds traces of API servers alone: the work is in those that the ranks write.
func CheckFrontends(workers, frontends int) []Problem {
	if workers > 0 || frontends == 0 {
		return nil
	}
	return []Problem{{ID: "missing_ranks", Severity: SeverityError, Rank: AllRanks,
		Text: "there is the trace of an API server alone, and the work is in what the engine's ranks write (*_rank0.*.pt.trace.json.gz): pass their directory"}}
}

// CheckRanks finds ranks that are missing. expected is how many the capture should have; 0: not known; less: none is
// missing.
func CheckRanks(all []*ranks.Rank, expected int) []Problem {
	if len(all) == 0 || expected < 0 {
		return nil
	}
	seen := map[int]bool{}
	world := 0
	for _, r := range all {
		seen[r.Rank] = true
		world = max(world, r.WorldSize)
	}
	severity := SeverityNote // of traces alone: whoever passes one rank's file knows that it is one of several
	if expected > 0 {
		world, severity = expected, SeverityError
	}
	missing := world - len(seen)
	if missing <= 0 {
		return nil
	}
	var names []string
	for rank := 0; rank < world && len(names) < 8; rank++ {
		if !seen[rank] {
			names = append(names, strconv.Itoa(rank))
		}
	}
	return []Problem{{ID: "missing_ranks", Severity: severity, Rank: AllRanks, Count: missing,
		Text: fmt.Sprintf("%d of %s given; missing: %s", len(seen), words.Plural(world, "rank", "ranks"), words.List(names, missing))}}
}

// SortProblems sorts the worst first, and fills in what each affects.
func SortProblems(p []Problem) {
	for i := range p {
		if p[i].Affects == nil {
			p[i].Affects = affected[p[i].ID]
		}
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return slices.Index(severityOrder, a.Severity) - slices.Index(severityOrder, b.Severity)
	})
}
