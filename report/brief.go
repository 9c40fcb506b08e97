package report

import (
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// The brief report is one screen: what this is, what is wrong with it, the answer in a few sentences, what to do about
// it, and where the time went. Everything that must be there comes first and takes the lines that it needs; the tables
// of categories and of kernels share what is left of the screen.

// Lines of a screen, and how much of it lists may take.
const (
	screenLines   = 45
	briefNotices  = 3
	briefFindings = 3
)

// isBrief tells which tables the brief report has something of: of remarkable ones what is said of them, in a line or two.
func (e *entry) isBrief() bool {
	return e.inShort != 0 && !e.markdown || e.name == "finding" || e.line != nil || slices.Contains(remarkable, e.name)
}

// remarkable are the tables of which the brief report has the remarks alone.
var remarkable = []string{"cause", "rank"}

func (p *page) brief(r *analyze.Result) {
	p.header()
	p.briefNotices()
	p.answers()
	p.briefFindings()
	if s := p.d.section("breakdown"); s != nil {
		p.section(s)
	}
	for _, name := range remarkable {
		p.remarks(name)
	}
	phases := p.aside(func(q *page) { q.briefSection("phase") })
	phases = append(phases, p.aside(func(q *page) { q.lineOf("step") })...)
	footer := 2
	if p.o.Quiet {
		footer = 0
	}
	left := screenLines - p.lines() - len(phases) - footer
	const frame = 3 // an empty line, a title, a head
	table := func(name string, rows int) []string {
		lines := p.aside(func(q *page) { q.rows = rows; q.briefSection(name) })
		if len(lines) > left || rows < 1 { // none is better than one that is cut
			return nil
		}
		left -= len(lines)
		return lines
	}
	categories := table("category", min(6, max(2, left-frame-1)))
	work := table(choose(r.Kind == analyze.KindCPU, "op", "kernel"), left-frame-1)
	for _, block := range [][]string{categories, phases, work} {
		for _, l := range block {
			p.line(l)
		}
	}
	if !p.o.Quiet {
		p.line("")
		p.line(p.paint(dim, p.d.hint))
	}
}

// briefSection writes a section's title and its table.
func (p *page) briefSection(id string) {
	s := p.d.section(id)
	if s == nil {
		return
	}
	for _, b := range s.Blocks {
		if d, ok := b.(*dataTable); ok {
			p.title(s.Title, s.Note, s.Mark)
			p.table(d)
		}
	}
	if id == "phase" {
		p.remarks(id)
	}
}

// remarks writes what is said of a table, in two lines at most; of phases each of it.
func (p *page) remarks(id string) {
	all := p.said(id)
	if id != "phase" && len(all) > 0 {
		all = []string{strings.Join(all, "; ")}
	}
	for _, text := range all {
		p.clipped(2, func(q *page) { q.wrapped("  ", "  ", text, dim) })
	}
}

// said is what is said of a table.
func (p *page) said(id string) []string {
	var all []string
	if s := p.d.section(id); s != nil {
		for _, b := range s.Blocks {
			if remark, ok := b.(paragraph); ok {
				all = append(all, p.d.text(remark.said))
			}
		}
	}
	return all
}

// lineOf writes the sparkline of a section, and what is said of it beside.
func (p *page) lineOf(id string) {
	s := p.d.section(id)
	if s == nil {
		return
	}
	for _, b := range s.Blocks {
		if line, ok := b.(sparkline); ok {
			p.sparkline(line, strings.Join(p.said(id), "; "))
		}
	}
}

// aside is what write would add to the page, in lines.
func (p *page) aside(write func(*page)) []string {
	q := &page{o: p.o, d: p.d, width: p.width}
	write(q)
	if q.out.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(q.out.String(), "\n"), "\n")
}

// clipped writes the first lines of what write would.
func (p *page) clipped(most int, write func(*page)) {
	for _, l := range clip(p.aside(write), most, p.width) {
		p.line(l)
	}
}

// lines is how many lines the page has.
func (p *page) lines() int { return strings.Count(p.out.String(), "\n") }

// briefNotices says what not to believe: what is worst, each in two lines at most.
func (p *page) briefNotices() {
	p.line("")
	all := p.d.Notices
	for i := range all {
		n := &all[i]
		said := n.Said
		if !n.Brief.IsZero() {
			said = n.Brief
		}
		if i == briefNotices && n.Tone >= ToneNote {
			p.line(p.paint(dim, "  … "+words.Counted(len(all)-i, "notice")+" more (--full)"))
			break
		}
		p.clipped(2, func(q *page) { q.notice(n, said) })
	}
}

// clip keeps the first lines of a paragraph.
func clip(lines []string, most, width int) []string {
	if len(lines) <= most {
		return lines
	}
	lines = slices.Clone(lines[:most])
	last, before, after := lines[most-1], "", ""
	if text, ok := strings.CutSuffix(last, "\x1b[0m"); ok { // painted as a whole
		code, rest, _ := strings.Cut(text, "m")
		last, before, after = rest, code+"m", "\x1b[0m"
	}
	if columns(last) > width-2 {
		last = last[:max(0, strings.LastIndexByte(last, ' '))]
	}
	lines[most-1] = before + strings.TrimRight(last, " ,;:") + " …" + after
	return lines
}

// briefFindings lists the conclusions at which most time is at stake, and what to try, without the evidence.
func (p *page) briefFindings() {
	s := p.d.section("findings")
	if s == nil {
		return
	}
	all := s.Blocks[0].(findingList)
	shown := min(briefFindings, len(all))
	if len(all) == shown+1 {
		shown++
	}
	note := s.Note + "; evidence with --full"
	if len(all) > shown {
		note = words.Grouped(int64(shown)) + " of " + words.Grouped(int64(len(all))) + ", " + note
	}
	p.title(s.Title, note, s.Mark)
	for i := range all[:shown] {
		p.clipped(2, func(q *page) { q.finding(&all[i]) })
		p.clipped(1, func(q *page) { q.wrapped("      try: ", "      ", all[i].try, "") })
	}
}
