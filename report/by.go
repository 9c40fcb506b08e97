package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/inferprof/inferprof/analyze"
)

// textBy writes one table for people, every row of it.
func textBy(w io.Writer, r *analyze.Result, o Options) error {
	d, err := tableOf(r, o.By)
	if err != nil {
		return err
	}
	total := len(d.rows)
	d.top(o.Top)
	if o.Width == 0 {
		o.Width = 100
	}
	p := &page{o: o, r: r, width: max(o.Width, 80), notices: notices(r)}
	if o.By == "finding" && total > 0 { // sentences fit no column
		some := *r
		some.Findings = r.Findings[:len(d.rows)]
		p.r = &some
		p.findings()
	} else if p.section(d.title, d.note, o.By); total == 0 {
		p.line("  nothing: the result has no rows of this kind")
	} else {
		p.table(d.text())
	}
	if hidden := total - len(d.rows); hidden > 0 {
		p.line(p.paint(dim, "  … "+plural(hidden, "row")+" more"))
	}
	for i := range p.notices {
		if n := &p.notices[i]; n.number > 0 && n.affects(o.By) {
			p.notice(n)
		}
	}
	if _, err := w.Write(bytes.TrimPrefix(p.out.Bytes(), []byte("\n"))); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// text lays a table out for a page. The name, which is last, gives way first; then the columns before it are left out,
// shapes first, words next, then numbers, of each the last first.
func (d *dataTable) text() *table {
	t := &table{}
	shown := d.shown()
	for n, i := range shown {
		c := column{d.cols[i].head, number}
		if !d.cols[i].unit.isNumber() {
			c.kind = word
		}
		if n == len(shown)-1 && c.kind == word {
			c.kind = flexible
		}
		t.columns = append(t.columns, c)
	}
	for _, goes := range []func(u unit) bool{
		func(u unit) bool { return u == unitShape }, func(u unit) bool { return u == unitWord }, unit.isNumber,
	} {
		for n := len(shown) - 2; n > 3; n-- {
			if goes(d.cols[shown[n]].unit) {
				t.spare = append(t.spare, t.columns[n].head)
			}
		}
	}
	for _, row := range d.rows {
		cells := make([]string, len(shown))
		for n, i := range shown {
			cells[n] = d.cols[i].unit.format(row[i])
		}
		t.add(cells...)
	}
	return t
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
			if err := e.Encode(row[i]); err != nil {
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
