package compare

import (
	"slices"

	"github.com/inferprof/inferprof/internal/words"
)

// What there is to show of a comparison beside its sentences: what its differences come to, the times of a section, and what was
// compared with what.

// Judged is what a difference comes to for whoever wants less of a number, or more.
type Judged uint8

// What differences come to.
const (
	JudgedUnknown Judged = iota // nothing is known of the spread
	JudgedSame                  // there is none
	JudgedNone                  // none is shown
	JudgedWorse
	JudgedBetter
)

// Judged says what an estimate comes to, of a number of which more is better or less.
func (e *Estimate) Judged(higherBetter bool) Judged {
	switch {
	case e.Delta == 0:
		return JudgedSame
	case e.Verdict == VerdictNone:
		return JudgedNone
	case e.Verdict == VerdictMore && !higherBetter, e.Verdict == VerdictLess && higherBetter:
		return JudgedWorse
	case e.Verdict == VerdictMore, e.Verdict == VerdictLess:
		return JudgedBetter
	}
	return JudgedUnknown
}

// TimeRow is one of the times of a section, per its unit, in ns.
type TimeRow struct {
	Name string
	Estimate
	Steps [2]int // how many steps it is of, on A and B, where it is of few and so nothing is judged; 0 elsewhere
}

// Times are a section's times, those left out of which there are none on either side, and those that are another's again, as means of
// a step or two are.
func (s *Section) Times() []TimeRow {
	other := func(x, y *Estimate) bool { return x.A != y.A || x.B != y.B }
	first := "time"
	if s.Unit == "step" {
		first = "time, median"
	}
	all := []TimeRow{{Name: first, Estimate: s.Time}}
	if other(&s.Mean, &s.Time) {
		all = append(all, TimeRow{Name: "time, mean", Estimate: s.Mean})
	}
	if s.P99 != nil && other(s.P99, &s.Mean) {
		all = append(all, TimeRow{Name: "time, p99", Estimate: *s.P99})
	}
	all = append(all, TimeRow{Name: "busy", Estimate: s.Busy}, TimeRow{Name: "idle", Estimate: s.Idle}, TimeRow{Name: "communication", Estimate: s.Comm})
	if s.PerToken != nil {
		all = append(all, TimeRow{Name: "per generated token", Estimate: *s.PerToken})
	}
	if s.PerPrompt != nil {
		all = append(all, TimeRow{Name: "per prompt token", Estimate: *s.PerPrompt})
	}
	if f := s.First; f != nil {
		a, b := float64(f.ANs), float64(f.BNs)
		all = append(all, TimeRow{"first steps, median", Estimate{A: a, B: b, Delta: b - a, Percent: 100 * (b - a) / max(1, a)}, [2]int{f.ASteps, f.BSteps}})
	}
	return slices.DeleteFunc(all, func(t TimeRow) bool { return t.A == 0 && t.B == 0 })
}

// UnlikeMessages say what differs of the work that sides did, of each pair; of several pairs the same is said once.
func (r *Result) UnlikeMessages() []words.Message {
	var out []words.Message
	for i := range r.Pairs {
		for _, m := range r.Pairs[i].UnlikeMessages {
			if !slices.ContainsFunc(out, m.Equal) {
				out = append(out, m)
			}
		}
	}
	return out
}

// shapesTold is how many shapes are told one by one.
const shapesTold = 4

// matchedSteps sums up how many steps shapes have, on A and B.
func matchedSteps(all []Matched) (n [2]int) {
	for _, m := range all {
		n[0], n[1] = n[0]+m.ASteps, n[1]+m.BSteps
	}
	return n
}

// MatchedMessage says what was compared, and how much of it.
func (p *Pair) MatchedMessage(s *Section) words.Message {
	a, b := words.Name("baseline", p.A), words.Name("side", p.B)
	if s.Unit != "step" && s.Unit != "trace" {
		n := matchedSteps(s.Matched)
		var tokens [2]int64
		for _, m := range s.Matched {
			tokens[0], tokens[1] = tokens[0]+int64(m.ASteps)*m.Tokens, tokens[1]+int64(m.BSteps)*m.Tokens
		}
		return words.Say("tokens", "{unit}s: {baseline_tokens} in {baseline_steps} of {baseline}, {tokens} in {steps} of {side}", words.Name("unit", s.Unit),
			words.Number("baseline_tokens", tokens[0]), words.Things("baseline_steps", n[0], "step"), a, words.Number("tokens", tokens[1]), words.Things("steps", n[1], "step"), b)
	}
	var out words.Message
	say := func(m words.Message) {
		if out.IsZero() {
			out = m
		} else {
			out = words.Say("and", "{this}; {that}", words.Inner("this", out), words.Inner("that", m))
		}
	}
	for i, m := range s.Matched {
		if rest := s.Matched[i:]; i == shapesTold && len(rest) > 1 {
			n := matchedSteps(rest)
			say(words.Say("other_shapes", "{shapes} other shapes: {baseline_steps} of {baseline}, {steps} of {side}", words.Number("shapes", len(rest)),
				words.Number("baseline_steps", n[0]), a, words.Number("steps", n[1]), b))
			break
		}
		say(words.Say("shape", "{shape}: {baseline_steps} of {baseline}, {steps} of {side}", words.Name("shape", m.Text), words.Things("baseline_steps", m.ASteps, "step"), a,
			words.Number("steps", m.BSteps), b))
	}
	if len(s.Ranks) > 0 {
		say(words.Say("lead_ranks", "of rank {baseline_rank} of {baseline} and rank {rank} of {side}, which wait least", words.RankOf("baseline_rank", s.LeadRank[0]), a,
			words.RankOf("rank", s.LeadRank[1]), b))
	}
	return out
}

// LeftOutMessage says which steps of a section's shapes are in no number; nothing if all are.
func (p *Pair) LeftOutMessage(s *Section) words.Message {
	var parts []words.Message
	for _, of := range []struct {
		id, format string
		n          [2]int
	}{
		{"open", "steps that no step follows: {baseline_steps} of {baseline}, {steps} of {side}", [2]int{s.LeftOut[0].Open, s.LeftOut[1].Open}},
		{"under_recorded", "steps recorded in part: {baseline_steps} of {baseline}, {steps} of {side}", [2]int{s.LeftOut[0].UnderRecorded, s.LeftOut[1].UnderRecorded}},
	} {
		if of.n[0]+of.n[1] > 0 {
			parts = append(parts, words.Say(of.id, of.format, words.Number("baseline_steps", of.n[0]), words.Name("baseline", p.A), words.Number("steps", of.n[1]), words.Name("side", p.B)))
		}
	}
	if parts == nil {
		return words.Message{}
	}
	return words.Say("left_out", "left out: {steps}", words.Inners("steps", parts))
}

// UnmatchedMessage says which steps are in no section; nothing if all are in one.
func (p *Pair) UnmatchedMessage() words.Message {
	var parts []words.Message
	for k, letter := range []string{p.A, p.B} {
		l := &p.Unmatched[k]
		if l.Steps == 0 {
			continue
		}
		shapes := l.Shapes[:min(shapesTold, len(l.Shapes))]
		var all []words.Message
		for _, shape := range shapes {
			all = append(all, words.Say("shape", "{shape}", words.Name("shape", shape)))
		}
		format := "{steps} of {side} ({shapes})"
		if len(l.Shapes) > len(shapes) {
			format = "{steps} of {side} ({shapes}, …)"
		}
		parts = append(parts, words.Say("steps", format, words.Things("steps", l.Steps, "step"), words.Name("side", letter), words.Inners("shapes", all)))
	}
	if parts == nil {
		return words.Message{}
	}
	return words.Say("unmatched", "without counterpart, in no number here: {steps}", words.Inners("steps", parts))
}

// WaterfallMessage says what a section's waterfall divides.
func (s *Section) WaterfallMessage() words.Message {
	switch s.Unit {
	case "step":
		n := matchedSteps(s.Matched)
		if s.Typical == n {
			return words.Say("mean", "the mean of the steps")
		}
		return words.Say("typical", "a typical step: the mean of those nearest to the median, {baseline_typical} of {baseline_steps} and {typical} of {steps}",
			words.Number("baseline_typical", s.Typical[0]), words.Number("baseline_steps", n[0]), words.Number("typical", s.Typical[1]), words.Number("steps", n[1]))
	case "trace":
		return words.Say("trace", "the whole trace")
	}
	return words.Say("typical_per_unit", "of typical steps, per {unit}", words.Name("unit", s.Unit))
}
