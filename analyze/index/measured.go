package index

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// What a trace has lost makes steps shorter than they were: a truncated file has the marks of steps whose kernels stood
// behind the cut, a profiler drops records when its buffers are full, a filter takes the calls away that say which step a
// kernel is of. The time of such a step says nothing, and neither does that of a step whose end is where a lost one began.
//
// A step is unmeasured if it has no GPU work though others of the trace have some (or any should have, LostGPU); if
// clearly less began in its iteration than in those like it, or of what its mark launched (underRecorded); if its iteration holds the work of another step,
// whose mark is lost (merged); or if what follows it is lost, as of the last one in a file that ends early.
//
// Not done: where most steps of a shape have lost work, what is left is the rule, and nothing shows. Package integrity
// compares graphs' replays for that.

// underRecorded is the part of the usual number of events below which a step's trace is taken to have lost some.
const underRecorded = 0.8

// An iteration has merged with the next one if the mark between them is lost. Then work was launched outside all marks that is
// mostly (mergedShare) the step's own again, kernel by kernel; sampling and a draft model's kernels are others. Where the
// other step was of another shape, there is as much of it, and several times (mergedTimes) as much as with steps that have
// not merged. A step of few pieces of work (fewestOwn) shows nothing.
const (
	mergedShare = 0.7
	mergedTimes = 3
	fewestOwn   = 16
)

// fewestLike is how many steps of a shape show what is usual.
const fewestLike = 3

// Why a trace of a GPU has no GPU work.
const (
	NoGPUTruncated = "truncated" // the file ends before it
	NoGPULaunched  = "launched"  // calls launched some, and none was recorded
	NoGPUIdle      = "idle"      // the file names a GPU, there are calls of the runtime, and none launched anything
	NoGPUUnseen    = "unseen"    // the file names a GPU, and has no call of the runtime either: whether anything was launched is not known
	NoGPUUnread    = "unread"    // an accelerator's work is there, of kinds that no analysis reads
)

// NoGPU says why a trace has no GPU work though it names a GPU or launches something; "" if it has some, or is a CPU's. (A
// program may compute on the CPU of a machine with a GPU. Its trace looks like that of an idle GPU, or of one whose calls were not
// recorded.)
func (x *Index) NoGPU() string {
	launched := slices.ContainsFunc(x.Calls, func(c Call) bool { return c.facts&factLaunch != 0 })
	_, unread := x.UnreadDevice()
	switch named := len(x.Trace.Meta.Devices) > 0; {
	case x.OnGPU:
		return ""
	case unread > 0:
		return NoGPUUnread
	case !launched && !named:
		return ""
	case x.endsEarly():
		return NoGPUTruncated
	case launched:
		return NoGPULaunched
	case len(x.Calls) == 0:
		return NoGPUUnseen
	}
	return NoGPUIdle
}

// deviceProcesses are parts of the names of processes that stand for accelerators, of which no analysis knows the events.
var deviceProcesses = []string{"Ascend Hardware", "/device:", "NPU", "TPU"}

// UnreadDevice names the process that stands for an accelerator whose events no analysis reads, and counts them; "" and 0 if
// there is none.
func (x *Index) UnreadDevice() (name string, events int) {
	unread := make([]bool, len(x.Trace.Tracks))
	for i := range x.Trace.Tracks {
		process := x.Trace.Tracks[i].ProcessName
		if slices.ContainsFunc(deviceProcesses, func(part string) bool { return strings.Contains(process, part) }) {
			unread[i], name = true, process
		}
	}
	if name == "" || x.OtherKinds == 0 {
		return "", 0
	}
	e := &x.Trace.Events
	for i := range e.Len() {
		if c := e.Category(i); unread[e.Track(i)] && (c == trace.CategoryOther || c == trace.CategoryNone) && e.Phase(i) == trace.PhaseComplete {
			events++
		}
	}
	return name, events
}

// LostGPU tells whether a trace without GPU work should have some. Its steps say then how long the host took to launch
// them, if that.
func (x *Index) LostGPU() bool {
	why := x.NoGPU()
	return why == NoGPUTruncated || why == NoGPULaunched
}

// endsEarly tells whether the end of the file is missing, which is the last steps' work, in part or all.
func (x *Index) endsEarly() bool {
	return slices.ContainsFunc(x.Trace.Damage, func(d trace.Damage) bool { return d.Kind == "truncated" || d.Kind == "input" })
}

// findLosses marks steps that have lost work, and stretches that are followed by one.
func (x *Index) findLosses(steps []Step, list []stretch, stepOf []int32) {
	if x.endsEarly() {
		list[len(list)-1].lostAfter = true
	}
	if !x.OnGPU {
		return
	}
	x.findMerged(list, stepOf)
	x.findShort(list)
	x.findUnrecorded(steps, stepOf)
	before := -1 // the stretch before
	of := make(map[*Step]int, len(list))
	for k := range list {
		of[list[k].step] = k
	}
	for i := range steps {
		k, ok := of[&steps[i]]
		switch {
		case ok:
			if before >= 0 && list[k].step.Unmeasured && list[k].beginsUnusually {
				list[before].lostAfter = true
			}
			before = k
		case steps[i].Unmeasured && before >= 0:
			list[before].lostAfter = true
		}
	}
}

// findUnrecorded marks steps of which clearly less work is there than was launched in their marks, as when the device's records
// end before the host's. What is launched while a graph is captured does not run.
func (x *Index) findUnrecorded(steps []Step, stepOf []int32) {
	launched, recorded := make([]int, len(steps)), make([]int, len(steps))
	captures := make([]bool, len(steps))
	for i := range x.Calls {
		c, s := &x.Calls[i], stepOf[i]
		switch {
		case s < 0:
		case strings.Contains(x.Name(c.Name), "BeginCapture"):
			captures[s] = true
		case c.facts&factLaunch != 0:
			if launched[s]++; c.GPUEvents > 0 {
				recorded[s]++
			}
		}
	}
	for i := range steps {
		if s := &steps[i]; s.GPUEvents > 0 && engineStep(s.Dialect) && !captures[i] &&
			float64(recorded[i]) < underRecorded*float64(launched[i]) {
			s.Unmeasured = true
		}
	}
}

// findShort marks steps with clearly fewer pieces of work than those of their shape. Steps of a script (ProfilerStep) begin with what
// their own thread launches, while the device may still work on what another thread launched for the step before, as in training:
// how much runs until the next one begins swings with how far the host is ahead. Those must have launched less themselves as well.
func (x *Index) findShort(list []stretch) {
	byShape := map[Shape][]*stretch{}
	for k := range list {
		if s := &list[k]; !s.step.Unmeasured {
			shape := s.step.Shape()
			byShape[shape] = append(byShape[shape], s)
		}
	}
	for _, like := range byShape {
		if len(like) < fewestLike {
			continue
		}
		counts, owns := make([]int64, len(like)), make([]int64, len(like))
		for i, s := range like {
			counts[i], owns[i] = int64(s.events), int64(s.step.GPUEvents)
		}
		usual, usualOwn := stats.Median(counts), stats.Median(owns)
		firsts := map[trace.StringID]int{}
		for _, s := range like {
			firsts[x.firstWork(s)]++
		}
		for _, s := range like {
			s.step.Unmeasured = float64(s.events) < underRecorded*float64(usual) &&
				(engineStep(s.step.Dialect) || float64(s.step.GPUEvents) < underRecorded*float64(usualOwn))
			s.beginsUnusually = 2*firsts[x.firstWork(s)] < len(like)
		}
	}
}

// findMerged marks steps whose iterations hold the work of another.
func (x *Index) findMerged(list []stretch, stepOf []int32) {
	ratios := make([]float64, len(list)) // of each: what was launched outside all marks, by its own
	var usual []float64
	for k := range list {
		s := &list[k]
		if !engineStep(s.step.Dialect) || s.step.GPUEvents < fewestOwn {
			continue
		}
		own, outside, again := x.launchedIn(s, stepOf)
		ratios[k] = float64(outside) / float64(max(1, own))
		if s.step.Unmeasured = float64(again) >= mergedShare*float64(own); !s.step.Unmeasured {
			usual = append(usual, ratios[k])
		}
	}
	if len(usual) <= fewestLike {
		return
	}
	slices.Sort(usual)
	middle := usual[len(usual)/2]
	for k := range list {
		if ratios[k] >= mergedShare && ratios[k] >= mergedTimes*middle {
			list[k].step.Unmeasured = true
		}
	}
}

// launchedIn counts an iteration's work: launched inside marks, outside all, and of this what is like the former, by name.
func (x *Index) launchedIn(s *stretch, stepOf []int32) (own, outside, again int) {
	at := func(ns int64) int {
		i, _ := slices.BinarySearchFunc(x.GPU, ns, func(g Work, ns int64) int { return cmp.Compare(g.StartNs, ns) })
		return i
	}
	work := x.GPU[at(s.begin):at(s.next)]
	for i := range work {
		if g := &work[i]; g.Call >= 0 && stepOf[g.Call] < 0 {
			outside++
		}
	}
	own = s.step.GPUEvents
	if float64(outside) < mergedShare*float64(own) {
		return own, outside, 0
	}
	left := map[trace.StringID]int{} // of the step's own, by name: what nothing outside is like yet
	own = 0
	for i := range work {
		if g := &work[i]; g.Call >= 0 && stepOf[g.Call] >= 0 {
			left[g.Name]++
			own++
		}
	}
	for i := range work {
		if g := &work[i]; g.Call >= 0 && stepOf[g.Call] < 0 && left[g.Name] > 0 {
			left[g.Name]--
			again++
		}
	}
	return own, outside, again
}

// firstWork is the name of what an iteration begins with.
func (x *Index) firstWork(s *stretch) trace.StringID {
	at, _ := slices.BinarySearchFunc(x.GPU, s.begin, func(g Work, ns int64) int { return cmp.Compare(g.StartNs, ns) })
	return x.GPU[min(at, len(x.GPU)-1)].Name
}
