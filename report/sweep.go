package report

import (
	"fmt"
	"io"

	"github.com/inferprof/inferprof/analyze/compare"
)

// SweepCell is one combination of a sweep's values.
type SweepCell struct {
	Name    string           `json:"name"` // quantization=awq, tensor-parallel-size=2
	Letter  string           `json:"letter,omitempty"`
	Failure string           `json:"failure,omitempty"` // why it has no figures, or not all
	Figures *compare.Figures `json:"figures,omitempty"`
}

// SweepText writes a sweep's cells as a table.
func SweepText(w io.Writer, cells []SweepCell, o Options) error {
	if o.Width == 0 {
		o.Width = 100
	}
	p := &page{o: o, width: max(o.Width, 80)}
	p.section("sweep", "medians over captures, with least and most")
	p.table(sweepTable(cells))
	for _, c := range cells {
		if c.Failure != "" {
			p.wrapped("  ✗ ", "    ", c.Name+" failed: "+c.Failure, red)
		}
	}
	p.line("")
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("write sweep: %w", err)
	}
	return nil
}

// sweepTable has a row per cell.
func sweepTable(cells []SweepCell) *table {
	const longest = 44
	t := &table{
		columns: []column{{"", word}, {"cell", word}, {"captures", number}, {"tokens/s", number}, {"TTFT", number}, {"TPOT", number},
			{"memory", number}, {"prompt token", number}, {"decode step", number}, {"batch", number}, {"busy", number}, {"least…most", number}},
		spare: []string{"captures", "batch", "busy", "prompt token", "least…most"},
	}
	for _, c := range cells {
		c.Name = shorten(c.Name, longest)
		f := c.Figures
		if f == nil {
			t.add("✗", c.Name, "0", "–", "–", "–", "–", "–", "–", "–", "–", "–")
			continue
		}
		ns := func(s compare.Spread) string {
			if s.Median == 0 {
				return "–"
			}
			return duration(int64(s.Median + 0.5))
		}
		rate, memory, busy, spread, batch := "–", "–", "–", "–", "–"
		if v := f.OutputTokensPerSecond.Median; v > 0 {
			rate = digits(max(v, 1))
		}
		if v := f.MemoryBytes.Median; v > 0 {
			memory = size(int64(v))
		}
		if v := f.BusyShare.Median; v > 0 {
			busy = fmt.Sprintf("%.1f %%", 100*v)
		}
		if s := f.DecodeStepNs; s.Median > 0 && f.Captures > 1 {
			spread = fmt.Sprintf("−%.1f…+%.1f %%", 100*(1-s.Least/s.Median), 100*(s.Most/s.Median-1))
		}
		if f.DecodeBatch > 0 {
			batch = count(f.DecodeBatch)
		}
		t.add(c.Letter, c.Name, count(int64(f.Captures)), rate, ns(f.TTFTNs), ns(f.TPOTNs), memory, ns(f.PromptTokenNs), ns(f.DecodeStepNs), batch, busy, spread)
	}
	return t
}

// SweepMarkdown writes a sweep's cells as a table.
func SweepMarkdown(w io.Writer, cells []SweepCell) error {
	m := &compareMarkdown{}
	t := sweepTable(cells)
	var heads, rule []string
	for _, c := range t.columns {
		heads = append(heads, c.head)
		if c.kind == number {
			rule = append(rule, "--:")
		} else {
			rule = append(rule, ":--")
		}
	}
	m.say("%s", markdownRow(heads...))
	m.say("%s", markdownRow(rule...))
	for _, r := range t.rows {
		for i := range r {
			r[i] = markdownText.Replace(r[i])
		}
		m.say("%s", markdownRow(r...))
	}
	m.say("")
	for _, c := range cells {
		if c.Failure != "" {
			m.say("- ❌ %s failed: %s", markdownText.Replace(c.Name), markdownText.Replace(c.Failure))
		}
	}
	m.say("")
	if _, err := w.Write(m.out.Bytes()); err != nil {
		return fmt.Errorf("write sweep as Markdown: %w", err)
	}
	return nil
}
