package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// findings lists conclusions: what is at stake and what it is, the numbers that show it, and what to try.
func (p *page) findings() {
	if len(p.r.Findings) == 0 {
		return
	}
	p.section("Findings", "most time at stake first")
	for i := range p.r.Findings {
		f := &p.r.Findings[i]
		p.finding(f)
		var facts []string
		for _, e := range f.Evidence {
			facts = append(facts, strings.ReplaceAll(e.Name, "_", " ")+" "+evidence(e))
		}
		p.wrapped("      ", "      ", strings.Join(facts, " · "), dim)
		p.wrapped("      try: ", "      ", f.Try, "")
	}
}

// finding writes what is at stake and what a finding says.
func (p *page) finding(f *analyze.Finding) {
	sign, color := "· ", dim
	switch f.Severity {
	case analyze.SeverityHigh:
		sign, color = "▲ ", red
	case analyze.SeverityMedium:
		sign, color = "! ", yellow
	}
	stake := ""
	marked := findingMark(p.notices, f)
	if f.StakeNsPerStep > 0 {
		stake = stakeWords(p.r, f) + marked + ": "
	} else if marked != "" {
		stake = marked + " "
	}
	if f.Inferred {
		stake += "(inferred) "
	}
	p.wrapped("  "+sign, "    ", stake+f.Sentence, color)
}

// findingMark is the mark that a finding carries: that of the problems of what it rests on, on a rank that it points at. What a rank
// waited in collectives is known from all of them, so that those of any rank count.
func findingMark(all []notice, f *analyze.Finding) string {
	of := slices.DeleteFunc(slices.Clone(all), func(n notice) bool {
		here := func(e analyze.EventRef) bool { return slices.Contains(n.ranks, e.Rank) }
		elsewhere := len(n.ranks) > 0 && len(f.Events) > 0 && !slices.ContainsFunc(f.Events, here)
		return n.number == 0 || !slices.ContainsFunc(f.RestsOn, func(part string) bool {
			return slices.Contains(n.Affects, part) && (!elsewhere || part == "collectives")
		})
	})
	return markOf(of)
}

// stakeWords is what is at stake in a finding.
func stakeWords(r *analyze.Result, f *analyze.Finding) string {
	took := func(s analyze.RankStep) bool { return s.HasIteration() && !s.Unmeasured }
	return plain(f.StakeNsPerStep) + choose(slices.ContainsFunc(r.Steps, took), " per step", " in all")
}

// evidence writes a number in its unit.
func evidence(e analyze.Evidence) string {
	switch e.Unit {
	case "ns":
		return trimUnit(duration(int64(e.Value)))
	case "bytes":
		return strings.TrimSpace(size(int64(e.Value)))
	case "share":
		if e.Value < 1 && e.Value > 0.999 {
			return "99.9 %" // as in the sentence: not all
		}
		return fmt.Sprintf("%.1f %%", 100*e.Value)
	case "factor":
		return fmt.Sprintf("%.2f×", e.Value)
	case "flop/s":
		return fmt.Sprintf("%.0f TFLOP/s", e.Value/1e12)
	case "bytes/s":
		return fmt.Sprintf("%.0f GB/s", e.Value/1e9)
	}
	if e.Value == float64(int64(e.Value)) {
		return count(int64(e.Value))
	}
	return strconv.FormatFloat(e.Value, 'f', 2, 64)
}
