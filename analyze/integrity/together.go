package integrity

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
)

// What ranks together say of each other. Those that run the same collectives run all of them: what one has in the time that
// both recorded, the other has as well, or it was lost. So the collectives that others have and a rank has not (ranks.Clock)
// tell a profile that began late or ended early, and events that are gone in between. Ranks that met in none, as replicas
// and the stages of a pipeline, may differ in all of that: of those only a trace without collectives is said to begin late.
//
// A trace of another run is one whose clock is too far off for a clock, and that doesn't match as a clock that is merely wrong
// would; or that says that it is of another engine or of a world of another size.

const (
	// lateNs is how much later a trace may begin without it being worth a word.
	lateNs = 1_000_000
	// skewNs is how far clocks may be apart before a report says so: beyond it, two ranks' timelines can't be laid side
	// by side by eye. GPU clocks of one host agree to some µs.
	skewNs = 1_000_000
	// farNs is how far clocks of machines that serve together are never apart: any time service keeps them within seconds.
	farNs = int64(time.Minute)
	// setNs is how far clocks are apart that nobody has set.
	setNs = int64(time.Second)
	// lostShare is the share of the collectives that may be lacking without a word: profilers do not begin at the same moment.
	lostShare = 0.02
	// partShare of them is a part of the profile.
	partShare = 0.1
	// sameEvents are enough for two traces to be as many events in the same time by no chance.
	sameEvents = 50
	// fewerShare is by how many kernels, of nearly every name, a rank may have less than another that ran the same collectives.
	fewerShare = 0.1
)

// CheckTogether finds ranks that are of different profiles, whose clocks differ, and that lack what others have. The ranks are
// sorted.
func CheckTogether(all []*ranks.Rank) []Problem {
	if len(all) < 2 || slices.ContainsFunc(all, func(r *ranks.Rank) bool { return r.Clock == nil }) {
		return nil
	}
	var out []Problem
	odd := map[*ranks.Rank]bool{}
	for _, d := range differing(all) {
		odd[d.odd] = true
		out = append(out, d.problem())
	}
	twice := map[*ranks.Rank]bool{}
	for i, r := range all {
		if k := slices.IndexFunc(all[:i], func(o *ranks.Rank) bool { return same(o, r) }); k >= 0 && !twice[all[k]] {
			twice[r] = true
			out = append(out, Problem{ID: "same_trace", Severity: SeverityWarning, Rank: r.Rank, Count: r.Events,
				Text: fmt.Sprintf("the traces of rank %d and rank %d are one and the same: sums count it twice", all[k].Rank, r.Rank)})
		}
	}
	for _, r := range all {
		if odd[r] || twice[r] {
			continue
		}
		if !onGPU(r) && slices.ContainsFunc(all, func(o *ranks.Rank) bool { return !odd[o] && onGPU(o) }) {
			out = append(out, withoutGPU(r))
			continue
		}
		out = append(out, clockOff(r)...)
		out = append(out, lacking(r)...)
		if p := fewerKernels(r, all, odd); p != nil {
			out = append(out, *p)
		}
	}
	return out
}

func onGPU(r *ranks.Rank) bool {
	return slices.ContainsFunc(r.Time, func(t device.Time) bool { return t.Device != device.CPUDevice })
}

// withoutGPU says that a rank has no GPU work, and others have.
func withoutGPU(r *ranks.Rank) Problem {
	p := Problem{ID: "no_gpu_events", Severity: SeverityError, Rank: r.Rank, Text: fmt.Sprintf("the trace of rank %d has no GPU work, and others have: it is in no table", r.Rank)}
	switch long := r.LastNs - r.FirstNs + r.Clock.LateNs + r.Clock.EarlyNs; {
	case r.Clock.LateNs > max(lateNs, long/10):
		p.ID, p.Ns = "late_rank", r.Clock.LateNs
		p.Text += fmt.Sprintf("; it begins %s after the first one's", inUnit(p.Ns))
	case r.Clock.EarlyNs > max(lateNs, long/10):
		p.ID, p.Ns = "early_rank", r.Clock.EarlyNs
		p.Text += fmt.Sprintf("; it ends %s before the last one's", inUnit(p.Ns))
	}
	return p
}

// RanksTogether is the check of which CheckTogether has found problems; nil of one rank.
func RanksTogether(all []*ranks.Rank, found []Problem) *Check {
	if len(all) < 2 {
		return nil
	}
	c := &Check{ID: CheckMet, Rank: AllRanks, Outcome: Passed}
	for _, r := range all {
		if r.Clock != nil {
			c.Looked = max(c.Looked, r.Clock.Met)
		}
	}
	switch {
	case slices.ContainsFunc(found, func(p Problem) bool { return p.Severity != SeverityNote }):
		c.Outcome = Failed
	case c.Looked == 0:
		c.Outcome, c.Why = NotChecked, "they are known to meet in no collective"
	}
	return c
}

// same tells whether two traces are the same one.
func same(a, b *ranks.Rank) bool {
	return a.Events >= sameEvents && a.BaseTimeNs == b.BaseTimeNs && a.Events == b.Events && a.FirstNs == b.FirstNs && a.LastNs == b.LastNs && a.Runs.Equal(b.Runs)
}

// difference says why a trace is of another profile than a rank's.
type difference struct {
	odd, of *ranks.Rank
	why     string
	ns      int64
}

func (d *difference) problem() Problem {
	severity := SeverityWarning
	if d.odd.WorldSize > 1 && d.of.WorldSize > 1 {
		severity = SeverityError // the rank that should be here is missing
	}
	a, b := d.of, d.odd
	if a.Rank > b.Rank && d.ns == 0 {
		a, b = b, a
	}
	return Problem{ID: "different_profiles", Severity: severity, Rank: AllRanks, Ns: d.ns,
		Text: fmt.Sprintf("the traces of rank %d and rank %d %s: they are of different profiles, and sums over them are of neither "+
			"(inferprof compare sets one against the other)", a.Rank, b.Rank, d.why)}
}

// differing finds the traces that are of another profile than most are, or than the first.
func differing(all []*ranks.Rank) []difference {
	if a, b, ns := apart(all); a != nil {
		return []difference{{odd: b, of: a, ns: ns, why: fmt.Sprintf("lie %s apart and ran no collective together", inUnit(ns))}}
	}
	var most []difference
	for _, of := range all { // the one from which the fewest differ is of the profile
		var found []difference
		for _, r := range all {
			if why := differ(of, r); r != of && why != "" {
				found = append(found, difference{odd: r, of: of, why: why})
			}
		}
		if of == all[0] || len(found) < len(most) {
			most = found
		}
	}
	return most
}

// differ says how two traces show that they are of different profiles; "" if they do not.
func differ(a, b *ranks.Rank) string {
	switch {
	case a.WorldSize > 0 && b.WorldSize > 0 && a.WorldSize != b.WorldSize:
		return fmt.Sprintf("say that they are of %s and of %d", words.Plural(a.WorldSize, "rank", "ranks"), b.WorldSize)
	case a.Engine != "" && b.Engine != "" && a.Engine != b.Engine:
		return fmt.Sprintf("are of %s and of %s", a.Engine, b.Engine)
	case a.Version != "" && b.Version != "" && a.Version != b.Version:
		return fmt.Sprintf("are of %s %s and of %s", a.Engine, a.Version, b.Version)
	}
	off := apartNs(a.Clock.SkewNs, b.Clock.SkewNs)
	if most := max(lacks(a), lacks(b)); off > farNs && most > lostShare {
		return fmt.Sprintf("are %s apart by their clocks, and one lacks %.0f %% of the other's collectives", inUnit(off), 100*most)
	}
	met, fewest := min(a.Clock.Met, b.Clock.Met), min(a.Runs.Together(), b.Runs.Together())
	if off > setNs && 2*met < fewest {
		return fmt.Sprintf("are %s apart by their clocks, and share no more than %d of %s", inUnit(off), met, words.Plural(fewest, "collective", "collectives"))
	}
	return ""
}

// lacks is the share of the collectives of others that a rank has not got.
func lacks(r *ranks.Rank) float64 {
	c := r.Clock
	n := c.LacksBefore + c.LacksAfter + c.LacksBetween
	return float64(n) / float64(max(1, c.Met+n))
}

// apart finds traces that do not overlap in time and ran no collective together, which are of different profiles: the
// first two of them, and the time between.
func apart(all []*ranks.Rank) (before, after *ranks.Rank, ns int64) {
	order := slices.SortedStableFunc(slices.Values(all), func(a, b *ranks.Rank) int {
		return cmp.Compare(a.Clock.LateNs, b.Clock.LateNs)
	})
	last := order[0]
	for _, r := range order[1:] {
		end := last.Clock.LateNs + last.LastNs - last.FirstNs
		if gap := r.Clock.LateNs - end; gap > 0 && r.Clock.Collectives == 0 && r.Clock.Met == 0 {
			return last, r, gap
		}
		if r.Clock.LateNs+r.LastNs-r.FirstNs > end {
			last = r
		}
	}
	return nil, nil, 0
}

// clockOff says that a rank's clock differs from the lowest one's.
func clockOff(r *ranks.Rank) []Problem {
	c := r.Clock
	if c.Collectives == 0 || max(c.SkewNs, -c.SkewNs) <= max(skewNs, 4*c.SpreadNs) {
		return nil
	}
	ahead, by := "ahead of", c.SkewNs
	if by < 0 {
		ahead, by = "behind", -by
	}
	return []Problem{{ID: "clock_skew", Severity: SeverityNote, Rank: r.Rank, Count: c.Collectives, Ns: by, Affects: []string{"late_ns"},
		Text: fmt.Sprintf("the clock of rank %d is %s %s rank %d's, by %s that both ran (± %s): timelines are shifted by it",
			r.Rank, inUnit(by), ahead, c.Reference, words.Plural(c.Collectives, "collective", "collectives"), inUnit(c.SpreadNs))}}
}

// lacking says what a rank has not got that others have: before its first collective, after its last, and between.
func lacking(r *ranks.Rank) []Problem {
	c := r.Clock
	long := r.LastNs - r.FirstNs + c.LateNs + c.EarlyNs
	if c.Met == 0 { // a window that lacks a tenth of the longest one, or more, may lack steps
		if c.LateNs > max(lateNs, long/10) && len(r.Runs) == 0 {
			return []Problem{{ID: "late_rank", Severity: SeverityNote, Rank: r.Rank, Ns: c.LateNs,
				Text: fmt.Sprintf("the trace of rank %d begins %s after the first rank's, and may lack what came before", r.Rank, inUnit(c.LateNs))}}
		}
		return nil
	}
	whole := c.Met + c.LacksBefore + c.LacksAfter + c.LacksBetween
	before, after, between := c.LacksBefore, c.LacksAfter, c.LacksBetween
	if c.LateNs <= lateNs { // it began with the others, so that what is missing is lost
		before, between = 0, between+before
	}
	if c.EarlyNs <= lateNs {
		after, between = 0, between+after
	}
	var out []Problem
	say := func(id string, n int, ns int64, text string, args ...any) {
		share := float64(n) / float64(whole)
		if share < lostShare {
			return
		}
		severity := SeverityWarning
		if share >= partShare {
			severity = SeverityError
		}
		out = append(out, Problem{ID: id, Severity: severity, Rank: r.Rank, Count: n, Ns: ns,
			Text: fmt.Sprintf("the trace of rank %d ", r.Rank) + fmt.Sprintf(text, args...) +
				fmt.Sprintf(": it lacks %d of the %s that the others have", n, words.Plural(whole, "collective", "collectives"))})
	}
	say("late_rank", before, c.LateNs, "begins after the others' (%s after the first)", inUnit(c.LateNs))
	say("early_rank", after, c.EarlyNs, "ends before the others' (%s before the last)", inUnit(c.EarlyNs))
	say("rank_lost_work", between, 0, "has lost events")
	return out
}

// fewerKernels finds a rank that ran the same collectives as others, and has fewer kernels of nearly every name.
func fewerKernels(r *ranks.Rank, all []*ranks.Rank, odd map[*ranks.Rank]bool) *Problem {
	if r.Clock.Met == 0 || lacks(r) >= lostShare {
		return nil
	}
	own := kernelCounts(r)
	for _, o := range all {
		if o == r || odd[o] || o.Clock.Met == 0 || (o.BaseTimeNs == 0) != (r.BaseTimeNs == 0) || // their times can't be set against each other
			apartNs(r.Clock.LateNs, o.Clock.LateNs) > lateNs || apartNs(r.Clock.EarlyNs, o.Clock.EarlyNs) > lateNs {
			continue // what one ran outside the other's time is not lost
		}
		var fewer, more, whole int
		for name, n := range kernelCounts(o) {
			if has := own[name]; has > 0 {
				fewer, more, whole = fewer+max(0, n-has), more+max(0, has-n), whole+n
			}
		}
		if float64(fewer) >= fewerShare*float64(whole) && more < fewer/10 && whole > 0 {
			return &Problem{ID: "rank_lost_work", Severity: SeverityWarning, Rank: r.Rank, Count: fewer,
				Text: fmt.Sprintf("rank %d has %d of %d kernels less than rank %d, and ran the same collectives: events are lost, or it had less to do",
					r.Rank, fewer, whole, o.Rank)}
		}
	}
	return nil
}

func apartNs(a, b int64) int64 { return max(a-b, b-a) }

// kernelCounts are how many kernels of each name a rank ran, communication left out.
func kernelCounts(r *ranks.Rank) map[string]int {
	counts := map[string]int{}
	for _, k := range r.Kernels {
		if k.Category != categories.Comm {
			counts[k.Name] += k.Count
		}
	}
	return counts
}
