package integrity

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// apart finds traces that do not overlap in time and ran no collective together, which are of different profiles: the
// first two of them, and the time between.
func apart(all []*ranks.Rank) (before, after *ranks.Rank, ns int64) {
	if len(all) < 2 || slices.ContainsFunc(all, func(r *ranks.Rank) bool { return r.Clock == nil }) {
		return nil, nil, 0
	}
	order := slices.SortedStableFunc(slices.Values(all), func(a, b *ranks.Rank) int { return cmp.Compare(a.Clock.LateNs, b.Clock.LateNs) })
	last := order[0]
	for _, r := range order[1:] {
		end := last.Clock.LateNs + last.LastNs - last.FirstNs
		if gap := r.Clock.LateNs - end; gap > 0 && r.Clock.Collectives == 0 {
			return last, r, gap
		}
		if r.Clock.LateNs+r.LastNs-r.FirstNs > end {
			last = r
		}
	}
	return nil, nil, 0
}

// CheckClocks finds ranks whose clocks or windows differ.
func CheckClocks(all []*ranks.Rank) []Problem {
	var out []Problem
	if a, b, ns := apart(all); a != nil {
		return []Problem{{ID: "different_profiles", Severity: SeverityWarning, Rank: AllRanks, Ns: ns,
			Text: fmt.Sprintf("the traces of rank %d and rank %d lie %s apart and ran no collective together: they are of different profiles, and sums over them are of neither (inferprof compare sets one against the other)",
				a.Rank, b.Rank, milliseconds(ns))}}
	}
	for _, r := range all {
		c := r.Clock
		if c == nil {
			continue
		}
		if c.Collectives > 0 && max(c.SkewNs, -c.SkewNs) > SkewNs && max(c.SkewNs, -c.SkewNs) > 4*c.SpreadNs {
			ahead, by := "ahead of", c.SkewNs
			if by < 0 {
				ahead, by = "behind", -by
			}
			out = append(out, Problem{ID: "clock_skew", Severity: SeverityNote, Rank: r.Rank, Count: c.Collectives, Ns: by, Affects: []string{"late_ns"},
				Text: fmt.Sprintf("the clock of rank %d is %s %s rank %d's, by %s that both ran (± %s): timelines are shifted by it",
					r.Rank, milliseconds(by), ahead, c.Reference, words.Plural(c.Collectives, "collective", "collectives"), milliseconds(c.SpreadNs))})
		}
		// A window that lacks a tenth of the longest one, or more, lacks steps.
		if long := r.LastNs - r.FirstNs + c.LateNs + c.EarlyNs; c.LateNs > lateNs && c.LateNs > long/10 {
			out = append(out, Problem{ID: "late_rank", Severity: SeverityNote, Rank: r.Rank, Ns: c.LateNs, Affects: []string{"collectives", "steps"},
				Text: fmt.Sprintf("the trace of rank %d begins %s after the first rank's: it lacks what came before, and the others wait there", r.Rank, milliseconds(c.LateNs))})
		}
	}
	return out
}

const (
	// lateNs is how much later a trace may begin without it being worth a word.
	lateNs = 1_000_000
	// SkewNs is how far clocks may be apart before a report says so: beyond it, two ranks' timelines can't be laid side
	// by side by eye. GPU clocks of one host agree to some µs.
	SkewNs = 1_000_000
)

func milliseconds(ns int64) string {
	if ns < 1_000_000 && ns > -1_000_000 {
		return fmt.Sprintf("%.1f µs", float64(ns)/1e3)
	}
	if ns >= 10_000_000_000 || ns <= -10_000_000_000 {
		return fmt.Sprintf("%.1f s", float64(ns)/1e9)
	}
	return fmt.Sprintf("%.1f ms", float64(ns)/1e6)
}

// CheckDuplicates finds traces that say they are the same rank: the same one twice, or two profiles' together.
func CheckDuplicates(metas []trace.Meta) []Problem {
	of := map[int][]string{}
	for i := range metas {
		if d := metas[i].Distributed; d != nil && d.WorldSize > 0 && !metas[i].FrontEnd() {
			of[d.Rank] = append(of[d.Rank], filepath.Base(metas[i].Path))
		}
	}
	var ranks []int
	for r, names := range of {
		if len(names) > 1 {
			ranks = append(ranks, r)
		}
	}
	slices.Sort(ranks)
	var out []Problem
	for _, r := range ranks {
		out = append(out, Problem{ID: "duplicate_rank", Severity: SeverityNote, Rank: AllRanks, Count: len(of[r]), Affects: []string{"collectives", "steps"},
			Text: fmt.Sprintf("%d traces say that they are rank %d (%s): replicas of a data-parallel engine, or one profile too many", len(of[r]), r, strings.Join(of[r], ", "))})
	}
	return out
}
