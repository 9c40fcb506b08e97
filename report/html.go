package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
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

// htmlPage is a page: what it is about, and its sections.
type htmlPage struct {
	title    string
	facts    []string // of what it is about, under the title
	sections []htmlSection
	footer   []string
}

// htmlSection is a section of a page, which the page's navigation names. One without a body is left out.
type htmlSection struct {
	ID, Title, Note string
	Mark            template.HTML // beside the title
	Body            template.HTML
	Bare            bool // without a frame around it
	Half            bool // shares a line with its neighbour, where there is room
}

func (p *htmlPage) add(s htmlSection) {
	if s.Body != "" {
		p.sections = append(p.sections, s)
	}
}

// write writes the page in one piece.
func (p *htmlPage) write(w io.Writer) error {
	hash := sha256.Sum256([]byte(pageScript))
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, struct {
		Title         string
		Facts, Footer []string
		Sections      []htmlSection
		Style         template.CSS
		Script        template.JS
		ScriptHash    string
	}{p.title, p.facts, p.footer, p.sections, template.CSS(pageStyle), template.JS(pageScript), base64.StdEncoding.EncodeToString(hash[:])})
	if err == nil {
		_, err = w.Write(out.Bytes())
	}
	if err != nil {
		return fmt.Errorf("write report as HTML: %w", err)
	}
	return nil
}

// Rows of a table in a page: so many are shown at first, and so many are there at all.
const (
	htmlRowsShown = 15
	htmlRowsMost  = 300
)

// htmlTable writes a table that its reader can sort and search. whole says how to get all of it if there are more rows
// than a page takes.
func htmlTable(d *dataTable, whole string) template.HTML {
	if len(d.rows) == 0 {
		return ""
	}
	shown, rows := d.shown(), d.rows
	if len(rows) > htmlRowsMost {
		rows = rows[:htmlRowsMost]
	}
	var m markup
	m.add(`<div class="table"%s><table><thead><tr>`, template.HTML(choose(len(rows) > htmlRowsShown+3, fmt.Sprintf(` data-brief="%d"`, htmlRowsShown), "")))
	for _, i := range shown {
		c := d.cols[i]
		m.add(`<th scope="col"%s>%s</th>`, template.HTML(choose(c.unit.isNumber(), ` class="n"`, "")), c.head)
	}
	m.add(`</tr></thead><tbody>`)
	for _, row := range rows {
		m.add(`<tr>`)
		for _, i := range shown {
			htmlCell(&m, d.cols[i].unit, row[i])
		}
		m.add("</tr>\n")
	}
	m.add(`</tbody></table></div>`)
	if hidden := len(d.rows) - len(rows); hidden > 0 {
		m.add(`<p class="more">%s more rows: <code>%s</code></p>`, count(int64(hidden)), whole)
	}
	return m.html()
}

// longestTitle bounds the full names that cells show when pointed at.
const longestTitle = 400

func htmlCell(m *markup, u unit, v any) {
	text := u.format(v)
	if name, ok := v.(longName); ok {
		v = name.full
	}
	switch v := v.(type) {
	case nil:
		m.add(`<td%s>–</td>`, template.HTML(choose(u.isNumber(), ` class="n"`, "")))
	case string:
		class := ""
		if u == unitKernel || u == unitOp || u == unitName {
			class = ` class="name"`
		}
		full := ""
		if v != text && (u == unitKernel || u == unitOp || u == unitShape) {
			full = v
			if r := []rune(full); len(r) > longestTitle {
				full = string(r[:longestTitle]) + "…"
			}
		}
		if full != "" {
			m.add(`<td%s title="%s">%s</td>`, template.HTML(class), full, text)
			return
		}
		m.add(`<td%s>%s</td>`, template.HTML(class), text)
	case int64:
		m.add(`<td class="n" data-v="%d">%s</td>`, v, strings.TrimSpace(trimUnit(text)))
	case float64:
		m.add(`<td class="n" data-v="%v">%v</td>`, v, text)
	}
}

// details hides markup that is wanted less often behind its title.
func details(title, note string, body template.HTML) template.HTML {
	if body == "" {
		return ""
	}
	var m markup
	m.add(`<details><summary>%s <span class="note">%s</span></summary>%s</details>`, title, note, body)
	return m.html()
}
