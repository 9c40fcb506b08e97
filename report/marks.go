package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// Integrity comes first, and it comes again: a number that depends on a part that can't be trusted carries a mark, †1,
// which is the number of the problem that says why. Problems that are good to know but change nothing (notes) have no
// mark, and the same problem of many ranks is one.

// partsOf are the parts of a result, by their names in JSON, that each table shows: a problem names those that it makes
// doubtful (Problem.Affects).
var partsOf = map[string][]string{
	"time": {"time"}, "idle": {"idle"}, "gap": {"idle"}, "phase": {"phases"}, "step": {"steps"}, "category": {"categories"}, "kernel": {"kernels"}, "graph": {"graphs"},
	"op": {"ops"}, "copy": {"memory_ops"}, "memory": {"memory"}, "call": {"cpu"}, "launch": {"launch"}, "collective": {"collectives"},
	"rank": {"time"}, "stream": {"streams"}, "queue": {"queues"}, "thread": {"cpu"}, "core": {"parallel"}, "roofline": {"roofline"}, "module": {"modules"},
}

func (n *notice) affects(table string) bool {
	return slices.ContainsFunc(partsOf[table], func(part string) bool { return slices.Contains(n.Affects, part) })
}

// notice is a problem of one kind, and the ranks that have it.
type notice struct {
	analyze.Problem
	ranks  []int // none: the whole capture
	number int   // of its mark; 0: it makes no number untrue
}

// notices are a result's problems, each kind of each severity once, the worst first.
func notices(r *analyze.Result) []notice {
	var out []notice
	numbers := 0
	for _, p := range r.Problems {
		i := slices.IndexFunc(out, func(n notice) bool { return n.ID == p.ID && n.Severity == p.Severity })
		if i < 0 {
			i = len(out)
			n := notice{Problem: p}
			if p.Severity != analyze.SeverityNote && len(p.Affects) > 0 {
				numbers++
				n.number = numbers
			}
			out = append(out, n)
		}
		if p.Rank != analyze.AllRanks && !slices.Contains(out[i].ranks, p.Rank) {
			out[i].ranks = append(out[i].ranks, p.Rank)
		}
	}
	return out
}

// who says which of several ranks a notice is about.
func (n *notice) who(r *analyze.Result) string {
	switch {
	case len(n.ranks) == 0 || len(r.Ranks) < 2:
		return ""
	case len(n.ranks) == 1 && strings.Contains(n.Text, fmt.Sprintf("rank %d ", n.ranks[0])):
		return "" // it says so itself
	case len(n.ranks) == 1:
		return "rank " + strconv.Itoa(n.ranks[0])
	case len(n.ranks) == len(r.Ranks):
		return fmt.Sprintf("each of %d ranks, such as rank %d", len(n.ranks), n.ranks[0])
	}
	var names []string
	for _, k := range n.ranks[:min(6, len(n.ranks))] {
		names = append(names, strconv.Itoa(k))
	}
	if len(n.ranks) > 6 {
		names = append(names, "…")
	}
	return fmt.Sprintf("ranks %s; on rank %d", strings.Join(names, ", "), n.ranks[0])
}

// mark is what numbers of a table carry: "", or †1 or †1,2.
func mark(all []notice, tables ...string) string {
	return markOf(slices.DeleteFunc(slices.Clone(all), func(n notice) bool { return !slices.ContainsFunc(tables, n.affects) }))
}

// markOf is the mark of some notices.
func markOf(of []notice) string {
	var numbers []string
	for _, n := range of {
		if n.number > 0 {
			numbers = append(numbers, strconv.Itoa(n.number))
		}
	}
	if numbers == nil {
		return ""
	}
	return "†" + strings.Join(numbers, ",")
}

// sound is what a report says of traces in which nothing is wrong: what was looked at, and what could not be.
func sound(r *analyze.Result) string { return "nothing wrong found: " + Checked(r.Checks) }

// soundInBrief is sound in a line.
func soundInBrief(r *analyze.Result) string {
	events := 0
	for _, c := range r.Checks {
		if c.ID == analyze.CheckFile {
			events += c.Looked
		}
	}
	text := "nothing wrong found in " + plural(events, "event")
	var unchecked []string
	for _, u := range uncheckedOf(r.Checks) {
		unchecked = append(unchecked, u.what...)
	}
	if unchecked != nil {
		text += "; not checked: " + strings.Join(unchecked, ", ")
	}
	return text
}

// checkWords say what it means that a check found nothing: of one that it looked at, and of several.
var checkWords = []struct{ id, one, many string }{
	{analyze.CheckFile, "", ""},
	{analyze.CheckLaunches, "%s piece of GPU work has its launch", "%s pieces of GPU work have their launches"},
	{analyze.CheckKernels, "%s launch has its work", "%s launches have their work"},
	{analyze.CheckReplays, "%s graph replay is as others", "%s graph replays have the kernels of their graphs"},
	{analyze.CheckSteps, "no work of a step lies outside %s step", "no work of a step lies outside %s steps"},
	{analyze.CheckRanksGiven, "no rank is missing (%s)", "no rank is missing (%s)"},
	{analyze.CheckMet, "the ranks share %s collective", "the ranks share %s collectives"},
	{analyze.CheckDurations, "", ""},
	{analyze.CheckDuplicates, "", ""},
}

// uncheckedWords say what could not be checked.
var uncheckedWords = map[string]string{
	analyze.CheckRanksGiven: "missing ranks", analyze.CheckMet: "what ranks lack", analyze.CheckLaunches: "launches", analyze.CheckKernels: "lost kernels",
	analyze.CheckReplays: "graph replays", analyze.CheckSteps: "steps", analyze.CheckDurations: "GPU work of 0 ns",
	analyze.CheckDuplicates: "events that are there twice",
}

// Checked says what was found to be right, of how many, and what could not be checked, and why.
func Checked(all []analyze.Check) string {
	return strings.Join(slices.DeleteFunc([]string{strings.Join(rightOf(all), ", "), Unchecked(all)}, func(s string) bool { return s == "" }), "; ")
}

// Unchecked says what could not be checked, and why; "" if all could be.
func Unchecked(all []analyze.Check) string {
	var texts []string
	for _, u := range uncheckedOf(all) {
		texts = append(texts, strings.Join(u.what, " and ")+" ("+u.why+")")
	}
	if texts == nil {
		return ""
	}
	return "not checked: " + strings.Join(texts, ", ")
}

// rightOf says of each check that passed wherever it could be made how many it looked at.
func rightOf(all []analyze.Check) []string {
	var right []string
	for _, w := range checkWords {
		looked, ranks, bad := 0, 0, false
		for _, c := range all {
			if c.ID == w.id {
				bad = bad || c.Outcome == analyze.CheckFailed
				if c.Outcome == analyze.CheckPassed {
					looked += c.Looked
					ranks++
				}
			}
		}
		switch {
		case bad || looked == 0:
		case w.id == analyze.CheckFile:
			right = append(right, choose(ranks == 1, "the file is whole", count(int64(ranks))+" files are whole")+" ("+plural(looked, "event")+")")
		case w.one != "":
			right = append(right, fmt.Sprintf(choose(looked == 1, w.one, w.many), count(int64(looked))))
		}
	}
	return right
}

// unchecked is what could not be checked for one reason.
type unchecked struct {
	why  string
	what []string
}

func uncheckedOf(all []analyze.Check) []unchecked {
	var out []unchecked
	for _, w := range checkWords {
		for _, c := range all {
			if c.ID != w.id || c.Outcome != analyze.CheckNotChecked {
				continue
			}
			i := slices.IndexFunc(out, func(u unchecked) bool { return u.why == c.Why })
			if i < 0 {
				i, out = len(out), append(out, unchecked{why: c.Why})
			}
			if what := uncheckedWords[w.id]; !slices.Contains(out[i].what, what) {
				out[i].what = append(out[i].what, what)
			}
		}
	}
	return out
}

// launchesKnown tells whether the launch of any GPU work is in the traces: profilers of the GPU alone record none, nor did
// PyTorch's older one. Where there is none, nothing is known of delays, of a step's GPU work, and of why a device waited.
func launchesKnown(r *analyze.Result) bool {
	return slices.ContainsFunc(r.Ranks, func(k *analyze.Rank) bool { return k.Launch != nil && k.Launch.Linked > 0 })
}
