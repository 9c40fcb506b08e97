package integrity

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// CheckNumbers says why the ranks' numbers are guessed, as they are where traces do not say which rank each is, or say the same:
// one trace twice, two profiles' together, or replicas.
func CheckNumbers(metas []trace.Meta) []Problem {
	of := map[int][]string{}
	for i := range metas {
		if d := metas[i].Distributed; d != nil && d.WorldSize > 0 && !metas[i].FrontEnd() {
			of[d.Rank] = append(of[d.Rank], filepath.Base(metas[i].Path))
		}
	}
	var out []Problem
	for _, rank := range slices.Sorted(maps.Keys(of)) {
		if names := of[rank]; len(names) > 1 {
			out = append(out, Problem{ID: "duplicate_rank", Severity: SeverityNote, Rank: AllRanks, Count: len(names),
				Affects: []string{"collectives", "steps"},
				Text: fmt.Sprintf("%d traces say that they are rank %d (%s): replicas of a data-parallel engine, or one profile too many",
					len(names), rank, strings.Join(names, ", "))})
		}
	}
	if out == nil {
		return []Problem{{ID: "rank_numbers", Severity: SeverityNote, Rank: AllRanks,
			Text: "the traces do not say which ranks they are; they are numbered in the order given"}}
	}
	return out
}

// CheckFrontends finds traces of API servers alone: the work is in those that the ranks write.
func CheckFrontends(workers, frontends int) []Problem {
	if workers > 0 || frontends == 0 {
		return nil
	}
	return []Problem{{ID: "missing_ranks", Severity: SeverityError, Rank: AllRanks,
		Text: "there is the trace of an API server alone, and the work is in what the engine's ranks write " +
			"(*_rank0.*.pt.trace.json.gz): pass their directory"}}
}

// CheckRanks finds ranks that are missing. expected is how many the capture should have; 0: not known; less: none is
// missing.
func CheckRanks(all []*ranks.Rank, expected int) []Problem {
	if len(all) == 0 || expected < 0 {
		return nil
	}
	seen := map[int]bool{}
	world := 0
	for _, r := range all {
		seen[r.Rank] = true
		world = max(world, r.WorldSize)
	}
	severity := SeverityNote // of traces alone: whoever passes one rank's file knows that it is one of several
	if expected > 0 {
		world, severity = expected, SeverityError
	}
	missing := world - len(seen)
	if missing <= 0 {
		return nil
	}
	var names []string
	for rank := 0; rank < world && len(names) < 8; rank++ {
		if !seen[rank] {
			names = append(names, strconv.Itoa(rank))
		}
	}
	return []Problem{{ID: "missing_ranks", Severity: severity, Rank: AllRanks, Count: missing,
		Text: fmt.Sprintf("%d of %s given; missing: %s", len(seen), words.Plural(world, "rank", "ranks"), words.List(names, missing))}}
}

// RanksGiven is the check of which CheckRanks, asked the same, has found problems.
func RanksGiven(all []*ranks.Rank, expected int, found []Problem) Check {
	c := Check{ID: CheckRanksGiven, Rank: AllRanks, Outcome: Passed, Looked: len(all)}
	said := expected > 0 || slices.ContainsFunc(all, func(r *ranks.Rank) bool { return r.WorldSize > 0 })
	switch {
	case len(found) > 0:
		c.Outcome = Failed
	case expected < 0:
		c.Outcome, c.Why = NotChecked, "some are selected"
	case !said:
		c.Outcome, c.Why = NotChecked, "the traces do not say how many there are"
	}
	return c
}

const (
	// lateNs is how much later a trace may begin without it being worth a word.
	lateNs = 1_000_000
	// skewNs is how far clocks may be apart before a report says so: beyond it, two ranks' timelines can't be laid side
	// by side by eye. GPU clocks of one host agree to some µs.
	skewNs = 1_000_000
)

// apart finds traces that do not overlap in time and ran no collective together, which are of different profiles: the
// first two of them, and the time between.
func apart(all []*ranks.Rank) (before, after *ranks.Rank, ns int64) {
	if len(all) < 2 || slices.ContainsFunc(all, func(r *ranks.Rank) bool { return r.Clock == nil }) {
		return nil, nil, 0
	}
	order := slices.SortedStableFunc(slices.Values(all), func(a, b *ranks.Rank) int {
		return cmp.Compare(a.Clock.LateNs, b.Clock.LateNs)
	})
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
			Text: fmt.Sprintf("the traces of rank %d and rank %d lie %s apart and ran no collective together: they are of different "+
				"profiles, and sums over them are of neither (inferprof compare sets one against the other)",
				a.Rank, b.Rank, inUnit(ns))}}
	}
	for _, r := range all {
		c := r.Clock
		if c == nil {
			continue
		}
		if c.Collectives > 0 && max(c.SkewNs, -c.SkewNs) > skewNs && max(c.SkewNs, -c.SkewNs) > 4*c.SpreadNs {
			ahead, by := "ahead of", c.SkewNs
			if by < 0 {
				ahead, by = "behind", -by
			}
			out = append(out, Problem{ID: "clock_skew", Severity: SeverityNote, Rank: r.Rank, Count: c.Collectives, Ns: by,
				Affects: []string{"late_ns"},
				Text: fmt.Sprintf("the clock of rank %d is %s %s rank %d's, by %s that both ran (± %s): timelines are shifted by it",
					r.Rank, inUnit(by), ahead, c.Reference, words.Plural(c.Collectives, "collective", "collectives"),
					inUnit(c.SpreadNs))})
		}
		// A window that lacks a tenth of the longest one, or more, lacks steps.
		if long := r.LastNs - r.FirstNs + c.LateNs + c.EarlyNs; c.LateNs > lateNs && c.LateNs > long/10 {
			out = append(out, Problem{ID: "late_rank", Severity: SeverityNote, Rank: r.Rank, Ns: c.LateNs,
				Affects: []string{"collectives", "steps"},
				Text: fmt.Sprintf("the trace of rank %d begins %s after the first rank's: it lacks what came before, "+
					"and the others wait there", r.Rank, inUnit(c.LateNs))})
		}
	}
	return out
}

// inUnit is a time with one decimal, in µs, ms or s.
func inUnit(ns int64) string {
	if ns < 1_000_000 && ns > -1_000_000 {
		return fmt.Sprintf("%.1f µs", float64(ns)/1e3)
	}
	if ns >= 10_000_000_000 || ns <= -10_000_000_000 {
		return fmt.Sprintf("%.1f s", float64(ns)/1e9)
	}
	return fmt.Sprintf("%.1f ms", float64(ns)/1e6)
}
