// Package index files a trace once for all who ask of it: GPU work, calls, ops and steps in order of time, each joined to
// what belongs to it, and the gaps between. Analyses, findings and timelines read the same lists and recompute none.
package index

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/trace"
)

// The data: a trace's rows lie in file order, and no real file is sorted by time. Kineto writes all CPU events before
// the GPU's, so a kernel is far behind the call that launched it.
//
// The idea: one pass over the columns files every row that any analysis needs under what it is (GPU work, runtime
// call, step mark, allocation), resolves what is looked up by name once per distinct name, joins GPU work to calls by
// correlation, and sorts each list once. What not everybody asks for is filed when somebody does: what nests on the host's
// threads (Host, Ops), and why devices stood still (Gaps).
//
// The trade-off: the lists copy start and end (24 to 56 bytes per row that is kept), which makes every later pass
// linear in memory. Python frames, most of a trace with stacks, are not kept, except those that are steps or modules:
// who asks what ran at some moment (During) pays for a pass over the rows.
//
// Not done: an event without a duration that is not an allocation, flows (correlation says the same, and graph
// launches have it too), and GPU annotations (copies of CPU ones, once per stream) are left out.

// Class is how a time breakdown sees a piece of work.
type Class uint8

// The classes.
const (
	ClassCompute Class = iota
	ClassComm
	ClassMemory
	ClassNone // on a CPU: inside an annotation but in no op
	Classes
)

// Work is one kernel, copy or set on a device.
type Work struct {
	StartNs, EndNs int64 // since the trace's base time, as all times here
	Stream         int64
	Row            int32 // of the trace
	Call           int32 // index of Index.Calls, or -1 if no call of the trace has launched it
	Device         int32
	Name           trace.StringID
	Side           uint32 // row of Trace.GPU, or NoSide
	Class          Class
	Category       trace.Category
}

// Call is one runtime or driver call.
type Call struct {
	StartNs, EndNs int64
	Correlation    int64
	Row            int32
	Name           trace.StringID
	Track          trace.TrackID
	GPUEvents      int32 // that it launched
	FirstGPU       int32 // index of Index.GPU: the earliest of them
	facts          nameFacts
}

// Index is a trace, filed. It is not safe for concurrent use: its methods file what was not asked for before.
type Index struct {
	Trace        *trace.Trace
	Options      *Options
	OpCategories *categories.Categorizer

	GPU    []Work  // by (start, end, row): of equals alone the order hangs on the file's
	Calls  []Call  // by start, equals in file order
	Marks  []Mark  // of steps, by (track, start)
	Memory []int32 // rows of [memory] events, in file order

	OnGPU      bool    // some GPU worked, even if a selection leaves none of its work
	AllDevices []int32 // if some were to be selected: those that worked, the others included
	OtherKinds int     // events that no analysis reads
	FirstNs    int64   // earliest start and latest end of everything but metadata; 0 and 0 if there is nothing
	LastNs     int64
	Profiler   interval.Span // the profiler's own span; zero if the trace does not say

	Frames       int    // Python frames
	LongestFrame int32  // row of the longest one; -1 if there is none
	ModuleFrames []Span // those that are calls of modules, in file order

	DeviceWindows, HostWindows Windows // that a selection of steps leaves; nil: all time

	kernelCategories *categories.Categorizer
	knownFacts       []nameFacts // by StringID; 0: not asked yet
	kernelNames      []string    // categories of kernels by StringID; "": not asked yet

	hostRows []int32         // that Host files
	zones    []interval.Span // of each block, the time of what its rows say of CPU threads
	host     []Span
	ops      *Nest
	compiles []Span
	chosen   []Mark // that StepTable measured
	gaps     map[int32][]Gap
	lanes    *trace.Lanes

	compilesFiled bool
}

// New files a trace. The options are kept, with what they leave out filled in.
func New(t *trace.Trace, o *Options) *Index {
	o.setDefaults()
	x := &Index{Trace: t, Options: o, kernelCategories: categories.New(o.Categories, categories.Kernels()), OpCategories: categories.New(o.Categories, categories.Ops()),
		LongestFrame: -1, knownFacts: make([]nameFacts, t.Strings.Len()), kernelNames: make([]string, t.Strings.Len())}
	x.file()
	x.OnGPU = len(x.GPU) > 0
	sortWork(x.GPU)
	sortMarks(x.Marks)
	x.link()
	x.sortCalls()
	if o.Devices != nil {
		x.AllDevices = x.Devices()
		x.keepGPU()
	}
	return x
}

// file goes through all rows.
func (x *Index) file() {
	t := x.Trace
	x.GPU, x.Calls = make([]Work, 0, t.GPU.Len()), make([]Call, 0, t.Calls.Len()) // growing them costs more than filling
	memoryName, hasMemory := t.Strings.Lookup("[memory]")
	names := newStepNames(t.Strings)
	longest := int64(-1)
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for b := range t.Events.Blocks() {
		zone := interval.Span{Start: math.MaxInt64, End: math.MinInt64}
		for j, phase := range b.Phase {
			category, start, ns := b.Category[j].Folded(), b.StartNs[j], b.DurationNs[j]
			switch {
			case phase != trace.PhaseComplete:
				if phase == trace.PhaseInstant && category == trace.CategoryInstant && hasMemory && b.Name[j] == memoryName &&
					b.Side[j] != trace.NoSide && x.Options.in(start) {
					x.Memory = append(x.Memory, int32(b.First+j))
				}
				continue
			case category == trace.CategoryTrace:
				if start+ns > x.Profiler.End {
					x.Profiler = interval.Span{Start: start, End: start + ns}
				}
				continue
			case category == trace.CategoryPythonFunction:
				x.Frames++
				if ns > longest {
					longest, x.LongestFrame = ns, int32(b.First+j)
				}
			}
			if onThread(category) {
				zone.Start, zone.End = min(zone.Start, start), max(zone.End, start+ns)
			}
			if !x.Options.in(start) {
				continue
			}
			first, last = min(first, start), max(last, start+ns)
			if category != trace.CategoryPythonFunction || x.facts(b.Name[j])&factFrame != 0 { // most frames say nothing
				x.fileRow(&b, j, category, names)
			}
		}
		x.zones = append(x.zones, zone)
	}
	if first != math.MaxInt64 {
		x.FirstNs, x.LastNs = first, last
	}
}

// fileRow files a row that counts.
func (x *Index) fileRow(b *trace.Block, j int, category trace.Category, names *stepNames) {
	row, start, end, track, name := int32(b.First+j), b.StartNs[j], b.StartNs[j]+b.DurationNs[j], b.Track[j], b.Name[j]
	mark := func(s *trace.Step) {
		if s != nil {
			x.Marks = append(x.Marks, Mark{start, end, row, track, name, *s})
		}
	}
	switch category {
	case trace.CategoryKernel, trace.CategoryMemcpy, trace.CategoryMemset:
		x.addGPU(Work{StartNs: start, EndNs: end, Row: row, Call: -1, Name: name, Side: b.Side[j], Category: category}, track)
	case trace.CategoryRuntime, trace.CategoryDriver:
		c := Call{StartNs: start, EndNs: end, Correlation: trace.Absent, Row: row, Name: name, Track: track, facts: x.facts(name)}
		if s := b.Side[j]; s != trace.NoSide {
			c.Correlation = x.Trace.Calls.At(s).Correlation
		}
		x.Calls = append(x.Calls, c)
		x.hostRows = append(x.hostRows, row)
	case trace.CategoryUserAnnotation:
		x.hostRows = append(x.hostRows, row)
		mark(names.annotation(name))
	case trace.CategoryCPUOp:
		x.hostRows = append(x.hostRows, row)
	case trace.CategoryOther, trace.CategoryNone:
		x.OtherKinds++
	case trace.CategoryPythonFunction:
		if x.facts(name)&factModule != 0 {
			x.ModuleFrames = append(x.ModuleFrames, Span{start, end, row, track})
		}
		mark(names.frame(name))
	}
}

func (x *Index) addGPU(g Work, track trace.TrackID) {
	if g.Side != trace.NoSide {
		w := x.Trace.GPU.At(g.Side)
		g.Device, g.Stream = w.Device, w.Stream
	} else {
		t := &x.Trace.Tracks[track]
		g.Device, g.Stream = int32(t.PID), t.TID
	}
	kind := x.KernelCategory(&g)
	switch {
	case kind == categories.Memcpy, kind == categories.Memset && x.Options.MemsetIsMemory:
		g.Class = ClassMemory
	case x.Options.CommRule.IsComm(x.Name(g.Name), kind):
		g.Class = ClassComm
	default:
		g.Class = ClassCompute
	}
	x.GPU = append(x.GPU, g)
}

// KernelCategory is the category of a piece of GPU work: copies and sets by what the file says they are, the rest by
// name.
func (x *Index) KernelCategory(g *Work) string {
	if name := x.kernelNames[g.Name]; name != "" && g.Category == trace.CategoryKernel {
		return name
	}
	return x.categorize(g)
}

// categorize is KernelCategory of copies, sets, and names that were not asked about before.
func (x *Index) categorize(g *Work) string {
	switch g.Category {
	case trace.CategoryMemcpy:
		return categories.Memcpy
	case trace.CategoryMemset:
		return categories.Memset
	}
	x.kernelNames[g.Name] = x.kernelCategories.Of(x.Name(g.Name))
	return x.kernelNames[g.Name]
}

func sortWork(work []Work) {
	slices.SortFunc(work, func(a, b Work) int {
		if a.StartNs != b.StartNs {
			return cmp.Compare(a.StartNs, b.StartNs)
		}
		if a.EndNs != b.EndNs {
			return cmp.Compare(a.EndNs, b.EndNs)
		}
		return cmp.Compare(a.Row, b.Row)
	})
}

// Devices lists the devices that worked, in order of their numbers.
func (x *Index) Devices() []int32 {
	var out []int32
	for i := range x.GPU {
		if d := x.GPU[i].Device; !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out
}

// Name is the text of a name.
func (x *Index) Name(id trace.StringID) string { return x.Trace.Strings.At(id) }

// EventCount is how many rows the trace has.
func (x *Index) EventCount() int { return x.Trace.Events.Len() }

// Lanes says in which line of its track each event is drawn: a timeline's question, answered when it is first asked.
func (x *Index) Lanes() *trace.Lanes {
	if x.lanes == nil {
		x.lanes = trace.NewLanes(x.Trace)
	}
	return x.lanes
}
