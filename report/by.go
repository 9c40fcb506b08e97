package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

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
		p.wrapped("  ", "  ", emptyWords(r, o.By), "")
	} else {
		t := d.text()
		p.table(t)
		if len(t.left) > 0 {
			p.wrapped("  ", "  ", "no room for: "+strings.Join(t.left, ", ")+" (--format csv or html)", dim)
		}
	}
	if o.By == "roofline" {
		p.roofline()
	}
	if hidden := total - len(d.rows); hidden > 0 {
		p.line(p.paint(dim, "  … "+plural(hidden, cmp.Or(d.noun, "row"))+" more"))
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

// Columns of words that are not the last.
const mostWord = 22

// text lays a table out for a page. The name, which is last, gives way first; then columns are left out: those that the
// table can spare in its own order, then shapes, words and numbers, of each the last first.
func (d *dataTable) text() *table {
	t := &table{spare: slices.Clone(d.spare)}
	shown := d.shown()
	last := len(shown) - 1
	for n, i := range shown {
		c := column{d.cols[i].head, number}
		if u := d.cols[i].unit; !u.isNumber() {
			c.kind = word
			if n == last {
				c.kind = flexible
			}
			t.least = map[unit]int{unitKernel: leastKernel, unitShape: leastShape}[u]
		}
		t.columns = append(t.columns, c)
	}
	for _, goes := range []func(u unit) bool{
		func(u unit) bool { return u == unitShape }, func(u unit) bool { return u == unitWord }, unit.isNumber,
	} {
		for n := last; n > 3; n-- {
			if t.columns[n].kind != flexible && goes(d.cols[shown[n]].unit) && !slices.Contains(t.spare, t.columns[n].head) {
				t.spare = append(t.spare, t.columns[n].head)
			}
		}
	}
	for _, row := range d.rows {
		cells := make([]string, len(shown))
		for n, i := range shown {
			cells[n] = d.cols[i].unit.format(row[i])
			if u := d.cols[i].unit; n < last && (u == unitOp || u == unitName || u == unitKernel) {
				cells[n] = shorten(cells[n], mostWord)
			}
		}
		t.add(cells...)
	}
	return t
}

// emptyWords says why a table has no rows, and what a profile needs to have some.
func emptyWords(r *analyze.Result, table string) string {
	if r.Kind == analyze.KindCPU && slices.Contains([]string{"kernel", "copy", "stream", "launch", "queue", "idle", "gap", "call"}, table) {
		why := noGPU(r)
		return "nothing: the traces have no GPU work" + choose(why != "", " ("+why+")", "") + "; what ran is in --by op, thread and core"
	}
	switch table {
	case "finding":
		return "nothing: no rule has found anything at stake"
	case "step", "phase":
		return "nothing: no steps were recognised in the traces"
	case "graph":
		return "nothing: no graph was replayed"
	case "module":
		return "nothing: no op or Python frame names a module (torch_profiler_with_stack=true records them)"
	case "memory":
		return "nothing: allocations were not recorded (torch_profiler_with_memory=true records them)"
	case "collective":
		return "nothing: there is no communication in the traces"
	case "roofline":
		if r.Roofline != nil && r.Roofline.Reason != "" {
			return "nothing: " + r.Roofline.Reason
		}
		return "nothing: no op has its shapes (torch_profiler_record_shapes=true records them)"
	case "core":
		return "nothing: cores are told of traces without GPU work alone"
	}
	return "nothing: the traces have no rows of this kind"
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
