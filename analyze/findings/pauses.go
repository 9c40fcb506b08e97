package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
)

// Steps that take far longer than the rest of their series: now and then, or at regular intervals.
//
// An interval is regular in steps (something that counts: a garbage collector, a buffer that is full) or in time (something
// that has a clock: a timer, another process). Long steps that follow each other at once are one pause.
//
// The cause is named only if the trace shows it: a call, op or frame of the same name in at least three of the long steps, and as long
// in no other one of the series. That it is there is a fact; that it is why is a conclusion, and so its part of what these
// steps take longer is said too. Else the trace does not say.

const (
	regularPauses = 4    // three intervals: two may be alike by chance
	regularity    = 0.1  // of an interval is by how much one may differ from their median
	regularShare  = 0.75 // of the pauses must be at regular intervals
	// worthTimes the median is what the longest must take where there is no rhythm: hosts that launch each kernel are restless.
	worthTimes = 1.5
	// companionShare of what a long step takes longer is what a call must take at least to be named.
	companionShare = 0.1
)

// outlierSteps: a few decode steps take far longer than those like them.
func outlierSteps(rv *rankView) *analyze.Finding {
	s := rv.decodeSeries()
	if s == nil {
		return nil
	}
	places := s.long
	if r := s.rhythm; r != nil {
		places = slices.DeleteFunc(slices.Clone(s.long), func(k int) bool { return slices.Contains(r.places, k) })
	}
	paused := map[int32]bool{} // one_long_gap speaks of those
	for i := range rv.gaps {
		if g := &rv.gaps[i]; g.cause == gapOutlier && g.iteration >= 0 {
			paused[g.iteration] = true
		}
	}
	places = slices.DeleteFunc(slices.Clone(places), func(k int) bool { return paused[s.at[k]] })
	if len(places) == 0 {
		return nil
	}
	long := those(s.ns, places)
	f := rv.longSteps(s, places)
	say(f, "%s of %s decode steps ", number("long_steps", len(long)), number("steps_alike", len(s.ns)))
	if len(long) == 1 {
		say(f, "takes %s", nanoseconds("longest_step", long[0]))
	} else {
		say(f, "take %s in the median and %s at most", nanoseconds("median_long_step", stats.Median(long)),
			nanoseconds("longest_step", slices.Max(long)))
	}
	say(f, choose(len(long) == 1, ", where the median of all with the same requests is %s; it is step %s, %s into the profile",
		", where the median of all with the same requests is %s; the first is step %s, %s into the profile"),
		nanoseconds("median_step", s.medianNs),
		number("first_long_step", rv.step(int(s.at[places[0]])).Index),
		nanoseconds("first_long_step_after", rv.iterations[s.at[places[0]]].BeginNs-rv.rank.FirstNs))
	rv.sayWhere(f, s, places)
	f.Try = "look at the steps named here in the timeline: other processes on the machine, garbage collection, the profiler's own " +
		"buffers; medians leave them out, means and p99 do not"
	return f
}

// periodicPauses: the long steps come at regular intervals.
func periodicPauses(rv *rankView) *analyze.Finding {
	s := rv.decodeSeries()
	if s == nil || s.rhythm == nil {
		return nil
	}
	r := s.rhythm
	f := rv.longSteps(s, r.places)
	long := those(s.ns, r.places)
	say(f, "a decode step takes longer every %s steps (%s), %s times: %s in the median, where the median of all is %s; the first is "+
		"step %s, %s into the profile",
		number("period_steps", r.steps), nanoseconds("period", r.ns), number("long_steps", len(long)),
		nanoseconds("median_long_step", stats.Median(long)),
		nanoseconds("median_step", s.medianNs), number("first_long_step", rv.step(int(s.at[r.places[0]])).Index),
		nanoseconds("first_long_step_after", rv.iterations[s.at[r.places[0]]].BeginNs-rv.rank.FirstNs))
	rv.sayWhere(f, s, r.places)
	f.Try = "look for what runs at that interval: garbage collection (gc.freeze() after warm-up, gc.disable()), metrics and health " +
		"checks, logging, the profiler's own buffers"
	return f
}

// notWaiting is the worst of the ranks that do not wait for others in their long steps, if there are such: it is there that
// the cause is.
func notWaiting(v *view, found []*analyze.Finding) *analyze.Finding {
	waits := func(f *analyze.Finding) bool {
		return f != nil && slices.ContainsFunc(f.Evidence, func(e analyze.Evidence) bool { return e.Name == gpuDoes[useCommunicating] })
	}
	own := slices.Clone(found)
	for i, f := range own {
		if waits(f) {
			own[i] = nil
		}
	}
	if f := v.worst(own); f != nil {
		return f
	}
	return v.worst(found)
}

// gpuDoes names evidence of what the GPU does in long steps, by use.
var gpuDoes = [uses]string{"gpu_computes", "gpu_communicates", "gpu_stands_still"}

// longSteps is a finding about long steps: what they have at stake, and where they are.
func (rv *rankView) longSteps(s *series, places []int) *analyze.Finding {
	var excess int64
	longest := places[0]
	for _, k := range places {
		excess += s.ns[k] - s.medianNs
		if s.ns[k] > s.ns[longest] {
			longest = k
		}
	}
	f := &analyze.Finding{StakeNsPerStep: quotient(excess, rv.steps()), Evidence: []analyze.Evidence{nanoseconds("longer_in_all", excess)}}
	if row := rv.stepRow(rv.step(int(s.at[longest]))); row >= 0 {
		f.Events = append(f.Events, rv.ref(row))
	} else if len(rv.work) > 0 {
		f.Events = append(f.Events, rv.ref(rv.workAt(rv.iterations[s.at[longest]].BeginNs).Row))
	}
	return f
}

// sayWhere says of long steps whether the device worked longer or stood still, and what accompanies them.
func (rv *rankView) sayWhere(f *analyze.Finding, s *series, places []int) {
	var excess int64
	for _, k := range places {
		excess += s.ns[k] - s.medianNs
	}
	more := choose(len(places) == 1, "of what it takes more", "of what they take more")
	if rv.gpu {
		use, ns := s.moreOf(places)
		say(f, "; the GPU %s (%s %s)", []string{"computes longer", "communicates longer, or waits for other ranks",
			"stands still meanwhile"}[use],
			share(gpuDoes[use], min(ns, excess), excess), more)
	}
	c := rv.companion(s, places)
	switch {
	case c == nil:
		say(f, "; the trace does not say why")
		return
	case len(places) == 1:
		say(f, "; it has %s in it", shortName(c.name))
	case len(c.each) == len(places):
		say(f, "; each has %s in it", shortName(c.name))
	default:
		say(f, "; %s of them have %s in them", number("accompanied", len(c.each)), shortName(c.name))
	}
	say(f, choose(len(c.each) == 1, " (%s, %s %s), and none of the others has one so long",
		" (%s in the median, %s %s), and none of the others has one so long"),
		nanoseconds("median_in_it", stats.Median(c.each)), share("of_what_they_take_more", min(c.ns, excess), excess), more)
	f.Events = append(f.Events, rv.ref(c.row))
}

// moreOf is what the GPU does in steps at some places that others do less of, and for how much longer in all.
func (s *series) moreOf(places []int) (use int, ns int64) {
	all := s.steady()
	for u := range s.use {
		usual := s.median(u, all)
		var more int64
		for _, k := range places {
			more += max(0, s.use[u][k]-usual)
		}
		if more > ns {
			use, ns = u, more
		}
	}
	return use, ns
}

// rhythm is pauses at regular intervals.
type rhythm struct {
	places []int
	steps  int   // from one to the next, the median
	ns     int64 // the same in time
}

// regular finds the rhythm of the long steps; nil if they have none.
func (s *series) regular(rv *rankView) *rhythm {
	var pauses []int
	for i, k := range s.long {
		if i == 0 || s.at[k] > s.at[s.long[i-1]]+1 {
			pauses = append(pauses, k)
		}
	}
	if len(pauses) < regularPauses {
		return nil
	}
	steps := func(k int) int64 { return int64(s.at[k]) }
	moment := func(k int) int64 { return rv.iterations[s.at[k]].BeginNs }
	best := inRhythm(pauses, steps, 1)
	if c := inRhythm(pauses, moment, 0); len(c) > len(best) {
		best = c
	}
	if len(best) < regularPauses || float64(len(best)) < regularShare*float64(len(pauses)) {
		return nil
	}
	return &rhythm{best, int(stats.Median(intervals(best, steps))), stats.Median(intervals(best, moment))}
}

// inRhythm is the longest list of pauses that follow each other at one interval, in a measure of their places; slack is by how
// much intervals may always differ.
func inRhythm(pauses []int, measure func(int) int64, slack int64) []int {
	var best []int
	for i := range pauses {
		for j := i + 1; j < len(pauses); j++ {
			interval := measure(pauses[j]) - measure(pauses[i])
			off := max(int64(regularity*float64(interval)), slack)
			if interval <= 2*off {
				continue
			}
			list := []int{pauses[i], pauses[j]}
			for _, k := range pauses[j+1:] {
				if d := measure(k) - measure(list[len(list)-1]); d >= interval-off && d <= interval+off {
					list = append(list, k)
				}
			}
			if len(list) > len(best) {
				best = list
			}
		}
	}
	return best
}

func intervals(places []int, measure func(int) int64) []int64 {
	out := make([]int64, 0, len(places))
	for i := 1; i < len(places); i++ {
		out = append(out, measure(places[i])-measure(places[i-1]))
	}
	return out
}

// workAt is the first piece of work that does not begin before a moment, or the last.
func (rv *rankView) workAt(ns int64) *work {
	i, _ := slices.BinarySearchFunc(rv.work, ns, func(w work, ns int64) int {
		if w.StartNs < ns {
			return -1
		}
		return 1
	})
	return &rv.work[min(i, len(rv.work)-1)]
}
