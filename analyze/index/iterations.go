package index

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// How long does a step take? A request waits for its next token from one step to the next, so a step lasts from the start
// of its first GPU work to the start of the next step's first. This is its iteration. It holds what the engine does after
// the step's mark too (sampling, output, scheduling), and what was launched by nobody. Iterations that follow each other
// leave no time between them: n of them in a row take exactly as long as from the first one's start to the last one's end.
// In a CPU-only trace an iteration goes from mark to mark.
//
// Two kinds of steps have no such time. After some the engine waits for requests (pauses.go), and after the last nothing
// is known: they are open. They go to the end of their iteration's own last work, have no gap, and are in no median. And
// of some the trace has lost work (measured.go): they are unmeasured.
//
// The idea: steps are laid out by their starts, and one pass over the work, in order of time, measures all of them: the
// union of what ran, its end, and the longest time in which nothing did after the step's own work was done. Work that
// crosses the border of two iterations is cut there.
//
// Not done: a step whose first work was already running when the profile began would begin too late. Engines begin
// profiles between steps.

// Iteration is a step as the device saw it.
type Iteration struct {
	Step           int // index of the steps that were given
	BeginNs, EndNs int64
	WorkEndNs      int64 // of all its work; EndNs of an open one
}

// Ns is the whole iteration's length.
func (it *Iteration) Ns() int64 { return it.EndNs - it.BeginNs }

// Iterations lays out the iterations of steps that were measured, by their starts.
func Iterations(steps []Step) []Iteration {
	out := make([]Iteration, 0, len(steps))
	for i := range steps {
		if s := &steps[i]; s.HasIteration() {
			end := s.BeginNs() + s.TimeNs
			out = append(out, Iteration{i, s.BeginNs(), end, end - max(0, s.GapNs)})
		}
	}
	slices.SortStableFunc(out, func(a, b Iteration) int { return cmp.Compare(a.BeginNs, b.BeginNs) })
	return out
}

// HasIteration tells whether the step took place: on the device, or in a CPU-only trace. Steps without GPU work among
// others have none, and neither have empty ones.
func (s *Step) HasIteration() bool { return s.GPUEvents > 0 || !s.Unmeasured && !s.idles() }

// idles tells whether the step runs nothing, by what it says of itself.
func (s *Step) idles() bool {
	return s.Phase == trace.StepEmpty || s.Phase == trace.StepCapture
}

// BeginNs is when its iteration begins: with its first GPU work, in a CPU-only trace with its mark.
func (s *Step) BeginNs() int64 {
	if s.GPUEvents > 0 {
		return s.GPUFirstNs
	}
	return s.StartNs
}

// Closed tells whether the step's time is that of a whole iteration: such steps make medians and costs.
func (s *Step) Closed() bool { return !s.Open && !s.Unmeasured }

// stretch is an iteration while it is measured.
type stretch struct {
	step            *Step
	begin, next     int64 // start of this iteration and of the next; math.MaxInt64: none follows
	own             int64 // end of what the mark launched; of a CPU's, of the mark
	events          int   // pieces of work that began in it
	busy            int64
	idle, idleFrom  int64 // the longest time without work after own, and when it began
	idleBusy        int64 // busy and events up to there
	idleEvents      int
	workEnd         int64 // of all its work, no later than next
	lostAfter       bool  // a step without work stands between it and the next
	beginsUnusually bool  // its first work is not what steps like it begin with
}

// layOut has a stretch for each step that has an iteration, in order of time.
func layOut(steps []Step) []stretch {
	var out []stretch
	for i := range steps {
		if s := &steps[i]; s.HasIteration() {
			own := s.StartNs + s.CPUNs
			if s.GPUEvents > 0 {
				own = s.GPULastNs
			}
			out = append(out, stretch{step: s, begin: s.BeginNs(), next: math.MaxInt64, own: own})
		}
	}
	slices.SortStableFunc(out, func(a, b stretch) int { return cmp.Compare(a.begin, b.begin) })
	for i := range out {
		if i+1 < len(out) {
			out[i].next = out[i+1].begin
		}
		out[i].workEnd = out[i].begin
	}
	return out
}

// sweep measures stretches from intervals that come in order of their starts.
type sweep struct {
	list      []stretch
	at        int   // the stretch of the last start; -1: none has begun
	until     int64 // the latest end of anything
	busyUntil int64 // and of work: on a CPU, marks are none
}

// add takes an interval. Of those that are no work, marks, only the extent counts.
func (w *sweep) add(start, end int64, work bool) {
	if w.at >= 0 && start > w.until {
		s := &w.list[w.at]
		if idle := start - w.until; w.until >= s.own && idle > s.idle {
			s.idle, s.idleFrom, s.idleBusy, s.idleEvents = idle, w.until, s.busy, s.events
		}
	}
	for w.at+1 < len(w.list) && w.list[w.at+1].begin <= start {
		w.at++
	}
	w.until = max(w.until, end)
	from := max(start, w.busyUntil)
	if work {
		w.busyUntil = max(w.busyUntil, end)
	}
	if work && w.at >= 0 {
		w.list[w.at].events++
	}
	for k := max(0, w.at); k < len(w.list) && w.list[k].begin < end; k++ {
		s := &w.list[k]
		s.workEnd = max(s.workEnd, min(end, s.next))
		if work {
			s.busy += max(0, min(end, s.next)-max(from, s.begin))
		}
	}
}

// timeSteps fills TimeNs, GapNs, BusyNs, Open and Unmeasured of all steps. stepOf is the step of each call.
func (x *Index) timeSteps(steps []Step, stepOf []int32) {
	lost := x.LostGPU()
	for i := range steps {
		s := &steps[i]
		s.GapNs = -1
		if s.GPUEvents > 0 {
			continue
		}
		if s.Unmeasured = (x.OnGPU || lost) && !s.idles(); !s.Unmeasured {
			s.TimeNs = s.CPUNs
		}
	}
	w := &sweep{list: layOut(steps), at: -1, until: math.MinInt64, busyUntil: math.MinInt64}
	if len(w.list) == 0 {
		return
	}
	if x.OnGPU {
		for i := range x.GPU {
			w.add(x.GPU[i].StartNs, x.GPU[i].EndNs, true)
		}
	} else {
		x.sweepHost(w)
	}
	x.findLosses(steps, w.list, stepOf)
	usualNs, gapNs := pace(w.list)
	for k := range w.list {
		s := &w.list[k]
		switch {
		case s.lostAfter:
			s.step.Unmeasured = true
			s.step.TimeNs = max(0, min(s.own, s.next)-s.begin)
			s.step.BusyNs = min(s.step.GPUBusyNs, s.step.TimeNs)
		case s.next == math.MaxInt64:
			s.leaveOpen(OutOfProportion(s.idle, usualNs))
		case pauses(s.step, w.list[k+1].step, s.idle, gapNs, usualNs):
			s.leaveOpen(true)
		default:
			s.step.TimeNs, s.step.GapNs, s.step.BusyNs = s.next-s.begin, s.next-s.workEnd, s.busy
		}
	}
}

// leaveOpen ends a step with its work: where it paused, with what it did before that.
func (s *stretch) leaveOpen(paused bool) {
	s.step.Open = true
	s.step.TimeNs, s.step.BusyNs = s.workEnd-s.begin, s.busy
	if paused {
		s.step.TimeNs, s.step.BusyNs = s.idleFrom-s.begin, s.idleBusy
	}
}

// pace is how long iterations usually take, and how long the device is usually idle between two of the same requests; 0 if
// there are none such.
func pace(list []stretch) (ns, gapNs int64) {
	var times, gaps []int64
	for k := range list[:len(list)-1] {
		times = append(times, list[k].next-list[k].begin)
		if list[k+1].step.GenerationRequests > 0 {
			gaps = append(gaps, list[k].idle)
		}
	}
	return stats.Median(times), stats.Median(gaps)
}

// sweepHost measures the stretches of a CPU-only trace: the ops of the thread that takes each step.
func (x *Index) sweepHost(w *sweep) {
	type interval struct {
		start, end int64
		work       bool
	}
	var list []interval
	tracks := map[trace.TrackID]bool{}
	for k := range w.list {
		m := &x.chosen[w.list[k].step.Index]
		tracks[m.Track] = true
		list = append(list, interval{m.StartNs, m.EndNs, false})
	}
	taker := func(start int64) trace.TrackID { // of the step that is taken at a moment
		k, found := slices.BinarySearchFunc(w.list, start, func(s stretch, at int64) int { return cmp.Compare(s.begin, at) })
		if !found {
			k--
		}
		return x.chosen[w.list[max(0, k)].step.Index].Track
	}
	track, until := trace.TrackID(0), int64(math.MinInt64) // Host is in order of threads: what ends no later than until is nested
	for _, h := range x.Host() {
		if h.Track != track {
			track, until = h.Track, math.MinInt64
		}
		if h.EndNs > until && tracks[h.Track] && x.CategoryOf(&h) == trace.CategoryCPUOp && (len(tracks) == 1 || taker(h.StartNs) == h.Track) {
			list, until = append(list, interval{h.StartNs, h.EndNs, true}), h.EndNs
		}
	}
	slices.SortStableFunc(list, func(a, b interval) int { return cmp.Compare(a.start, b.start) })
	for _, v := range list {
		w.add(v.start, v.end, v.work)
	}
}
