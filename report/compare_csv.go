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
func CompareCSV(w io.Writer, r *compare.Result, _ Options) error { return SweepCSV(w, nil, r) }

// SweepCSV is CompareCSV with the figures of a sweep's cells before it: the median in a_value, the least and the most in low
// and high, the cell's name in role. r is nil if there was nothing to compare.
func SweepCSV(w io.Writer, cells []SweepCell, r *compare.Result) error {
	c := &compareCSV{out: csv.NewWriter(w)}
	c.row("a", "b", "section", "unit", "row", "name", "role", "match", "a_value", "b_value", "delta", "percent", "low", "high", "verdict")
	for i := range cells {
		c.cell(&cells[i])
	}
	if r != nil {
		for i := range r.Pairs {
			for _, text := range r.Pairs[i].Unlike {
				c.row(r.Pairs[i].A, r.Pairs[i].B, "unlike", "", "unlike", text, "", "", "", "", "", "", "", "", "")
			}
		}
		for i := range r.Sides {
			for _, text := range r.Sides[i].Problems {
				c.row(r.Sides[i].Letter, "", "problems", "", "problem", text, "", "", "", "", "", "", "", "", "")
			}
		}
		for i := range r.Pairs {
			c.pair(&r.Pairs[i])
		}
		if r.Gate != nil {
			c.gate(r)
		}
	}
	c.out.Flush()
	if c.err == nil {
		c.err = c.out.Error()
	}
	if c.err != nil {
		return fmt.Errorf("write comparison as CSV: %w", c.err)
	}
	return nil
}

type compareCSV struct {
	out *csv.Writer
	err error
}

func (c *compareCSV) row(cells ...string) {
	if c.err == nil {
		c.err = c.out.Write(cells)
	}
}

// cell writes a cell of a sweep: what is not known has no row.
func (c *compareCSV) cell(cell *SweepCell) {
	if cell.Failure != "" {
		c.row(cell.Letter, "", "cell", "", "failure", cell.Failure, cell.Name, "", "", "", "", "", "", "", "failed")
	}
	f := cell.Figures
	if f == nil {
		return
	}
	for _, figure := range []struct {
		name, unit string
		compare.Spread
	}{
		{"captures", "", same(float64(f.Captures))}, {"steps", "", same(float64(f.Steps))}, {"decode_batch", "", same(float64(f.DecodeBatch))},
		{"output_tokens_per_s", "1/s", f.OutputTokensPerSecond}, {"ttft", "ns", f.TTFTNs}, {"tpot", "ns", f.TPOTNs}, {"memory", "bytes", f.MemoryBytes},
		{"decode_step", "ns", f.DecodeStepNs}, {"prompt_token", "ns", f.PromptTokenNs}, {"busy_share", "", f.BusyShare},
	} {
		if figure.Median != 0 {
			c.row(cell.Letter, "", "cell", figure.unit, "figure", figure.name, cell.Name, "", csvNumber(figure.Median), "", "", "", csvNumber(figure.Least), csvNumber(figure.Most), "")
		}
	}
}

func same(v float64) compare.Spread { return compare.Spread{Median: v, Least: v, Most: v} }

func (c *compareCSV) pair(p *compare.Pair) {
	for k := range p.Requests {
		q := &p.Requests[k]
		c.row(append([]string{p.A, p.B, "requests", q.Unit, "request", q.Name, "", ""}, csvEstimate(&q.Estimate)...)...)
	}
	for k := range p.Sections {
		s := &p.Sections[k]
		for _, e := range []struct {
			name string
			*compare.Estimate
		}{{"time", &s.Time}, {"mean", &s.Mean}, {"p99", s.P99}, {"busy", &s.Busy}, {"idle", &s.Idle}, {"comm", &s.Comm}} {
			if e.Estimate == nil {
				continue
			}
			c.row(append([]string{p.A, p.B, string(s.ID), s.Unit, "time", e.name, "", ""}, csvEstimate(e.Estimate)...)...)
		}
		for _, part := range s.Parts {
			c.row(append([]string{p.A, p.B, string(s.ID), s.Unit, "part", part.Name, "", ""}, csvTimes(part.ANs, part.BNs)...)...)
		}
		for _, part := range s.MeanParts {
			c.row(append([]string{p.A, p.B, string(s.ID), s.Unit, "mean part", part.Name, "", ""}, csvTimes(part.ANs, part.BNs)...)...)
		}
		for j := range s.Kernels {
			row := &s.Kernels[j]
			name := csvNames(row.A)
			if b := csvNames(row.B); name == "" || b != "" && b != name {
				if name != "" {
					name += " → "
				}
				name += b
			}
			c.row(append([]string{p.A, p.B, string(s.ID), s.Unit, "kernel", name, row.Role, row.Match}, csvTimes(row.ANs, row.BNs)...)...)
		}
	}
}

// gate writes a gate's judgements: the outcome in verdict, the ends of the interval in percent that is worse in low and high.
func (c *compareCSV) gate(r *compare.Result) {
	for i := range r.Gate.Judgements {
		j := &r.Gate.Judgements[i]
		cells := csvEstimate(&j.Estimate)
		cells[3], cells[4], cells[5], cells[6] = csvNumber(j.WorsePercent), csvEnd(j.AtLeastPercent), csvEnd(j.AtMostPercent), string(j.Outcome)
		c.row(append([]string{r.Pairs[i].A, j.Side, "gate", "", "gate", r.Gate.Metric, j.Sentence, ""}, cells...)...)
	}
}

func csvNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// csvEstimate are the columns from a_value on.
func csvEstimate(e *compare.Estimate) []string {
	return []string{csvNumber(e.A), csvNumber(e.B), csvNumber(e.Delta), csvNumber(e.Percent), csvEnd(e.Low), csvEnd(e.High), e.Verdict}
}

// csvEnd is an end of an interval, "" if there is none.
func csvEnd(v *float64) string {
	if v == nil {
		return ""
	}
	return csvNumber(*v)
}

// csvTimes are the same columns of two times without an interval.
func csvTimes(a, b int64) []string {
	percent := ""
	if a != 0 {
		percent = csvNumber(100 * float64(b-a) / float64(a))
	}
	return []string{strconv.FormatInt(a, 10), strconv.FormatInt(b, 10), strconv.FormatInt(b-a, 10), percent, "", "", ""}
}

func csvNames(kernels []compare.Named) string {
	out := make([]string, len(kernels))
	for i, k := range kernels {
		out[i] = k.Name
	}
	return strings.Join(out, " + ")
}
