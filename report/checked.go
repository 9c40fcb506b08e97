package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// What a report says of the checks of its traces that found nothing, and of those that could not be made.

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
	if unchecked := uncheckedInBrief(r.Checks); unchecked != "" {
		text += "; " + unchecked
	}
	return text
}

// uncheckedInBrief is Unchecked without the reasons.
func uncheckedInBrief(all []analyze.Check) string {
	var unchecked []string
	for _, u := range uncheckedOf(all) {
		unchecked = append(unchecked, u.what...)
	}
	if unchecked == nil {
		return ""
	}
	return "not checked: " + strings.Join(unchecked, ", ")
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
	analyze.CheckRanksGiven: "missing ranks", analyze.CheckMet: "what ranks lack", analyze.CheckLaunches: "launches",
	analyze.CheckKernels: "lost kernels",
	analyze.CheckReplays: "graph replays", analyze.CheckSteps: "steps", analyze.CheckDurations: "GPU work of 0 ns",
	analyze.CheckDuplicates: "events that are there twice",
}

// Checked says what was found to be right, of how many, and what could not be checked, and why.
func Checked(all []analyze.Check) string {
	right, not := strings.Join(rightOf(all), ", "), Unchecked(all)
	return right + choose(right != "" && not != "", "; ", "") + not
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
			files := choose(ranks == 1, "the file is whole", count(int64(ranks))+" files are whole")
			right = append(right, files+" ("+plural(looked, "event")+")")
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
