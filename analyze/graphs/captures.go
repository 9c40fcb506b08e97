package graphs

import (
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/roofline"
	"github.com/inferprof/inferprof/trace"
)

// Some engines profile the capture of each graph too (capture_traces/). There the launches stand inside
// their ops, in the order in which the graph replays them, so that the i-th launch between begin and end of the capture
// is the i-th kernel of the replay. This is taken only if the number is the same, and the names where the capture has
// them (ROCm). TraceLens merges by order alone.

// Captured is a graph as its capture recorded it.
type Captured struct {
	*roofline.Modelled
	slots []capturedLaunch
	size  int64 // batch size, from capture_32_DECODE; -1 if not given
}

// capturedLaunch is one launch of a capture: one kernel of each replay.
type capturedLaunch struct {
	kernel string // "" if the trace does not say
	name   string // of the innermost op around it
	op     int32  // of Modelled.Nest, or -1
}

// Captures finds the graphs that were captured in traces.
func Captures(traces []*trace.Trace) []*Captured {
	var out []*Captured
	for _, t := range traces {
		out = append(out, captures(t)...)
	}
	return out
}

// captures finds those of one trace: what lies between begin and end of a stream's capture on one thread.
func captures(t *trace.Trace) []*Captured {
	x := index.New(t, &index.Options{})
	ops := roofline.NewModelled(x)
	open := map[trace.TrackID]*Captured{}
	inner := map[trace.TrackID][]index.Span{} // the ops that are open
	var out []*Captured
	for _, h := range x.Host() {
		i := int(h.Row)
		stack := inner[h.Track]
		for n := len(stack); n > 0 && stack[n-1].EndNs <= h.StartNs; n-- {
			stack = stack[:n-1]
		}
		switch t.Events.Category(i) {
		case trace.CategoryCPUOp:
			stack = append(stack, h)
		case trace.CategoryRuntime, trace.CategoryDriver:
			name := x.Name(t.Events.Name(i))
			g := open[h.Track]
			switch {
			case strings.Contains(name, "StreamBeginCapture"):
				open[h.Track] = &Captured{Modelled: ops, size: captureSize(x, h.Track, h.StartNs)}
			case g == nil:
			case strings.Contains(name, "StreamEndCapture"):
				out = append(out, g)
				delete(open, h.Track)
			case index.IsKernelLaunch(name) || index.IsCopy(name):
				s := capturedLaunch{kernel: launchedKernel(t, i), op: ops.Nest.At(h.Track, h.StartNs)}
				if n := len(stack); n > 0 {
					s.name = x.Name(t.Events.Name(int(stack[n-1].Row)))
				}
				g.slots = append(g.slots, s)
			}
		}
		inner[h.Track] = stack
	}
	return out
}

// captureSize is the batch size that the annotation around a capture names.
func captureSize(x *index.Index, track trace.TrackID, at int64) int64 {
	for i := range x.Marks {
		if s := &x.Marks[i]; s.Step.Dialect == trace.DialectCapture && s.Track == track && s.StartNs <= at && at < s.EndNs {
			digits, _, _ := strings.Cut(strings.TrimPrefix(x.Name(s.Name), "capture_"), "_")
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}

// launchedKernel is the kernel that a launch names, as ROCm's do.
func launchedKernel(t *trace.Trace, row int) string {
	kernel, _ := t.Arg(row, "kernel")
	return kernel.Text
}

// captureOf finds the capture that a replay is of: as many launches, the same names where they are given, and of several
// such ones that of the least batch size that holds the step's requests. It says nil rather than guess.
func captureOf(x *index.Index, r replay, captures []*Captured) *Captured {
	if len(captures) == 0 {
		return nil
	}
	requests := int64(-1)
	c := &x.Calls[r.call]
	for i := range x.Marks {
		if s := &x.Marks[i]; s.Track == c.Track && s.StartNs <= c.StartNs && c.StartNs < s.EndNs {
			requests = max(requests, s.Step.GenerationRequests)
		}
	}
	var found *Captured
	several := false
	for _, g := range captures {
		if len(g.slots) != len(r.kernels) || !sameKernels(x, r, g) || requests > 0 && g.size > 0 && g.size < requests {
			continue
		}
		switch {
		case found == nil:
			found = g
		case g.size > 0 && found.size > 0 && requests > 0 && g.size != found.size:
			if g.size < found.size {
				found, several = g, false
			}
		case !found.sameOps(g):
			several = true
		}
	}
	if several {
		return nil
	}
	return found
}

// sameOps tells whether two captures would say the same of a replay: the pieces of a model that is captured layer by
// layer are alike.
func (g *Captured) sameOps(o *Captured) bool {
	return slices.EqualFunc(g.slots, o.slots, func(a, b capturedLaunch) bool {
		return a.name == b.name && g.Text(a.op) == o.Text(b.op)
	})
}

// sameKernels tells whether a capture has the kernels of a replay, as far as it names them.
func sameKernels(x *index.Index, r replay, g *Captured) bool {
	for i, k := range r.kernels {
		if n := g.slots[i].kernel; n != "" && n != x.Name(x.GPU[k].Name) {
			return false
		}
	}
	return true
}

// ReplayedOps lists the replays of which a capture says which ops their kernels are of.
func ReplayedOps(x *index.Index, captures []*Captured) []roofline.Replayed {
	if len(captures) == 0 {
		return nil
	}
	var out []roofline.Replayed
	for _, r := range replays(x) {
		g := captureOf(x, r, captures)
		if g == nil {
			continue
		}
		ops := make([]int32, len(g.slots))
		for i := range g.slots {
			ops[i] = g.slots[i].op
		}
		out = append(out, roofline.Replayed{Of: g.Modelled, Call: r.call, Kernels: r.kernels, Ops: ops})
	}
	return out
}
