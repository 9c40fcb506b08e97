package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/compare"
)

// CompareRenderer writes a comparison in one format.
type CompareRenderer func(w io.Writer, r *compare.Result, o Options) error

var compareFormats = []struct {
	name   string
	render CompareRenderer
}{
	{"text", CompareText},
	{"json", CompareJSON},
	{"md", CompareMarkdown},
	{"html", CompareHTML},
	{"csv", CompareCSV},
}

// CompareFormats lists the names that RenderCompare takes.
func CompareFormats() []string {
	names := make([]string, len(compareFormats))
	for i, f := range compareFormats {
		names[i] = f.name
	}
	return names
}

// RenderCompare writes a comparison in the named format.
func RenderCompare(w io.Writer, format string, r *compare.Result, o Options) error {
	for _, f := range compareFormats {
		if f.name == format {
			return f.render(w, r, o)
		}
	}
	return fmt.Errorf("unknown format %q: a comparison is written as %s", format, strings.Join(CompareFormats(), ", "))
}

// CompareJSON writes the whole comparison. docs/compare-schema.md describes the fields.
func CompareJSON(w io.Writer, r *compare.Result, _ Options) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write comparison as JSON: %w", err)
	}
	return nil
}

// unlikeTexts say what differs of the work that sides did, of each pair; of several pairs the same is said once.
func unlikeTexts(r *compare.Result) []string {
	var out []string
	for i := range r.Pairs {
		for _, text := range r.Pairs[i].Unlike {
			if !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}

// sectionTitle is what a section is called.
func sectionTitle(s *compare.Section) string {
	switch s.ID {
	case "decode":
		return "decode steps"
	case "prefill":
		return "prefill steps"
	case "mixed":
		return "mixed steps"
	case "prompt":
		return "prompts"
	case "generated":
		return "generated tokens"
	case "whole":
		return "whole traces"
	}
	return "steps"
}

// sectionUnit is what its times are of.
func sectionUnit(s *compare.Section) string {
	switch s.Unit {
	case "step":
		return "times of one step, to the start of the next"
	case "trace":
		return "times of the whole trace"
	}
	return "times per " + s.Unit
}

// matchedText says what was compared, and how much of it.
func matchedText(s *compare.Section, a, b string) string {
	const most = 4
	var parts []string
	if s.Unit != "step" && s.Unit != "trace" {
		var steps [2]int
		var tokens [2]int64
		for _, m := range s.Matched {
			steps[0], steps[1] = steps[0]+m.ASteps, steps[1]+m.BSteps
			tokens[0], tokens[1] = tokens[0]+int64(m.ASteps)*m.Tokens, tokens[1]+int64(m.BSteps)*m.Tokens
		}
		return fmt.Sprintf("%ss: %s in %s of %s, %s in %s of %s", s.Unit, count(tokens[0]), plural(steps[0], "step"), a, count(tokens[1]), plural(steps[1], "step"), b)
	}
	for i, m := range s.Matched {
		if i == most && len(s.Matched) > most+1 {
			n := [2]int{}
			for _, m := range s.Matched[i:] {
				n[0], n[1] = n[0]+m.ASteps, n[1]+m.BSteps
			}
			parts = append(parts, fmt.Sprintf("%d other shapes: %d of %s, %d of %s", len(s.Matched)-i, n[0], a, n[1], b))
			break
		}
		parts = append(parts, fmt.Sprintf("%s: %s of %s, %d of %s", m.Text, plural(m.ASteps, "step"), a, m.BSteps, b))
	}
	if len(s.Ranks) > 0 {
		parts = append(parts, fmt.Sprintf("of rank %d of %s and rank %d of %s, which wait least", s.LeadRank[0], a, s.LeadRank[1], b))
	}
	return strings.Join(parts, "; ")
}

// leftOutText says what was left out of a section, "" if nothing.
func leftOutText(s *compare.Section, a, b string) string {
	var parts []string
	say := func(what string, of func(l *compare.LeftOut) int) {
		if x, y := of(&s.LeftOut[0]), of(&s.LeftOut[1]); x+y > 0 {
			parts = append(parts, fmt.Sprintf("%s %d of %s, %d of %s", what, x, a, y, b))
		}
	}
	say("steps that no step follows,", func(l *compare.LeftOut) int { return l.Open })
	say("steps recorded in part", func(l *compare.LeftOut) int { return l.UnderRecorded })
	return strings.Join(parts, "; ")
}

// unmatchedText says which steps are in no section, "" if all are.
func unmatchedText(p *compare.Pair) string {
	var parts []string
	for k, letter := range []string{p.A, p.B} {
		l := &p.Unmatched[k]
		if l.Steps == 0 {
			continue
		}
		const most = 4
		shapes := l.Shapes
		more := ""
		if len(shapes) > most {
			shapes, more = shapes[:most], ", …"
		}
		parts = append(parts, fmt.Sprintf("%s of %s (%s%s)", plural(l.Steps, "step"), letter, strings.Join(shapes, "; "), more))
	}
	return strings.Join(parts, ", ")
}

// percentText is a difference in percent with its sign.
func percentText(v float64) string {
	return strings.Replace(fmt.Sprintf("%+.1f %%", v), "-", "−", 1)
}

// intervalText is an estimate's interval in percent, "" if it has none.
func intervalText(e *compare.Estimate) string {
	if e.Low == nil || e.A == 0 {
		return ""
	}
	return strings.ReplaceAll(fmt.Sprintf("%+.1f … %+.1f %%", e.LowPercent(), e.HighPercent()), "-", "−")
}

// verdictText is an estimate's verdict for a number of which less is better, or more.
func verdictText(e *compare.Estimate, higherBetter bool) string {
	switch {
	case e.Delta == 0:
		return "same"
	case e.Verdict == compare.VerdictNone:
		return "no difference shown"
	case e.Verdict == compare.VerdictMore && !higherBetter, e.Verdict == compare.VerdictLess && higherBetter:
		return "worse"
	case e.Verdict == compare.VerdictMore, e.Verdict == compare.VerdictLess:
		return "better"
	}
	return "unknown"
}

// compareNames are a row's kernels on one side, in short.
func compareNames(kernels []compare.Named) string {
	var names []string
	for _, k := range kernels {
		if n := kernelName(k.Name); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return strings.Join(names, " + ")
}

// rowName is what a row is called where one name must do: B's, or A's where there is no B.
func rowName(k *compare.KernelRow) string {
	if len(k.B) == 0 {
		return compareNames(k.A)
	}
	return compareNames(k.B)
}

// rowNames are a row's kernels: one name where both sides have it.
func rowNames(k *compare.KernelRow) string {
	a, b := compareNames(k.A), compareNames(k.B)
	switch {
	case a == "":
		return b
	case b == "" || a == b:
		return a
	}
	return a + " → " + b
}

// perUnit is how often a row's kernels ran on one side.
func perUnit(kernels []compare.Named) string {
	var n float64
	for _, k := range kernels {
		n += k.Count
	}
	switch {
	case len(kernels) == 0:
		return "–"
	case n >= 9.95 || n == float64(int64(n)):
		return count(int64(n + 0.5))
	}
	return fmt.Sprintf("%.2g", n)
}

// runs is how often a row's kernels ran, on both sides where that differs.
func runs(k *compare.KernelRow) string {
	a, b := perUnit(k.A), perUnit(k.B)
	switch {
	case a == b, len(k.B) == 0:
		return a
	case len(k.A) == 0:
		return b
	}
	return a + "→" + b
}

// metricValue writes a request metric.
func metricValue(m *compare.RequestMetric, v float64) string {
	switch m.Unit {
	case "ns":
		return duration(int64(v))
	case "bytes":
		return size(int64(v))
	}
	return digits(max(v, 0))
}

// metricTitle is a request metric's name for people.
func metricTitle(m *compare.RequestMetric) string {
	switch m.Name {
	case "output_tokens_per_s":
		return "output tokens/s"
	case "ttft", "tpot":
		return strings.ToUpper(m.Name) + " (median)"
	case "memory":
		return "memory allocated, peak"
	}
	return m.Name
}

// delta writes a difference of times with its sign, as duration writes times.
func delta(ns int64) string {
	switch {
	case ns == 0:
		return "0 ns"
	case ns < 0:
		return "−" + strings.TrimLeft(duration(-ns), " ")
	}
	return "+" + strings.TrimLeft(duration(ns), " ")
}

// waterfallTitle says what a waterfall divides.
func waterfallTitle(s *compare.Section) string {
	switch s.Unit {
	case "step":
		var steps [2]int
		for _, m := range s.Matched {
			steps[0], steps[1] = steps[0]+m.ASteps, steps[1]+m.BSteps
		}
		if s.Typical == steps {
			return "the mean of the steps"
		}
		return fmt.Sprintf("a typical step: the mean of those nearest to the median, %d of %d and %d of %d",
			s.Typical[0], steps[0], s.Typical[1], steps[1])
	case "trace":
		return "the whole trace"
	}
	return "of typical steps, per " + s.Unit
}

// gateMark is how a gate's answer is marked, and its colour.
func gateMark(o compare.Outcome) (mark, color string) {
	switch o {
	case compare.OutcomePassed:
		return "✓", green
	case compare.OutcomeFailed:
		return "✗", red
	}
	return "?", yellow
}

// sectionTime is a line of a section's table of times.
type sectionTime struct {
	name   string
	of     *compare.Estimate
	remark string // in place of a verdict
}

// other says that an estimate is of other numbers.
func other(x, y *compare.Estimate) bool { return x.A != y.A || x.B != y.B }

// sectionTimes are a section's times, those left out of which there are none on either side.
func sectionTimes(s *compare.Section) []sectionTime {
	all := []sectionTime{{choose(s.Unit == "step", "time, median", "time"), &s.Time, ""}}
	if other(&s.Mean, &s.Time) { // of a step or two it is the same
		all = append(all, sectionTime{"time, mean", &s.Mean, ""})
	}
	if s.P99 != nil && other(s.P99, &s.Mean) {
		all = append(all, sectionTime{"time, p99", s.P99, ""})
	}
	all = append(all, sectionTime{"busy", &s.Busy, ""}, sectionTime{"idle", &s.Idle, ""}, sectionTime{"communication", &s.Comm, ""})
	if s.PerToken != nil {
		all = append(all, sectionTime{"per generated token", s.PerToken, ""})
	}
	if s.PerPrompt != nil {
		all = append(all, sectionTime{"per prompt token", s.PerPrompt, ""})
	}
	if f := s.First; f != nil {
		a, b := float64(f.ANs), float64(f.BNs)
		all = append(all, sectionTime{"first steps, median", &compare.Estimate{A: a, B: b, Delta: b - a, Percent: 100 * (b - a) / max(1, a)},
			fmt.Sprintf("%d and %d", f.ASteps, f.BSteps)})
	}
	return slices.DeleteFunc(all, func(t sectionTime) bool { return t.of.A == 0 && t.of.B == 0 })
}
