package findings

import (
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// How decode steps take their time, one after the other.
//
// The data: as many requests generate one token each, so steps that follow each other are alike, and their times, from start to
// start, are a series that should be flat. What it is instead is one of four things, each with a rule of its own: a few steps
// that take far longer than the rest (outlier_steps; periodic_pauses if they come at regular intervals), steps of two kinds
// (bimodal_steps), and steps that take longer and longer (step_drift; throttling if all kernels do alike, attention_growth if it
// is attention).
//
// The idea: only steps that a step of the same requests precedes and follows are in the series. So the batch is not the reason;
// nor are prompts, after which the first step waits for the host; and requests ran from the step's start to the next one's,
// so a pause in between is no pause of the traffic. The noise is taken from the series itself, by medians, which a few long
// steps do not move.
//
// What is not done: no model of what a step should take, and no comparison of steps of different batches.

// series is those decode steps of one rank.
type series struct {
	requests int64         // of each step; trace.Absent where names do not tell
	at       []int32       // iterations
	ns       []int64       // from start to start
	use      [uses][]int64 // of it, by what the GPU does; nil in a CPU-only trace

	medianNs, noiseNs int64   // noiseNs is a standard deviation, if times were spread normally, and no less than noiseFloor of the median
	rhythm            *rhythm // of long steps at regular intervals; nil if they have none
	long              []int   // places of steps that take far longer; nil if there are so many that they are a kind of their own
}

const (
	shortestSeries = 9 // of fewer steps, two long ones are no fewer than the rest
	// longTimes and longNoise tell a long step from noise: the first keeps out what nobody would see, the second what the
	// series shows as its own unrest. Real traces of H100 and H200 have a noise of 0.1 to 3 % of the median on a quiet host.
	longTimes, longNoise = 1.3, 6
	noiseFloor           = 0.005
	// longShare of the steps is the most that may be long: more of them are a kind of their own. Every fifth is a rhythm of
	// pauses, every third is not.
	longShare = 0.25
	madSigma  = 1.4826 // a standard deviation per median deviation from the median, of a normal distribution
)

// What the GPU does in a step: it computes, it communicates, which is waiting for other ranks too, or it stands still.
const (
	useComputing = iota
	useCommunicating
	useStandingStill
	uses
)

// decodeSeries is made once; nil if there are too few such steps.
func (rv *rankView) decodeSeries() *series {
	if !rv.seriesKnown {
		rv.seriesKnown, rv.series = true, rv.newSeries()
	}
	return rv.series
}

func (rv *rankView) newSeries() *series {
	s := &series{requests: rv.usualRequests()}
	alike := func(i int) bool {
		return i >= 0 && i < len(rv.iterations) && rv.in(int32(i), trace.StepDecode) && rv.step(i).GenerationRequests == s.requests &&
			!rv.step(i).Unmeasured
	}
	for i := range rv.iterations {
		it := &rv.iterations[i]
		if !alike(i-1) || !alike(i) || !alike(i+1) || rv.step(i).Open || rv.compiling.within(it.BeginNs, it.EndNs) > 0 {
			continue
		}
		s.at = append(s.at, int32(i))
		s.ns = append(s.ns, it.Ns())
	}
	if len(s.ns) < shortestSeries {
		return nil
	}
	if rv.gpu {
		rv.divide(s)
	}
	s.medianNs = stats.Median(s.ns)
	if s.medianNs <= 0 {
		return nil
	}
	s.noiseNs = max(noiseOf(s.ns, s.medianNs), int64(noiseFloor*float64(s.medianNs)))
	for k, ns := range s.ns {
		if float64(ns) > longTimes*float64(s.medianNs) && ns > s.medianNs+longNoise*s.noiseNs {
			s.long = append(s.long, k)
		}
	}
	if float64(len(s.long)) > longShare*float64(len(s.ns)) {
		s.long = nil
	}
	if s.rhythm = s.regular(rv); s.rhythm == nil && len(s.long) > 0 &&
		float64(slices.Max(those(s.ns, s.long))) < worthTimes*float64(s.medianNs) {
		s.long = nil
	}
	return s
}

// divide says what the GPU does in each step. Communication that runs beside other work is taken for communication.
func (rv *rankView) divide(s *series) {
	communicating := make([]int64, len(rv.iterations))
	for i := range rv.work {
		if w := &rv.work[i]; w.iteration >= 0 && rv.category(w) == "comm" {
			communicating[w.iteration] += w.EndNs - w.StartNs
		}
	}
	for k, i := range s.at {
		busy := rv.step(int(i)).BusyNs
		communicates := min(busy, communicating[i])
		s.use[useComputing] = append(s.use[useComputing], busy-communicates)
		s.use[useCommunicating] = append(s.use[useCommunicating], communicates)
		s.use[useStandingStill] = append(s.use[useStandingStill], max(0, s.ns[k]-busy))
	}
}

// median is the middle of what steps at some places do for one use.
func (s *series) median(use int, places []int) int64 { return stats.Median(those(s.use[use], places)) }

// usualRequests is how many requests most decode steps have; of equals the least.
func (rv *rankView) usualRequests() int64 {
	steps := map[int64]int{}
	usual := trace.Absent
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) {
			steps[rv.step(i).GenerationRequests]++
		}
	}
	for n, count := range steps {
		if count > steps[usual] || count == steps[usual] && n < usual {
			usual = n
		}
	}
	return usual
}

// noiseOf is the spread of values about their median.
func noiseOf(values []int64, median int64) int64 {
	off := make([]int64, len(values))
	for i, v := range values {
		off[i] = max(v-median, median-v)
	}
	return int64(madSigma * float64(stats.Median(off)))
}

// unrest is the spread of a series from one step to the next, which a trend does not add to.
func unrest(values []int64) int64 {
	if len(values) < 2 {
		return 0
	}
	jumps := make([]int64, len(values)-1)
	for i := range jumps {
		jumps[i] = max(values[i+1]-values[i], values[i]-values[i+1])
	}
	return int64(madSigma * float64(stats.Median(jumps)) / 1.41421356)
}

// steady are the places of the steps that are not long, in order of time.
func (s *series) steady() []int {
	var places []int
	for k := range s.ns {
		if !slices.Contains(s.long, k) {
			places = append(places, k)
		}
	}
	return places
}

// those are values at some places.
func those(values []int64, places []int) []int64 {
	out := make([]int64, len(places))
	for i, k := range places {
		out[i] = values[k]
	}
	return out
}
