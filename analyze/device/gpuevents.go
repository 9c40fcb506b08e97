package device

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// GPUEvent is one kernel, copy or set, and how it was launched: for tables that have a row for each (Options.GPUEvents).
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
	ops := opsOfCalls(x)
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
		if op := ops[g.Call]; op != 0 {
			e.Op = x.Name(op)
			e.OpCategory = x.OpCategories.Of(e.Op)
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

// opsOfCalls names the innermost op around the start of each call; 0 if there is none.
func opsOfCalls(x *index.Index) []trace.StringID {
	order := make([]int32, len(x.Calls))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		p, q := &x.Calls[a], &x.Calls[b]
		return cmp.Or(cmp.Compare(p.Track, q.Track), cmp.Compare(p.StartNs, q.StartNs))
	})
	out := make([]trace.StringID, len(x.Calls))
	var open []index.Span // ops, outermost first
	next := 0
	for _, i := range order {
		c := &x.Calls[i]
		for ; next < len(x.Host()); next++ {
			h := &x.Host()[next]
			if h.Track > c.Track || h.Track == c.Track && h.StartNs > c.StartNs {
				break
			}
			if x.Trace.Events.Category(int(h.Row)) == trace.CategoryCPUOp {
				open = append(closeOps(open, h.Track, h.StartNs), *h)
			}
		}
		open = closeOps(open, c.Track, c.StartNs)
		if k := len(open); k > 0 {
			out[i] = x.Trace.Events.Name(int(open[k-1].Row))
		}
	}
	return out
}

// closeOps pops the ops that a moment of a thread is not in.
func closeOps(open []index.Span, track trace.TrackID, at int64) []index.Span {
	n := len(open)
	for n > 0 && (open[n-1].Track != track || open[n-1].EndNs <= at) {
		n--
	}
	return open[:n]
}
