package integrity

import (
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
	// A node alone may have the ranks of its own part of a world.
	lowest := slices.Min(slices.Collect(maps.Keys(seen)))
	first := max(0, lowest-lowest%world)
	var names []string
	for rank := first; rank < first+world && len(names) < 8; rank++ {
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
