package ranks

import (
	"cmp"
	"maps"
	"slices"
)

// Waiting is the time until the last rank came. Where the writer tells it, that is taken. Else, where several ranks ran the
// same collective (match.go says which are), there are two ways to tell.
//
// Where the ranks share a clock, each waited from its own start to the latest, or to its own end if that was earlier: the
// source of a broadcast waits for nobody. That is what the words say.
//
// Where they do not, starts can't be set against each other. Then the shortest of the durations is the transfer, and what
// others took beyond it was waiting. That is the same if all end together, as NCCL's collectives do within some µs. On a CPU they
// do not: whoever is done sending leaves, and what a rank takes longer for at the end counts as waiting as well. So it is mostly
// more than the first, and a result says which of the two it has.

// Where a wait is from (Collective.WaitFrom).
const (
	WaitFromEngine    = "engine"    // the writer tells it
	WaitFromStarts    = "starts"    // from its own start to the latest, on one clock
	WaitFromDurations = "durations" // beyond the shortest duration: clocks differ
)

// member is what one rank has of a collective that several ran.
type member struct {
	rank *Rank
	*sequence
}

// SplitWaits tells waiting from transfer by comparing ranks, whose clocks are known (Clocks). It fills in the waits of runs
// that nobody told, and in clocks what each has met and lacks, and returns the table of each rank, and that of all.
func SplitWaits(ranks []*Rank) (perRank [][]Collective, all []Collective) {
	keys := map[collectiveKey][]member{}
	for _, r := range ranks {
		for k, s := range r.Runs {
			keys[k] = append(keys[k], member{r, s})
		}
	}
	late := map[collectiveKey]map[int]int{}
	number := int32(0)
	lacking := map[*Rank]*lacks{}
	for _, r := range ranks {
		lacking[r] = &lacks{}
	}
	for _, k := range slices.SortedFunc(maps.Keys(keys), collectiveKey.compare) {
		same := keys[k]
		slices.SortStableFunc(same, func(a, b member) int { return cmp.Compare(a.rank.Rank, b.rank.Rank) })
		late[k] = map[int]int{}
		for _, c := range crowds(k, same) {
			c.splitWaits(&number, late[k])
			if endsTogether(k.kind()) {
				c.count(lacking)
			}
		}
	}
	for _, r := range ranks {
		if c, l := r.Clock, lacking[r]; c != nil {
			c.Met, c.LacksBefore, c.LacksAfter, c.LacksBetween = l.met, l.before, l.after, l.between
		}
	}
	perRank = make([][]Collective, len(ranks))
	for i, r := range ranks {
		for k, s := range r.Runs {
			perRank[i] = append(perRank[i], summarizeCollective(k, s))
		}
		sortCollectives(perRank[i])
	}
	for k, same := range keys {
		var joined sequence
		for _, m := range same {
			joined.ns, joined.wait = append(joined.ns, m.ns...), append(joined.wait, m.wait...)
			joined.launchedBy, joined.waitFrom = cmp.Or(joined.launchedBy, m.launchedBy), cmp.Or(joined.waitFrom, m.waitFrom)
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

// Visit is when a rank was in a collective that others were in.
type Visit struct {
	StartNs int64 // base time added
	Ns      int64
}

// Waits fills in how long each of the ranks that visited a collective waited in it, between 0 and its duration, and returns
// the one that came last, the first of such. Whether they share a clock says which of the two ways it is told by.
func Waits(visits []Visit, oneClock bool, waits []int64) (last int) {
	for j, v := range visits {
		if oneClock && v.StartNs > visits[last].StartNs || !oneClock && v.Ns < visits[last].Ns {
			last = j
		}
	}
	for j, v := range visits {
		if waits[j] = v.Ns - visits[last].Ns; oneClock {
			waits[j] = min(v.Ns, visits[last].StartNs-v.StartNs)
		}
	}
	return last
}

// SharesClock reports whether two ranks are on one clock, as far as that can be told.
func SharesClock(a, b *Rank) bool {
	return a == b || a.Clock != nil && b.Clock != nil && a.Clock.SharedWith == b.Clock.SharedWith
}
