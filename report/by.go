package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// documentOf is a document of one table, at most top rows of it, and of the problems of what it shows; 0: all rows.
func documentOf(r *analyze.Result, name string, top int) (*Document, error) {
	e, err := entryOf(name)
	if err != nil {
		return nil, err
	}
	d := &Document{notices: notices(r)}
	some := *r
	if name == "finding" && top > 0 {
		some.Findings = r.Findings[:min(top, len(r.Findings))]
	}
	t := e.table(r)
	all := len(t.rows)
	t.top(top)
	s := &Section{ID: name, Title: t.title, Note: t.note, Mark: markOf(d.notices, e.parts...), Blocks: []Block{t}}
	if name == "finding" && all > 0 { // sentences fit no column
		s.Blocks[0] = findingsOf(&some, d.notices)
	}
	if all == 0 {
		s.Blocks = []Block{paragraph{said: e.why(r)}}
	}
	if hidden := all - len(t.rows); hidden > 0 {
		s.Blocks = append(s.Blocks, paragraph{said: words.Say("more", "… {rows} more", words.Things("rows", hidden, cmp.Or(t.noun, "row")))})
	}
	if all > 0 {
		s.Blocks = append(s.Blocks, remarksOf(r, name)...)
	}
	d.Sections = []*Section{s}
	for i, n := range told(r, d.notices) {
		if n.Number > 0 && d.notices[i].affects(e.parts) {
			d.Notices = append(d.Notices, n)
		}
	}
	return d, nil
}

// textBy writes one table for people, every row of it.
func textBy(w io.Writer, r *analyze.Result, o Options) error {
	d, err := documentOf(r, o.By, o.Top)
	if err != nil {
		return err
	}
	o.Full = true
	p := newPage(o)
	p.d = d
	p.section(d.Sections[0])
	for i := range d.Notices {
		p.notice(&d.Notices[i], d.Notices[i].Said)
	}
	return p.write(w)
}

// jsonBy writes one table as JSON: an object of its name and its rows.
func jsonBy(w io.Writer, r *analyze.Result, o Options) error {
	d, err := tableOf(r, o.By)
	if err != nil {
		return err
	}
	d.top(o.Top)
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\n \"schema_version\": %d,\n \"by\": %q,\n \"rows\": [", r.SchemaVersion, d.name)
	for n, row := range d.rows {
		if n > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n  {")
		first := true
		for i, c := range d.cols {
			if c.name == "" {
				continue
			}
			if !first {
				out.WriteString(", ")
			}
			first = false
			var value bytes.Buffer
			e := json.NewEncoder(&value)
			e.SetEscapeHTML(false)
			cell := row[i]
			if name, ok := cell.(longName); ok {
				cell = name.full
			}
			if err := e.Encode(cell); err != nil {
				return fmt.Errorf("write report as JSON: %w", err)
			}
			fmt.Fprintf(&out, "%q: %s", c.name, bytes.TrimSpace(value.Bytes()))
		}
		out.WriteByte('}')
	}
	out.WriteString("\n ]\n}\n")
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write report as JSON: %w", err)
	}
	return nil
}
