package findings

import (
	"cmp"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// The data: a Rank holds sums, and rules ask what happened inside a decode step, after a copy, during a gap. A rankView
// has a rank's GPU work in order of time, each piece with the call that launched it and the iteration that it ran in, and
// the gaps between. It lives as long as its trace is in memory.
//
// An iteration is a step as the GPU saw it: from the start of its first work to the start of the next step's first. It
// holds what the engine does after the step's mark too, sampling above all, and iterations leave no time between them.
// In a CPU-only trace it goes from mark to mark.
//
// A device other than the busiest of a rank is left out: engines have one device per process.

// work is one kernel, copy or set.
type work struct {
	start, end int64
	row        int32
	call       int32 // index of calls; -1: launched before the profiler began
	iteration  int32 // index of iterations; -1: none
	kind       trace.Category
	name       trace.StringID
	category   string
}

// call is one runtime or driver call.
type call struct {
	start, end  int64
	correlation int64
	row         int32
	track       trace.TrackID
	name        trace.StringID
}

type iteration struct {
	step       *analyze.Step
	begin, end int64 // the whole: to the next one's begin
	workEnd    int64 // of the step's own work
}

func (it *iteration) ns() int64 { return it.end - it.begin }

// rankView is one rank.
type rankView struct {
	rank    *analyze.Rank
	t       *trace.Trace
	capture *analyze.Capture // nil if nothing is known
	gpu     bool             // it has GPU work; else it is looked at by its ops
	pace

	work       []work // by start
	calls      []call // by start
	iterations []iteration
	gaps       []gap
	categories map[string]string // of kernels, or in a CPU-only trace of ops, by name
	frames     int               // python_function events

	matched map[patternName]bool // what matches has found
}

// patternName is a question to matches.
type patternName struct {
	pattern *regexp.Regexp
	name    trace.StringID
}

// pace is how a rank's iterations follow each other.
type pace struct {
	count    int   // of iterations
	medianNs int64 // of an iteration
	totalNs  int64 // of all iterations, or of the device where there are no steps
	secondNs int64 // when the second iteration begins, if there are two
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

func newRankView(r *analyze.Rank, t *trace.Trace, c *analyze.Capture) *rankView {
	rv := &rankView{rank: r, t: t, capture: c, gpu: r.Time[0].Device != analyze.CPUDevice, categories: map[string]string{}, matched: map[patternName]bool{}}
	for _, k := range r.Kernels {
		rv.categories[k.Name] = k.Category
	}
	if !rv.gpu {
		for _, o := range r.Ops {
			rv.categories[o.Name] = o.Category
		}
	}
	rv.collect()
	rv.iterate()
	rv.findGaps()
	return rv
}

// collect files GPU work and calls of the window that was analysed.
func (rv *rankView) collect() {
	t, e := rv.t, &rv.t.Events
	busiest := analyze.Time{Device: analyze.CPUDevice}
	for _, d := range rv.rank.Time {
		if d.BusyNs > busiest.BusyNs {
			busiest = d
		}
	}
	rv.work, rv.calls = make([]work, 0, t.GPU.Len()), make([]call, 0, t.Calls.Len()) // or a few less: growing them copies
	left := map[int64]bool{}                                                         // correlations of work that is not selected
	for i := range e.Len() {
		c := e.Category(i)
		if c == trace.CategoryPythonFunction {
			rv.frames++
			continue
		}
		start := e.StartNs(i)
		if e.Phase(i) != trace.PhaseComplete || start < rv.rank.FirstNs || start > rv.rank.LastNs {
			continue
		}
		switch c {
		case trace.CategoryKernel, trace.CategoryMemcpy, trace.CategoryMemset:
			device := t.Tracks[e.Track(i)].PID
			if s := e.Side(i); s != trace.NoSide {
				device = int64(t.GPU.At(s).Device)
			}
			if s := e.Side(i); s != trace.NoSide && !selected(rv.rank.Windows, start) {
				left[t.GPU.At(s).Correlation] = true
			}
			if device == int64(busiest.Device) && selected(rv.rank.Windows, start) {
				rv.work = append(rv.work, work{start: start, end: e.EndNs(i), row: int32(i), call: -1, iteration: -1, kind: c,
					name: e.Name(i), category: rv.categories[t.Strings.At(e.Name(i))]})
			}
		case trace.CategoryRuntime, trace.CategoryDriver:
			k := call{start: start, end: e.EndNs(i), correlation: trace.Absent, row: int32(i), track: e.Track(i), name: e.Name(i)}
			if s := e.Side(i); s != trace.NoSide {
				k.correlation = t.Calls.At(s).Correlation
			}
			rv.calls = append(rv.calls, k)
		}
	}
	slices.SortStableFunc(rv.work, func(a, b work) int { return cmp.Compare(a.start, b.start) })
	rv.leaveOut(left)
	slices.SortStableFunc(rv.calls, func(a, b call) int { return cmp.Compare(a.start, b.start) })
	byCorrelation := make(map[int64]int32, len(rv.calls))
	for i, c := range rv.calls {
		if _, taken := byCorrelation[c.correlation]; c.correlation != trace.Absent && !taken {
			byCorrelation[c.correlation] = int32(i)
		}
	}
	for i := range rv.work {
		w := &rv.work[i]
		if s := e.Side(int(w.row)); s != trace.NoSide {
			if c, ok := byCorrelation[t.GPU.At(s).Correlation]; ok {
				w.call = c
			}
		}
	}
}

// leaveOut drops the calls of steps that are not selected: those that launched only work that is left out, and those that
// launched nothing at another time.
func (rv *rankView) leaveOut(left map[int64]bool) {
	if rv.rank.Windows == nil && rv.rank.HostWindows == nil {
		return
	}
	launched := map[int64]bool{}
	for i := range rv.work {
		if w := rv.gpuWork(&rv.work[i]); w != nil {
			launched[w.Correlation] = true
		}
	}
	rv.calls = slices.DeleteFunc(rv.calls, func(c call) bool {
		return !launched[c.correlation] && (left[c.correlation] || !selected(rv.rank.HostWindows, c.start))
	})
}

// selected tells whether a moment lies in the windows that a selection of steps left.
func selected(windows []analyze.Window, ns int64) bool {
	if windows == nil {
		return true
	}
	i := sort.Search(len(windows), func(i int) bool { return windows[i].FromNs > ns }) - 1
	return i >= 0 && ns < windows[i].ToNs
}

// iterate lays the iterations out and files work under them.
func (rv *rankView) iterate() {
	for i := range rv.rank.Steps {
		s := &rv.rank.Steps[i]
		it := iteration{step: s, begin: s.StartNs}
		if rv.gpu {
			if s.GPUEvents == 0 {
				continue
			}
			it.begin = s.GPUFirstNs
		} else if s.Phase == string(trace.StepEmpty) {
			continue
		}
		it.workEnd = it.begin + s.TimeNs
		it.end = it.workEnd + max(0, s.GapNs)
		rv.iterations = append(rv.iterations, it)
	}
	var lengths []int64
	for i := range rv.iterations {
		rv.totalNs += rv.iterations[i].ns()
		lengths = append(lengths, rv.iterations[i].ns())
	}
	rv.count, rv.medianNs = len(rv.iterations), median(lengths)
	if rv.count > 1 {
		rv.secondNs = rv.iterations[1].begin
	}
	if rv.count == 0 {
		for _, t := range rv.rank.Time {
			rv.totalNs = max(rv.totalNs, t.TotalNs)
		}
	}
	for i := range rv.work {
		rv.work[i].iteration = rv.at(rv.work[i].start)
	}
}

// at is the iteration that a moment lies in; -1 if it lies in none.
func (rv *rankView) at(ns int64) int32 {
	i := sort.Search(len(rv.iterations), func(i int) bool { return rv.iterations[i].begin > ns }) - 1
	if i < 0 || ns >= rv.iterations[i].end {
		return -1
	}
	return int32(i)
}

// in tells whether something belongs to an iteration of that phase.
func (rv *rankView) in(i int32, phase trace.StepPhase) bool {
	return i >= 0 && rv.iterations[i].step.Phase == string(phase)
}

// decode is the number of decode iterations, and what they take in all.
func (rv *rankView) decode() (n int, ns int64) {
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) {
			n++
			ns += rv.iterations[i].ns()
		}
	}
	return n, ns
}

func (rv *rankView) name(id trace.StringID) string { return rv.t.Strings.At(id) }

// matches says whether a name has a pattern in it. A trace has hundreds of thousands of kernels and dozens of names, long
// ones: each name is looked at once.
func (rv *rankView) matches(pattern *regexp.Regexp, id trace.StringID) bool {
	q := patternName{pattern, id}
	found, known := rv.matched[q]
	if !known {
		found = pattern.MatchString(rv.name(id))
		rv.matched[q] = found
	}
	return found
}

// ref points at an event. Which rank it is of is known at last when all are (view.of).
func (rv *rankView) ref(row int32) analyze.EventRef {
	e := &rv.t.Events
	i := int(row)
	return analyze.EventRef{Rank: rv.rank.Rank, Event: i, StartNs: e.StartNs(i), DurationNs: e.DurationNs(i), Name: rv.name(e.Name(i))}
}

// gpuWork is the side table's row of a piece of work; nil if the file says no more.
func (rv *rankView) gpuWork(w *work) *trace.GPUWork {
	if s := rv.t.Events.Side(int(w.row)); s != trace.NoSide {
		return rv.t.GPU.At(s)
	}
	return nil
}

func isGraphLaunch(name string) bool { return strings.Contains(name, "GraphLaunch") }

// isSync knows calls that return only when the device is done, as package analyze does.
func isSync(name string) bool {
	switch name {
	case "cudaMemcpy", "cudaMemcpy2D", "hipMemcpy", "hipMemcpyWithStream", "hipMemcpyDtoH", "hipMemcpyHtoD":
		return true
	}
	return strings.HasSuffix(strings.TrimSuffix(name, "_ptsz"), "Synchronize")
}

// median is the upper of the two middle values; 0 of nothing.
func median(values []int64) int64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Clone(values)
	slices.Sort(values)
	return values[len(values)/2]
}
