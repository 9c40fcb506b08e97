package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/compare"
)

// CompareHTML writes a comparison as one page that needs nothing else: the answers, the waterfall of each section, the
// steps of both sides side by side, and the kernels in a table to sort and search.
func CompareHTML(w io.Writer, r *compare.Result, _ Options) error {
	return comparePageOf(r, nil).write(w)
}

// SweepHTML is CompareHTML with the cells of a sweep before it. r is nil if there was nothing to compare.
func SweepHTML(w io.Writer, cells []SweepCell, r *compare.Result) error {
	return comparePageOf(r, cells).write(w)
}

func comparePageOf(r *compare.Result, cells []SweepCell) *htmlPage {
	p := &htmlPage{}
	if r == nil {
		p.title = "Sweep"
		p.add(htmlSection{ID: "sweep", Title: "Sweep", Note: "medians over captures", Body: sweepCellsHTML(cells)})
		return p
	}
	p.title = strings.Join(labelsOf(r), " against ")
	if len(r.Sides) > 3 {
		p.title = fmt.Sprintf("%s against %d others", r.Sides[0].Label, len(r.Sides)-1)
	}
	for _, s := range r.Sides {
		about := append(slices.Clone(s.About), plural(s.Captures, "capture"), plural(s.Ranks, "rank"))
		p.facts = append(p.facts, s.Letter+" "+s.Label+": "+strings.Join(about, ", "))
	}
	h := &compareHTML{r: r}
	p.add(htmlSection{ID: "unlike", Bare: true, Body: h.doubts()})
	p.add(htmlSection{ID: "answers", Bare: true, Body: h.answers()})
	if len(cells) > 0 {
		p.add(htmlSection{ID: "sweep", Title: "Sweep", Note: "medians over captures", Body: sweepCellsHTML(cells)})
	}
	p.add(htmlSection{ID: "integrity", Title: "Before you believe it", Body: h.warnings()})
	p.add(htmlSection{ID: "configuration", Title: "Configuration", Note: "what differs", Body: h.differences()})
	for i := range r.Pairs {
		pair := &r.Pairs[i]
		of := ""
		id := ""
		if len(r.Pairs) > 1 {
			of, id = pair.B+": ", strings.ToLower(pair.B)+"-"
		}
		p.add(htmlSection{ID: id + "requests", Title: choose(of == "", "Requests", of+"requests"), Note: pair.B + " against " + pair.A, Body: h.requests(pair)})
		for k := range pair.Sections {
			s := &pair.Sections[k]
			title := upper(sectionTitle(s))
			if of != "" {
				title = of + sectionTitle(s)
			}
			p.add(htmlSection{ID: id + s.ID, Title: title, Note: pair.B + " against " + pair.A + ", " + sectionUnit(s), Body: h.section(pair, s)})
		}
	}
	p.footer = []string{
		fmt.Sprintf("Intervals are of %.0f %%. Parts of a waterfall sum to the whole, to the nanosecond. The same as data: inferprof compare … --format json or csv.", 100*r.Level),
		"This page is one file and loads nothing.",
	}
	return p
}

func labelsOf(r *compare.Result) []string {
	var out []string
	for _, s := range r.Sides {
		out = append(out, s.Label)
	}
	return out
}

// compareHTML makes the parts of a page.
type compareHTML struct{ r *compare.Result }

func (h *compareHTML) answers() template.HTML {
	var m markup
	if g := h.r.Gate; g != nil {
		m.add(`<ul class="problems">`)
		for _, j := range g.Judgements {
			mark, _ := gateMark(j.Outcome)
			class := map[compare.Outcome]string{compare.OutcomePassed: "fine", compare.OutcomeFailed: "error"}[j.Outcome]
			class = choose(class == "", "warning", class)
			m.add(`<li class="%s"><b>%s</b><span>%s</span></li>`, class, mark+" Gate", j.Sentence)
		}
		m.add(`</ul>`)
	}
	for i := range h.r.Pairs {
		p := &h.r.Pairs[i]
		if p.Error != "" {
			m.add(`<p class="verdict">Nothing to compare: %s.</p>`, p.Error)
		}
		for k := range p.Sections {
			s := &p.Sections[k]
			mark := map[string]string{"worse": "▲", "better": "▼", "unknown": "?"}[verdictText(s.Answer(), false)]
			if mark == "" {
				mark = "="
			}
			m.add(`<p class="verdict">%s %s.</p>`, mark, s.Sentence)
		}
	}
	return m.html()
}

// doubts come before any number: what differs of the work that sides did, and what is wrong with their traces.
func (h *compareHTML) doubts() template.HTML {
	var m markup
	texts := unlikeTexts(h.r)
	m.add(`<ul class="problems">`)
	for _, text := range texts {
		m.add(`<li class="warning"><b>≠ Not the same</b><span>%s</span></li>`, text)
	}
	n := len(texts)
	for _, s := range h.r.Sides {
		for _, problem := range s.Problems {
			m.add(`<li class="warning"><b>! Trace</b><span>%s</span></li>`, s.Letter+": "+problem)
			n++
		}
	}
	m.add(`</ul>`)
	if n == 0 {
		return ""
	}
	return m.html()
}

// warnings are what a reader should know before believing a number.
func (h *compareHTML) warnings() template.HTML {
	var m markup
	said := map[string]bool{} // of several pairs, the same is said once
	say := func(class, label, text string) {
		if said[text] {
			return
		}
		said[text] = true
		m.add(`<li class="%s"><b>%s</b><span>%s</span></li>`, class, label, text)
	}
	m.add(`<ul class="problems">`)
	for _, w := range h.r.Warnings {
		say("warning", "! Warning", w)
	}
	for i := range h.r.Pairs {
		p := &h.r.Pairs[i]
		for _, note := range p.Notes {
			say("note", "Note", note)
		}
		if text := unmatchedText(p); text != "" {
			say("note", "Left out", "without counterpart, in no number here: "+text)
		}
	}
	m.add(`</ul>`)
	if len(said) == 0 {
		return ""
	}
	return m.html()
}

// plainTable writes a table whose cells are text; numbers stand right, and sort by their value where one is given.
func plainTable(heads []column, rows [][]cell) template.HTML {
	if len(rows) == 0 {
		return ""
	}
	var m markup
	m.add(`<div class="table"%s><table><thead><tr>`, template.HTML(choose(len(rows) > htmlRowsShown+3, fmt.Sprintf(` data-brief="%d"`, htmlRowsShown), "")))
	for _, h := range heads {
		m.add(`<th scope="col"%s>%s</th>`, template.HTML(choose(h.kind == number, ` class="n"`, "")), h.head)
	}
	m.add(`</tr></thead><tbody>`)
	for _, row := range rows {
		m.add(`<tr>`)
		for i, c := range row {
			switch {
			case heads[i].kind == number:
				m.add(`<td class="n" data-v="%v">%s</td>`, c.value, strings.TrimSpace(c.text))
			case c.title != "":
				m.add(`<td class="name" title="%s">%s</td>`, c.title, c.text)
			default:
				m.add(`<td>%s</td>`, c.text)
			}
		}
		m.add("</tr>\n")
	}
	m.add(`</tbody></table></div>`)
	return m.html()
}

// cell is one cell of plainTable.
type cell struct {
	text  string
	value float64
	title string // shown when it is pointed at
}

func nsCell(ns int64) cell    { return cell{text: duration(ns), value: float64(ns)} }
func deltaCell(ns int64) cell { return cell{text: delta(ns), value: float64(ns)} }

func (h *compareHTML) differences() template.HTML {
	heads := []column{{"setting", word}}
	for _, s := range h.r.Sides {
		heads = append(heads, column{s.Letter, word})
	}
	var rows [][]cell
	for _, d := range h.r.Differences {
		row := []cell{{text: d.Name}}
		for _, v := range d.Values {
			row = append(row, cell{text: choose(v == "", "not said", v)})
		}
		rows = append(rows, row)
	}
	return plainTable(heads, rows)
}

func (h *compareHTML) heads(p *compare.Pair) []column {
	return []column{{"", word}, {p.A, number}, {p.B, number}, {"difference", number}, {"percent", number},
		{fmt.Sprintf("%.0f %% interval", 100*h.r.Level), word}, {"", word}}
}

func (h *compareHTML) requests(p *compare.Pair) template.HTML {
	var rows [][]cell
	for i := range p.Requests {
		q := &p.Requests[i]
		rows = append(rows, []cell{{text: metricTitle(q)}, {text: metricValue(q, q.A), value: q.A}, {text: metricValue(q, q.B), value: q.B},
			{text: "", value: q.Delta}, {text: percentText(q.Percent), value: q.Percent}, {text: intervalText(&q.Estimate)}, {text: verdictText(&q.Estimate, q.HigherBetter)}})
	}
	return plainTable(h.heads(p), rows)
}

func (h *compareHTML) section(p *compare.Pair, s *compare.Section) template.HTML {
	var m markup
	m.add(`<p class="note">%s`, matchedText(s, p.A, p.B))
	if text := leftOutText(s, p.A, p.B); text != "" {
		m.add(`. Left out: %s`, text)
	}
	m.add(`.</p>`)
	if len(s.Notes) > 0 {
		m.add(`<ul class="problems">`)
		for _, n := range s.Notes {
			m.add(`<li class="warning"><b>!</b><span>%s</span></li>`, n)
		}
		m.add(`</ul>`)
	}
	m.add("%s", h.times(p, s))
	m.add(`<h3>From %s to %s</h3><p class="note">%s</p>`, p.A, p.B, waterfallTitle(s))
	m.add("%s", waterfallChart(p, s))
	m.add("%s", h.distributions(p, s))
	m.add(`<h3>Kernels and ops</h3><p class="note">matched by name, then by place in the step; the largest difference first; point at a name for all of it</p>`)
	m.add("%s", h.kernels(p, s))
	m.add("%s", details("Layers", "where ops name their modules", h.layers(p, s)))
	m.add("%s", details("Ranks", "means of a typical step; the rank that waits least is the one compared", h.ranks(s)))
	return m.html()
}

func (h *compareHTML) times(p *compare.Pair, s *compare.Section) template.HTML {
	var rows [][]cell
	for _, t := range sectionTimes(s) {
		e, last := t.of, verdictText(t.of, false)
		if t.remark != "" {
			last = t.remark + " steps"
		}
		rows = append(rows, []cell{{text: t.name}, {duration(int64(e.A + 0.5)), e.A, ""}, {duration(int64(e.B + 0.5)), e.B, ""}, deltaCell(int64(math.Round(e.Delta))),
			{percentCell(e), e.Percent, ""}, {text: intervalText(e)}, {text: last}})
	}
	return plainTable(h.heads(p), rows)
}

// waterfallChart draws the way from A to B: each part's bar hangs where the sum so far has come to.
func waterfallChart(p *compare.Pair, s *compare.Section) template.HTML {
	low, high := waterfallRange(s)
	x := func(ns int64) float64 { return part(ns-low, high-low) }
	var m markup
	m.add("%s", legend([]series{{p.A + " and " + p.B, "s-blue"}, {"takes longer in " + p.B, "s-red"}, {"takes less", "s-green"}}))
	m.add(`<div class="bars" role="list" aria-label="from %s to %s">`, p.A, p.B)
	row := func(strong bool, label, class string, from, to float64, tip, text string) {
		m.add(`<div class="bar%s" role="listitem"><span class="l">%s</span><svg height="18" aria-hidden="true">`, choose(strong, " strong", ""), label)
		m.add(`<rect class="%s" x="%v%%" width="%v%%" height="18" data-tip="%s"/></svg><span class="v">%s</span></div>`, class, from, max(0.15, to-from), tip, text)
	}
	row(true, p.A, "s-blue", 0, x(s.ATotalNs), p.A+"\n"+plain(s.ATotalNs), plain(s.ATotalNs))
	at := s.ATotalNs
	for _, q := range s.Parts {
		from, to := at, at+q.DeltaNs
		at = to
		class := "s-red"
		switch {
		case q.DeltaNs < 0:
			class = "s-green"
		case q.DeltaNs == 0:
			class = "s-grey"
		}
		tip := fmt.Sprintf("%s\n%s: %s, %s: %s", q.Name, p.A, plain(q.ANs), p.B, plain(q.BNs))
		row(false, q.Name, class, x(min(from, to)), x(max(from, to)), tip, delta(q.DeltaNs))
	}
	row(true, p.B, "s-blue", 0, x(s.BTotalNs), p.B+"\n"+plain(s.BTotalNs), plain(s.BTotalNs))
	m.add(`</div>`)
	if low > 0 {
		m.add(`<p class="note">Bars begin at %s, not at 0.</p>`, plain(low))
	}
	return m.html()
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

// distributions draws how long the steps of both sides took, over one axis.
func (h *compareHTML) distributions(p *compare.Pair, s *compare.Section) template.HTML {
	if len(s.Samples[0]) < 3 || len(s.Samples[1]) < 3 {
		return ""
	}
	const bins, height, gap, axis = 80, 56, 10, 20
	low, high := math.Inf(1), math.Inf(-1)
	for _, side := range s.Samples {
		for _, v := range side {
			low, high = min(low, v), max(high, v)
		}
	}
	margin := max((high-low)*0.05, high*0.005, 1)
	low, high = max(0, low-margin), high+margin
	x := func(v float64) float64 { return 100 * (v - low) / (high - low) }
	var m markup
	m.add(`<h3>Steps side by side</h3><p class="note">how many steps took how long; lines are medians</p>`)
	m.add(`<div class="plot"><div class="ylabels" style="--row:%dpx"><span>%s</span><span>%s</span></div>`, height+gap, p.A, p.B)
	m.add(`<svg height="%d" role="img" aria-label="distribution of step times">`, 2*(height+gap)+axis)
	first := math.Ceil(low/stepOf(high-low)) * stepOf(high-low)
	for t := first; t <= high; t += stepOf(high - low) {
		m.add(`<line class="grid" x1="%v%%" x2="%v%%" y1="0" y2="%d"/>`, x(t), x(t), 2*(height+gap)+4)
		if x(t) < 94 {
			m.add(`<text class="tick" x="%v%%" dx="3" y="%d">%s</text>`, x(t), 2*(height+gap)+14, tick(int64(t)))
		}
	}
	for k, side := range s.Samples {
		counts := make([]int, bins)
		most := 1
		for _, v := range side {
			b := min(bins-1, int(float64(bins)*(v-low)/(high-low)))
			counts[b]++
			most = max(most, counts[b])
		}
		base := (k+1)*(height+gap) - gap
		for b, n := range counts {
			if n == 0 {
				continue
			}
			tall := max(2, float64(n)/float64(most)*height)
			from := low + (high-low)*float64(b)/bins
			m.add(`<rect class="%s" x="%v%%" width="%v%%" y="%v" height="%v" data-tip="%s"/>`, choose(k == 0, "s-purple", "s-teal"), x(from), 100.0/bins*0.9, float64(base)-tall, tall,
				fmt.Sprintf("%s\n%s from %s to %s", []string{p.A, p.B}[k], plural(n, "step"), plain(int64(from)), plain(int64(from+(high-low)/bins))))
		}
		sorted := slices.Clone(side)
		slices.Sort(sorted)
		middle := x(sorted[len(sorted)/2])
		m.add(`<line class="roof" x1="%v%%" x2="%v%%" y1="%d" y2="%d"/>`, middle, middle, base-height-gap/2, base+2)
	}
	m.add(`</svg></div>`)
	return m.html()
}

// stepOf is a round distance of which about five fit into a length.
func stepOf(length float64) float64 {
	t := ticks(length, 5)
	if len(t) < 2 {
		return max(length, 1)
	}
	return t[1]
}

func (h *compareHTML) kernels(p *compare.Pair, s *compare.Section) template.HTML {
	heads := []column{{"difference", number}, {p.A, number}, {p.B, number}, {"runs", word}, {"match", word}, {"part", word}, {"role", word}, {"kernel or op", word}}
	var rows [][]cell
	for i := range s.Kernels {
		k := &s.Kernels[i]
		if i == htmlRowsMost {
			break
		}
		var full []string
		for _, n := range slices.Concat(k.A, k.B) {
			name := n.Name
			if r := []rune(name); len(r) > longestTitle {
				name = string(r[:longestTitle]) + "…"
			}
			if !slices.Contains(full, name) {
				full = append(full, name)
			}
		}
		match := k.Match
		if match == compare.RowSame && !k.Shown {
			match = "same, within noise"
		}
		a, b := nsCell(k.ANs), nsCell(k.BNs)
		if len(k.A) == 0 {
			a.text = "–"
		}
		if len(k.B) == 0 {
			b.text = "–"
		}
		rows = append(rows, []cell{deltaCell(k.DeltaNs), a, b, {text: runs(k)}, {text: match}, {text: k.Part}, {text: k.Role}, {text: rowNames(k), title: strings.Join(full, "\n→ ")}})
	}
	return plainTable(heads, rows)
}

func (h *compareHTML) layers(p *compare.Pair, s *compare.Section) template.HTML {
	var rows [][]cell
	for _, l := range s.Layers {
		rows = append(rows, []cell{{count(int64(l.Layer)), float64(l.Layer), ""}, nsCell(l.ANs), nsCell(l.BNs), deltaCell(l.DeltaNs)})
	}
	return plainTable([]column{{"layer", number}, {p.A, number}, {p.B, number}, {"difference", number}}, rows)
}

func (h *compareHTML) ranks(s *compare.Section) template.HTML {
	var rows [][]cell
	for _, r := range s.Ranks {
		rows = append(rows, []cell{{text: r.Side}, {count(int64(r.Rank)), float64(r.Rank), ""}, nsCell(r.TotalNs), nsCell(r.BusyNs), nsCell(r.IdleNs), nsCell(r.CommNs)})
	}
	return plainTable([]column{{"side", word}, {"rank", number}, {"step", number}, {"busy", number}, {"idle", number}, {"communication", number}}, rows)
}

func sweepCellsHTML(cells []SweepCell) template.HTML {
	var m markup
	failed := slices.ContainsFunc(cells, func(c SweepCell) bool { return c.Failure != "" })
	if failed {
		m.add(`<ul class="problems">`)
		for _, c := range cells {
			if c.Failure != "" {
				m.add(`<li class="error"><b>✗ Failed</b><span>%s: %s</span></li>`, c.Name, c.Failure)
			}
		}
		m.add(`</ul>`)
	}
	heads := []column{{"", word}, {"cell", word}, {"captures", number}, {"tokens/s", number}, {"TTFT", number}, {"TPOT", number}, {"memory", number}, {"prompt token", number}, {"decode step", number}, {"batch", number}, {"busy", number}}
	var rows [][]cell
	for _, c := range cells {
		if c.Figures == nil {
			continue
		}
		f := c.Figures
		ns := func(s compare.Spread) cell {
			return cell{text: choose(s.Median == 0, "–", duration(int64(s.Median+0.5))), value: s.Median}
		}
		rows = append(rows, []cell{{text: c.Letter}, {text: c.Name}, {count(int64(f.Captures)), float64(f.Captures), ""}, {digits(max(f.OutputTokensPerSecond.Median, 1)), f.OutputTokensPerSecond.Median, ""},
			ns(f.TTFTNs), ns(f.TPOTNs), {size(int64(f.MemoryBytes.Median)), f.MemoryBytes.Median, ""}, ns(f.PromptTokenNs), ns(f.DecodeStepNs),
			{count(f.DecodeBatch), float64(f.DecodeBatch), ""}, {fmt.Sprintf("%.1f %%", 100*f.BusyShare.Median), f.BusyShare.Median, ""}})
	}
	m.add("%s", plainTable(heads, rows))
	if len(cells) > 1 {
		var bars []barRow
		for _, c := range cells {
			if c.Figures != nil && c.Figures.OutputTokensPerSecond.Median > 0 {
				rate := c.Figures.OutputTokensPerSecond.Median
				bars = append(bars, barRow{label: c.Name, values: []int64{int64(rate)}, text: digits(max(rate, 1)) + " tokens/s"})
			}
		}
		if len(bars) > 1 {
			m.add("%s", barChart("output tokens per second", []series{{"output tokens/s", "s-blue"}}, bars, 0, count))
		}
	}
	return m.html()
}
