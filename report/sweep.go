package report

import (
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/internal/words"
)

// SweepCell is one combination of a sweep's values.
type SweepCell struct {
	Name    string           `json:"name" redact:"cell"` // quantization=awq, tensor-parallel-size=2
	Letter  string           `json:"letter,omitempty"`
	Failure string           `json:"failure,omitempty"` // why it has no figures, or not all
	Figures *compare.Figures `json:"figures,omitempty"`
}

// addCells adds a sweep's cells: what failed to the notices, and the figures as a table.
func (d *Document) addCells(cells []SweepCell) {
	for _, c := range cells {
		if c.Failure != "" {
			d.Notices = append(d.Notices, Notice{Tone: ToneError, Label: "Failed", Said: words.Say("cell_failed", "{cell} failed: {failure}", words.Name("cell", c.Name),
				words.Name("failure", c.Failure))})
		}
	}
	d.addTable("sweep", "Sweep", "medians over captures, with least and most", cellsTable(cells))
}

// cellsTable has a row for each cell.
func cellsTable(cells []SweepCell) *dataTable {
	t := &dataTable{noun: "cell", bars: &bars{}, spare: []string{"captures", "batch", "busy", "prompt token", "least…most"}, cols: []dataColumn{
		{"letter", " ", unitWord}, {"cell", "cell", unitWord}, {"captures", "captures", unitCount}, {"output_tokens_per_s", "tokens/s", unitNumber}, {"ttft_ns", "TTFT", unitNs},
		{"tpot_ns", "TPOT", unitNs}, {"memory_bytes", "memory", unitBytes}, {"prompt_token_ns", "prompt token", unitNs}, {"decode_step_ns", "decode step", unitNs},
		{"decode_batch", "batch", unitCount}, {"busy_share", "busy", unitPercent}, {"spread", "least…most", unitWord}}}
	for _, c := range cells {
		f := c.Figures
		if f == nil {
			t.add("✗", c.Name, int64(0), nil, nil, nil, nil, nil, nil, nil, nil, nil)
			t.bars.add(0, 0, "s-blue")
			continue
		}
		t.add(c.Letter, c.Name, int64(f.Captures), rateOf(f.OutputTokensPerSecond), whole(f.TTFTNs), whole(f.TPOTNs), whole(f.MemoryBytes), whole(f.PromptTokenNs),
			whole(f.DecodeStepNs), positiveCount(f.DecodeBatch), positive(100*f.BusyShare.Median), aroundMedian(f))
		rate := int64(f.OutputTokensPerSecond.Median)
		t.bars.high = max(t.bars.high, rate)
		t.bars.add(0, rate, "s-blue")
	}
	return t
}

// rateOf is a rate of tokens; nil for the 0 of what is not known.
func rateOf(s compare.Spread) any {
	if s.Median <= 0 {
		return nil
	}
	return measured{s.Median, words.UnitCount}
}

// whole is a median of ns or bytes; nil for the 0 of what is not known.
func whole(s compare.Spread) any {
	if s.Median <= 0 {
		return nil
	}
	return int64(s.Median + 0.5)
}

// positiveCount is a count; nil for the 0 of what is not known.
func positiveCount(n int64) any {
	if n <= 0 {
		return nil
	}
	return n
}

// aroundMedian is how far decode steps of captures lie about their median; nil of one capture.
func aroundMedian(f *compare.Figures) any {
	s := f.DecodeStepNs
	if s.Median <= 0 || f.Captures < 2 {
		return nil
	}
	return words.PercentInterval(100*(s.Least/s.Median-1), 100*(s.Most/s.Median-1))
}
