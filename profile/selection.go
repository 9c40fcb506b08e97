package profile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// Selection leaves only part of a profile's work. The zero Selection leaves all.
type Selection struct {
	Steps   []analyze.Range // by their number in the report, on every rank; nil: all
	Phase   string          // of steps: prefill, decode, mixed; "": any
	Ranks   []analyze.Range // nil: all
	Devices []analyze.Range // whose GPU work counts, by their numbers in the traces; nil: all
}

// Phases are what Selection.Phase may be.
func Phases() []string {
	return []string{string(trace.StepPrefill), string(trace.StepDecode), string(trace.StepMixed)}
}

// check finds what no profile could have.
func (s *Selection) check() error {
	if s.Phase != "" && !slices.Contains(Phases(), s.Phase) {
		return &SelectionError{By: ByPhase, Asked: s.Phase, Problem: "must be " + strings.Join(Phases(), ", ")}
	}
	for _, part := range []struct {
		by     Selector
		ranges []analyze.Range
	}{{BySteps, s.Steps}, {ByRanks, s.Ranks}, {ByDevices, s.Devices}} {
		if err := checkRanges(part.by, part.ranges); err != nil {
			return err
		}
	}
	return nil
}

func checkRanges(by Selector, ranges []analyze.Range) error {
	for _, r := range ranges {
		if r.From < 0 || r.To < r.From {
			return &SelectionError{By: by, Asked: rangesText(ranges), Problem: "must be numbers from 0 up, the last no lower than the first"}
		}
	}
	return nil
}

// likely says whether a trace that claims a rank, -1 if it claims none, is likely to be asked for.
func (s *Selection) likely(rank int) bool {
	return s.Ranks == nil || rank < 0 || contain(s.Ranks, rank)
}

// ranksAmong are the ranks asked for of those that there are, in which API servers are -1; nil: all.
func (s *Selection) ranksAmong(numbers []int) ([]int, error) {
	if s.Ranks == nil {
		return nil, nil
	}
	there := slices.DeleteFunc(slices.Clone(numbers), func(n int) bool { return n < 0 })
	slices.Sort(there)
	there = slices.Compact(there)
	asked := slices.DeleteFunc(slices.Clone(there), func(n int) bool { return !contain(s.Ranks, n) })
	if len(asked) == 0 {
		return nil, &SelectionError{By: ByRanks, Asked: rangesText(s.Ranks), Problem: "the traces are of " + rankNames(there)}
	}
	return asked, nil
}

func contain(ranges []analyze.Range, n int) bool {
	return slices.ContainsFunc(ranges, func(r analyze.Range) bool { return r.From <= n && n <= r.To })
}

// rangesText is ranges as people write them: 1,3-5.
func rangesText(ranges []analyze.Range) string {
	parts := make([]string, len(ranges))
	for i, r := range ranges {
		parts[i] = r.String()
	}
	return strings.Join(parts, ",")
}

// rankNames names ranks, of which there may be several in any order and API servers (-1).
func rankNames(ranks []int) string {
	var names []string
	for _, r := range slices.Sorted(slices.Values(ranks)) {
		if r >= 0 {
			names = append(names, strconv.Itoa(r))
		}
	}
	switch len(names) {
	case 0:
		return "no rank"
	case 1:
		return "rank " + names[0]
	}
	return "ranks " + strings.Join(names, ", ")
}
