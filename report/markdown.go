package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// Rows of tables in a Markdown report that is not full, which a reader of a pull request still reads.
const (
	markdownRows     = 8
	markdownFindings = 5
)

// Markdown writes a result for a pull request, an issue or a wiki: GitHub's dialect, whose tables other tools know too.
// Long tables are folded.
func Markdown(w io.Writer, r *analyze.Result, o Options) error {
	m := &markdown{r: r, o: o, notices: notices(r)}
	if o.By != "" {
		d, err := tableOf(r, o.By)
		if err != nil {
			return err
		}
		total := len(d.rows)
		d.top(o.Top)
		m.line("### %s", mdText(d.title))
		m.line("")
		if total == 0 {
			m.line("%s", mdText(upper(emptyWords(r, o.By))+"."))
		} else {
			m.table(&d, 0)
		}
		if hidden := total - len(d.rows); hidden > 0 {
			m.line("")
			m.line("… %s more", plural(hidden, "row"))
		}
	} else {
		m.report()
	}
	if _, err := w.Write(m.out.Bytes()); err != nil {
		return fmt.Errorf("write report as Markdown: %w", err)
	}
	return nil
}

type markdown struct {
	r       *analyze.Result
	o       Options
	notices []notice
	out     bytes.Buffer
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

func (m *markdown) report() {
	h := heading(m.r)
	m.line("### %s", mdText(h.title))
	m.line("")
	m.line("%s", mdText(words(h.facts...)))
	m.line("")
	m.integrity()
	if text := verdict(m.r); text != "" {
		m.line("**%s**", mdText(text))
		m.line("")
	}
	if all := figures(m.r); len(all) > 0 {
		head, rule, cells := "|", "|", "|"
		for _, f := range all {
			head += " " + mdText(f.label) + " |"
			rule += " ---: |"
			cells += " " + mdText(f.value+f.mark) + " |"
		}
		m.line("%s\n%s\n%s\n", head, rule, cells)
	}
	m.findings()
	if m.r.Kind == analyze.KindEmpty {
		return
	}
	m.time()
	for _, t := range tables {
		rows := map[string]int{"phase": -1, "category": markdownRows, "kernel": markdownRows, "op": markdownRows, "collective": markdownRows, "rank": 16}[t.name]
		if m.o.Full && t.name != "finding" && t.name != "time" {
			rows = -1
		}
		if t.name == "op" && m.r.Kind == analyze.KindGPU && !m.o.Full || t.name == "rank" && len(m.r.Ranks) < 2 {
			rows = 0
		}
		if d := t.of(m.r); rows != 0 && len(d.rows) > 0 {
			d.name = t.name
			m.folded(&d, rows)
			if t.name == "phase" {
				for _, text := range phaseRemarks(m.r) {
					m.line("%s.\n", mdText(upper(text)))
				}
			}
		}
	}
}

// integrity says what not to believe, before anything else.
func (m *markdown) integrity() {
	if len(m.notices) == 0 {
		m.line("> ✓ **Integrity:** %s.\n", mdText(sound(m.r)))
		return
	}
	for _, n := range m.notices {
		label := map[string]string{analyze.SeverityError: "✗ **Error", analyze.SeverityWarning: "⚠ **Warning", analyze.SeverityNote: "**Note"}[n.Severity]
		if n.number > 0 {
			label += fmt.Sprintf(" †%d", n.number)
		}
		text := n.Text
		if who := n.who(m.r); who != "" {
			text = who + ": " + text
		}
		m.line("> %s:** %s  ", label, mdText(text))
	}
	if text := Unchecked(m.r.Checks); text != "" {
		m.line("> %s", mdText(upper(text)))
	}
	m.line("")
}

func (m *markdown) findings() {
	all := m.r.Findings
	if len(all) == 0 {
		return
	}
	m.line("**Findings**, most time at stake first\n")
	shown := len(all)
	if !m.o.Full {
		shown = min(shown, markdownFindings)
	}
	for i, f := range all[:shown] {
		stake := ""
		if f.StakeNsPerStep > 0 {
			stake = ", " + stakeWords(m.r, &f)
		}
		stake += findingMark(notices(m.r), &f)
		m.line("%d. **%s**%s%s: %s  ", i+1, f.Severity, mdText(stake), choose(f.Inferred, " *(inferred)*", ""), mdText(f.Sentence))
		if m.o.Full {
			var facts []string
			for _, e := range f.Evidence {
				facts = append(facts, strings.ReplaceAll(e.Name, "_", " ")+" "+evidence(e))
			}
			m.line("   *Evidence:* %s  ", mdText(strings.Join(facts, " · ")))
		}
		m.line("   *Try:* %s", mdText(f.Try))
	}
	if n := len(all) - shown; n > 0 {
		m.line("\n… %s more", plural(n, "finding"))
	}
	m.line("")
}

func (m *markdown) time() {
	t := m.r.Time
	if t.TotalNs <= 0 {
		return
	}
	mark := mark(m.notices, "time")
	m.line("**Where the time went**%s, %s%s\n", mark, plain(perDevice(m.r, t.TotalNs)),
		choose(m.r.Devices > 1, fmt.Sprintf(", mean of %d %ss", m.r.Devices, choose(m.r.Kind == analyze.KindGPU, "device", "rank")), ""))
	m.line("| | time | share | |\n| :-- | --: | --: | :-- |")
	names := []string{"computation", "exposed communication", "exposed memory", idleWord(m.r)}
	for i, ns := range timeParts(&t) {
		if ns > 0 || i == 0 {
			m.line("| %s | %s%s | %s%s | %s |", names[i], plain(perDevice(m.r, ns)), mark, percent(ns, t.TotalNs), mark, bar(ns, t.TotalNs, 24))
		}
	}
	m.line("")
	if text := coreWords(m.r); text != "" {
		m.line("%s.\n", mdText(upper(text)))
	}
}

// folded writes a table behind its title, at most so many rows of it; below 0: all. Short ones stand open.
func (m *markdown) folded(d *dataTable, rows int) {
	title := "**" + mdText(d.title) + "**" + mark(m.notices, d.name)
	if d.note != "" {
		title += ", " + mdText(d.note)
	}
	fold := len(d.rows) > markdownRows && rows < 0 || d.name == "kernel" || d.name == "op"
	if fold {
		m.line("<details><summary>%s</summary>\n", strings.NewReplacer("**"+mdText(d.title)+"**", "<b>"+d.title+"</b>").Replace(title))
	} else {
		m.line("%s\n", title)
	}
	m.table(d, rows)
	if fold {
		m.line("\n</details>")
	}
	m.line("")
}

// table writes a table, at most so many rows of it; 0 and below: all.
func (m *markdown) table(d *dataTable, rows int) {
	shown := d.shown()
	head, rule := "|", "|"
	for _, i := range shown {
		head += " " + mdText(d.cols[i].head) + " |"
		rule += choose(d.cols[i].unit.isNumber(), " --: |", " :-- |")
	}
	m.line("%s\n%s", head, rule)
	hidden := 0
	for n, row := range d.rows {
		if rows > 0 && n >= rows {
			hidden = len(d.rows) - n
			break
		}
		m.out.WriteString("|")
		for _, i := range shown {
			u := d.cols[i].unit
			cell := strings.TrimSpace(trimUnit(u.format(row[i])))
			if row[i] != nil && cell != "" && (u == unitKernel || u == unitOp || u == unitName && d.name != "finding" || u == unitShape) {
				cell = mdCode(cell)
			} else {
				cell = mdText(cell)
			}
			m.out.WriteString(" " + cell + " |")
		}
		m.line("")
	}
	if hidden > 0 {
		m.line("\n… %s more", plural(hidden, "row"))
	}
}
