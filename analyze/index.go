package analyze

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// The data: a trace's rows lie in file order, and no real file is sorted by time. Kineto writes all CPU events before
// the GPU's, so a kernel is far behind the call that launched it.
//
// The idea: one pass over the columns files every row that any analysis needs under what it is (GPU work, runtime
// call, op, allocation), resolves what is looked up by name once per distinct name, joins GPU work to calls by
// correlation, and sorts each list once. All analyses then share these lists and make one pass over the one they need.
//
// The trade-off: the lists copy start and end (24 to 56 bytes per row that is kept), which makes every later pass
// linear in memory. Python frames, most of a trace with stacks, are not kept, except those that are steps.
//
// Not done: an event without a duration that is not an allocation, flows (correlation says the same, and graph
// launches have it too), and GPU annotations (copies of CPU ones, once per stream) are left out.

// class is how a time breakdown sees a piece of work.
type class uint8

const (
	classCompute class = iota
	classComm
	classMemory
	classNone // on a CPU: inside an annotation but in no op
	classes
)

// gpuEvent is one kernel, copy or set on a device.
type gpuEvent struct {
	start, end int64
	stream     int64
	row        int32
	call       int32 // index of calls, or -1 if no call of the trace has launched it
	device     int32
	name       trace.StringID
	side       uint32 // row of Trace.GPU, or NoSide
	class      class
	category   trace.Category
}

// call is one runtime or driver call.
type call struct {
	start, end  int64
	correlation int64
	name        trace.StringID
	track       trace.TrackID
	gpuEvents   int32 // that it launched
	firstGPU    int32 // index of gpu: the earliest of them
}

// hostSpan is one op, annotation or call on a CPU thread.
type hostSpan struct {
	start, end int64
	row        int32
	track      trace.TrackID
}

// stepSpan is an event whose name is a step's.
type stepSpan struct {
	start, end int64
	track      trace.TrackID
	name       trace.StringID
	step       trace.Step
}

// index is a trace, filed.
type index struct {
	t       *trace.Trace
	options *indexOptions
	kernels *categorizer
	ops     *categorizer

	gpu    []gpuEvent // by (start, end, row): the order does not hang on the file's, but for equals
	calls  []call     // in file order
	host   []hostSpan // by (track, start, longest first, row): parents before children
	steps  []stepSpan // by (track, start)
	memory []int32    // rows of [memory] events, in file order

	onGPU      bool    // some GPU worked, even if a selection leaves none of its work
	allDevices []int32 // if some were to be selected: those that worked, the others included
	eventCount int
	otherKinds int   // events that no analysis reads
	firstNs    int64 // earliest start and latest end of everything but metadata; 0 and 0 if there is nothing
	lastNs     int64
	profiler   interval // the profiler's own span; zero if the trace does not say

	moduleFrames []hostSpan // Python frames of modules, in file order

	nameFacts   []nameFacts // by StringID; 0: not asked yet
	kernelNames []string    // categories of kernels by StringID; "": not asked yet

	deviceWindows, hostWindows windows // that a selection of steps leaves; nil: all time
}

func newIndex(t *trace.Trace, o *indexOptions) *index {
	o.setDefaults()
	x := &index{t: t, options: o, kernels: newCategorizer(kernelRules), ops: newCategorizer(opRules), eventCount: t.Events.Len()}
	x.collect()
	x.onGPU = len(x.gpu) > 0
	x.sort()
	x.link()
	if o.Devices != nil {
		x.allDevices = x.devices()
		x.keepGPU()
	}
	return x
}

// collect files the rows.
func (x *index) collect() {
	t, e := x.t, &x.t.Events
	memoryName, hasMemory := t.Strings.Lookup("[memory]")
	names := newStepNames(t.Strings)
	any := false
	x.makeRoom()
	for i := range e.Len() {
		category, phase := e.Category(i), e.Phase(i)
		if phase != trace.PhaseComplete {
			if phase == trace.PhaseInstant && category == trace.CategoryInstant && hasMemory && e.Name(i) == memoryName &&
				e.Side(i) != trace.NoSide && x.options.in(e.StartNs(i)) {
				x.memory = append(x.memory, int32(i))
			}
			continue
		}
		start, end := e.StartNs(i), e.EndNs(i)
		if category == trace.CategoryTrace {
			if end > x.profiler.end {
				x.profiler = interval{start, end}
			}
			continue
		}
		if !x.options.in(start) {
			continue
		}
		if !any || start < x.firstNs {
			x.firstNs = start
		}
		if !any || end > x.lastNs {
			x.lastNs = end
		}
		any = true
		switch category {
		case trace.CategoryKernel, trace.CategoryMemcpy, trace.CategoryMemset:
			x.addGPU(i, category, start, end)
		case trace.CategoryRuntime, trace.CategoryDriver:
			correlation := trace.Absent
			if s := e.Side(i); s != trace.NoSide {
				correlation = t.Calls.At(s).Correlation
			}
			x.calls = append(x.calls, call{start: start, end: end, correlation: correlation, name: e.Name(i), track: e.Track(i)})
			x.host = append(x.host, hostSpan{start, end, int32(i), e.Track(i)})
		case trace.CategoryUserAnnotation:
			x.host = append(x.host, hostSpan{start, end, int32(i), e.Track(i)})
			if s := names.annotation(e.Name(i)); s != nil {
				x.steps = append(x.steps, stepSpan{start, end, e.Track(i), e.Name(i), *s})
			}
		case trace.CategoryCPUOp:
			x.host = append(x.host, hostSpan{start, end, int32(i), e.Track(i)})
		case trace.CategoryOther:
			x.otherKinds++
		case trace.CategoryPythonFunction:
			if x.facts(e.Name(i))&factModule != 0 {
				x.moduleFrames = append(x.moduleFrames, hostSpan{start, end, int32(i), e.Track(i)})
			}
			if s := names.frame(e.Name(i)); s != nil {
				x.steps = append(x.steps, stepSpan{start, end, e.Track(i), e.Name(i), *s})
			}
		}
	}
}

// makeRoom makes the lists as long as they can get: growing them copies a big trace's several times.
func (x *index) makeRoom() {
	e := &x.t.Events
	gpu, calls, host := 0, 0, 0
	for i := range e.Len() {
		switch e.Category(i) {
		case trace.CategoryKernel, trace.CategoryMemcpy, trace.CategoryMemset:
			gpu++
		case trace.CategoryRuntime, trace.CategoryDriver:
			calls++
			host++
		case trace.CategoryUserAnnotation, trace.CategoryCPUOp:
			host++
		}
	}
	if x.options.FromNs != 0 || x.options.ToNs != 0 {
		return // most of them may be left out
	}
	x.gpu, x.calls, x.host = make([]gpuEvent, 0, gpu), make([]call, 0, calls), make([]hostSpan, 0, host)
}

func (x *index) addGPU(i int, category trace.Category, start, end int64) {
	e := &x.t.Events
	g := gpuEvent{start: start, end: end, row: int32(i), call: -1, name: e.Name(i), side: e.Side(i), category: category}
	if g.side != trace.NoSide {
		w := x.t.GPU.At(g.side)
		g.device, g.stream = w.Device, w.Stream
	} else {
		track := &x.t.Tracks[e.Track(i)]
		g.device, g.stream = int32(track.PID), track.TID
	}
	name := x.t.Strings.At(g.name)
	kind := x.kernelCategory(&g)
	switch {
	case kind == categoryMemcpy, kind == categoryMemset && x.options.MemsetIsMemory:
		g.class = classMemory
	case x.options.CommRule.IsComm(name, kind):
		g.class = classComm
	default:
		g.class = classCompute
	}
	x.gpu = append(x.gpu, g)
}

// kernelCategory is the category of a piece of GPU work: copies and sets by what the file says they are, the rest by
// name.
func (x *index) kernelCategory(g *gpuEvent) string {
	switch g.category {
	case trace.CategoryMemcpy:
		return categoryMemcpy
	case trace.CategoryMemset:
		return categoryMemset
	}
	if x.kernelNames == nil {
		x.kernelNames = make([]string, x.t.Strings.Len())
	}
	if x.kernelNames[g.name] == "" {
		x.kernelNames[g.name] = x.kernels.of(x.t.Strings.At(g.name))
	}
	return x.kernelNames[g.name]
}

// link joins GPU work, sorted, to the calls that launched it.
func (x *index) link() {
	if len(x.gpu) == 0 {
		return
	}
	callOf := x.callsByCorrelation()
	for i := range x.gpu {
		g := &x.gpu[i]
		if g.side == trace.NoSide {
			continue
		}
		if c := callOf(x.t.GPU.At(g.side).Correlation); c >= 0 {
			g.call = c
			if x.calls[c].gpuEvents == 0 {
				x.calls[c].firstGPU = int32(i)
			}
			x.calls[c].gpuEvents++
		}
	}
}

// callsByCorrelation finds calls by their correlation: the first in the file of each, -1 if there is none. Profilers count
// correlations up, so that a list over their range is small; where they do not, a map does.
func (x *index) callsByCorrelation() func(correlation int64) int32 {
	const spread = 8 // places of the list for each call
	low, high := int64(math.MaxInt64), int64(-1)
	for i := range x.calls {
		if c := x.calls[i].correlation; c != trace.Absent {
			low, high = min(low, c), max(high, c)
		}
	}
	if high < low || low < 0 {
		low, high = 0, -1
	}
	if n := high - low + 1; n <= spread*int64(len(x.calls)) && n > 0 {
		list := make([]int32, n)
		for i, c := range slices.Backward(x.calls) {
			if c.correlation != trace.Absent {
				list[c.correlation-low] = int32(i) + 1
			}
		}
		return func(correlation int64) int32 {
			if correlation < low || correlation > high {
				return -1
			}
			return list[correlation-low] - 1
		}
	}
	byCorrelation := make(map[int64]int32, len(x.calls))
	for i, c := range slices.Backward(x.calls) {
		if c.correlation != trace.Absent {
			byCorrelation[c.correlation] = int32(i)
		}
	}
	return func(correlation int64) int32 {
		if c, ok := byCorrelation[correlation]; ok {
			return c
		}
		return -1
	}
}

func (x *index) sort() {
	slices.SortFunc(x.gpu, func(a, b gpuEvent) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		if a.end != b.end {
			return cmp.Compare(a.end, b.end)
		}
		return cmp.Compare(a.row, b.row)
	})
	x.sortHost()
	slices.SortFunc(x.steps, func(a, b stepSpan) int {
		if a.track != b.track {
			return cmp.Compare(a.track, b.track)
		}
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return cmp.Compare(b.end, a.end)
	})
}

// sortHost sorts spans by thread first, since files hold those of one thread nearly in order.
func (x *index) sortHost() {
	ends := make([]int, len(x.t.Tracks)+1)
	for i := range x.host {
		ends[x.host[i].track]++
	}
	sum := 0
	for i, n := range ends {
		ends[i] = sum
		sum += n
	}
	sorted := make([]hostSpan, len(x.host))
	for i := range x.host {
		h := &x.host[i]
		sorted[ends[h.track]] = *h
		ends[h.track]++
	}
	x.host = sorted
	from := 0
	for _, to := range ends[:len(x.t.Tracks)] {
		sortSpans(sorted[from:to])
		from = to
	}
}

// fewRuns are few enough to be merged rather than sorted: a file holds a thread's ops in order, then its calls.
const fewRuns = 8

// sortSpans sorts the spans of one thread.
func sortSpans(spans []hostSpan) {
	runs := []int{0} // where they begin
	for i := 1; i < len(spans) && len(runs) <= fewRuns; i++ {
		if compareSpans(spans[i-1], spans[i]) > 0 {
			runs = append(runs, i)
		}
	}
	if len(runs) > fewRuns {
		slices.SortFunc(spans, compareSpans)
		return
	}
	for k := 1; k < len(runs); k++ {
		end := len(spans)
		if k+1 < len(runs) {
			end = runs[k+1]
		}
		mergeSpans(spans[:end], runs[k])
	}
}

// mergeSpans merges the sorted spans before and from middle on.
func mergeSpans(spans []hostSpan, middle int) {
	before := slices.Clone(spans[:middle])
	i, j, k := 0, middle, 0
	for ; i < len(before) && j < len(spans); k++ {
		if compareSpans(before[i], spans[j]) <= 0 {
			spans[k] = before[i]
			i++
		} else {
			spans[k] = spans[j]
			j++
		}
	}
	copy(spans[k:], before[i:])
}

// compareSpans orders spans of one thread: parents before children.
func compareSpans(a, b hostSpan) int {
	if a.start != b.start {
		return cmp.Compare(a.start, b.start)
	}
	if a.end != b.end {
		return cmp.Compare(b.end, a.end)
	}
	return cmp.Compare(a.row, b.row)
}

// devices lists the devices that worked, in order of their numbers.
func (x *index) devices() []int32 {
	var out []int32
	for i := range x.gpu {
		if d := x.gpu[i].device; !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out
}

func (x *index) name(id trace.StringID) string { return x.t.Strings.At(id) }

// stepNames parses each distinct name once.
type stepNames struct {
	strings *trace.Strings
	known   []*trace.Step // by StringID; noStep: the name is none's; nil: not asked yet
}

var noStep = &trace.Step{}

func newStepNames(s *trace.Strings) *stepNames {
	return &stepNames{s, make([]*trace.Step, s.Len())}
}

func (n *stepNames) annotation(id trace.StringID) *trace.Step { return n.parse(id, trace.ParseStep) }
func (n *stepNames) frame(id trace.StringID) *trace.Step      { return n.parse(id, trace.ParsePythonStep) }

func (n *stepNames) parse(id trace.StringID, parse func(string) (trace.Step, bool)) *trace.Step {
	if n.known[id] == nil {
		n.known[id] = noStep
		if s, ok := parse(n.strings.At(id)); ok {
			n.known[id] = &s
		}
	}
	if n.known[id] == noStep {
		return nil
	}
	return n.known[id]
}
