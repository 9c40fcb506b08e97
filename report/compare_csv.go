package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze/compare"
)

// CompareCSV writes a comparison as one table: the row column says what a row is of (time, part, kernel, request), times
// are in ns per unit of the section.
func CompareCSV(w io.Writer, r *compare.Result, _ Options) error {
	c := csv.NewWriter(w)
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	optional := func(v *float64) string {
		if v == nil {
			return ""
		}
		return number(*v)
	}
	err := c.Write([]string{"a", "b", "section", "unit", "row", "name", "role", "match", "a_value", "b_value", "delta", "percent", "low", "high", "verdict"})
	write := func(cells ...string) {
		if err == nil {
			err = c.Write(cells)
		}
	}
	whole := func(a, b int64) []string {
		percent := ""
		if a != 0 {
			percent = number(100 * float64(b-a) / float64(a))
		}
		return []string{strconv.FormatInt(a, 10), strconv.FormatInt(b, 10), strconv.FormatInt(b-a, 10), percent, "", "", ""}
	}
	names := func(kernels []compare.Named) string {
		out := make([]string, len(kernels))
		for i, k := range kernels {
			out[i] = k.Name
		}
		return strings.Join(out, " + ")
	}
	for i := range r.Pairs {
		p := &r.Pairs[i]
		for k := range p.Requests {
			q := &p.Requests[k]
			write(p.A, p.B, "requests", q.Unit, "request", q.Name, "", "", number(q.A), number(q.B), number(q.Delta), number(q.Percent), optional(q.Low), optional(q.High), q.Verdict)
		}
		for k := range p.Sections {
			s := &p.Sections[k]
			for _, e := range []struct {
				name string
				*compare.Estimate
			}{{"time", &s.Time}, {"busy", &s.Busy}, {"idle", &s.Idle}, {"comm", &s.Comm}} {
				write(p.A, p.B, s.ID, s.Unit, "time", e.name, "", "", number(e.A), number(e.B), number(e.Delta), number(e.Percent), optional(e.Low), optional(e.High), e.Verdict)
			}
			for _, part := range s.Parts {
				write(append([]string{p.A, p.B, s.ID, s.Unit, "part", part.Name, "", ""}, whole(part.ANs, part.BNs)...)...)
			}
			for j := range s.Kernels {
				row := &s.Kernels[j]
				name := names(row.A)
				if b := names(row.B); name == "" || b != "" && b != name {
					if name != "" {
						name += " → "
					}
					name += b
				}
				write(append([]string{p.A, p.B, s.ID, s.Unit, "kernel", name, row.Role, row.Match}, whole(row.ANs, row.BNs)...)...)
			}
		}
	}
	c.Flush()
	if err == nil {
		err = c.Error()
	}
	if err != nil {
		return fmt.Errorf("write comparison as CSV: %w", err)
	}
	return nil
}
