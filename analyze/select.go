package analyze

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// A selection of steps is a selection of time. An iteration of the engine, as the device sees it, lasts from the start
// of a step's first work to the start of the next step's first; as the host sees it, from the start of its mark to the
// start of the next. Between them iterations leave no time out: what the engine does after the mark (sampling, above
// all) and the gap to the next step are in. The last step's lasts to the end of the trace.
//
// Iterations that follow each other make one window. All work that begins in a window is selected; totals are the
// windows' lengths, and a gap counts where it lies inside one, so that idle and busy still sum to the total, and what is
// not selected is no idleness. The steps themselves are measured before anything is left out.

// Window is a time of a trace, since its base time; ToNs is not in it.
type Window struct {
	FromNs int64 `json:"from_ns"`
	ToNs   int64 `json:"to_ns"`
}

// window is a window of a device's time, and what came after it.
type window struct {
	interval
	final bool     // the last of the trace: its end is in it
	next  *arrival // the first work after it, of a device; nil if there is none
}

// windows are sorted and disjoint; nil is all time.
type windows []window

// at is the window that a moment lies in; -1 if it lies in none. In nil, every moment lies in window 0.
func (w windows) at(ns int64) int {
	if w == nil {
		return 0
	}
	i, found := slices.BinarySearchFunc(w, ns, func(v window, ns int64) int { return cmp.Compare(v.start, ns) })
	if !found {
		i--
	}
	if i < 0 || ns > w[i].end || ns == w[i].end && !w[i].final {
		return -1
	}
	return i
}

// within is the part of an interval that lies in the windows.
func (w windows) within(v interval) int64 {
	if w == nil {
		return v.end - v.start
	}
	var ns int64
	for i := range w {
		ns += max(0, min(v.end, w[i].end)-max(v.start, w[i].start))
	}
	return ns
}

func (w windows) exported() []Window {
	var out []Window
	for i := range w {
		end := w[i].end
		if w[i].final {
			end++
		}
		out = append(out, Window{w[i].start, end})
	}
	return out
}

// narrow leaves only the selected steps in the index, and returns them.
func (x *index) narrow(steps []Step) []Step {
	o := x.options
	if !o.selectsSteps() {
		return steps
	}
	var kept []Step
	for i := range steps {
		if o.selects(&steps[i]) {
			kept = append(kept, steps[i])
		}
	}
	x.deviceWindows, x.hostWindows = x.windowsOf(steps, kept)
	x.keepGPU()
	return kept
}

// windowsOf are the times of the kept ones among all steps, on the device and on the host. Neither is nil.
func (x *index) windowsOf(steps, kept []Step) (device, host windows) {
	device, host = windows{}, windows{}
	isKept := map[int]bool{}
	for i := range kept {
		isKept[kept[i].Index] = true
	}
	lastGPU := int64(math.MinInt64)
	for i := range x.gpu {
		lastGPU = max(lastGPU, x.gpu[i].end)
	}
	device.fill(steps, isKept, lastGPU, func(s *Step) (int64, bool) { return s.GPUFirstNs, s.GPUEvents > 0 })
	host.fill(steps, isKept, x.lastNs, func(s *Step) (int64, bool) { return s.StartNs, true })
	for i := range device {
		w := &device[i]
		at, _ := slices.BinarySearchFunc(x.gpu, w.end, func(g gpuEvent, ns int64) int { return cmp.Compare(g.start, ns) })
		if at < len(x.gpu) {
			next := x.arrival(&x.gpu[at])
			w.next = &next
		}
	}
	return device, host
}

// fill lays out the windows of the kept steps, by when each step began; steps that did not are passed over.
func (w *windows) fill(steps []Step, kept map[int]bool, end int64, begin func(*Step) (int64, bool)) {
	type start struct {
		at   int64
		kept bool
	}
	var starts []start
	for i := range steps {
		if at, ok := begin(&steps[i]); ok {
			starts = append(starts, start{at, kept[steps[i].Index]})
		}
	}
	slices.SortStableFunc(starts, func(a, b start) int { return cmp.Compare(a.at, b.at) })
	for i, s := range starts {
		to, final := end, i+1 == len(starts)
		if !final {
			to = starts[i+1].at
		}
		if !s.kept || to <= s.at {
			continue
		}
		if n := len(*w); n > 0 && (*w)[n-1].end == s.at {
			(*w)[n-1].end, (*w)[n-1].final = to, final
		} else {
			*w = append(*w, window{interval: interval{s.at, to}, final: final})
		}
	}
}

// keepGPU drops what is not selected, and joins GPU work and calls again. A call is kept if it launched something that
// is, or launched nothing and is in the host's windows.
func (x *index) keepGPU() {
	o := x.options
	newCall := make([]int32, len(x.calls))
	launched := make([]bool, len(x.calls))
	gpu := x.gpu[:0]
	for _, g := range x.gpu {
		if !inRanges(o.Devices, int(g.device)) || x.deviceWindows.at(g.start) < 0 {
			continue
		}
		if g.call >= 0 {
			launched[g.call] = true
		}
		gpu = append(gpu, g)
	}
	x.gpu = gpu
	calls := x.calls[:0]
	for i, c := range x.calls {
		newCall[i] = -1
		if launched[i] || c.gpuEvents == 0 && x.hostWindows.at(c.start) >= 0 {
			newCall[i] = int32(len(calls))
			c.gpuEvents, c.firstGPU = 0, 0
			calls = append(calls, c)
		}
	}
	x.calls = calls
	for i := range x.gpu {
		g := &x.gpu[i]
		if g.call < 0 {
			continue
		}
		g.call = newCall[g.call]
		c := &x.calls[g.call]
		if c.gpuEvents == 0 {
			c.firstGPU = int32(i)
		}
		c.gpuEvents++
	}
	if x.hostWindows == nil {
		return
	}
	x.host = slices.DeleteFunc(x.host, func(h hostSpan) bool { return x.hostWindows.at(h.start) < 0 })
	x.memory = slices.DeleteFunc(x.memory, func(row int32) bool { return x.hostWindows.at(x.t.Events.StartNs(int(row))) < 0 })
}

// total is the time from first to last, or as much of it as windows leave, and no less than the work that began there.
func (w windows) total(first, last int64, work intervals) int64 {
	if w == nil {
		return last - first
	}
	var all intervals
	for i := range w {
		all.add(w[i].start, w[i].end)
	}
	return union(all, work).length()
}

// arrival is what ends a gap: the next piece of work.
type arrival struct {
	name     trace.StringID
	track    trace.TrackID // of the call that launched it
	launched int64         // when that began
	linked   bool          // the call is known
}

func (x *index) arrival(g *gpuEvent) arrival {
	a := arrival{name: g.name, linked: g.call >= 0}
	if a.linked {
		a.track, a.launched = x.calls[g.call].track, x.calls[g.call].start
	}
	return a
}
