package ranks

import (
	"cmp"
	"slices"
	"sort"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Which collectives of two ranks are the same one. Of those that describe themselves alike (name, type, bytes, group), the
// n-th on one rank is the n-th on the other: that is all there is to it if both traces have all of them. They often have
// not: a profiler began later or stopped earlier, its buffers were full in between, a file was cut.
//
// What holds then is that nobody leaves a collective before the last has come, so that the same one ends on all ranks within
// some µs, and the others, before and after, do not. So two sequences are laid along each other at the difference between
// the clocks at which most ends fall together, and what ends together is the same. The difference is tried in this order: as
// the base times have it; as the median of n-th to n-th has it; then as each pair of neighbours has it, where the clocks of
// hosts are not set. Ends that are a little apart, as on CPUs, stand between others: where two pairs that are told have
// as many between them on one side as on the other, these are pairs as well.
//
// The trade-off: steps are alike, so that a whole step further on the ends fall together nearly as well. Nearly: every
// step takes some µs more or less than others, and the sum of what they are apart tells.
//
// Not done: reading what else happened between two collectives, and which step they are in. It would tell ranks whose clocks
// differ and that lost most of what they ran.

// unmatched is Meeting.Number of a collective in which no other rank is known to have been.
const unmatched = -1

// pair is the place of one collective in the sequences of two ranks.
type pair struct{ a, b int }

const (
	// fewCollectives are too few to ask whether they fit: the n-th is the n-th.
	fewCollectives = 8
	// strayShare is how many of the n-th may end apart, as chance has it on a CPU, before it is asked whether some are missing.
	strayShare = 0.02
	// fittedShare is how well ends must fall together: 1 if all do exactly, and about a quarter for sequences that have
	// nothing to do with each other. From clearlyFitted on nothing better is looked for: within a step collectives follow each
	// other so evenly that one or two further on four fifths fall together.
	fittedShare, clearlyFitted = 0.5, 0.9
	// shiftsTried is how many collectives more or less one rank may have run than the other, where clocks differ.
	shiftsTried = 64
	// anchorsTried and windowTried bound the search for the difference between two clocks.
	anchorsTried, windowTried = 16, 256
)

// pairUp finds the collectives that two sequences of one kind share, in order. ahead is by how much b's times are more than
// a's at the same moment if both clocks are right. It returns none if that can't be told.
func pairUp(a, b *sequence, together bool, ahead int64) []pair {
	n := len(a.ns)
	if n > len(b.ns) {
		pairs := pairUp(b, a, together, -ahead)
		for i, p := range pairs {
			pairs[i] = pair{p.b, p.a}
		}
		return pairs
	}
	if n == 0 {
		return nil
	}
	f := fitting{a: a, b: b, spacing: min(a.spacing(), b.spacing())}
	if pairs := f.pairs(together, ahead); !together || n < fewCollectives || f.meet(pairs) {
		return pairs
	}
	return nil
}

// pairs are those that lie best along each other.
func (f *fitting) pairs(together bool, ahead int64) []pair {
	n := len(f.a.ns)
	equal := n == len(f.b.ns)
	median, apart, stray := f.nth(n)
	if equal && (!together || n < fewCollectives || float64(stray) <= strayShare*float64(n)) {
		return inOrder(n)
	}
	if n == 1 {
		f.spacing = f.b.spacing()
	}
	if f.spacing <= 0 {
		return nil
	}
	at, fit := f.best(ahead, median)
	switch {
	case equal && fit < clearlyFitted && 2*apart <= f.spacing: // as far apart as on a busy CPU
		return inOrder(n)
	case fit < fittedShare:
		return nil
	}
	pairs := f.merge(f.settle(at))
	if equal && !slices.ContainsFunc(pairs, func(p pair) bool { return p.a != p.b }) {
		return inOrder(n) // nothing is missing: some end apart
	}
	return pairs
}

// meet tells whether those who ran pairs can have met in them. Whoever leaves last has been there since the others came, and they
// left no earlier: so ends are no further apart than a collective lasts, but for what the clocks differ by. The graphs of two runs
// lie along each other in all else.
func (f *fitting) meet(pairs []pair) bool {
	diffs, lasted := make([]int64, len(pairs)), make([]int64, len(pairs))
	for i, p := range pairs {
		diffs[i] = f.b.end(p.b) - f.a.end(p.a)
		lasted[i] = max(f.a.ns[p.a], f.b.ns[p.b])
	}
	_, apart := medianAndSpread(diffs)
	lasts, _ := medianAndSpread(lasted)
	return apart <= lasts
}

// inOrder pairs the n-th with the n-th.
func inOrder(n int) []pair {
	pairs := make([]pair, n)
	for i := range pairs {
		pairs[i] = pair{i, i}
	}
	return pairs
}

// best is the difference between the clocks at which the ends fall together best, and how well (score).
func (f *fitting) best(ahead, median int64) (offset int64, fit float64) {
	from, to := f.window()
	offset = f.settle(ahead)
	fit = f.score(offset, from, to)
	for _, more := range []func() []int64{func() []int64 { return []int64{f.settle(median)} }, f.candidates} {
		if fit >= clearlyFitted || to-from < fewCollectives { // a few fit somewhere, if the clock may be any
			break
		}
		for _, o := range more() {
			if got := f.score(o, from, to); got > fit {
				offset, fit = o, got
			}
		}
	}
	return offset, fit
}

// spacing is the usual time from one end to the next.
func (s *sequence) spacing() int64 {
	apart := make([]int64, 0, len(s.ns))
	for i := 1; i < len(s.ns); i++ {
		apart = append(apart, s.end(i)-s.end(i-1))
	}
	if len(apart) == 0 {
		return 0
	}
	return stats.Median(apart)
}

// fitting lays two sequences along each other.
type fitting struct {
	a, b    *sequence // the shorter one first
	spacing int64     // the usual time between ends
}

// near is how far apart the ends of one collective may be.
func (f *fitting) near() int64 { return max(1, f.spacing/4) }

// nth is by how much the n-th of b end later than those of a, by how much they differ from that, and how many by so much that
// one further on or one before would be as near.
func (f *fitting) nth(n int) (median, apart int64, stray int) {
	diffs := make([]int64, n)
	for i := range diffs {
		diffs[i] = f.b.end(i) - f.a.end(i)
	}
	median, apart = medianAndSpread(diffs)
	for _, d := range diffs {
		if 2*max(d-median, median-d) > f.spacing {
			stray++
		}
	}
	return median, apart, stray
}

// window is the part of a that candidates are tried on.
func (f *fitting) window() (from, to int) {
	from = max(0, (len(f.a.ns)-windowTried)/2)
	return from, min(len(f.a.ns), from+windowTried)
}

// candidates are the differences between clocks at which some end of a and some of b, about as far on, are the same.
func (f *fitting) candidates() []int64 {
	from, to := f.window()
	var out []int64
	for i := from; i < to; i += max(1, (to-from)/anchorsTried) {
		middle := i * len(f.b.ns) / len(f.a.ns)
		for j := max(0, middle-shiftsTried); j < min(len(f.b.ns), middle+shiftsTried+1); j++ {
			out = append(out, f.b.end(j)-f.a.end(i))
		}
	}
	slices.SortFunc(out, func(x, y int64) int { return cmp.Or(cmp.Compare(max(x, -x), max(y, -y)), cmp.Compare(x, y)) })
	return slices.Compact(out)
}

// score says how well a's [from, to) and b fall together at a difference, where both were recorded: each pair of ends
// counts as 1, or less by how far it is apart.
func (f *fitting) score(offset int64, from, to int) float64 {
	near := f.near()
	begin, end := f.b.end(0)-offset-near, f.b.end(len(f.b.ns)-1)-offset+near
	sum, asked := 0.0, 0
	j := sort.Search(len(f.b.ns), func(j int) bool { return f.b.end(j)-offset >= f.a.end(from)-near })
	for i := from; i < to; i++ {
		at := f.a.end(i)
		if at < begin || at > end {
			continue
		}
		asked++
		for j < len(f.b.ns) && f.b.end(j)-offset < at-near {
			j++
		}
		if j == len(f.b.ns) {
			continue
		}
		d := f.b.end(j) - offset - at
		if j+1 < len(f.b.ns) {
			if e := f.b.end(j+1) - offset - at; max(e, -e) < max(d, -d) {
				d, j = e, j+1
			}
		}
		if d = max(d, -d); d <= near {
			sum += 1 - float64(d)/float64(near)
			j++
		}
	}
	// A short overlap shows nothing.
	if 2*asked < to-from || asked == 0 {
		return 0
	}
	return sum / float64(asked)
}

// settle moves a difference to the median of what falls together at it.
func (f *fitting) settle(offset int64) int64 {
	var diffs []int64
	for _, p := range f.nearest(offset) {
		diffs = append(diffs, f.b.end(p.b)-f.a.end(p.a))
	}
	if len(diffs) == 0 {
		return offset
	}
	return stats.Median(diffs)
}

// nearest are the pairs whose ends fall together at a difference, in order.
func (f *fitting) nearest(offset int64) []pair {
	var out []pair
	near := f.near()
	apart := func(i, j int) int64 { d := f.b.end(j) - offset - f.a.end(i); return max(d, -d) }
	for i, j := 0, 0; i < len(f.a.ns) && j < len(f.b.ns); {
		switch d := f.b.end(j) - offset - f.a.end(i); {
		case d < -near:
			j++
		case d > near:
			i++
		case j+1 < len(f.b.ns) && apart(i, j+1) < apart(i, j):
			j++
		case i+1 < len(f.a.ns) && apart(i+1, j) < apart(i, j):
			i++
		default:
			out = append(out, pair{i, j})
			i, j = i+1, j+1
		}
	}
	return out
}

// merge are all pairs at a difference: those whose ends fall together, and those between them where nothing is missing.
func (f *fitting) merge(offset int64) []pair {
	told := f.nearest(offset)
	out := make([]pair, 0, len(told))
	last := pair{-1, -1}
	for _, p := range told {
		if p.a-last.a == p.b-last.b && last.a >= 0 {
			for k := 1; last.a+k < p.a; k++ {
				if d := f.b.end(last.b+k) - offset - f.a.end(last.a+k); 4*max(d, -d) < 3*f.spacing { // else each has lost another one
					out = append(out, pair{last.a + k, last.b + k})
				}
			}
		}
		out = append(out, p)
		last = p
	}
	return out
}

// A Meeting is one collective of one rank, as the ranks together know it.
type Meeting struct {
	s *sequence
	i int
}

// StartNs is when the rank came, since its trace's base time.
func (m Meeting) StartNs() int64 { return m.s.start[m.i] }

// Ns is how long it stayed.
func (m Meeting) Ns() int64 { return m.s.ns[m.i] }

// EndNs is when it left.
func (m Meeting) EndNs() int64 { return m.s.end(m.i) }

// WaitNs is how much of that it waited for others; trace.Absent: unknown. It is known once the ranks have been compared.
func (m Meeting) WaitNs() int64 { return m.s.wait[m.i] }

// Row is the event's row in the trace.
func (m Meeting) Row() int32 { return m.s.row[m.i] }

// Number is the same on all ranks that were in it, and less than 0 if no other is known to have been, or not all of them.
func (m Meeting) Number() int32 { return m.s.met[m.i] }

// Meetings are all collectives of a rank, in order of time.
func (runs Runs) Meetings() []Meeting {
	var out []Meeting
	for _, s := range runs {
		for i := range s.ns {
			out = append(out, Meeting{s, i})
		}
	}
	slices.SortFunc(out, func(a, b Meeting) int {
		return cmp.Or(cmp.Compare(a.StartNs(), b.StartNs()), cmp.Compare(a.Row(), b.Row()))
	})
	return out
}

// crowd is ranks that ran the same collectives of one kind.
type crowd struct {
	members []member
	at      [][]int // of each member, the place of what the first one ran; unmatched if it has not got it
}

// crowds divides those that ran collectives of one kind into such as ran the same ones. The first of each has the most.
func crowds(k collectiveKey, all []member) []crowd {
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b member) int { return cmp.Compare(len(b.ns), len(a.ns)) })
	together := endsTogether(k.kind())
	var out []crowd
next:
	for _, m := range order {
		for c := range out {
			lead := out[c].members[0]
			pairs := pairUp(lead.sequence, m.sequence, together, lead.rank.BaseTimeNs-m.rank.BaseTimeNs)
			if len(pairs) == 0 {
				continue
			}
			at := slices.Repeat([]int{unmatched}, len(lead.ns))
			for _, p := range pairs {
				at[p.a] = p.b
			}
			out[c].members, out[c].at = append(out[c].members, m), append(out[c].at, at)
			continue next
		}
		at := make([]int, len(m.ns))
		for i := range at {
			at[i] = i
		}
		out = append(out, crowd{[]member{m}, [][]int{at}})
	}
	return out
}

// lacks are how many collectives a rank has not got.
type lacks struct{ met, before, after, between int }

// count adds to what each rank has met and lacks by a crowd.
func (c *crowd) count(of map[*Rank]*lacks) {
	lead := c.members[0]
	var most lacks // of the first one
	for j, m := range c.members[1:] {
		var pairs []pair
		for a, b := range c.at[j+1] {
			if b != unmatched {
				pairs = append(pairs, pair{a, b})
			}
		}
		l := lacksOf(m, lead, pairs)
		own := of[m.rank]
		*own = lacks{own.met + l.met, own.before + l.before, own.after + l.after, own.between + l.between}
		for i, p := range pairs {
			pairs[i] = pair{p.b, p.a}
		}
		l = lacksOf(lead, m, pairs)
		most = lacks{max(most.met, l.met), max(most.before, l.before), max(most.after, l.after), max(most.between, l.between)}
	}
	own := of[lead.rank]
	*own = lacks{own.met + most.met, own.before + most.before, own.after + most.after, own.between + most.between}
}

// lacksOf is what one rank lacks of another's, given the pairs that they share, the other's place first. What the other ran before
// the one's first is lacking from before its trace began, if most of it ended by then; so it is at the end. In between it is
// what the other has more of: groups of other ranks may run collectives of the same name, on either side.
func lacksOf(one, other member, pairs []pair) lacks {
	l := lacks{met: len(pairs)}
	first, last := pairs[0], pairs[len(pairs)-1]
	outside := 0
	for i := range first.a {
		if other.end(i)+one.end(first.b)-other.end(first.a) < one.rank.FirstNs {
			outside++
		}
	}
	if 2*outside > first.a-first.b {
		l.before = max(0, first.a-first.b)
	}
	outside = 0
	for i := last.a + 1; i < len(other.ns); i++ {
		if other.start[i]+one.end(last.b)-other.end(last.a) > one.rank.LastNs {
			outside++
		}
	}
	if more := len(other.ns) - last.a - (len(one.ns) - last.b); 2*outside > more {
		l.after = max(0, more)
	}
	l.between = max(0, len(other.ns)-l.before-l.after-len(one.ns))
	return l
}

// splitWaits fills in what each member waited in the collectives that all have, as far as nobody told, and numbers those
// from number on. It counts in late how often each rank came last.
func (c *crowd) splitWaits(number *int32, late map[int]int) {
	if len(c.members) < 2 {
		return
	}
	oneClock := true
	for _, m := range c.members {
		oneClock = oneClock && SharesClock(m.rank, c.members[0].rank)
	}
	visits, waits := make([]Visit, len(c.members)), make([]int64, len(c.members))
next:
	for i := range c.members[0].ns {
		for j, m := range c.members {
			at := c.at[j][i]
			if at == unmatched {
				continue next
			}
			visits[j] = Visit{StartNs: m.rank.BaseTimeNs + m.start[at], Ns: m.ns[at]}
		}
		last := Waits(visits, oneClock, waits)
		late[c.members[last].rank.Rank]++
		for j, m := range c.members {
			at := c.at[j][i]
			if m.met[at] = *number; m.wait[at] == trace.Absent {
				m.wait[at], m.waitFrom = waits[j], WaitFromDurations
				if oneClock {
					m.waitFrom = WaitFromStarts
				}
			}
		}
		*number++
	}
}
