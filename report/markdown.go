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

// Markdown is for a pull request, an issue or a wiki: GitHub's dialect, whose tables other tools know too. Long tables are
// folded, and unless everything is asked for, a document is as long as a reader of a pull request still reads.

// Rows of tables that stand open, and findings that are shown without Options.Full.
const (
	markdownRows     = 8
	markdownFindings = 5
)

// Markdown writes a result.
func Markdown(w io.Writer, r *analyze.Result, o Options) error {
	var d *Document
	var err error
	switch {
	case o.By != "":
		o.Full = true
		d, err = documentOf(r, o.By, o.Top)
	case o.Full:
		d = NewDocument(r)
	default:
		d = shortDocument(r, func(e *entry) bool {
			return e.inShort != 0 && (e.name != "op" || r.Kind == analyze.KindCPU) || e.name == "finding"
		})
	}
	if err != nil {
		return err
	}
	return writeMarkdown(w, d, o)
}

func writeMarkdown(w io.Writer, d *Document, o Options) error {
	m := &markdown{d: d, o: o}
	m.document()
	if _, err := w.Write(bytes.TrimLeft(m.out.Bytes(), "\n")); err != nil {
		return fmt.Errorf("write report as Markdown: %w", err)
	}
	return nil
}

type markdown struct {
	d   *Document
	o   Options
	out bytes.Buffer
}

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.out, format+"\n", args...) }

// mdEscaper escapes what Markdown would read as markup.
var mdEscaper = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "|", `\|`, "#", `\#`,
	"~", `\~`, "\n", " ", "\r", " ")

func mdText(s string) string { return mdEscaper.Replace(s) }

// mdCode writes a name as code. Between as many backticks as do not occur in it, anything goes but the bar of a table.
func mdCode(s string) string {
	s = strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ").Replace(s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 || strings.HasPrefix(s, " ") {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

// markdownSigns are how answers of each kind begin.
var markdownSigns = map[AnswerKind]string{
	AnswerSame: "= ", AnswerBetter: "🔻 ", AnswerWorse: "🔺 ", AnswerUnknown: "❔ ", AnswerPassed: "✅ ", AnswerFailed: "❌ ", AnswerUndecided: "⚠️ ",
}

// markdownTones are how notices of each tone begin.
var markdownTones = map[Tone]string{ToneFine: "✓ ", ToneWarning: "⚠ ", ToneError: "✗ "}

func (m *markdown) document() {
	d := m.d
	switch {
	case d.listed: // a comment among others says whose it is
		m.line("### inferprof: %s\n", mdText(d.Title))
	case d.Title != "":
		m.line("### %s\n", mdText(d.Title))
	}
	switch facts := d.facts(); {
	case len(facts) > 0 && d.listed:
		for _, f := range facts {
			m.line("- %s", mdText(f))
		}
		m.line("")
	case len(facts) > 0:
		m.line("%s\n", mdText(strings.Join(facts, " · ")))
	}
	m.notices(d.Notices)
	m.answers()
	m.figures()
	for _, s := range d.Sections {
		m.section(s)
	}
}

// notices say what not to believe, before anything else.
func (m *markdown) notices(all []Notice) {
	for i := range all {
		n := &all[i]
		label := n.Label
		if n.Number > 0 {
			label += fmt.Sprintf(" †%d", n.Number)
		}
		m.line("> %s**%s:** %s  ", markdownTones[n.Tone], mdText(label), mdText(n.text(n.Said)))
	}
	if len(all) > 0 {
		m.line("")
	}
}

func (m *markdown) answers() {
	all := m.d.Verdict
	switch {
	case len(all) == 0:
		return
	case all[0].Kind == AnswerPlain:
		m.line("**%s**", mdText(m.d.joined(all)))
	default:
		for _, a := range all {
			m.line("- %s%s", markdownSigns[a.Kind], mdText(m.d.text(a.Said)))
		}
	}
	m.line("")
}

func (m *markdown) figures() {
	if len(m.d.Figures) == 0 {
		return
	}
	m.line("| | | |\n| :-- | --: | :-- |")
	for _, f := range m.d.Figures {
		m.line("| %s | %s | %s |", mdText(f.Label), mdText(f.Value+f.Mark), mdText(m.d.text(f.Note)))
	}
	m.line("")
}

// section writes a section. Of one with several tables the first stands open, and each other that is long behind its own title.
func (m *markdown) section(s *Section) {
	tables := 0
	for _, b := range s.Blocks {
		if _, ok := b.(*dataTable); ok {
			tables++
		}
	}
	folded := false
	if tables == 1 {
		for _, b := range s.Blocks {
			if d, ok := b.(*dataTable); ok {
				folded = m.folds(d)
			}
		}
	}
	m.begin(s.Title, s.Mark, s.Note, folded)
	for i, b := range s.Blocks {
		d, ok := b.(*dataTable)
		if !ok || i == 0 || d.title == s.Title {
			m.block(b)
			continue
		}
		m.begin(d.title, "", d.note, m.o.By == "")
		m.block(b)
		m.end(m.o.By == "")
	}
	m.end(folded)
}

// begin writes a title, of something behind it if that is folded.
func (m *markdown) begin(title, mark, note string, folded bool) {
	if note != "" {
		note = ", " + mdText(note)
	}
	if folded {
		m.line("<details><summary><b>%s</b>%s%s</summary>\n", mdText(title), mark, note)
	} else {
		m.line("**%s**%s%s\n", mdText(title), mark, note)
	}
}

func (m *markdown) end(folded bool) {
	if folded {
		m.line("</details>\n")
	}
}

// folds tells whether a table is so long, or of so long names, that it stands behind its title.
func (m *markdown) folds(d *dataTable) bool {
	return m.o.By == "" && (m.shown(d) > markdownRows && d.bars == nil || d.hasNames())
}

// hasNames tells whether a table names kernels or ops.
func (d *dataTable) hasNames() bool {
	for _, c := range d.cols {
		if c.head != "" && (c.unit == unitKernel || c.unit == unitOp) {
			return true
		}
	}
	return false
}

func (m *markdown) block(b Block) {
	switch b := b.(type) {
	case *dataTable:
		m.table(b)
	case paragraph:
		m.line("%s%s.\n", markdownTones[b.tone], mdText(upper(m.d.text(b.said))))
	case findingList:
		m.findings(b)
	case []Notice:
		m.notices(b)
	}
}

func (m *markdown) findings(all findingList) {
	shown := len(all)
	if !m.o.Full {
		shown = min(shown, markdownFindings)
	}
	for i, f := range all[:shown] {
		m.line("%d. **%s**%s%s%s: %s  ", i+1, f.severity, mdText(joinedWith("", choose(f.stake == "", "", ", "), f.stake)), f.mark,
			choose(f.inferred, " *(inferred)*", ""), mdText(f.sentence))
		if m.o.Full {
			var facts []string
			for _, e := range f.evidence {
				facts = append(facts, e.label+" "+e.value)
			}
			m.line("   *Evidence:* %s  ", mdText(strings.Join(facts, " · ")))
			if n := min(eventsShown, len(f.lookAt)); n > 0 {
				m.line("   *Look at:* %s  ", mdText(strings.Join(f.lookAt[:n], "; ")))
			}
		}
		m.line("   *Try:* %s", mdText(f.try))
	}
	if n := len(all) - shown; n > 0 {
		m.line("\n… %s more", words.Counted(n, "finding"))
	}
	m.line("")
}

// shown is how many rows of a table are shown.
func (m *markdown) shown(d *dataTable) int {
	if m.o.Full || d.short == 0 {
		return len(d.rows)
	}
	return min(d.short, len(d.rows))
}

func (m *markdown) table(d *dataTable) {
	columns := d.shown()
	head, rule := "|", "|"
	for _, i := range columns {
		head += " " + mdText(d.cols[i].head) + " |"
		rule += choose(d.cols[i].unit.isNumber(), " --: |", " :-- |")
	}
	if d.bars != nil {
		head, rule = head+" |", rule+" :-- |"
	}
	m.line("%s\n%s", head, rule)
	shown := m.shown(d)
	for n, row := range d.rows[:shown] {
		m.out.WriteString("|")
		for _, i := range columns {
			m.out.WriteString(" " + mdCell(d, i, row[i]) + " |")
		}
		if d.bars != nil {
			m.out.WriteString(" " + d.bars.text(n, 24) + " |")
		}
		m.line("")
	}
	if hidden := len(d.rows) - shown; hidden > 0 {
		m.line("\n… %s more", words.Counted(hidden, cmp.Or(d.noun, "row")))
	}
	m.line("")
}

// mdCell writes a cell: names as code, all else as text.
func mdCell(d *dataTable, column int, v any) string {
	u := d.cols[column].unit
	cell := u.format(v)
	name, _ := v.(longName)
	switch {
	case v == nil || cell == "":
		return mdText(cell)
	case name.instead != "":
		return mdCode(cell) + " in place of " + mdCode(name.instead)
	case u == unitKernel, u == unitOp, u == unitShape, u == unitName:
		return mdCode(cell)
	}
	return mdText(cell)
}

// upper begins a sentence.
func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
