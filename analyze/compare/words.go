package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// describe says what a side is.
func describe(s *Side, letter string) SideInfo {
	info := SideInfo{Letter: letter, Label: s.Label, Captures: len(s.Runs), Problems: []string{}, About: []string{}}
	for i := range s.Runs {
		r := &s.Runs[i]
		info.Kind = r.Kind
		info.Ranks = max(info.Ranks, r.Ranks)
		for _, p := range r.Problems {
			if len(s.Runs) > 1 {
				p = r.Name + ": " + p
			}
			if !slices.Contains(info.Problems, p) {
				info.Problems = append(info.Problems, p)
			}
		}
	}
	for _, name := range []string{"model", "engine", "dtype", "quantization", "device"} {
		if v := settingOf(s, name); v != "" && v != "none" {
			info.About = append(info.About, v)
		}
	}
	return info
}

// overheadOf is the mean of a side's runs; nil where it was not measured.
func overheadOf(s *Side) *float64 {
	var sum float64
	n := 0
	for i := range s.Runs {
		if o := s.Runs[i].Overhead; o != nil {
			sum += *o
			n++
		}
	}
	if n == 0 {
		return nil
	}
	sum /= float64(n)
	return &sum
}

// Difference is a setting that the sides do not share.
type Difference struct {
	Name   string   `json:"name"`
	Values []string `json:"values"` // by side; "" where a side does not say
}

// settingOf is a side's value of a setting; of runs that disagree, all.
func settingOf(s *Side, name string) string {
	var values []string
	for i := range s.Runs {
		for _, set := range s.Runs[i].Settings {
			if set.Name == name && set.Value != "" && !slices.Contains(values, set.Value) {
				values = append(values, set.Value)
			}
		}
	}
	return strings.Join(values, " | ")
}

// differences lists settings whose values differ between sides that say.
func differences(all []Side) []Difference {
	var names []string
	for i := range all {
		for k := range all[i].Runs {
			for _, s := range all[i].Runs[k].Settings {
				if !slices.Contains(names, s.Name) {
					names = append(names, s.Name)
				}
			}
		}
	}
	out := []Difference{}
	for _, name := range names {
		d := Difference{Name: name}
		differ := false
		for i := range all {
			v := settingOf(&all[i], name)
			d.Values = append(d.Values, v)
			differ = differ || v != "" && d.Values[0] != "" && v != d.Values[0] && !(name == "engine" && sameAsFar(v, d.Values[0]))
		}
		if differ {
			out = append(out, d)
		}
	}
	return out
}

// unmeant are settings that a comparison is rarely about: where they differ, so do times, whatever else was changed.
var unmeant = []struct{ name, why string }{
	{"device", "ran on another device"},
	{"python stacks", "recorded Python stacks and the other did not: they slow the host down, and with it everything that waits for the host"},
	{"memory events", "recorded memory events and the other did not: they slow the host down"},
	{"shapes", "recorded shapes and the other did not: they slow the host down a little"},
	{"engine", "ran another engine or version"},
	{"workload", "was given another workload"},
}

// sameAsFar tells whether one of two engines is the other without its version, which a trace by itself does not say.
func sameAsFar(a, b string) bool {
	return strings.HasPrefix(a, b+" ") || strings.HasPrefix(b, a+" ")
}

func configurationWarnings(all []Side, info []SideInfo) []string {
	var out []string
	for _, u := range unmeant {
		base := settingOf(&all[0], u.name)
		for i := 1; i < len(all); i++ {
			v := settingOf(&all[i], u.name)
			if v == "" || base == "" || v == base || u.name == "engine" && sameAsFar(v, base) {
				continue
			}
			switch {
			case strings.HasPrefix(u.why, "recorded"):
				who := info[0].Letter
				if v == "yes" {
					who = info[i].Letter
				}
				out = append(out, fmt.Sprintf("%s %s", who, u.why))
			default:
				out = append(out, fmt.Sprintf("%s %s: %s, where %s has %s", info[i].Letter, u.why, v, info[0].Letter, base))
			}
		}
	}
	for i := range all {
		for k := range all[i].Runs {
			if r := &all[i].Runs[k]; r.NotQuant != "" {
				text := fmt.Sprintf("quantization is not in effect on %s: %s, but no kernel or op works on quantized weights; it runs in full precision", info[i].Letter, r.NotQuant)
				if !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
		}
		if all[i].Runs != nil && info[i].Ranks != info[0].Ranks {
			why := "times are those of one rank's step, and a step's work is split over other numbers of ranks"
			if world := settingOf(&all[i], "world size"); world != "" && world == settingOf(&all[0], "world size") {
				why = "both ran on " + world + ", and what a rank waits for those whose traces are missing counts as communication"
			}
			out = append(out, fmt.Sprintf("%s has %s, %s has %s: %s",
				info[0].Letter, plural(info[0].Ranks, "rank"), info[i].Letter, plural(info[i].Ranks, "rank"), why))
		}
		if info[i].Kind != info[0].Kind && info[i].Kind != analyze.KindEmpty && info[0].Kind != analyze.KindEmpty {
			out = append(out, fmt.Sprintf("%s is a %s trace and %s a %s one: work is kernels on one side and ops on the other", info[0].Letter, strings.ToUpper(info[0].Kind), info[i].Letter, strings.ToUpper(info[i].Kind)))
		}
	}
	return out
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// requestMetrics compares what requests saw, where both sides know.
func requestMetrics(a, b *Side) []RequestMetric {
	out := []RequestMetric{}
	for _, m := range []struct {
		name, unit string
		higher     bool
		of         func(t *Throughput) float64
	}{
		{"output_tokens_per_s", "1/s", true, func(t *Throughput) float64 { return t.OutputTokensPerSecond }},
		{"ttft", "ns", false, func(t *Throughput) float64 { return float64(t.TTFTNs) }},
		{"tpot", "ns", false, func(t *Throughput) float64 { return float64(t.TPOTNs) }},
		{"memory", "bytes", false, func(t *Throughput) float64 { return float64(t.MemoryBytes) }},
	} {
		var values [2][]value
		for k, s := range []*Side{a, b} {
			for i := range s.Runs {
				if t := s.Runs[i].Throughput; t != nil && m.of(t) > 0 {
					values[k] = append(values[k], value{v: m.of(t)}) // n 0: one run alone has no interval
				}
			}
		}
		if len(values[0]) > 0 && len(values[1]) > 0 {
			out = append(out, RequestMetric{m.name, m.unit, m.higher, estimate(values[0], values[1])})
		}
	}
	return out
}

// sectionNotes says what a reader should know before he believes a section.
func (c *pairing) sectionNotes(s *Section, w *sides) {
	note := func(format string, args ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, args...)) }
	if s.Cold && s.ID != "whole" {
		note("only first steps: what is slow once (compiling, warming up, a late rank) is in these numbers")
	}
	if s.Unit != "step" && s.Unit != "trace" {
		note("no step of one side has the shape of one of the other: the steps of all shapes are compared per %s", s.Unit)
	}
	if s.Unit == "step" && slices.ContainsFunc(s.Matched, func(m Matched) bool {
		return m.GenerationRequests < 0 && m.ContextRequests < 0 || m.Phase == trace.StepPrefill && m.ContextTokens < 0
	}) {
		note("the traces do not say what these steps worked on: they are matched by phase alone, and their batches may differ")
	}
	if s.Time.Verdict == VerdictUnknown && s.Unit != "trace" {
		note("too few steps to tell noise from a difference: capture each side more than once")
	}
	if s.Time.Verdict == VerdictNone {
		if b := &s.Busy; b.Verdict == VerdictMore || b.Verdict == VerdictLess {
			more := map[string]string{VerdictMore: "more", VerdictLess: "less"}[b.Verdict]
			note("the busy part does differ, %s takes %.1f %% %s: idle time makes up for it, or varies too much to tell", c.pair.B, math.Abs(b.Percent), more)
		}
		if max(len(c.side[0].Runs), len(c.side[1].Runs)) == 2 {
			note("no side has more than two captures, which says little about how much captures differ: with three or more each the interval is much narrower")
		}
	}
	for k, letter := range []string{c.pair.A, c.pair.B} {
		typical, middle := float64([]int64{s.ATotalNs, s.BTotalNs}[k]), []float64{s.Time.A, s.Time.B}[k]
		if math.Abs(typical-middle) > uneven*middle {
			note("the typical steps of %s, which the waterfall divides, come to %s, and the median is %s: its steps lie unevenly about it", letter, plainly(typical), plainly(middle))
		}
	}
	s.Notes = append(s.Notes, c.courseNotes(w)...)
	if a, b := overheadOf(c.side[0]), overheadOf(c.side[1]); a != nil && b != nil {
		if d := 100 * (*b - *a); math.Abs(s.Time.Percent) < math.Abs(d) {
			note("smaller than the difference of the profiler's overhead, which is %.1f %% on %s and %.1f %% on %s", 100**a, c.pair.A, 100**b, c.pair.B)
		}
	}
	if s.LeftOut[0].UnderRecorded+s.LeftOut[1].UnderRecorded > 0 {
		note("steps with much less work in the trace than others of their shape are left out: their kernels were not all recorded")
	}
}

// uneven is by how much the mean of typical steps may be off the median without a word about it.
const uneven = 0.01

// plainly is a duration without a sign.
func plainly(ns float64) string { return strings.TrimPrefix(Duration(int64(math.Round(ns))), "+") }

// signed is a percentage with its sign.
func signed(v float64) string { return strings.Replace(fmt.Sprintf("%+.1f %%", v), "-", "−", 1) }

// notes says what holds for the pair.
func (c *pairing) notes() {
	for k, letter := range []string{c.pair.A, c.pair.B} {
		if o := overheadOf(c.side[k]); o != nil {
			c.pair.Notes = append(c.pair.Notes, fmt.Sprintf("the profiled round of %s took %s longer than one without a profiler", letter, strings.TrimPrefix(signed(100**o), "+")))
		}
	}
	if len(c.side[0].Runs) == 1 && len(c.side[1].Runs) == 1 && len(c.pair.Sections) > 0 {
		c.pair.Notes = append(c.pair.Notes, "one capture a side: how much two captures of the same differ is not known, and allowed for by how much one step differs from the next, at least 1 %")
	}
}

// nothing says why no section could be made.
func (c *pairing) nothing() string {
	var has [2][]trace.StepPhase
	for k, side := range c.side {
		for i := range side.Runs {
			for _, g := range side.Runs[i].Groups {
				if !slices.Contains(has[k], g.Phase) {
					has[k] = append(has[k], g.Phase)
				}
			}
		}
	}
	words := func(k int) string {
		if len(has[k]) == 0 {
			return "no steps"
		}
		var names []string
		for _, phase := range has[k] {
			names = append(names, string(phase))
		}
		return "only " + strings.Join(names, " and ") + " steps"
	}
	for k := range has {
		if len(has[k]) == 1 && has[k][0] == PhaseWhole {
			has[k] = nil
		}
	}
	for k, letter := range []string{c.pair.A, c.pair.B} {
		shared := slices.ContainsFunc(has[0], func(phase trace.StepPhase) bool { return slices.Contains(has[1], phase) })
		if shared && !saysShapes(c.side[k]) && saysShapes(c.side[1-k]) {
			return fmt.Sprintf("%s has %s and %s %s, and the steps of %s do not say how many requests and tokens they worked on", c.pair.A, words(0),
				c.pair.B, words(1), letter)
		}
	}
	if slices.Contains(has[0], trace.StepUnknown) != slices.Contains(has[1], trace.StepUnknown) {
		return fmt.Sprintf("%s has %s and %s %s, so that no phase is on both sides", c.pair.A, words(0), c.pair.B, words(1))
	}
	return fmt.Sprintf("%s has %s and %s has %s", c.pair.A, words(0), c.pair.B, words(1))
}

// saysShapes tells whether any step of a side says what it worked on.
func saysShapes(s *Side) bool {
	return slices.ContainsFunc(s.Runs, func(r Run) bool {
		return slices.ContainsFunc(r.Groups, func(g Group) bool { return g.GenerationRequests >= 0 || g.ContextRequests >= 0 })
	})
}

// leastPercent is what rounds to no difference.
const leastPercent = 0.05

// sentence is a section's answer in one line.
func sentence(s *Section, a, b string) string {
	what := map[string]string{"decode": "per decode step", "prefill": "per prefill step", "mixed": "per mixed step", "prompt": "per prompt token",
		"generated": "per generated token", "step": "per step", "whole": "for the whole trace"}[s.ID]
	t := &s.Time
	var out strings.Builder
	word := "slower"
	if t.Delta < 0 {
		word = "faster"
	}
	switch {
	case t.Delta == 0 && s.Mean.Delta == 0:
		fmt.Fprintf(&out, "%s takes as long as %s %s", b, a, what)
		return out.String()
	case t.Verdict == VerdictNone:
		fmt.Fprintf(&out, "no difference shown between %s and %s %s: %+.1f %%, interval %+.1f to %+.1f %%", a, b, what, t.Percent, t.LowPercent(), t.HighPercent())
		return strings.ReplaceAll(out.String(), " -", " −") + meanSentence(s, b)
	case t.Verdict == VerdictUnknown && math.Abs(t.Percent) < leastPercent:
		fmt.Fprintf(&out, "%s took as long as %s %s, from too few steps to be sure", b, a, what)
	case t.Verdict == VerdictUnknown:
		fmt.Fprintf(&out, "%s took %.1f %% %s time %s, from too few steps to be sure", b, math.Abs(t.Percent), map[string]string{"faster": "less", "slower": "more"}[word], what)
	default:
		fmt.Fprintf(&out, "%s is %.1f %% %s %s", b, math.Abs(t.Percent), word, what)
	}
	with, against := reasons(s)
	if len(with) > 0 {
		out.WriteString(": " + strings.Join(with, ", "))
	}
	if len(against) > 0 {
		out.WriteString("; against it " + strings.Join(against, ", "))
	}
	if b := &s.Busy; b.A > 0 && (b.Delta > 0) != (t.Delta > 0) && math.Abs(b.Percent) >= 5 {
		most := Part{}
		for _, p := range s.Parts {
			if !p.Idle && (p.DeltaNs > 0) == (b.Delta > 0) && abs(p.DeltaNs) > abs(most.DeltaNs) {
				most = p
			}
		}
		word := "longer"
		if b.Delta < 0 {
			word = "less"
		}
		fmt.Fprintf(&out, "; the work itself takes %.1f %% %s", math.Abs(b.Percent), word)
		if most.Name != "" && !slices.Contains(against, reason(most)) {
			out.WriteString(", most of it " + reason(most))
		}
	}
	out.WriteString(meanSentence(s, b))
	return out.String()
}

// meanApart is by how many percentage points the mean must differ otherwise than the median to be in a sentence with it.
const meanApart = 5

// meanSentence is what the mean says where the median does not say it: steps that are slow now and then.
func meanSentence(s *Section, b string) string {
	m := &s.Mean
	if !m.Shown() || m.Verdict == s.Time.Verdict && math.Abs(m.Percent-s.Time.Percent) < meanApart {
		return ""
	}
	word := "longer"
	if m.Delta < 0 {
		word = "less"
	}
	but := "but "
	if m.Verdict == s.Time.Verdict {
		but = ""
	}
	text := fmt.Sprintf("; %sin the mean %s takes %.1f %% %s, %s against %s", but, b, math.Abs(m.Percent), word, plainly(m.B), plainly(m.A))
	if with, _ := reasonsOf(s.MeanParts); len(with) > 0 {
		text += ": " + strings.Join(with, ", ")
	}
	return text
}

// A part is a reason from reasonShare of what all parts of its direction come to, and counts against from againstShare of
// the whole difference.
const (
	reasonShare  = 0.20
	againstShare = 0.15
)

// reasons are the parts that make most of a difference, and those that work against it.
func reasons(s *Section) (with, against []string) { return reasonsOf(s.Parts) }

// reasonsOf are those of the difference that parts sum to.
func reasonsOf(parts []Part) (with, against []string) {
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
				with = append(with, reason(p))
			}
		case float64(abs(p.DeltaNs)) >= againstShare*float64(abs(delta)) && len(against) < 2:
			against = append(against, reason(p))
		}
	}
	return with, against
}

func reason(p Part) string { return p.Name + " " + Duration(p.DeltaNs) }

// Duration writes a difference with its sign and three digits: +1.24 ms.
func Duration(ns int64) string {
	sign := "+"
	if ns < 0 {
		sign = "−"
	}
	v := float64(abs(ns))
	switch {
	case v < 1000:
		return fmt.Sprintf("%s%.0f ns", sign, v)
	case v < 999_500:
		return sign + three(v/1e3) + " µs"
	case v < 999_500_000:
		return sign + three(v/1e6) + " ms"
	}
	return sign + three(v/1e9) + " s"
}

func three(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
