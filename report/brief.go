package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// The brief report is one screen: what this is, what is wrong with it, the answer in a few sentences, what to do about
// it, and where the time went. Everything that must be there comes first and takes the lines that it needs; the tables
// of categories and of kernels share what is left of the screen.

// Lines of a screen, and how much of it lists may take.
const (
	screenLines   = 45
	briefNotices  = 3
	briefFindings = 3
	briefPhases   = 4
)

func (p *page) brief() {
	p.header()
	p.briefNotices()
	if text := verdict(p.r); text != "" {
		p.line("")
		p.wrapped("", "", text, bold)
	}
	p.briefFindings()
	if p.r.Kind == analyze.KindEmpty {
		return
	}
	p.time()
	p.idleLine()
	p.rankLines()
	phases := p.aside(func(q *page) { q.phases(); q.steps() })
	footer := 2 - 2*b2i(p.o.Quiet)

	left := screenLines - p.lines() - len(phases) - footer
	const frame = 3 // an empty line, a title, a head
	table := func(rows []string, most int) []string {
		if len(rows) > most { // none is better than one that is cut
			return nil
		}
		return rows
	}
	n := min(6, max(2, left-frame-1))
	categories := p.aside(func(q *page) { q.brieflyOf = n; q.categories() })
	categories = table(categories, left)
	left -= len(categories)
	var work []string
	if n = left - frame - 1; n >= 2 {
		work = p.aside(func(q *page) { q.brieflyOf = n; q.kernels() })
		if p.r.Kind == analyze.KindCPU {
			work = p.aside(func(q *page) { q.brieflyOf = n; q.ops() })
		}
	}
	for _, block := range [][]string{categories, phases, work} {
		for _, l := range block {
			p.line(l)
		}
	}
	if !p.o.Quiet {
		p.line("")
		p.line(p.paint(dim, "more: --full · --by kernel, step, rank, … · --format html -o report.html"))
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// aside is what write would add to the page, in lines.
func (p *page) aside(write func(*page)) []string {
	q := &page{o: p.o, r: p.r, width: p.width, notices: p.notices}
	write(q)
	if q.out.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(q.out.String(), "\n"), "\n")
}

// lines is how many lines the page has.
func (p *page) lines() int { return strings.Count(p.out.String(), "\n") }

// briefNotices says what not to believe: what is worst, each in two lines at most.
func (p *page) briefNotices() {
	p.line("")
	if len(p.notices) == 0 {
		for _, l := range clip(p.aside(func(q *page) { q.wrapped("✓ ", "  ", "integrity: "+soundInBrief(p.r), green) }), 2, p.width) {
			p.line(l)
		}
		return
	}
	for i, n := range p.notices {
		if i == briefNotices {
			p.line(p.paint(dim, "  … "+plural(len(p.notices)-i, "problem")+" more (--full)"))
			break
		}
		for _, l := range clip(p.aside(func(q *page) { q.notice(&n) }), 2, p.width) {
			p.line(l)
		}
	}
	if text := uncheckedInBrief(p.r.Checks); text != "" {
		p.wrapped("  ", "  ", text, dim)
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
	all := p.r.Findings
	if len(all) == 0 {
		return
	}
	shown := min(briefFindings, len(all))
	if len(all) == shown+1 {
		shown++
	}
	note := "most time at stake first; evidence with --full"
	if hidden := len(all) - shown; hidden > 0 {
		note = fmt.Sprintf("%d of %d, %s", shown, len(all), note)
	}
	p.section("Findings", note)
	for i := range all[:shown] {
		for _, l := range clip(p.aside(func(q *page) { q.finding(&all[i]) }), 2, p.width) {
			p.line(l)
		}
		for _, l := range clip(p.aside(func(q *page) { q.wrapped("      try: ", "      ", all[i].Try, "") }), 1, p.width) {
			p.line(l)
		}
	}
}

// idleLine says in a line or two why devices stood still.
func (p *page) idleLine() {
	s := idleSums(p.r)
	if s.longest == nil {
		return
	}
	var parts []string
	for _, c := range s.causes() {
		switch {
		case c.gap.Ns == 0 || c.name == "sync":
		case c.of != "": // what of host is not the host's, and of other is
			i := slices.IndexFunc(parts, func(s string) bool { return strings.HasPrefix(s, c.of) })
			parts[i] += fmt.Sprintf(" (%s %s)", c.name, percent(c.gap.Ns, p.r.Time.IdleNs))
		default:
			parts = append(parts, fmt.Sprintf("%s %s", c.name, percent(c.gap.Ns, p.r.Time.IdleNs)))
		}
	}
	idle := s.longestWords(len(p.r.Ranks))
	if idle != "" {
		idle = "; " + idle
	}
	for _, l := range clip(p.aside(func(q *page) {
		q.wrapped("  ", "  ", "idle for: "+strings.Join(parts, ", ")+mark(p.notices, "idle")+idle, dim)
	}), 2, p.width) {
		p.line(l)
	}
}

// rankLines compares ranks in a line or two.
func (p *page) rankLines() {
	if text := rankWordsCompared(p.r); text != "" {
		p.wrapped("  ", "  ", text, dim)
	}
}

// rankWordsCompared says which ranks work most and least, and which one the others wait for.
func rankWordsCompared(r *analyze.Result) string {
	if len(r.Ranks) < 2 {
		return ""
	}
	type one struct {
		rank       int
		busy, wait int64
	}
	var all []one
	for _, k := range r.Ranks {
		o := one{rank: k.Rank, wait: waiting(k.Collectives)}
		for _, t := range k.Time {
			o.busy += t.BusyNs - t.ExposedCommNs
		}
		all = append(all, o)
	}
	byBusy := func(a, b one) int { return compare64(a.busy, b.busy) }
	least, most := slices.MinFunc(all, byBusy), slices.MaxFunc(all, byBusy)
	text := fmt.Sprintf("by rank: work %s (rank %d) to %s (rank %d)", plain(least.busy), least.rank, plain(most.busy), most.rank)
	if least.busy == most.busy {
		text = "by rank: work " + plain(most.busy) + " on each"
	}
	byWait := func(a, b one) int { return compare64(a.wait, b.wait) }
	first, last := slices.MinFunc(all, byWait), slices.MaxFunc(all, byWait)
	if first.wait >= 0 && last.wait > 0 {
		text += fmt.Sprintf(", wait %s (rank %d) to %s (rank %d)", plain(first.wait), first.rank, plain(last.wait), last.rank)
	}
	return text
}

func compare64(a, b int64) int { return int(min(1, max(-1, a-b))) }
