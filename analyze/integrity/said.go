package integrity

import (
	"slices"

	"github.com/inferprof/inferprof/internal/words"
)

// What is said of the checks of traces that found nothing, and of those that could not be made.

// SaidNotChecked is the id of what says that something could not be checked.
const SaidNotChecked = "not_checked"

// checkWords say what it means that a check found nothing: of one that it looked at, and of several. Checks of the events of a file
// are told by the first.
var checkWords = []struct{ id, one, many string }{
	{CheckFile, "", ""},
	{CheckLaunches, "{looked_at} piece of GPU work has its launch", "{looked_at} pieces of GPU work have their launches"},
	{CheckKernels, "{looked_at} launch has its work", "{looked_at} launches have their work"},
	{CheckReplays, "{looked_at} graph replay is as others", "{looked_at} graph replays have the kernels of their graphs"},
	{CheckSteps, "no work of a step lies outside {looked_at} step", "no work of a step lies outside {looked_at} steps"},
	{CheckRanksGiven, "no rank is missing ({looked_at})", "no rank is missing ({looked_at})"},
	{CheckMet, "the ranks share {looked_at} collective", "the ranks share {looked_at} collectives"},
	{CheckDurations, "", ""},
	{CheckDuplicates, "", ""},
}

// uncheckedWords say what could not be checked.
var uncheckedWords = map[string]string{
	CheckRanksGiven: "missing ranks", CheckMet: "what ranks lack", CheckLaunches: "launches", CheckKernels: "lost kernels",
	CheckReplays: "graph replays", CheckSteps: "steps", CheckDurations: "GPU work of 0 ns", CheckDuplicates: "events that are there twice",
}

// Sound is what is said of traces in which nothing is wrong: what was looked at, and what could not be.
func Sound(all []Check) words.Message {
	return words.Say("sound", "nothing wrong found: {checked}", words.Inner("checked", Checked(all)))
}

// SoundBrief is Sound in a line.
func SoundBrief(all []Check) words.Message {
	events := 0
	for _, c := range all {
		if c.ID == CheckFile {
			events += c.Looked
		}
	}
	unchecked := UncheckedBrief(all)
	return words.Say("sound", choose(unchecked.IsZero(), "nothing wrong found in {events}", "nothing wrong found in {events}; {unchecked}"),
		words.Things("events", events, "event"), words.Inner("unchecked", unchecked))
}

// Checked says what was found to be right, of how many, and what could not be checked, and why; nothing if nothing was looked at.
func Checked(all []Check) words.Message {
	right, not := rightOf(all), Unchecked(all)
	switch {
	case len(right) == 0:
		return not
	case not.IsZero():
		return words.Say("right", "{right}", words.Inners("right", right))
	}
	return words.Say("right", "{right}; {unchecked}", words.Inners("right", right), words.Inner("unchecked", not))
}

// Unchecked says what could not be checked, and why; nothing if all could be.
func Unchecked(all []Check) words.Message {
	var list []words.Message
	for _, u := range uncheckedOf(all) {
		list = append(list, words.Say("unchecked", "{what} ({why})", words.Inner("what", and(u.what)), words.LongName("why", string(u.why), reasonWords[u.why])))
	}
	return notCheckedList(list)
}

// UncheckedBrief is Unchecked without the reasons.
func UncheckedBrief(all []Check) words.Message {
	var list []words.Message
	for _, u := range uncheckedOf(all) {
		list = append(list, u.what...)
	}
	return notCheckedList(list)
}

// and joins messages, of which there is at least one.
func and(all []words.Message) words.Message {
	out := all[0]
	for _, m := range all[1:] {
		out = words.Say("and", "{this} and {that}", words.Inner("this", out), words.Inner("that", m))
	}
	return out
}

func notCheckedList(list []words.Message) words.Message {
	if list == nil {
		return words.Message{}
	}
	return words.Say(SaidNotChecked, "not checked: {list}", words.Inners("list", list))
}

// rightOf says of each check that passed wherever it could be made how many it looked at.
func rightOf(all []Check) []words.Message {
	var right []words.Message
	for _, w := range checkWords {
		looked, ranks, bad := 0, 0, false
		for _, c := range all {
			if c.ID == w.id {
				bad = bad || c.Outcome == Failed
				if c.Outcome == Passed {
					looked += c.Looked
					ranks++
				}
			}
		}
		switch {
		case bad || looked == 0:
		case w.id == CheckFile:
			right = append(right, words.Say(w.id, choose(ranks == 1, "the file is whole ({events})", "{files} files are whole ({events})"), words.Number("files", ranks),
				words.Things("events", looked, "event")))
		case w.one != "":
			right = append(right, words.Say(w.id, choose(looked == 1, w.one, w.many), words.Number("looked_at", looked)))
		}
	}
	return right
}

// unchecked is what could not be checked for one reason.
type unchecked struct {
	why  Reason
	what []words.Message
}

func uncheckedOf(all []Check) []unchecked {
	var out []unchecked
	for _, w := range checkWords {
		for _, c := range all {
			if c.ID != w.id || c.Outcome != NotChecked {
				continue
			}
			i := slices.IndexFunc(out, func(u unchecked) bool { return u.why == c.WhyID })
			if i < 0 {
				i, out = len(out), append(out, unchecked{why: c.WhyID})
			}
			if !slices.ContainsFunc(out[i].what, func(m words.Message) bool { return m.ID == w.id }) {
				out[i].what = append(out[i].what, words.Say(w.id, uncheckedWords[w.id]))
			}
		}
	}
	return out
}
