package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/internal/words"
)

// NewCompareDocument is the report of a comparison: what was compared, what makes percentages of something else than meant, the
// answers in a sentence each, what differs in configuration, and then each section's numbers, waterfall and kernels.
func NewCompareDocument(r *compare.Result) *Document { return compareDocument(r, nil) }

// compareDocument is the report of a comparison, with the cells of a sweep. r is nil if there was nothing to compare.
func compareDocument(r *compare.Result, cells []SweepCell) *Document {
	d := &Document{Title: "Sweep", listed: true, Footer: []string{"This page is one file and loads nothing."}}
	if r == nil {
		d.addCells(cells)
		return d
	}
	d.Title = sidesTitle(r)
	d.Footer = slices.Insert(d.Footer, 0, "Intervals are of "+words.Mean(100*r.Level)+" %. Parts of a waterfall sum to the whole, to the nanosecond. "+
		"The same as data: inferprof compare … --format json or csv.")
	for i := range r.Sides {
		d.Facts = append(d.Facts, sideFact(&r.Sides[i]))
	}
	d.Notices = doubtsOf(r)
	d.Verdict = answersOf(r)
	d.addCells(cells)
	d.addTable("configuration", "Configuration", "what differs", settingsTable(r))
	for i := range r.Pairs {
		p := &r.Pairs[i]
		of, id := "", ""
		if len(r.Pairs) > 1 {
			of, id = p.B+": ", strings.ToLower(p.B)+"-"
		}
		d.addTable(id+"requests", upper(of+"requests"), pairTitle(p), requestsTable(r, p))
		for k := range p.Sections {
			s := &p.Sections[k]
			d.Sections = append(d.Sections, pairSection(r, p, s, id+string(s.ID), upper(of+sectionTitles[s.ID])))
		}
	}
	return d
}

// addTable adds a section of one table; nothing if it has no rows.
func (d *Document) addTable(id, title, note string, t *dataTable) {
	if len(t.rows) > 0 {
		t.title = title
		d.Sections = append(d.Sections, &Section{ID: id, Title: title, Note: note, Blocks: []Block{t}})
	}
}

// sidesTitle names what is compared.
func sidesTitle(r *compare.Result) string {
	if len(r.Sides) > 3 {
		return fmt.Sprintf("%s against %d others", r.Sides[0].Label, len(r.Sides)-1)
	}
	var labels []string
	for _, s := range r.Sides {
		labels = append(labels, s.Letter+" "+s.Label)
	}
	return strings.Join(labels, " against ")
}

// pairTitle says which side is set against which.
func pairTitle(p *compare.Pair) string { return p.B + " against " + p.A }

// sideFact says what a side is.
func sideFact(s *compare.SideInfo) words.Message {
	return words.Say("side", "{letter} {label}: {about}{captures}, {ranks}", words.Name("letter", s.Letter), words.Name("label", s.Label),
		words.Name("about", strings.Join(append(slices.Clone(s.About), ""), ", ")), words.Things("captures", s.Captures, "capture"), words.Things("ranks", s.Ranks, "rank"))
}

// doubtsOf come before any number: what differs of the work that sides did, what is wrong with their traces, and what else to know.
func doubtsOf(r *compare.Result) []Notice {
	var out []Notice
	for _, m := range r.UnlikeMessages() {
		out = append(out, Notice{Tone: ToneWarning, Label: "Not the same", Said: m})
	}
	for _, s := range r.Sides {
		for _, m := range s.ProblemMessages {
			out = append(out, Notice{Tone: ToneWarning, Label: "Trace", Who: s.Letter, Said: m})
		}
	}
	for _, m := range r.WarningMessages {
		out = append(out, Notice{Tone: ToneWarning, Label: "Warning", Said: m})
	}
	return out
}

// answersOf are what the gate says, the answer of each section, and what to know of them; of several pairs the same is said once.
func answersOf(r *compare.Result) []Answer {
	var out []Answer
	if r.Gate != nil {
		for i := range r.Gate.Judgements {
			j := &r.Gate.Judgements[i]
			kind := AnswerUndecided
			switch j.Outcome {
			case compare.OutcomePassed:
				kind = AnswerPassed
			case compare.OutcomeFailed:
				kind = AnswerFailed
			}
			out = append(out, Answer{j.SentenceMessage, kind})
		}
	}
	var notes []Answer
	note := func(m words.Message) {
		if !m.IsZero() && !slices.ContainsFunc(notes, func(a Answer) bool { return a.Said.Equal(m) }) {
			notes = append(notes, Answer{m, AnswerNote})
		}
	}
	for i := range r.Pairs {
		p := &r.Pairs[i]
		if p.Error != "" {
			out = append(out, Answer{words.Say("nothing", "nothing to compare: {why}", words.Inner("why", p.ErrorMessage)), AnswerUnknown})
		}
		for k := range p.Sections {
			s := &p.Sections[k]
			out = append(out, Answer{s.SentenceMessage, judgedKinds[s.Answer().Judged(false)]})
		}
		note(p.UnmatchedMessage())
		for _, m := range p.NoteMessages {
			note(m)
		}
	}
	return append(out, notes...)
}

// judgedKinds are what differences come to, as answers.
var judgedKinds = map[compare.Judged]AnswerKind{
	compare.JudgedSame: AnswerSame, compare.JudgedNone: AnswerSame, compare.JudgedWorse: AnswerWorse, compare.JudgedBetter: AnswerBetter, compare.JudgedUnknown: AnswerUnknown,
}

// judgedWords are the same in tables.
var judgedWords = map[compare.Judged]string{
	compare.JudgedSame: "same", compare.JudgedNone: "none shown", compare.JudgedWorse: "worse", compare.JudgedBetter: "better", compare.JudgedUnknown: "unknown",
}

// sectionTitles are what sections are called.
var sectionTitles = map[compare.SectionID]string{
	compare.SectionDecode: "decode steps", compare.SectionPrefill: "prefill steps", compare.SectionMixed: "mixed steps", compare.SectionPrompt: "prompts",
	compare.SectionGenerated: "generated tokens", compare.SectionWhole: "whole traces", compare.SectionStep: "steps",
}

// sectionNote is what a section's times are of.
func sectionNote(s *compare.Section) string {
	switch s.ID {
	case compare.SectionPrompt, compare.SectionGenerated:
		return "times per " + s.Unit
	case compare.SectionWhole:
		return "times of the whole trace"
	}
	return "times of one step, to the start of the next"
}

// pairSection is what two sides have in common of one kind of step.
func pairSection(r *compare.Result, p *compare.Pair, s *compare.Section, id, title string) *Section {
	out := &Section{ID: id, Title: title, Note: pairTitle(p) + ", " + sectionNote(s)}
	out.Blocks = append(out.Blocks, paragraph{said: p.MatchedMessage(s)})
	if m := p.LeftOutMessage(s); !m.IsZero() {
		out.Blocks = append(out.Blocks, paragraph{said: m})
	}
	for _, m := range s.NoteMessages {
		out.Blocks = append(out.Blocks, paragraph{said: m, tone: ToneWarning})
	}
	times := timesTable(r, p, s)
	times.title = title
	out.Blocks = append(out.Blocks, times, waterfallTable(p, s), distribution(p, s))
	for _, t := range []*dataTable{rowsTable(p, s), layersTable(p, s), ranksTable(s)} {
		if len(t.rows) > 0 {
			out.Blocks = append(out.Blocks, t)
		}
	}
	return out
}

// settingsTable are the settings that differ.
func settingsTable(r *compare.Result) *dataTable {
	t := &dataTable{cols: []dataColumn{{"setting", "setting", unitWord}}}
	for _, s := range r.Sides {
		t.cols = append(t.cols, dataColumn{s.Letter, s.Letter, unitText})
	}
	for _, d := range r.Differences {
		row := []any{d.Name}
		for _, v := range d.Values {
			row = append(row, choose(v == "", "not said", v))
		}
		t.add(row...)
	}
	return t
}

// estimates is a table of estimates without rows.
func estimates(r *compare.Result, p *compare.Pair) *dataTable {
	return &dataTable{cols: []dataColumn{{"name", " ", unitWord}, {"a", p.A, unitNumber}, {"b", p.B, unitNumber}, {"delta", "difference", unitSigned}, {"percent", "percent", unitMore},
		{"interval", words.Mean(100*r.Level) + " % interval", unitWord}, {"verdict", "", unitWord}, {"", "  ", unitWord}}}
}

// interval is an estimate's interval in percent; nil if it has none.
func interval(e *compare.Estimate) any {
	if e.Low == nil || e.A == 0 {
		return nil
	}
	return words.PercentInterval(e.LowPercent(), e.HighPercent())
}

// percentMore is an estimate's difference in percent; nil where there is nothing to take it of.
func percentMore(e *compare.Estimate) any {
	if e.A == 0 {
		return nil
	}
	return e.Percent
}

// metricTitles are names of what requests saw, for people.
var metricTitles = map[string]string{"output_tokens_per_s": "output tokens/s", "ttft": "TTFT (median)", "tpot": "TPOT (median)", "memory": "memory allocated, peak"}

// metricUnits are the units of what requests saw.
var metricUnits = map[string]words.Unit{"ns": words.UnitNs, "bytes": words.UnitBytes, "1/s": words.UnitCount}

func requestsTable(r *compare.Result, p *compare.Pair) *dataTable {
	t := estimates(r, p)
	for i := range p.Requests {
		m := &p.Requests[i]
		u := metricUnits[m.Unit]
		t.add(metricTitles[m.Name], measured{m.A, u}, measured{m.B, u}, nil, percentMore(&m.Estimate), interval(&m.Estimate), m.Verdict, judgedWords[m.Judged(m.HigherBetter)])
	}
	return t
}

func timesTable(r *compare.Result, p *compare.Pair, s *compare.Section) *dataTable {
	t := estimates(r, p)
	for _, row := range s.Times() {
		e := &row.Estimate
		last := judgedWords[e.Judged(false)]
		if n := row.Steps; n != [2]int{} {
			last = words.Grouped(int64(n[0])) + " and " + words.Grouped(int64(n[1])) + " steps"
		}
		t.add(row.Name, measured{e.A, words.UnitNs}, measured{e.B, words.UnitNs}, int64(math.Round(e.Delta)), percentMore(e), interval(e), e.Verdict, last)
	}
	return t
}

// waterfallTable is the way from A to B: each part's bar hangs where the sum so far has come to.
func waterfallTable(p *compare.Pair, s *compare.Section) *dataTable {
	low, high := waterfallRange(s)
	t := &dataTable{title: "From " + p.A + " to " + p.B, note: s.WaterfallMessage().Text(), bars: &bars{low: low, high: high}, cols: []dataColumn{
		{"part", "part", unitWord}, {"a_ns", p.A, unitNs}, {"b_ns", p.B, unitNs}, {"delta_ns", "difference", unitSigned}}}
	if low > 0 {
		t.note += "; bars begin at " + words.Duration(low)
	}
	t.add(p.A, s.ATotalNs, nil, nil)
	t.bars.add(0, s.ATotalNs, "s-blue")
	at := s.ATotalNs
	for _, part := range s.Parts {
		t.add(part.Name, part.ANs, part.BNs, part.DeltaNs)
		t.bars.add(at, at+part.DeltaNs, choose(part.DeltaNs < 0, "s-green", "s-red"))
		at += part.DeltaNs
	}
	t.add(p.B, nil, s.BTotalNs, s.BTotalNs-s.ATotalNs)
	t.bars.add(0, s.BTotalNs, "s-blue")
	return t
}

// waterfallRange is what a waterfall's axis goes from and to: from 0 unless the way is short.
func waterfallRange(s *compare.Section) (low, high int64) {
	low, high = min(s.ATotalNs, s.BTotalNs), max(s.ATotalNs, s.BTotalNs)
	at := s.ATotalNs
	for _, q := range s.Parts {
		at += q.DeltaNs
		low, high = min(low, at), max(high, at)
	}
	origin := max(0, min(low-(high-low)/4, high-high/20)) // what is next to nothing shall look so
	if low == high || float64(high-low) > 0.6*float64(high) {
		origin = 0
	}
	return origin, max(high, origin+1)
}

// Rows of kernels and of layers in short forms.
const kernelsShown, layersShown = 12, 8

// rowsTable are the kernels or ops of both sides, the largest difference first.
func rowsTable(p *compare.Pair, s *compare.Section) *dataTable {
	t := &dataTable{title: "Kernels and ops", note: "matched by name, then by place in the step; the largest difference first; ~: within noise", short: kernelsShown,
		weight: "delta_ns", least: leastName, cols: []dataColumn{
			{"delta_ns", "difference", unitSigned}, {"a_ns", p.A, unitNs}, {"b_ns", p.B, unitNs}, {"runs", "runs", unitWord}, {"match", "match", unitWord},
			{"part", "part", unitWord}, {"role", "role", unitWord}, {"kernel", "kernel or op", unitKernel}}, spare: []string{"part", "runs"}}
	rows := s.Kernels
	for len(rows) > 0 && rows[len(rows)-1].DeltaNs == 0 {
		rows = rows[:len(rows)-1]
	}
	for i := range rows {
		k := &rows[i]
		name := longName{full: fullNames(k), short: compareNames(k.B)}
		if a := compareNames(k.A); name.short == "" {
			name.short = a
		} else if k.Match == compare.RowReplaced && a != name.short {
			name.instead = a
		}
		t.add(k.DeltaNs, timeOf(k.A, k.ANs), timeOf(k.B, k.BNs), runs(k), k.Match+choose(k.Match == compare.RowSame && !k.Shown, " ~", ""),
			k.Part, k.Role, name)
	}
	return t
}

// timeOf is a row's time on one side; nil where it has no kernel.
func timeOf(kernels []compare.Named, ns int64) any {
	if len(kernels) == 0 {
		return nil
	}
	return ns
}

// fullNames are a row's kernels as the traces have them.
func fullNames(k *compare.KernelRow) string {
	var full []string
	for _, n := range slices.Concat(k.A, k.B) {
		if !slices.Contains(full, n.Name) {
			full = append(full, n.Name)
		}
	}
	return strings.Join(full, "\n→ ")
}

// compareNames are a row's kernels on one side, in short.
func compareNames(kernels []compare.Named) string {
	var names []string
	for _, k := range kernels {
		if n := categories.ShortKernel(k.Name); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return strings.Join(names, " + ")
}

// perUnit is how often a row's kernels ran on one side.
func perUnit(kernels []compare.Named) string {
	var n float64
	for _, k := range kernels {
		n += k.Count
	}
	switch {
	case len(kernels) == 0:
		return words.Unknown
	case n < 10: // once in some steps, say
		return words.Ratio(n)
	}
	return words.Mean(n)
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

// layersTable is the model layer by layer, where ops name their modules.
func layersTable(p *compare.Pair, s *compare.Section) *dataTable {
	t := &dataTable{title: "Layers", note: "where ops name their modules", noun: "layer", weight: "delta_ns", short: layersShown, folded: true, cols: []dataColumn{
		{"layer", "layer", unitCount}, {"a_ns", p.A, unitNs}, {"b_ns", p.B, unitNs}, {"delta_ns", "difference", unitSigned}}}
	for _, l := range s.Layers {
		t.add(int64(l.Layer), l.ANs, l.BNs, l.DeltaNs)
	}
	return t
}

// ranksTable is what each rank of the sides spends.
func ranksTable(s *compare.Section) *dataTable {
	t := &dataTable{title: "Ranks", note: "means of a typical step; the rank that waits least is the one compared", noun: "rank", folded: true, cols: []dataColumn{
		{"side", "side", unitWord}, {"rank", "rank", unitCount}, {"total_ns", "step", unitNs}, {"busy_ns", "busy", unitNs}, {"idle_ns", "idle", unitNs},
		{"comm_ns", "communication", unitNs}, {"lead", " ", unitWord}}}
	lead := map[string]int{}
	if n := len(s.Ranks); n > 0 {
		lead[s.Ranks[0].Side], lead[s.Ranks[n-1].Side] = s.LeadRank[0], s.LeadRank[1]
	}
	for _, r := range s.Ranks {
		t.add(r.Side, int64(r.Rank), r.TotalNs, r.BusyNs, r.IdleNs, r.CommNs, choose(lead[r.Side] == r.Rank, "waits least: its steps are compared", ""))
	}
	return t
}
