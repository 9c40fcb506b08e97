package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/inferprof/inferprof/analyze/compare"
)

// CompareText writes a comparison for people: what was compared, the answers in a sentence each, what differs in
// configuration, and then each section's numbers, waterfall and kernels.
func CompareText(w io.Writer, r *compare.Result, o Options) error {
	if o.Width == 0 {
		o.Width = 100
	}
	p := &comparePage{page: page{o: o, width: max(o.Width, 80)}, r: r}
	p.unlike()
	p.sides()
	for i := range r.Pairs {
		p.answers(&r.Pairs[i])
	}
	p.gate()
	p.differences()
	for i := range r.Pairs {
		pair := &r.Pairs[i]
		p.requests(pair)
		for k := range pair.Sections {
			p.section1(pair, &pair.Sections[k])
		}
	}
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

type comparePage struct {
	page
	r *compare.Result
}

// unlike says first what makes percentages of something else than meant.
func (p *comparePage) unlike() {
	texts := unlikeTexts(p.r)
	for _, text := range texts {
		p.wrapped("≠ ", "  ", text, yellow)
	}
	if len(texts) > 0 {
		p.line("")
	}
}

func (p *comparePage) sides() {
	for _, s := range p.r.Sides {
		about := append([]string(nil), s.About...)
		if s.Captures > 1 {
			about = append(about, plural(s.Captures, "capture"))
		}
		about = append(about, plural(s.Ranks, "rank"))
		p.line(p.paint(bold, s.Letter+"  "+shorten(s.Label, p.width-3)))
		p.wrapped("   ", "   ", strings.Join(about, " · "), dim)
	}
	for _, s := range p.r.Sides {
		const most = 3
		for i, problem := range s.Problems {
			if i == most && len(s.Problems) > most+1 {
				p.line(p.paint(dim, fmt.Sprintf("    … %d more of %s", len(s.Problems)-i, s.Letter)))
				break
			}
			p.wrapped("  ! ", "    ", s.Letter+": "+problem, yellow)
		}
	}
	if len(p.r.Warnings) > 0 {
		p.line("")
	}
	for _, w := range p.r.Warnings {
		p.wrapped("  ! ", "    ", w, yellow)
	}
}

// title is "B against A" and what that is.
func (p *comparePage) title(pair *compare.Pair) string { return pair.B + " against " + pair.A }

func (p *comparePage) answers(pair *compare.Pair) {
	p.section(p.title(pair), fmt.Sprintf("intervals of %.0f %%", 100*p.r.Level))
	if pair.Error != "" {
		p.wrapped("  ✗ ", "    ", "nothing to compare: "+pair.Error, red)
		return
	}
	for i := range pair.Sections {
		s := &pair.Sections[i]
		mark, color := "=", ""
		switch verdictText(s.Answer(), false) {
		case "worse":
			mark, color = "▲", red
		case "better":
			mark, color = "▼", green
		case "unknown":
			mark, color = "?", yellow
		}
		p.wrapped("  "+mark+" ", "    ", s.Sentence, color)
	}
	if text := unmatchedText(pair); text != "" {
		p.wrapped("  · ", "    ", "without counterpart, in no number here: "+text, dim)
	}
	for _, n := range pair.Notes {
		p.wrapped("  · ", "    ", n, dim)
	}
}

func (p *comparePage) gate() {
	g := p.r.Gate
	if g == nil {
		return
	}
	p.section("gate", fmt.Sprintf("%s may be %.4g %% worse", g.Metric, g.LimitPercent))
	for _, j := range g.Judgements {
		mark, color := gateMark(j.Outcome)
		p.wrapped("  "+mark+" ", "    ", j.Sentence, color)
	}
}

func (p *comparePage) differences() {
	if len(p.r.Differences) == 0 {
		return
	}
	p.section("configuration", "what differs")
	t := &table{columns: []column{{"setting", word}}}
	for _, s := range p.r.Sides {
		t.columns = append(t.columns, column{s.Letter, word})
	}
	each := (p.width - 24) / max(1, len(p.r.Sides))
	for _, d := range p.r.Differences {
		cells := []string{d.Name}
		for _, v := range d.Values {
			if v == "" {
				v = "?"
			}
			cells = append(cells, shorten(v, max(each, 8)))
		}
		t.add(cells...)
	}
	p.table(t)
}

func (p *comparePage) requests(pair *compare.Pair) {
	if len(pair.Requests) == 0 {
		return
	}
	p.section("requests", p.title(pair))
	t := p.estimates(pair)
	for i := range pair.Requests {
		m := &pair.Requests[i]
		t.add(metricTitle(m), metricValue(m, m.A), metricValue(m, m.B), "", percentText(m.Percent), intervalText(&m.Estimate), verdictText(&m.Estimate, m.HigherBetter))
	}
	p.table(t)
}

func (p *comparePage) estimates(pair *compare.Pair) *table {
	return &table{columns: []column{{"", word}, {pair.A, number}, {pair.B, number}, {"difference", number}, {"", number},
		{fmt.Sprintf("%.0f %% interval", 100*p.r.Level), number}, {"", word}}}
}

// section1 writes one section of a pair.
func (p *comparePage) section1(pair *compare.Pair, s *compare.Section) {
	title := sectionTitle(s)
	if len(p.r.Pairs) > 1 {
		title += ", " + p.title(pair)
	}
	p.section(title, sectionUnit(s))
	p.wrapped("  ", "    ", matchedText(s, pair.A, pair.B), "")
	if text := leftOutText(s, pair.A, pair.B); text != "" {
		p.wrapped("  left out: ", "    ", text, dim)
	}
	for _, n := range s.Notes {
		p.wrapped("  ! ", "    ", n, yellow)
	}
	p.times(pair, s)
	p.waterfall(pair, s)
	p.kernelRows(pair, s)
	p.layers(pair, s)
	p.rankRows(s)
}

func (p *comparePage) times(pair *compare.Pair, s *compare.Section) {
	t := p.estimates(pair)
	for _, x := range sectionTimes(s) {
		e, last := x.of, verdictText(x.of, false)
		if x.remark != "" {
			last = x.remark
		}
		t.add(x.name, duration(int64(e.A+0.5)), duration(int64(e.B+0.5)), delta(int64(math.Round(e.Delta))), percentCell(e), intervalText(e), last)
	}
	p.table(t)
}

func percentCell(e *compare.Estimate) string {
	if e.A == 0 {
		return ""
	}
	return percentText(e.Percent)
}

// waterfall draws the way from A's typical step to B's: each part's bar hangs where the sum so far has come to.
func (p *comparePage) waterfall(pair *compare.Pair, s *compare.Section) {
	origin, high := waterfallRange(s)
	const label = 38
	width := float64(p.width - label - 16)
	column := func(ns int64) int {
		return int(math.Round(float64(ns-origin) / float64(max(1, high-origin)) * width))
	}
	p.line("")
	axis := waterfallTitle(s)
	if origin > 0 {
		axis += ", bars from " + strings.TrimSpace(duration(origin))
	}
	bar := func(name, value, color string, from, to int) {
		p.line("  " + padded(name, label) + padLeft(value, 10) + "  " + strings.Repeat(" ", from) + p.paint(color, strings.Repeat("█", max(0, to-from))))
	}
	p.wrapped("  ", "  ", axis, dim)
	bar(pair.A, duration(s.ATotalNs), blue, 0, column(s.ATotalNs))
	at := s.ATotalNs
	for _, part := range s.Parts {
		from, to := column(at), column(at+part.DeltaNs)
		color, mark := red, "█"
		if part.DeltaNs < 0 {
			from, to, color, mark = to, from, green, "▒"
		}
		at += part.DeltaNs
		text := strings.Repeat(mark, to-from)
		if to == from && part.DeltaNs != 0 {
			text = "│"
		}
		p.line("  " + padded("  "+part.Name, label) + padLeft(delta(part.DeltaNs), 10) + "  " + strings.Repeat(" ", from) + p.paint(color, text))
	}
	bar(pair.B, duration(s.BTotalNs), blue, 0, column(s.BTotalNs))
}

func padded(s string, width int) string {
	s = shorten(s, width)
	return s + strings.Repeat(" ", width-columns(s))
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-columns(s))) + s
}

// kernelsShown is how many rows of kernels are shown without Options.Full.
const kernelsShown = 12

func (p *comparePage) kernelRows(pair *compare.Pair, s *compare.Section) {
	rows := s.Kernels
	for len(rows) > 0 && rows[len(rows)-1].DeltaNs == 0 {
		rows = rows[:len(rows)-1]
	}
	if len(rows) == 0 {
		return
	}
	p.line("")
	t := &table{columns: []column{{"difference", number}, {pair.A, number}, {pair.B, number}, {"runs", number}, {"match", word}, {"role", word}, {"kernel or op", flexible}}}
	n := p.limit(len(rows), kernelsShown)
	before := make([]string, 0, n) // what each row's kernel took the place of
	for i := range rows[:n] {
		k := &rows[i]
		before = append(before, "")
		if a := compareNames(k.A); k.Match == compare.RowReplaced && a != compareNames(k.B) {
			before[i] = a
		}
		match := k.Match
		if match == compare.RowSame && !k.Shown {
			match = "same ~"
		}
		t.add(delta(k.DeltaNs), side(k.A, k.ANs), side(k.B, k.BNs), runs(k), match, strings.TrimPrefix(k.Role, "gemm "), rowName(k))
	}
	head, lines := t.lines(p.width - 2)
	p.line("  " + p.paint(dim, head))
	for i, l := range lines {
		p.line("  " + l)
		if before[i] != "" {
			at := columns(head[:strings.Index(head, "match")])
			p.line(p.paint(dim, "  "+strings.Repeat(" ", at)+"in place of "+shorten(before[i], p.width-at-14)))
		}
	}
	var rest int64
	for _, k := range rows[n:] {
		rest += max(k.DeltaNs, -k.DeltaNs)
	}
	p.more(len(rows)-n, "row", rest)
}

// side is a row's time on one side; nothing where it has no kernel.
func side(kernels []compare.Named, ns int64) string {
	if len(kernels) == 0 {
		return "–"
	}
	return duration(ns)
}

func (p *comparePage) layers(pair *compare.Pair, s *compare.Section) {
	if len(s.Layers) == 0 {
		return
	}
	p.line("")
	t := &table{columns: []column{{"layer", number}, {pair.A, number}, {pair.B, number}, {"difference", number}}}
	n := p.limit(len(s.Layers), 8)
	for _, l := range s.Layers[:n] {
		t.add(count(int64(l.Layer)), duration(l.ANs), duration(l.BNs), delta(l.DeltaNs))
	}
	p.table(t)
	var rest int64
	for _, l := range s.Layers[n:] {
		rest += max(l.DeltaNs, -l.DeltaNs)
	}
	p.more(len(s.Layers)-n, "layer", rest)
}

func (p *comparePage) rankRows(s *compare.Section) {
	if len(s.Ranks) == 0 {
		return
	}
	p.line("")
	t := &table{columns: []column{{"side", word}, {"rank", number}, {"step", number}, {"busy", number}, {"idle", number}, {"communication", number}, {"", flexible}}}
	lead := map[string]int{}
	if len(s.Ranks) > 0 {
		lead[s.Ranks[0].Side] = s.LeadRank[0]
		lead[s.Ranks[len(s.Ranks)-1].Side] = s.LeadRank[1]
	}
	for _, r := range s.Ranks {
		note := ""
		if lead[r.Side] == r.Rank {
			note = "waits least: its steps are compared"
		}
		t.add(r.Side, count(int64(r.Rank)), duration(r.TotalNs), duration(r.BusyNs), duration(r.IdleNs), duration(r.CommNs), note)
	}
	p.table(t)
}
