package ranks

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
)

// Ranks on one clock. A trace counts from a base time of its own, baseTimeNanoseconds, which is Unix time by the clock
// of the host that wrote it: base plus time puts traces of one host on one clock, and those of several hosts as near
// as their clocks are set.
//
// How near that is shows in the collectives. Whoever comes early waits, but nobody leaves before the last has come, so
// that an all-reduce ends on all ranks within some µs. The median over the ranks' common collectives of by how much
// they end later than on the lowest rank is what the clocks differ by (or the profilers' idea of them: a GPU's clock is
// fitted to the host's); the median deviation from it is how well that is known.
//
// Which collectives are the same, match.go says.

// Clock is how a rank's clock stands to that of the lowest rank.
type Clock struct {
	Reference int `json:"reference"` // the rank that it is compared with
	// SkewNs is by how much later this rank's clock shows the same moment, base times added: an estimate from Collectives
	// of them that both ran. SpreadNs is the median deviation from it.
	SkewNs      int64 `json:"skew_ns"`
	SpreadNs    int64 `json:"spread_ns"`
	Collectives int   `json:"collectives"` // 0: no estimate
	// SharedWith is the lowest rank whose clock, base times added, this rank's is as well, as far as that can be told; the rank
	// itself, if there is none lower. Moments of ranks that share one clock can be set against each other as they are.
	SharedWith int `json:"shared_with"`
	// LateNs is how much later the trace's first event is than that of the rank that began first, the skew taken off.
	LateNs int64 `json:"late_ns"`
	// EarlyNs is how much earlier its last event ends than that of the rank that ended last.
	EarlyNs int64 `json:"early_ns"`
	// Met are the collectives that it shares with the rank of which it shares most. Lacks are how many others have and it has
	// not: from before its first one, from after its last, and between.
	Met          int `json:"met"`
	LacksBefore  int `json:"lacks_before"`
	LacksAfter   int `json:"lacks_after"`
	LacksBetween int `json:"lacks_between"`
}

// clockSamples are enough collectives for a median.
const clockSamples = 512

// Clocks compares the clocks of ranks, which are sorted, by the ends of the collectives that each ran.
func Clocks(ranks []*Rank) {
	if len(ranks) < 2 {
		return
	}
	first := ranks[0]
	for _, r := range ranks {
		r.Clock = &Clock{Reference: first.Rank, SharedWith: r.Rank}
		if (r.BaseTimeNs == 0) == (first.BaseTimeNs == 0) {
			r.Clock.estimate(first, r)
		}
	}
	shareClocks(ranks)
	begin := func(r *Rank) int64 { return r.BaseTimeNs + r.FirstNs - r.Clock.SkewNs }
	end := func(r *Rank) int64 { return r.BaseTimeNs + r.LastNs - r.Clock.SkewNs }
	earliest, latest := begin(first), end(first)
	for _, r := range ranks[1:] {
		if (r.BaseTimeNs == 0) != (first.BaseTimeNs == 0) {
			return // their times are not of one kind
		}
		earliest, latest = min(earliest, begin(r)), max(latest, end(r))
	}
	for _, r := range ranks {
		r.Clock.LateNs, r.Clock.EarlyNs = begin(r)-earliest, latest-end(r)
	}
}

// estimate finds the skew between two ranks.
func (c *Clock) estimate(a, b *Rank) {
	if a == b {
		return
	}
	var keys []collectiveKey
	for k := range a.Runs {
		if b.Runs[k] != nil && endsTogether(k.kind()) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, collectiveKey.compare)
	var diffs []int64
	for _, k := range keys {
		pairs := pairUp(a.Runs[k], b.Runs[k], true, a.BaseTimeNs-b.BaseTimeNs)
		for _, p := range pairs[:min(len(pairs), clockSamples)] {
			diffs = append(diffs, b.Runs[k].end(p.b)-a.Runs[k].end(p.a))
		}
	}
	if len(diffs) == 0 {
		return
	}
	c.Collectives = len(diffs)
	c.SkewNs, c.SpreadNs = medianAndSpread(diffs)
	c.SkewNs += b.BaseTimeNs - a.BaseTimeNs
}

// Whether two ranks share a clock. One host has one, and so have the traces of its processes, within the µs or so to which
// profilers fit what they read. Two hosts have two, however well they are set: what a µs-long collective waits can't be read off
// them. The traces say which host they are of, if anything. Whether that is true, the collectives say: nobody leaves one before
// the last has come, so no rank's end lies before another's begin. Where clocks differ by more than a collective lasts, it
// does. Where hosts are not told, the ends must be together as well.

const (
	// outOfOrder is the share of collectives that may end before they have begun elsewhere: a few are not the same ones, or were
	// read in a µs in which a clock was adjusted.
	outOfOrder = 0.02
	// sharedSkewNs is by how much the ends of collectives may be apart on one clock whatever their spread: GPUs' clocks are fitted
	// to the host's within some µs.
	sharedSkewNs = 10_000
)

// shareClocks finds out which ranks, which are sorted and have their skews, share clocks.
func shareClocks(ranks []*Rank) {
	var owners []*Rank
	for _, r := range ranks {
		at := slices.IndexFunc(owners, func(o *Rank) bool { return shareClock(o, r) })
		if at < 0 {
			owners = append(owners, r)
			continue
		}
		r.Clock.SharedWith = owners[at].Rank
	}
}

// shareClock reports whether two ranks share a clock.
func shareClock(a, b *Rank) bool {
	if (a.BaseTimeNs == 0) != (b.BaseTimeNs == 0) || a.Host != b.Host && a.Host != "" && b.Host != "" {
		return false
	}
	var pairs, wrong int
	var apart []int64
	for k, s := range a.Runs {
		o := b.Runs[k]
		if o == nil || !endsTogether(k.kind()) {
			continue
		}
		same := pairUp(s, o, true, a.BaseTimeNs-b.BaseTimeNs)
		for _, p := range same[:min(len(same), clockSamples)] {
			startA, endA := a.BaseTimeNs+s.start[p.a], a.BaseTimeNs+s.end(p.a)
			startB, endB := b.BaseTimeNs+o.start[p.b], b.BaseTimeNs+o.end(p.b)
			pairs++
			if startA > endB || startB > endA {
				wrong++
			}
			apart = append(apart, endB-endA)
		}
	}
	if float64(wrong) > outOfOrder*float64(pairs) {
		return false
	}
	if a.Host != "" && b.Host != "" {
		return true
	}
	skew, spread := medianAndSpread(apart)
	return pairs > 0 && max(skew, -skew) <= max(sharedSkewNs, spread)
}

// medianAndSpread are the median of values and the median of what they differ from it.
func medianAndSpread(values []int64) (middle, spread int64) {
	if len(values) == 0 {
		return 0, 0
	}
	values = slices.Clone(values)
	middle = stats.Median(values)
	for i, v := range values {
		values[i] = max(v-middle, middle-v)
	}
	return middle, stats.Median(values)
}

// endsTogether tells collectives that no rank leaves before all have come.
func endsTogether(kind string) bool {
	switch kind {
	case "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "barrier":
		return true
	}
	return false
}

func (k collectiveKey) compare(o collectiveKey) int {
	return cmp.Or(cmp.Compare(k.name, o.name), cmp.Compare(k.bytes, o.bytes), cmp.Compare(k.dtype, o.dtype),
		cmp.Compare(k.group, o.group), cmp.Compare(k.groupSize, o.groupSize))
}
