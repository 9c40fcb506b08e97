package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// The text form is one screen (brief.go), or, with Options.Full, everything, in the document's order.

// Text writes a result for people.
func Text(w io.Writer, r *analyze.Result, o Options) error {
	p := newPage(o)
	if o.Full {
		p.d = NewDocument(r)
		p.all()
	} else {
		p.d = shortDocument(r, (*entry).isBrief)
		p.brief(r)
	}
	return p.write(w)
}

// newPage begins a page.
func newPage(o Options) *page {
	if o.Width == 0 {
		o.Width = 100
	}
	return &page{o: o, width: max(o.Width, 80)}
}

// page is a document being written.
type page struct {
	o     Options
	d     *Document
	width int
	rows  int // of each table; 0: as many as the table itself thinks right
	out   bytes.Buffer
}

// write hands over what was written.
func (p *page) write(w io.Writer) error {
	if _, err := w.Write(bytes.TrimPrefix(p.out.Bytes(), []byte("\n"))); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Colours, as ANSI codes.
const (
	bold    = "1"
	dim     = "2"
	red     = "31"
	green   = "32"
	yellow  = "33"
	blue    = "34"
	magenta = "35"
)

func (p *page) paint(code, s string) string {
	if !p.o.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *page) line(s string) { p.out.WriteString(strings.TrimRight(s, " ") + "\n") }

// all writes the whole document.
func (p *page) all() {
	p.header()
	p.notices(p.d.Notices)
	p.answers()
	p.figures()
	for _, s := range p.d.Sections {
		p.section(s)
	}
}

func (p *page) header() {
	p.wrapped("", "", p.d.Title, bold)
	if !p.d.listed {
		p.wrapped("", "", strings.Join(p.d.facts(), " · "), "")
		return
	}
	for _, f := range p.d.facts() {
		p.wrapped("", "  ", f, dim)
	}
}

// tones are how notices and remarks of each tone begin, and their colour.
var tones = map[Tone]struct{ sign, color string }{
	ToneFine: {"✓ ", green}, ToneNote: {"· ", dim}, ToneWarning: {"! ", yellow}, ToneError: {"✗ ", red},
}

func (p *page) notices(all []Notice) {
	if len(all) > 0 {
		p.line("")
	}
	for i := range all {
		p.notice(&all[i], all[i].Said)
	}
}

// notice writes a notice, behind the mark of the numbers that it makes untrue.
func (p *page) notice(n *Notice, said words.Message) {
	tone := tones[n.Tone]
	first := tone.sign
	switch {
	case n.Number > 0:
		first += fmt.Sprintf("†%d ", n.Number)
	case n.Tone == ToneFine: // which says of what
		first += strings.ToLower(n.Label) + ": "
	}
	p.wrapped(first, "  ", n.text(said), tone.color)
}

// text is what a notice says, and of whom.
func (n *Notice) text(said words.Message) string {
	if n.Who != "" {
		return n.Who + ": " + said.Text()
	}
	return said.Text()
}

// kinds are how answers of each kind begin, and their colour.
var kinds = map[AnswerKind]struct{ sign, color string }{
	AnswerSame: {"= ", ""}, AnswerBetter: {"▼ ", green}, AnswerWorse: {"▲ ", red}, AnswerUnknown: {"? ", yellow}, AnswerPassed: {"✓ ", green},
	AnswerFailed: {"✗ ", red}, AnswerUndecided: {"? ", yellow}, AnswerNote: {"· ", dim},
}

// answers writes the verdict: sentences without a kind as one paragraph.
func (p *page) answers() {
	if len(p.d.Verdict) == 0 {
		return
	}
	p.line("")
	if p.d.Verdict[0].Kind == AnswerPlain {
		p.wrapped("", "", p.d.joined(p.d.Verdict), bold)
		return
	}
	for _, a := range p.d.Verdict {
		kind := kinds[a.Kind]
		p.wrapped(kind.sign, "  ", p.d.text(a.Said), kind.color)
	}
}

// figures writes the key numbers.
func (p *page) figures() {
	if len(p.d.Figures) == 0 {
		return
	}
	p.title("Key figures", "", "")
	label, value := 0, 0
	for _, f := range p.d.Figures {
		label, value = max(label, columns(f.Label)), max(value, columns(f.Value+f.Mark))
	}
	for _, f := range p.d.Figures {
		first := "  " + f.Label + strings.Repeat(" ", label-columns(f.Label)) + strings.Repeat(" ", 2+value-columns(f.Value+f.Mark)) + f.Value + f.Mark + "  "
		p.wrapped(first, strings.Repeat(" ", columns(first)), p.d.text(f.Note), "")
	}
}

// title begins a section: a title on the left, with the mark of its numbers, what they are on the right.
func (p *page) title(title, note, mark string) {
	title = strings.ToUpper(title)
	if mark != "" {
		title += " " + mark
	}
	p.line("")
	gap := p.width - columns(title) - columns(note)
	if gap < 2 {
		p.line(p.paint(bold, title))
		p.wrapped("  ", "  ", note, dim)
		return
	}
	p.line(p.paint(bold, title) + strings.Repeat(" ", gap) + p.paint(dim, note))
}

func (p *page) section(s *Section) {
	p.title(s.Title, s.Note, s.Mark)
	for i, b := range s.Blocks {
		if d, ok := b.(*dataTable); ok && i > 0 && d.title != s.Title {
			p.line("")
			p.wrapped("  ", "  ", joinedWith(": ", d.title, d.note), dim)
		}
		p.block(b)
	}
}

// joinedWith joins two texts, if both are there.
func joinedWith(between, a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + between + b
}

func (p *page) block(b Block) {
	switch b := b.(type) {
	case *dataTable:
		p.table(b)
	case paragraph:
		if b.tone >= ToneWarning {
			p.wrapped("  "+tones[b.tone].sign, "    ", p.d.text(b.said), tones[b.tone].color)
		} else {
			p.wrapped("  ", "  ", p.d.text(b.said), dim)
		}
	case findingList:
		for i := range b {
			p.finding(&b[i])
			p.evidence(&b[i])
		}
	case []Notice:
		for i := range b {
			p.notice(&b[i], b[i].Said)
		}
	case sparkline:
		p.sparkline(b, "")
	}
}

// sparkline draws values, with a text beside them.
func (p *page) sparkline(line sparkline, beside string) {
	if beside != "" {
		beside = "  " + beside
	}
	p.line("  " + p.paint(green, draw(line.values, p.width-4-columns(beside))) + p.paint(dim, beside))
}

// finding writes what is at stake and what a finding says.
func (p *page) finding(f *finding) {
	sign, color := "· ", dim
	switch f.severity {
	case analyze.SeverityHigh:
		sign, color = "▲ ", red
	case analyze.SeverityMedium:
		sign, color = "! ", yellow
	}
	lead := joinedWith("", f.stake, f.mark)
	if f.stake != "" {
		lead += ":"
	}
	if f.inferred {
		lead = strings.TrimSpace(lead + " (inferred)")
	}
	p.wrapped("  "+sign, "    ", joinedWith(" ", lead, f.sentence), color)
}

// evidence writes the numbers that show a finding, what to try and where to look.
func (p *page) evidence(f *finding) {
	var shown []string
	for _, e := range f.evidence {
		shown = append(shown, e.label+" "+e.value)
	}
	p.wrapped("      ", "      ", strings.Join(shown, " · "), dim)
	p.wrapped("      try: ", "      ", f.try, "")
	if len(f.lookAt) > 0 {
		p.wrapped("      look at: ", "      ", strings.Join(f.lookAt[:min(eventsShown, len(f.lookAt))], "; "), dim)
	}
}

// eventsShown is how many places a finding points at.
const eventsShown = 4

// table writes a table under a section, indented by two, and says what of it there was no room for.
func (p *page) table(d *dataTable) {
	shown := len(d.rows)
	if most := d.short; !p.o.Full {
		if p.rows > 0 {
			most = p.rows
		}
		if most > 0 && shown > most+1 { // one more row takes no more room than saying that it is left out
			shown = most
		}
	}
	t, under := d.text(shown)
	head, rows := t.lines(p.width - 2)
	drawn := p.drawn(d, append([]string{head}, rows...))
	if !d.bare {
		p.line("  " + p.paint(dim, head))
	}
	for i, r := range rows {
		p.line("  " + r + drawn(i))
		for _, l := range t.below[i] {
			p.line("  " + l)
		}
		if under[i] != "" {
			p.wrapped("      ", "      ", under[i], dim)
		}
	}
	if p.o.Full {
		if same := t.constant(); len(same) > 0 {
			p.wrapped("  ", "  ", "in all rows: "+strings.Join(same, ", "), dim)
		}
	}
	switch {
	case len(t.left) == 0 || !p.o.Full:
	case len(d.rows) <= mostTwice:
		p.table(d.only(t.left))
	default:
		p.wrapped("  ", "  ", "no room for: "+strings.Join(t.left, ", ")+" (--format csv or html)", dim)
	}
	if hidden := len(d.rows) - shown; hidden > 0 {
		text := "… " + words.Counted(hidden, cmp.Or(d.noun, "row")) + " more"
		if ns := d.rest(shown); ns > 0 {
			text += ", " + words.Duration(ns)
		}
		p.wrapped("  ", "  ", text, dim)
	}
}

// mostTwice is how many rows of a table are written again with the columns that there was no room for.
const mostTwice = 20

// leastBar and mostBar bound the width of a table's bars.
const leastBar, mostBar = 8, 44

// drawn makes the bars of a table's rows, in what its lines leave of the page.
func (p *page) drawn(d *dataTable, lines []string) func(row int) string {
	widest := 0
	for _, l := range lines {
		widest = max(widest, columns(l))
	}
	width := min(mostBar, p.width-4-widest)
	if d.bars == nil || width < leastBar {
		return func(int) string { return "" }
	}
	return func(row int) string {
		return strings.Repeat(" ", widest+2-columns(lines[row+1])) + p.paint(barColors[d.bars.spans[row].class], d.bars.text(row, width))
	}
}

// barColors are the colours of bars in text.
var barColors = map[string]string{"s-blue": blue, "s-magenta": magenta, "s-yellow": yellow, "s-red": red, "s-green": green, "s-teal": green, "s-orange": yellow}

// wrapped writes words that may need more than one line.
func (p *page) wrapped(first, rest, text, color string) {
	for _, line := range wrap(first, rest, text, p.width) {
		p.line(p.paint(color, line))
	}
}

// wrap breaks words into lines, one at least; a word that is wider than a line goes on in the next.
func wrap(first, rest, text string, width int) (lines []string) {
	room := func(line string) int { return max(1, width-columns(line)) } // so that it ends
	line := first
	for i, word := range fields(text) {
		if i > 0 {
			if columns(line)+1+columns(word) > width {
				lines = append(lines, line)
				line = rest
			} else {
				line += " "
			}
		}
		letters := []rune(word)
		for ; len(letters) > room(line); line = rest {
			lines = append(lines, line+string(letters[:room(line)]))
			letters = letters[room(line):]
		}
		line += string(letters)
	}
	return append(lines, line)
}

// fields are the words of a text; a number and its unit are one.
func fields(text string) []string {
	var out []string
	for word := range strings.FieldsSeq(text) {
		n := len(out)
		if n > 0 && unitWords[strings.Trim(word, "(),.;:")] && out[n-1][len(out[n-1])-1] >= '0' && out[n-1][len(out[n-1])-1] <= '9' {
			out[n-1] += " " + word
			continue
		}
		out = append(out, word)
	}
	return out
}

var unitWords = map[string]bool{"%": true, "ns": true, "µs": true, "ms": true, "s": true, "B": true, "kB": true, "MB": true, "GB": true, "TB": true,
	"KiB": true, "MiB": true, "GiB": true, "TiB": true, "GB/s": true, "TB/s": true}
