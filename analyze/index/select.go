package index

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/internal/interval"
)

// A selection of steps is a selection of time. As the device sees it, a step is its iteration (iterations.go), which has all
// that the engine does after the mark, and the gap to the next step; a pause is in none. As the host sees it, it goes from the
// start of its mark to the start of the next, the last one's to the end of the trace.
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
	interval.Span
	final bool     // nothing follows it: its end is in it
	next  *Arrival // the first work after it, of a device; nil if there is none
}

// Windows are sorted and disjoint; nil is all time.
type Windows []window

// At is the window that a moment lies in; -1 if it lies in none. In nil, every moment lies in window 0.
func (w Windows) At(ns int64) int {
	if w == nil {
		return 0
	}
	i, found := slices.BinarySearchFunc(w, ns, func(v window, ns int64) int { return cmp.Compare(v.Start, ns) })
	if !found {
		i--
	}
	if i < 0 || ns > w[i].End || ns == w[i].End && !w[i].final {
		return -1
	}
	return i
}

// Within is the part of an interval that lies in the windows.
func (w Windows) Within(v interval.Span) int64 {
	if w == nil {
		return v.End - v.Start
	}
	var ns int64
	for i := range w {
		ns += max(0, min(v.End, w[i].End)-max(v.Start, w[i].Start))
	}
	return ns
}

// Total is as much time as the windows leave, and no less than the work that began there.
func (w Windows) Total(work interval.Set) int64 {
	var all interval.Set
	for i := range w {
		all.Add(w[i].Start, w[i].End)
	}
	return interval.Union(all, work).Length()
}

// List lists the windows as results have them; nil of nil.
func (w Windows) List() []Window {
	var out []Window
	for i := range w {
		end := w[i].End
		if w[i].final {
			end++
		}
		out = append(out, Window{w[i].Start, end})
	}
	return out
}

// Narrow leaves only the selected steps in the index, and returns them.
func (x *Index) Narrow(steps []Step) []Step {
	o := x.Options
	if !o.SelectsSteps() {
		return steps
	}
	var kept []Step
	for i := range steps {
		if o.selects(&steps[i]) {
			kept = append(kept, steps[i])
		}
	}
	x.DeviceWindows, x.HostWindows = x.windowsOf(steps, kept)
	x.keepGPU()
	return kept
}

// windowsOf are the times of the kept ones among all steps, on the device and on the host. Neither is nil.
func (x *Index) windowsOf(steps, kept []Step) (device, host Windows) {
	device, host = Windows{}, Windows{}
	isKept := map[int]bool{}
	for i := range kept {
		isKept[kept[i].Index] = true
	}
	for _, it := range Iterations(steps) {
		if s := &steps[it.Step]; isKept[s.Index] && s.GPUEvents > 0 {
			device.add(it.BeginNs, it.EndNs, !s.Closed())
		}
	}
	order := slices.Clone(steps)
	slices.SortStableFunc(order, func(a, b Step) int { return cmp.Compare(a.StartNs, b.StartNs) })
	for i := range order {
		end, last := x.LastNs, i+1 == len(order)
		if !last {
			end = order[i+1].StartNs
		}
		if isKept[order[i].Index] {
			host.add(order[i].StartNs, end, last)
		}
	}
	for i := range device {
		w := &device[i]
		at, _ := slices.BinarySearchFunc(x.GPU, w.End, func(g Work, ns int64) int { return cmp.Compare(g.StartNs, ns) })
		if at < len(x.GPU) {
			next := x.arrival(&x.GPU[at])
			w.next = &next
		}
	}
	return device, host
}

// add adds a time that begins no earlier than those before it ended; final says that its end is in it.
func (w *Windows) add(from, to int64, final bool) {
	if to <= from {
		return
	}
	if n := len(*w); n > 0 && (*w)[n-1].End == from {
		(*w)[n-1].End, (*w)[n-1].final = to, final
	} else {
		*w = append(*w, window{Span: interval.Span{Start: from, End: to}, final: final})
	}
}

// keepGPU drops what is not selected, and joins GPU work and calls again. A call is kept if it launched something that
// is, or launched nothing and is in the host's windows.
func (x *Index) keepGPU() {
	o := x.Options
	newCall := make([]int32, len(x.Calls))
	launched := make([]bool, len(x.Calls))
	gpu := x.GPU[:0]
	for _, g := range x.GPU {
		if !InRanges(o.Devices, int(g.Device)) || x.DeviceWindows.At(g.StartNs) < 0 {
			continue
		}
		if g.Call >= 0 {
			launched[g.Call] = true
		}
		gpu = append(gpu, g)
	}
	x.GPU = gpu
	calls := x.Calls[:0]
	for i, c := range x.Calls {
		newCall[i] = -1
		if launched[i] || c.GPUEvents == 0 && x.HostWindows.At(c.StartNs) >= 0 {
			newCall[i] = int32(len(calls))
			c.GPUEvents, c.FirstGPU = 0, 0
			calls = append(calls, c)
		}
	}
	x.Calls = calls
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Call < 0 {
			continue
		}
		g.Call = newCall[g.Call]
		x.count(i)
	}
	x.gaps = nil
	if x.HostWindows == nil {
		return
	}
	x.host = slices.DeleteFunc(x.host, func(h Span) bool { return x.HostWindows.At(h.StartNs) < 0 })
	x.ops = nil
	x.Memory = slices.DeleteFunc(x.Memory, func(row int32) bool { return x.HostWindows.At(x.Trace.Events.StartNs(int(row))) < 0 })
}
