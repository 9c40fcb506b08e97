package device

import (
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// GPUEvent is one kernel, copy or set, and how it was launched: for tables that have a row for each.
type GPUEvent struct {
	Name       string
	Kernel     bool // rather than a copy or a set
	Device     int
	Stream     int64
	StartNs    int64
	DurationNs int64

	// The call that launched it; Call is "" if the trace does not have it.
	Call        string
	Correlation int64
	CallStartNs int64
	CallNs      int64
	Graph       bool   // the call launched a graph, which is many events
	Op          string // the innermost op around the call; "" if there is none
	OpCategory  string

	Collective *CollectiveArgs // what a communication kernel says of itself; nil if nothing
}

// CollectiveArgs are the arguments of one collective, as the trace has them; -1 of what it has not.
type CollectiveArgs struct {
	Name, Dtype             string
	Group, GroupRanks       string
	GroupSize               int64
	InElements, OutElements int64
	InBytes, OutBytes       int64
}

// GPUEvents lists all GPU work, in order of time.
func GPUEvents(x *index.Index) []GPUEvent {
	out := make([]GPUEvent, len(x.GPU))
	for i := range x.GPU {
		g := &x.GPU[i]
		e := &out[i]
		*e = GPUEvent{Name: x.Name(g.Name), Kernel: g.Category == trace.CategoryKernel, Device: int(g.Device), Stream: g.Stream,
			StartNs: g.StartNs, DurationNs: g.EndNs - g.StartNs, Correlation: trace.Absent}
		if g.Side != trace.NoSide {
			w := x.Trace.GPU.At(g.Side)
			e.Correlation = w.Correlation
			if w.Collective != trace.NoSide {
				e.Collective = collectiveArgs(x, w.Collective)
			}
		}
		if g.Call < 0 {
			continue
		}
		c := &x.Calls[g.Call]
		e.Call, e.CallStartNs, e.CallNs, e.Graph = x.Name(c.Name), c.StartNs, c.EndNs-c.StartNs, x.IsGraphLaunch(c)
		if row := x.OpOf(c); row >= 0 {
			e.Op = x.Name(x.Trace.Events.Name(int(row)))
			if e.OpCategory = x.OpCategories.Of(e.Op); x.Compiling(c.Track, c.StartNs) {
				e.OpCategory = categories.Compile
			}
		}
	}
	return out
}

func collectiveArgs(x *index.Index, row uint32) *CollectiveArgs {
	c := x.Trace.Collectives.At(row)
	args := &CollectiveArgs{x.Name(c.Name), x.Name(c.Dtype), x.Name(c.GroupName), x.Name(c.GroupRanks),
		c.GroupSize, c.InElements, c.OutElements, trace.Absent, trace.Absent}
	if size := index.DtypeBytes(args.Dtype); size > 0 && c.InElements >= 0 && c.OutElements >= 0 {
		args.InBytes, args.OutBytes = c.InElements*size, c.OutElements*size
	}
	return args
}
