package ranks

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// Waiting is told from transfer by what the ranks say together. Where the writer tells the wait, that is taken. Else, where
// the same collectives in the same number are found on several ranks, the n-th on each are one (clock.go says how a shorter
// sequence is laid along a longer one): its transfer is the shortest of their durations, and the rest is waiting. This needs
// no common clock, and equals the rule "latest start − own start" when all ranks end together.

// member is what one rank has of a collective that several ran.
type member struct {
	rank int
	*sequence
}

// SplitWaits tells waiting from transfer by comparing ranks. It fills in the waits of runs that nobody told, and returns the
// table of each rank, and that of all; numbers are the ranks'.
func SplitWaits(numbers []int, ranks []Runs) (perRank [][]Collective, all []Collective) {
	keys := map[collectiveKey][]member{}
	for i, runs := range ranks {
		for k, s := range runs {
			keys[k] = append(keys[k], member{numbers[i], s})
		}
	}
	late := map[collectiveKey]map[int]int{}
	for k, same := range keys {
		slices.SortFunc(same, func(a, b member) int { return cmp.Compare(a.rank, b.rank) })
		late[k] = splitWaits(same)
	}
	perRank = make([][]Collective, len(ranks))
	for i, runs := range ranks {
		for k, s := range runs {
			perRank[i] = append(perRank[i], summarizeCollective(k, s))
		}
		sortCollectives(perRank[i])
	}
	for k, same := range keys {
		var joined sequence
		for _, m := range same {
			joined.ns, joined.wait = append(joined.ns, m.ns...), append(joined.wait, m.wait...)
			joined.launchedBy = cmp.Or(joined.launchedBy, m.launchedBy)
			joined.queuedNs += m.queuedNs
		}
		c := summarizeCollective(k, &joined)
		for rank, n := range late[k] {
			if n > c.LateCount || n == c.LateCount && rank < c.LateRank {
				c.LateRank, c.LateCount = rank, n
			}
		}
		all = append(all, c)
	}
	sortCollectives(all)
	return perRank, all
}

// splitWaits fills in what each member, in order of rank, waited in the collectives that all have, as far as nobody told. It
// returns how often each rank came last; nil if there is nothing to compare.
func splitWaits(same []member) (late map[int]int) {
	if len(same) < 2 {
		return nil
	}
	fewest := slices.MinFunc(same, func(a, b member) int { return cmp.Compare(len(a.ns), len(b.ns)) })
	from := make([]int, len(same)) // the first of each member that all have
	for j, m := range same {
		shift, ok := align(m.sequence, fewest.sequence)
		if !ok {
			return nil
		}
		from[j] = shift
	}
	late = map[int]int{}
	for i := range fewest.ns {
		last := 0
		for j, m := range same {
			if m.ns[from[j]+i] < same[last].ns[from[last]+i] {
				last = j
			}
		}
		late[same[last].rank]++
		shortest := same[last].ns[from[last]+i]
		for j, m := range same {
			if at := from[j] + i; m.wait[at] == trace.Absent {
				m.wait[at] = m.ns[at] - shortest
			}
		}
	}
	return late
}
