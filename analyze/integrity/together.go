package integrity

import (
	"cmp"
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
			p := problem(words.Say("same_trace", "the traces of rank {first_rank} and rank {rank} are one and the same: sums count it twice",
				words.RankOf("first_rank", all[k].Rank), words.RankOf("rank", r.Rank)), SeverityWarning, r.Rank)
			p.Count = r.Events
			out = append(out, p)
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
	rank := words.RankOf("rank", r.Rank)
	const format = "the trace of rank {rank} has no GPU work, and others have: it is in no table"
	switch long := r.LastNs - r.FirstNs + r.Clock.LateNs + r.Clock.EarlyNs; {
	case r.Clock.LateNs > max(lateNs, long/10):
		p := problem(words.Say("late_rank", format+"; it begins {late_ns} after the first one's", rank, words.Ns("late_ns", r.Clock.LateNs)), SeverityError, r.Rank)
		p.Ns = r.Clock.LateNs
		return p
	case r.Clock.EarlyNs > max(lateNs, long/10):
		p := problem(words.Say("early_rank", format+"; it ends {early_ns} before the last one's", rank, words.Ns("early_ns", r.Clock.EarlyNs)), SeverityError, r.Rank)
		p.Ns = r.Clock.EarlyNs
		return p
	}
	return problem(words.Say("no_gpu_events", format, rank), SeverityError, r.Rank)
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
		c.notChecked(NoneMet)
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
	why     words.Message
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
	p := problem(words.Say("different_profiles", "the traces of rank {first_rank} and rank {other_rank} {why}: they are of different profiles, and sums over them are of neither "+
		"(inferprof compare sets one against the other)", words.RankOf("first_rank", a.Rank), words.RankOf("other_rank", b.Rank), words.Inner("why", d.why)), severity, AllRanks)
	p.Ns = d.ns
	return p
}

// differing finds the traces that are of another profile than most are, or than the first.
func differing(all []*ranks.Rank) []difference {
	if a, b, ns := apart(all); a != nil {
		return []difference{{odd: b, of: a, ns: ns, why: words.Say("apart", "lie {apart_ns} apart and ran no collective together", words.Ns("apart_ns", ns))}}
	}
	var most []difference
	for _, of := range all { // the one from which the fewest differ is of the profile
		var found []difference
		for _, r := range all {
			if why := differ(of, r); r != of && !why.IsZero() {
				found = append(found, difference{odd: r, of: of, why: why})
			}
		}
		if of == all[0] || len(found) < len(most) {
			most = found
		}
	}
	return most
}

// differ says how two traces show that they are of different profiles; nothing if they do not.
func differ(a, b *ranks.Rank) words.Message {
	switch {
	case a.WorldSize > 0 && b.WorldSize > 0 && a.WorldSize != b.WorldSize:
		return words.Say("world_size", "say that they are of {world} and of {other_world}", words.Things("world", a.WorldSize, "rank"), words.Number("other_world", b.WorldSize))
	case a.Engine != "" && b.Engine != "" && a.Engine != b.Engine:
		return words.Say("engine", "are of {engine} and of {other_engine}", words.Name("engine", a.Engine), words.Name("other_engine", b.Engine))
	case a.Version != "" && b.Version != "" && a.Version != b.Version:
		return words.Say("version", "are of {engine} {version} and of {other_version}", words.Name("engine", a.Engine), words.Name("version", a.Version),
			words.Name("other_version", b.Version))
	}
	off := apartNs(a.Clock.SkewNs, b.Clock.SkewNs)
	if most := max(lacks(a), lacks(b)); off > farNs && most > lostShare {
		return words.Say("clocks", "are {apart_ns} apart by their clocks, and one lacks {lacking_share} of the other's collectives", words.Ns("apart_ns", off),
			words.Value("lacking_share", most, words.UnitShare))
	}
	met, fewest := min(a.Clock.Met, b.Clock.Met), min(a.Runs.Together(), b.Runs.Together())
	if off > setNs && 2*met < fewest {
		return words.Say("few_met", "are {apart_ns} apart by their clocks, and share no more than {met} of {collectives}", words.Ns("apart_ns", off), words.Number("met", met),
			words.Things("collectives", fewest, "collective"))
	}
	return words.Message{}
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
	by := max(c.SkewNs, -c.SkewNs)
	p := problem(words.Say("clock_skew", "the clock of rank {rank} is {skew_ns} "+choose(c.SkewNs < 0, "behind", "ahead of")+" rank {reference_rank}'s, by {collectives} that both ran "+
		"(± {spread_ns}): timelines are shifted by it", words.RankOf("rank", r.Rank), words.Ns("skew_ns", by), words.RankOf("reference_rank", c.Reference),
		words.Things("collectives", c.Collectives, "collective"), words.Ns("spread_ns", c.SpreadNs)), SeverityNote, r.Rank)
	p.Count, p.Ns, p.Affects = c.Collectives, by, []string{"late_ns"}
	return []Problem{p}
}

// lacking says what a rank has not got that others have: before its first collective, after its last, and between.
func lacking(r *ranks.Rank) []Problem {
	c := r.Clock
	long := r.LastNs - r.FirstNs + c.LateNs + c.EarlyNs
	if c.Met == 0 { // a window that lacks a tenth of the longest one, or more, may lack steps
		if c.LateNs > max(lateNs, long/10) && len(r.Runs) == 0 {
			p := problem(words.Say("late_rank", "the trace of rank {rank} begins {late_ns} after the first rank's, and may lack what came before", words.RankOf("rank", r.Rank),
				words.Ns("late_ns", c.LateNs)), SeverityNote, r.Rank)
			p.Ns = c.LateNs
			return []Problem{p}
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
	say := func(id string, n int, ns int64, what string) {
		share := float64(n) / float64(whole)
		if share < lostShare {
			return
		}
		severity := SeverityWarning
		if share >= partShare {
			severity = SeverityError
		}
		p := problem(words.Say(id, "the trace of rank {rank} "+what+": it lacks {lacking} of the {collectives} that the others have", words.RankOf("rank", r.Rank),
			words.Ns("apart_ns", ns), words.Number("lacking", n), words.Things("collectives", whole, "collective")), severity, r.Rank)
		p.Count, p.Ns = n, ns
		out = append(out, p)
	}
	say("late_rank", before, c.LateNs, "begins after the others' ({apart_ns} after the first)")
	say("early_rank", after, c.EarlyNs, "ends before the others' ({apart_ns} before the last)")
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
			p := problem(words.Say("rank_lost_work", "rank {rank} has {fewer} of {kernels} kernels less than rank {other_rank}, and ran the same collectives: "+
				"events are lost, or it had less to do", words.RankOf("rank", r.Rank), words.Number("fewer", fewer), words.Number("kernels", whole),
				words.RankOf("other_rank", o.Rank)), SeverityWarning, r.Rank)
			p.Count = fewer
			return &p
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
