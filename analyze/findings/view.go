package findings

import (
	"math"
	"regexp"
	"slices"
	"sort"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// The data: a Rank holds sums, and rules ask what happened inside a decode step, after a copy, during a gap. The index of
// the rank's trace has that; a rankView is the index with what only rules want: each piece of the busiest device's work with
// the iteration that it ran in, and each gap with the rule that it belongs to. It lives as long as the trace is in memory.
//
// A device other than the busiest of a rank is left out: engines have one device per process.

// work is one kernel, copy or set.
type work struct {
	*index.Work
	iteration int32 // index of iterations; -1: none
}

// rankView is one rank.
type rankView struct {
	rank    *analyze.Rank
	x       *index.Index
	t       *trace.Trace
	capture *analyze.Capture // nil if nothing is known
	gpu     bool             // it has GPU work; else it is looked at by its ops
	pace

	compiling  compiling
	work       []work // by start
	iterations []index.Iteration
	gaps       []gap
	eager      eager

	series      *series // of decode steps, once seriesKnown
	seriesKnown bool
	gemms       []*gemmRow // of known shapes, once gemmsKnown
	gemmsKnown  bool

	matched map[*regexp.Regexp][]int8 // what matches has found, by name: 1, -1; 0: not asked yet
}

// pace is how a rank's iterations follow each other.
type pace struct {
	count    int   // of iterations
	medianNs int64 // of the iterations that are closed; 0 if none is
	totalNs  int64 // of all iterations, or of the device where there are no steps; without what is in outliersNs
	// outliersNs is how long the device stood still in gaps of the iterations that are no part of the work's rhythm.
	outliersNs int64
	secondNs   int64 // when the second iteration begins, if there are two
}

// steps is what sums over a rank are divided by.
func (p *pace) steps() int { return max(1, p.count) }

// per says what numbers that were divided by steps are of: in a trace without any, of the whole.
func (p *pace) per() string {
	if p.count == 0 {
		return "in all"
	}
	return "per step"
}

func newRankView(x *index.Index, r *analyze.Rank, c *analyze.Capture) *rankView {
	rv := &rankView{rank: r, x: x, t: x.Trace, capture: c, gpu: r.Time[0].Device != analyze.CPUDevice, matched: map[*regexp.Regexp][]int8{},
		compiling: compilingOf(x)}
	rv.iterate()
	if rv.gpu {
		device := rv.busiest()
		rv.fileWork(device)
		rv.findGaps(x.Gaps(device))
	}
	return rv
}

// busiest is the device that worked most.
func (rv *rankView) busiest() int32 {
	busiest := analyze.Time{Device: analyze.CPUDevice}
	for _, d := range rv.rank.Time {
		if d.BusyNs > busiest.BusyNs {
			busiest = d
		}
	}
	return int32(busiest.Device)
}

// iterate lays the iterations out: those of which the trace has all work. What runs in others is of no step.
func (rv *rankView) iterate() {
	rv.iterations = slices.DeleteFunc(index.Iterations(rv.rank.Steps), func(it index.Iteration) bool { return rv.rank.Steps[it.Step].Unmeasured })
	var lengths []int64
	for i := range rv.iterations {
		rv.totalNs += rv.iterations[i].Ns()
		if rv.step(i).Closed() {
			lengths = append(lengths, rv.iterations[i].Ns())
		}
	}
	rv.count, rv.medianNs = len(rv.iterations), stats.Median(lengths)
	if rv.count > 1 {
		rv.secondNs = rv.iterations[1].BeginNs
	}
	if rv.count == 0 {
		for _, t := range rv.rank.Time {
			rv.totalNs = max(rv.totalNs, t.TotalNs)
		}
	}
}

// fileWork lists a device's work under the iterations.
func (rv *rankView) fileWork(device int32) {
	rv.work = make([]work, 0, len(rv.x.GPU))
	at, until := int32(-1), int64(math.MinInt64) // work comes in order of time: most is in the iteration of the one before
	for i := range rv.x.GPU {
		g := &rv.x.GPU[i]
		if g.Device != device {
			continue
		}
		if at < 0 || g.StartNs >= until {
			if at = rv.at(g.StartNs); at >= 0 {
				until = rv.iterations[at].EndNs
				if int(at)+1 < len(rv.iterations) {
					until = min(until, rv.iterations[at+1].BeginNs)
				}
			}
		}
		rv.work = append(rv.work, work{g, at})
	}
}

// at is the iteration that a moment lies in; -1 if it lies in none.
func (rv *rankView) at(ns int64) int32 {
	i := sort.Search(len(rv.iterations), func(i int) bool { return rv.iterations[i].BeginNs > ns }) - 1
	if i < 0 || ns >= rv.iterations[i].EndNs {
		return -1
	}
	return int32(i)
}

// step is what an iteration is of.
func (rv *rankView) step(i int) *analyze.Step { return &rv.rank.Steps[rv.iterations[i].Step] }

// inSteps tells whether a piece of work is in an iteration: what is said per step is of steps. In a trace without any, all is.
func (rv *rankView) inSteps(w *work) bool { return w.iteration >= 0 || len(rv.iterations) == 0 }

// stepTime is where the time went of the work in iterations.
func (rv *rankView) stepTime() analyze.Time {
	var t analyze.Time
	var sets [index.Classes]interval.Set
	for i := range rv.work {
		if w := &rv.work[i]; rv.inSteps(w) {
			sets[w.Class].Add(w.StartNs, w.EndNs)
		}
	}
	t.Fill(sets, nil)
	return t
}

// in tells whether something belongs to an iteration of that phase.
func (rv *rankView) in(i int32, phase trace.StepPhase) bool {
	return i >= 0 && rv.step(int(i)).Phase == phase
}

// decode is the number of decode iterations, and what they take in all.
func (rv *rankView) decode() (n int, ns int64) {
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) {
			n++
			ns += rv.iterations[i].Ns()
		}
	}
	return n, ns
}

func (rv *rankView) name(id trace.StringID) string { return rv.t.Strings.At(id) }

// matches says whether a name has a pattern in it. A trace has hundreds of thousands of kernels and dozens of names, long
// ones: each name is looked at once.
func (rv *rankView) matches(pattern *regexp.Regexp, id trace.StringID) bool {
	of := rv.matched[pattern]
	if of == nil {
		of = make([]int8, rv.t.Strings.Len())
		rv.matched[pattern] = of
	}
	if of[id] == 0 {
		of[id] = -1
		if pattern.MatchString(rv.name(id)) {
			of[id] = 1
		}
	}
	return of[id] > 0
}

// ref points at an event. Which rank it is of is known at last when all are (view.of).
func (rv *rankView) ref(row int32) analyze.EventRef {
	e := &rv.t.Events
	i := int(row)
	return analyze.EventRef{Rank: rv.rank.Rank, Event: rv.t.FileRow(i), StartNs: e.StartNs(i), DurationNs: e.DurationNs(i), Name: rv.name(e.Name(i))}
}

// stepRow is the event that marks a step; -1 if there is none.
func (rv *rankView) stepRow(s *analyze.Step) int32 { return rv.x.MarkRow(s) }

// category is that of a piece of work.
func (rv *rankView) category(w *work) string { return rv.x.KernelCategory(w.Work) }

// gpuWork is the side table's row of a piece of work; nil if the file says no more.
func (rv *rankView) gpuWork(w *work) *trace.GPUWork {
	if s := w.Side; s != trace.NoSide {
		return rv.t.GPU.At(s)
	}
	return nil
}
