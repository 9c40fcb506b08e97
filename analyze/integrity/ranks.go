package integrity

import (
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
			p := problem(words.Say("duplicate_rank", "{traces} traces say that they are rank {rank} ({files}): replicas of a data-parallel engine, or one profile too many",
				words.Number("traces", len(names)), words.RankOf("rank", rank), words.Name("files", strings.Join(names, ", "))), SeverityNote, AllRanks)
			p.Count, p.Affects = len(names), []string{"collectives", "steps"}
			out = append(out, p)
		}
	}
	if out == nil {
		return []Problem{problem(words.Say("rank_numbers", "the traces do not say which ranks they are; they are numbered in the order given"), SeverityNote, AllRanks)}
	}
	return out
}

// CheckFrontends finds traces of API servers alone: the work is in those that the ranks write.
func CheckFrontends(workers, frontends int) []Problem {
	if workers > 0 || frontends == 0 {
		return nil
	}
	return []Problem{problem(words.Say("missing_ranks", "there is the trace of an API server alone, and the work is in what the engine's ranks write "+
		"(*_rank0.*.pt.trace.json.gz): pass their directory"), SeverityError, AllRanks)}
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
	p := problem(words.Say("missing_ranks", "{given} of {world} given; missing: {missing}", words.Number("given", len(seen)), words.Things("world", world, "rank"),
		words.Name("missing", words.List(names, missing))), severity, AllRanks)
	p.Count = missing
	return []Problem{p}
}

// RanksGiven is the check of which CheckRanks, asked the same, has found problems.
func RanksGiven(all []*ranks.Rank, expected int, found []Problem) Check {
	c := Check{ID: CheckRanksGiven, Rank: AllRanks, Outcome: Passed, Looked: len(all)}
	said := expected > 0 || slices.ContainsFunc(all, func(r *ranks.Rank) bool { return r.WorldSize > 0 })
	switch {
	case len(found) > 0:
		c.Outcome = Failed
	case expected < 0:
		c.notChecked(SomeSelected)
	case !said:
		c.notChecked(WorldUnknown)
	}
	return c
}
