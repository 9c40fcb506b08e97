package analyze

import (
	"cmp"
	"slices"

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

// gpuEvents lists all GPU work, in order of time.
func (x *index) gpuEvents() []GPUEvent {
	ops := x.opsOfCalls()
	out := make([]GPUEvent, len(x.gpu))
	for i := range x.gpu {
		g := &x.gpu[i]
		e := &out[i]
		*e = GPUEvent{Name: x.name(g.name), Kernel: g.category == trace.CategoryKernel, Device: int(g.device), Stream: g.stream,
			StartNs: g.start, DurationNs: g.end - g.start, Correlation: trace.Absent}
		if g.side != trace.NoSide {
			w := x.t.GPU.At(g.side)
			e.Correlation = w.Correlation
			if w.Collective != trace.NoSide {
				e.Collective = x.collectiveArgs(w.Collective)
			}
		}
		if g.call < 0 {
			continue
		}
		c := &x.calls[g.call]
		e.Call, e.CallStartNs, e.CallNs, e.Graph = x.name(c.name), c.start, c.end-c.start, x.isGraphLaunch(c)
		if op := ops[g.call]; op != 0 {
			e.Op = x.name(op)
			e.OpCategory = x.ops.of(e.Op)
		}
	}
	return out
}

func (x *index) collectiveArgs(row uint32) *CollectiveArgs {
	c := x.t.Collectives.At(row)
	args := &CollectiveArgs{x.name(c.Name), x.name(c.Dtype), x.name(c.GroupName), x.name(c.GroupRanks),
		c.GroupSize, c.InElements, c.OutElements, trace.Absent, trace.Absent}
	if size := dtypeBytes(args.Dtype); size > 0 && c.InElements >= 0 && c.OutElements >= 0 {
		args.InBytes, args.OutBytes = c.InElements*size, c.OutElements*size
	}
	return args
}

// opsOfCalls names the innermost op around the start of each call; 0 if there is none.
func (x *index) opsOfCalls() []trace.StringID {
	order := make([]int32, len(x.calls))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		p, q := &x.calls[a], &x.calls[b]
		return cmp.Or(cmp.Compare(p.track, q.track), cmp.Compare(p.start, q.start))
	})
	out := make([]trace.StringID, len(x.calls))
	var open []hostSpan // ops, outermost first
	next := 0
	for _, i := range order {
		c := &x.calls[i]
		for ; next < len(x.host); next++ {
			h := &x.host[next]
			if h.track > c.track || h.track == c.track && h.start > c.start {
				break
			}
			if x.t.Events.Category(int(h.row)) == trace.CategoryCPUOp {
				open = append(closeOps(open, h.track, h.start), *h)
			}
		}
		open = closeOps(open, c.track, c.start)
		if k := len(open); k > 0 {
			out[i] = x.t.Events.Name(int(open[k-1].row))
		}
	}
	return out
}

// closeOps pops the ops that a moment of a thread is not in.
func closeOps(open []hostSpan, track trace.TrackID, at int64) []hostSpan {
	n := len(open)
	for n > 0 && (open[n-1].track != track || open[n-1].end <= at) {
		n--
	}
	return open[:n]
}
