package compare

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// What a comparison says in sentences.

// sectionNotes says what a reader should know before he believes a section.
func (c *pairing) sectionNotes(s *Section, w *sides) {
	note := func(m words.Message) { s.NoteMessages = append(s.NoteMessages, m) }
	if s.NoteMessages == nil {
		s.NoteMessages = []words.Message{}
	}
	if s.Cold && s.ID != SectionWhole {
		note(words.Say("cold", "only first steps: what is slow once (compiling, warming up, a late rank) is in these numbers"))
	}
	if s.Unit != "step" && s.Unit != "trace" {
		note(words.Say("per_token", "no step of one side has the shape of one of the other: the steps of all shapes are compared per {unit}", words.Name("unit", s.Unit)))
	}
	if s.Unit == "step" && slices.ContainsFunc(s.Matched, func(m Matched) bool {
		return m.GenerationRequests < 0 && m.ContextRequests < 0 || m.Phase == trace.StepPrefill && m.ContextTokens < 0
	}) {
		note(words.Say("no_shapes", "the traces do not say what these steps worked on: they are matched by phase alone, and their batches may differ"))
	}
	if s.Time.Verdict == VerdictUnknown && s.Unit != "trace" {
		note(words.Say("too_few_steps", "too few steps to tell noise from a difference: capture each side more than once"))
	}
	if s.Time.Verdict == VerdictNone {
		if b := &s.Busy; b.Verdict == VerdictMore || b.Verdict == VerdictLess {
			format := "the busy part does differ, {side} takes {percent} more: idle time makes up for it, or varies too much to tell"
			if b.Verdict == VerdictLess {
				format = "the busy part does differ, {side} takes {percent} less: idle time makes up for it, or varies too much to tell"
			}
			note(words.Say("busy_differs", format, words.Name("side", c.pair.B), unsigned("percent", b.Percent)))
		}
		if max(len(c.side[0].Runs), len(c.side[1].Runs)) == 2 {
			note(words.Say("two_captures", "no side has more than two captures, which says little about how much captures differ: with three or more each the interval is much narrower"))
		}
	}
	for k, letter := range []string{c.pair.A, c.pair.B} {
		typical, middle := float64([]int64{s.ATotalNs, s.BTotalNs}[k]), []float64{s.Time.A, s.Time.B}[k]
		if math.Abs(typical-middle) > uneven*middle {
			note(words.Say("uneven", "the typical steps of {side}, which the waterfall divides, come to {typical_ns}, and the median is {median_ns}: its steps lie unevenly about it",
				words.Name("side", letter), ns("typical_ns", typical), ns("median_ns", middle)))
		}
	}
	s.NoteMessages = append(s.NoteMessages, c.courseNotes(w)...)
	if a, b := overheadOf(c.side[0]), overheadOf(c.side[1]); a != nil && b != nil {
		if d := 100 * (*b - *a); math.Abs(s.Time.Percent) < math.Abs(d) {
			note(words.Say("overhead", "smaller than the difference of the profiler's overhead, which is {baseline_overhead} on {baseline} and {overhead} on {side}",
				words.Value("baseline_overhead", *a, words.UnitShare), words.Name("baseline", c.pair.A), words.Value("overhead", *b, words.UnitShare), words.Name("side", c.pair.B)))
		}
	}
	if s.LeftOut[0].UnderRecorded+s.LeftOut[1].UnderRecorded > 0 {
		note(words.Say("under_recorded", "steps with much less work in the trace than others of their shape are left out: their kernels were not all recorded"))
	}
}

// uneven is by how much the mean of typical steps may be off the median without a word about it.
const uneven = 0.01

// ns is a time that need not be whole.
func ns(name string, v float64) words.Param { return words.Value(name, v, words.UnitNs) }

// unsigned is a difference in percent without its sign, which words say.
func unsigned(name string, percent float64) words.Param {
	return words.Value(name, math.Abs(percent), words.UnitPercent)
}

// notes says what holds for the pair.
func (c *pairing) notes() {
	note := func(m words.Message) { c.pair.NoteMessages = append(c.pair.NoteMessages, m) }
	for k, letter := range []string{c.pair.A, c.pair.B} {
		if o := overheadOf(c.side[k]); o != nil {
			format := "the profiled round of {side} took {overhead} longer than one without a profiler"
			if *o < 0 {
				format = "the profiled round of {side} took {overhead} less than one without a profiler"
			}
			note(words.Say("overhead", format, words.Name("side", letter), words.Value("overhead", math.Abs(*o), words.UnitShare)))
		}
	}
	if len(c.side[0].Runs) == 1 && len(c.side[1].Runs) == 1 && len(c.pair.Sections) > 0 {
		note(words.Say("one_capture", "one capture a side: how much two captures of the same differ is not known, and allowed for by how much one step differs from the next, at least {least}",
			words.Value("least", singleRunShare, words.UnitShare)))
	}
}

// nothing says why no section could be made.
func (c *pairing) nothing() words.Message {
	var has [2][]trace.StepPhase
	for k, side := range c.side {
		for i := range side.Runs {
			for _, g := range side.Runs[i].Groups {
				if !slices.Contains(has[k], g.Phase) {
					has[k] = append(has[k], g.Phase)
				}
			}
		}
		if len(has[k]) == 1 && has[k][0] == PhaseWhole {
			has[k] = nil
		}
	}
	params := []words.Param{words.Name("baseline", c.pair.A), words.Inner("baseline_steps", onlySteps(has[0])), words.Name("side", c.pair.B), words.Inner("steps", onlySteps(has[1]))}
	for k, letter := range []string{c.pair.A, c.pair.B} {
		shared := slices.ContainsFunc(has[0], func(phase trace.StepPhase) bool { return slices.Contains(has[1], phase) })
		if shared && !saysShapes(c.side[k]) && saysShapes(c.side[1-k]) {
			return words.Say("no_shapes", "{baseline} has {baseline_steps} and {side} {steps}, and the steps of {silent} do not say how many requests and tokens they worked on",
				append(params, words.Name("silent", letter))...)
		}
	}
	if slices.Contains(has[0], trace.StepUnknown) != slices.Contains(has[1], trace.StepUnknown) {
		return words.Say("no_common_phase", "{baseline} has {baseline_steps} and {side} {steps}, so that no phase is on both sides", params...)
	}
	return words.Say("no_common_steps", "{baseline} has {baseline_steps} and {side} has {steps}", params...)
}

// onlySteps are the phases that a side has steps of.
func onlySteps(phases []trace.StepPhase) words.Message {
	if len(phases) == 0 {
		return words.Say("no_steps", "no steps")
	}
	names := words.Say("phase", "{phase}", words.Name("phase", string(phases[0])))
	for _, phase := range phases[1:] {
		names = words.Say("phases", "{phases} and {phase}", words.Inner("phases", names), words.Name("phase", string(phase)))
	}
	return words.Say("only_steps", "only {phases} steps", words.Inner("phases", names))
}

// saysShapes tells whether any step of a side says what it worked on.
func saysShapes(s *Side) bool {
	return slices.ContainsFunc(s.Runs, func(r Run) bool {
		return slices.ContainsFunc(r.Groups, func(g Group) bool { return g.GenerationRequests >= 0 || g.ContextRequests >= 0 })
	})
}

// leastPercent is what rounds to no difference.
const leastPercent = 0.05

// perUnit are what times of sections are of, in a sentence.
var perUnit = map[SectionID]string{
	SectionDecode: "per decode step", SectionPrefill: "per prefill step", SectionMixed: "per mixed step", SectionPrompt: "per prompt token",
	SectionGenerated: "per generated token", SectionStep: "per step", SectionWhole: "for the whole trace",
}

// sentence is a section's answer in one line.
func sentence(s *Section, a, b string) words.Message {
	t := &s.Time
	params := []words.Param{words.Name("baseline", a), words.Name("side", b), words.LongName("section", string(s.ID), perUnit[s.ID]),
		words.Value("percent", math.Abs(t.Percent), words.UnitPercent)}
	mean := words.Inner("mean", meanSentence(s, b))
	switch {
	case t.Delta == 0 && s.Mean.Delta == 0:
		return words.Say("same", "{side} takes as long as {baseline} {section}", params...)
	case t.Verdict == VerdictNone:
		return words.Say("no_difference", "no difference shown between {baseline} and {side} {section}: {difference_percent}, interval {low_percent} to {high_percent}{mean}", append(params,
			words.Value("difference_percent", t.Percent, words.UnitMore), words.Value("low_percent", t.LowPercent(), words.UnitMore),
			words.Value("high_percent", t.HighPercent(), words.UnitMore), mean)...)
	}
	faster := t.Delta < 0
	id, format := "slower", "{side} is {percent} slower {section}"
	switch {
	case t.Verdict == VerdictUnknown && math.Abs(t.Percent) < leastPercent:
		id, format = "same_unsure", "{side} took as long as {baseline} {section}, from too few steps to be sure"
	case t.Verdict == VerdictUnknown && faster:
		id, format = "less_unsure", "{side} took {percent} less time {section}, from too few steps to be sure"
	case t.Verdict == VerdictUnknown:
		id, format = "more_unsure", "{side} took {percent} more time {section}, from too few steps to be sure"
	case faster:
		id, format = "faster", "{side} is {percent} faster {section}"
	}
	with, against := reasonsOf(s.Parts)
	return words.Say(id, format+"{reasons}{against}{work}{mean}", append(params, words.Inner("reasons", listed("reasons", ": {parts}", with)),
		words.Inner("against", listed("against", "; against it {parts}", against)), words.Inner("work", workSentence(s, against)), mean)...)
}

// listed are parts in a sentence; nothing if there are none.
func listed(id, format string, parts []Part) words.Message {
	var all []words.Message
	for _, p := range parts {
		all = append(all, reason(p))
	}
	if all == nil {
		return words.Message{}
	}
	return words.Say(id, format, words.Inners("parts", all))
}

// workShare is by how much the work itself must differ the other way than the time, in percent, to be in the sentence.
const workShare = 5

// workSentence is what the work itself does where the time does not show it.
func workSentence(s *Section, against []Part) words.Message {
	b := &s.Busy
	if b.A <= 0 || (b.Delta > 0) == (s.Time.Delta > 0) || math.Abs(b.Percent) < workShare {
		return words.Message{}
	}
	most := Part{}
	for _, p := range s.Parts {
		if !p.Idle && (p.DeltaNs > 0) == (b.Delta > 0) && abs(p.DeltaNs) > abs(most.DeltaNs) {
			most = p
		}
	}
	var mostly words.Message
	if most.Name != "" && !slices.Contains(against, most) {
		mostly = words.Say("most", ", most of it {part}", words.Inner("part", reason(most)))
	}
	format := "; the work itself takes {percent} longer{most}"
	if b.Delta < 0 {
		format = "; the work itself takes {percent} less{most}"
	}
	return words.Say("work", format, unsigned("percent", b.Percent), words.Inner("most", mostly))
}

// meanApart is by how many percentage points the mean must differ otherwise than the median to be in a sentence with it.
const meanApart = 5

// meanSentence is what the mean says where the median does not say it: steps that are slow now and then.
func meanSentence(s *Section, b string) words.Message {
	m := &s.Mean
	if !m.Shown() || m.Verdict == s.Time.Verdict && math.Abs(m.Percent-s.Time.Percent) < meanApart {
		return words.Message{}
	}
	format := "; but in the mean {side} takes {percent} "
	if m.Verdict == s.Time.Verdict {
		format = "; in the mean {side} takes {percent} "
	}
	if m.Delta < 0 {
		format += "less"
	} else {
		format += "longer"
	}
	with, _ := reasonsOf(s.MeanParts)
	return words.Say("mean", format+", {mean_ns} against {baseline_mean_ns}{reasons}", words.Name("side", b), unsigned("percent", m.Percent), ns("mean_ns", m.B),
		ns("baseline_mean_ns", m.A), words.Inner("reasons", listed("reasons", ": {parts}", with)))
}

// A part is a reason from reasonShare of what all parts of its direction come to, and counts against from againstShare of
// the whole difference.
const (
	reasonShare  = 0.20
	againstShare = 0.15
)

// reasonsOf are the parts that make most of the difference that all sum to, and those that work against it.
func reasonsOf(parts []Part) (with, against []Part) {
	parts = slices.Clone(parts)
	var delta int64
	for _, p := range parts {
		delta += p.DeltaNs
	}
	slices.SortStableFunc(parts, func(a, b Part) int { return cmp.Compare(abs(b.DeltaNs), abs(a.DeltaNs)) })
	var same int64
	for _, p := range parts {
		if (p.DeltaNs > 0) == (delta > 0) {
			same += abs(p.DeltaNs)
		}
	}
	for _, p := range parts {
		switch {
		case p.DeltaNs == 0:
		case (p.DeltaNs > 0) == (delta > 0):
			if float64(abs(p.DeltaNs)) >= reasonShare*float64(same) && len(with) < 3 {
				with = append(with, p)
			}
		case float64(abs(p.DeltaNs)) >= againstShare*float64(abs(delta)) && len(against) < 2:
			against = append(against, p)
		}
	}
	return with, against
}

// reason is a part in a sentence.
func reason(p Part) words.Message {
	return words.Say("part", "{part} {delta_ns}", words.Name("part", p.Name), words.Param{Name: "delta_ns", Value: p.DeltaNs, Unit: words.UnitNsMore})
}
