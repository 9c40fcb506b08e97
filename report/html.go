package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// Pages are one file: the style sheet, the script and the charts stand in it, and its own content-security policy
// forbids it to load anything, and to run any script but this one, whose hash it names. A page reads without script:
// sorting, filtering and what is shown on pointing at a mark come on top.

//go:embed assets/page.html
var pageText string

//go:embed assets/report.css
var pageStyle string

//go:embed assets/report.js
var pageScript string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// HTML writes a result as one page that needs nothing else: charts of what matters, and every table behind them.
func HTML(w io.Writer, r *analyze.Result, _ Options) error {
	return writePage(w, NewDocument(r), "inferprof report PATH")
}

// htmlPage is a document being written as a page.
type htmlPage struct {
	d       *Document
	command string // that has all rows of a table, with --format csv
}

// htmlSection is a section of a page, which the page's navigation names.
type htmlSection struct {
	ID, Title, Note string
	Mark            template.HTML // beside the title
	Body            template.HTML
	Bare            bool // without a frame around it
	Half            bool // shares a line with its neighbour, where there is room
}

// writePage writes a document as a page, in one piece. command is the command line that has its tables.
func writePage(w io.Writer, d *Document, command string) error {
	p := &htmlPage{d, command}
	var facts []string
	for _, f := range d.Facts {
		facts = append(facts, d.text(f))
	}
	hash := sha256.Sum256([]byte(pageScript))
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, struct {
		Title         string
		Facts, Footer []string
		Sections      []htmlSection
		Style         template.CSS
		Script        template.JS
		ScriptHash    string
	}{d.Title, facts, d.Footer, p.sections(), template.CSS(pageStyle), template.JS(pageScript), base64.StdEncoding.EncodeToString(hash[:])})
	if err == nil {
		_, err = w.Write(out.Bytes())
	}
	if err != nil {
		return fmt.Errorf("write report as HTML: %w", err)
	}
	return nil
}

// sections are the document's, and before them what it begins with. Those that are wanted less often stand behind their titles,
// together, at the end.
func (p *htmlPage) sections() []htmlSection {
	var out []htmlSection
	add := func(s htmlSection) {
		if s.Body != "" {
			out = append(out, s)
		}
	}
	add(htmlSection{ID: "integrity", Title: "Integrity", Note: "what not to believe, before anything else", Body: p.notices(p.d.Notices)})
	add(htmlSection{ID: "verdict", Bare: true, Body: p.answers()})
	add(htmlSection{ID: "figures", Bare: true, Body: p.figures()})
	var more markup
	for _, s := range p.d.Sections {
		body := p.blocks(s)
		if s.folded {
			more.add("%s", details(s.Title, s.Note, htmlMark(s.Mark), body))
			continue
		}
		add(htmlSection{ID: s.ID, Title: s.Title, Note: s.Note, Mark: htmlMark(s.Mark), Body: body, Half: s.half})
	}
	add(htmlSection{ID: "more", Title: "More tables", Body: more.html()})
	return out
}

// htmlMark links the mark of numbers to the problem that it stands for.
func htmlMark(text string) template.HTML {
	if text == "" {
		return ""
	}
	var m markup
	m.add(`<a class="mark" href="#integrity" title="depends on what integrity says is missing or untrue">%s</a>`, text)
	return m.html()
}

// marksIn finds marks in a sentence.
var marksIn = regexp.MustCompile(`†\d+(,\d+)*`)

// sentence is a message with its marks as links.
func (p *htmlPage) sentence(said words.Message) template.HTML {
	var m markup
	for text := p.d.text(said); text != ""; {
		at := marksIn.FindStringIndex(text)
		if at == nil {
			at = []int{len(text), len(text)}
		}
		m.add(`%s%s`, text[:at[0]], htmlMark(text[at[0]:at[1]]))
		text = text[at[1]:]
	}
	return m.html()
}

// toneClasses are the style sheet's classes of tones.
var toneClasses = map[Tone]string{ToneFine: "fine", ToneNote: "note", ToneWarning: "warning", ToneError: "error"}

func (p *htmlPage) notices(all []Notice) template.HTML {
	if len(all) == 0 {
		return ""
	}
	var m markup
	m.add(`<ul class="problems">`)
	for i := range all {
		n := &all[i]
		m.add(`<li class="%s"><b>%s`, toneClasses[n.Tone], strings.TrimPrefix(tones[n.Tone].sign, "· ")+n.Label)
		if n.Number > 0 {
			m.add(` <span class="mark">†%d</span>`, n.Number)
		}
		m.add(`</b><span>`)
		if n.Who != "" {
			m.add(`<span class="where">%s: </span>`, n.Who)
		}
		m.add(`%s</span></li>`, n.Said.Text())
	}
	m.add(`</ul>`)
	return m.html()
}

func (p *htmlPage) answers() template.HTML {
	var m markup
	all := p.d.Verdict
	switch {
	case len(all) == 0:
		return ""
	case all[0].Kind == AnswerPlain:
		m.add(`<p class="verdict">`)
		for i, a := range all {
			m.add(`%s%s`, choose(i > 0, " ", ""), p.sentence(a.Said))
		}
		m.add(`</p>`)
	default:
		for _, a := range all {
			m.add(`<p class="%s">%s%s</p>`, choose(a.Kind == AnswerNote, "note", "verdict"), kinds[a.Kind].sign, p.sentence(a.Said))
		}
	}
	return m.html()
}

// tilesInRow is how many figures stand side by side at most.
const tilesInRow = 5

func (p *htmlPage) figures() template.HTML {
	all := p.d.Figures
	if len(all) == 0 {
		return ""
	}
	var m markup
	lines := (len(all) + tilesInRow - 1) / tilesInRow // as few as can be, as long as each other
	m.add(`<dl class="tiles" style="--row: %d">`, (len(all)+lines-1)/lines)
	for _, f := range all {
		m.add(`<div class="tile"><dt>%s</dt><dd>%s%s</dd><dd>%s</dd></div>`, f.Label, f.Value, htmlMark(f.Mark), p.sentence(f.Note))
	}
	m.add(`</dl>`)
	return m.html()
}

// blocks are the parts of a section.
func (p *htmlPage) blocks(s *Section) template.HTML {
	var m markup
	for i, b := range s.Blocks {
		switch b := b.(type) {
		case *dataTable:
			table := p.table(b)
			switch {
			case b.folded:
				m.add("%s", details(choose(b.title == s.Title, "All of the table", b.title), choose(b.title == s.Title, words.Counted(len(b.rows), cmp.Or(b.noun, "row")), b.note), "", table))
			case i > 0 && b.title != s.Title:
				m.add(`<h3>%s</h3><p class="note">%s</p>%s`, b.title, b.note, table)
			default:
				m.add("%s", table)
			}
		case paragraph:
			if b.tone >= ToneWarning {
				m.add("%s", p.notices([]Notice{{Tone: b.tone, Said: b.said}}))
			} else {
				m.add(`<p class="more">%s</p>`, p.sentence(b.said))
			}
		case findingList:
			m.add("%s", p.findings(b))
		case []Notice:
			m.add("%s", p.notices(b))
		case chart:
			if b.draw == nil {
				continue
			}
			if b.title != "" {
				m.add(`<h3>%s</h3>`, b.title)
			}
			m.add("%s", b.draw())
		}
	}
	return m.html()
}

func (p *htmlPage) findings(all findingList) template.HTML {
	var m markup
	for _, f := range all {
		m.add(`<article class="finding %s"><span class="badge sev">%s</span>`, f.severity, f.severity)
		if f.inferred {
			m.add(`<span class="badge">inferred</span>`)
		}
		if f.stake != "" {
			m.add(`<span class="stake">%s at stake</span>`, f.stake)
		}
		m.add(`<p class="sentence">%s%s</p><ul class="evidence">`, f.sentence, htmlMark(f.mark))
		for _, e := range f.evidence {
			m.add(`<li>%s <b>%s</b></li>`, e.label, e.value)
		}
		m.add(`</ul><p class="try"><b>Try:</b> %s</p>`, f.try)
		if n := min(eventsShown, len(f.lookAt)); n > 0 {
			m.add(`<p class="note events">Look at: %s</p>`, strings.Join(f.lookAt[:n], "; "))
		}
		m.add(`</article>`)
	}
	return m.html()
}

// Rows of a table in a page: so many are shown at first, and so many are there at all.
const (
	htmlRowsShown = 15
	htmlRowsMost  = 300
)

// table writes a table that its reader can sort and search, with its bars.
func (p *htmlPage) table(d *dataTable) template.HTML {
	if len(d.rows) == 0 {
		return ""
	}
	shown, rows := d.shown(), d.rows[:min(htmlRowsMost, len(d.rows))]
	var m markup
	m.add(`<div class="table"%s><table><thead><tr>`, template.HTML(choose(len(rows) > htmlRowsShown+3, fmt.Sprintf(` data-brief="%d"`, htmlRowsShown), "")))
	for _, i := range shown {
		c := d.cols[i]
		m.add(`<th scope="col"%s>%s</th>`, template.HTML(choose(c.unit.isNumber(), ` class="n"`, "")), c.head)
	}
	if d.bars != nil {
		m.add(`<th class="bar" aria-hidden="true"></th>`)
	}
	m.add(`</tr></thead><tbody>`)
	for n, row := range rows {
		m.add(`<tr>`)
		for _, i := range shown {
			htmlCell(&m, d.cols[i].unit, row[i])
		}
		if d.bars != nil {
			m.add("%s", d.bars.html(n))
		}
		m.add("</tr>\n")
	}
	m.add(`</tbody></table></div>`)
	if hidden := len(d.rows) - len(rows); hidden > 0 {
		m.add(`<p class="more">%s more: <code>%s --format csv</code></p>`, words.Counted(hidden, cmp.Or(d.noun, "row")), p.command+choose(d.name == "", "", " --by "+d.name))
	}
	return m.html()
}

// html is a bar as a cell.
func (b *bars) html(row int) template.HTML {
	s := b.spans[row]
	from, to := 100*b.at(min(s.from, s.to)), 100*b.at(max(s.from, s.to))
	var m markup
	m.add(`<td class="bar" aria-hidden="true"><svg height="14">`)
	if s.from != s.to {
		m.add(`<rect class="%s" x="%v%%" width="%v%%" height="14"/>`, s.class, from, max(0.15, to-from))
	}
	m.add(`</svg></td>`)
	return m.html()
}

// longestTitle bounds the full names that cells show when pointed at.
const longestTitle = 400

func htmlCell(m *markup, u unit, v any) {
	text := u.format(v)
	class, full, below := "", "", ""
	switch v := v.(type) {
	case int64:
		m.add(`<td class="n" data-v="%d">%s</td>`, v, text)
		return
	case float64:
		m.add(`<td class="n" data-v="%v">%s</td>`, v, text)
		return
	case measured:
		m.add(`<td class="n" data-v="%v">%s</td>`, v.value, text)
		return
	case nil:
		m.add(`<td%s>%s</td>`, template.HTML(choose(u.isNumber(), ` class="n"`, "")), text)
		return
	case string:
		full = v
	case longName:
		full, below = v.full, v.instead
	}
	switch u {
	case unitKernel, unitOp, unitName:
		class = ` class="name"`
	case unitText:
		class = ` class="text"`
	}
	title := ""
	if full != text && slices.Contains([]unit{unitKernel, unitOp, unitShape}, u) {
		if r := []rune(full); len(r) > longestTitle {
			full = string(r[:longestTitle]) + "…"
		}
		var t markup
		t.add(` title="%s"`, full)
		title = string(t.html())
	}
	m.add(`<td%s%s>%s`, template.HTML(class), template.HTML(title), text)
	if below != "" {
		m.add(`<br/><small>in place of %s</small>`, below)
	}
	m.add(`</td>`)
}

// details hides markup that is wanted less often behind its title.
func details(title, note string, mark, body template.HTML) template.HTML {
	if body == "" {
		return ""
	}
	var m markup
	m.add(`<details><summary>%s%s <span class="note">%s</span></summary>%s</details>`, title, mark, note, body)
	return m.html()
}
