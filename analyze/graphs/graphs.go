// Package graphs says what CUDA and HIP graphs replay: layers and positions by the repetition of names, ops by the trace of
// their capture, and what the profiler lost of replays.
package graphs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/roofline"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// A CUDA or HIP graph replays hundreds of kernels with one call, and a trace says nothing of them but name and time: no
// op, no shapes, on ROCm not even a grid. Two things can still be said.
//
// By position: a replay's kernels, in order, are the layers of a model one after the other, the same few names again
// and again. The period of that sequence is a layer, the number of times it repeats is the number of layers, and a
// kernel's place within the period says which of a layer's kernels it is. The position holds across replays, so that
// the n-th kernel of each is the same one.
//
// By capture: some engines profile the capture of each graph too (capture_traces/). There the launches stand inside
// their ops, in the order in which the graph replays them, so that the i-th launch between begin and end of the capture
// is the i-th kernel of the replay. This is taken only if the number is the same, and the names where the capture has
// them (ROCm). TraceLens merges by order alone.

// Graph is all replays of one graph: of one sequence of kernel names.
type Graph struct {
	Kernels  int   `json:"kernels"` // per replay
	Replays  int   `json:"replays"`
	TotalNs  int64 `json:"total_ns"`  // Σ of the kernels
	MedianNs int64 `json:"median_ns"` // of a replay, from its first kernel's start to its last one's end
	// Layers is how often the same kernels follow each other; 0 if there is no such structure. The layers begin at
	// kernel First (from 0) and have LayerKernels kernels each.
	Layers       int   `json:"layers"`
	First        int   `json:"first"`
	LayerKernels int   `json:"layer_kernels"`
	LayerNs      int64 `json:"layer_ns"` // Σ of a layer's kernels, mean
	// Positions are the kernels of a layer in order, or of the whole graph if it has no layers, most time first.
	Positions []GraphPosition `json:"positions,omitempty"`
	Captured  bool            `json:"captured,omitempty"` // a capture trace says which ops they are
}

// GraphPosition is the n-th kernel of a layer, over all layers and replays.
type GraphPosition struct {
	Position int    `json:"position"` // in the layer; in the graph if it has no layers
	Name     string `json:"name"`
	Category string `json:"category"`
	Op       string `json:"op,omitempty"` // from the capture
	Count    int    `json:"count"`
	TotalNs  int64  `json:"total_ns"`
	MedianNs int64  `json:"median_ns"`
}

// replay is one graph launch: its call and its kernels (indexes of x.gpu) in order.
type replay struct {
	call    int32
	kernels []int32
}

// replays lists the graph launches that have kernels, in order of their first kernels.
func replays(x *index.Index) []replay {
	of := map[int32]int{}
	var out []replay
	last := -1 // most kernels are of the replay of the one before
	for i := range x.GPU {
		c := x.GPU[i].Call
		if c < 0 || !x.IsGraphLaunch(&x.Calls[c]) {
			continue
		}
		if last < 0 || out[last].call != c {
			r, ok := of[c]
			if !ok {
				r = len(out)
				of[c] = r
				out = append(out, replay{call: c, kernels: make([]int32, 0, x.Calls[c].GPUEvents)})
			}
			last = r
		}
		out[last].kernels = append(out[last].kernels, int32(i))
	}
	return out
}

const positionsShown = 32

// Table finds the graphs of a trace, most time first.
func Table(x *index.Index, captures []*capturedGraph) []Graph {
	type group struct {
		names   []trace.StringID
		replays []replay
	}
	byLength := map[int][]*group{}
	var groups []*group
	names := make([]trace.StringID, 0, 1024)
	for _, r := range replays(x) {
		names = names[:0]
		for _, k := range r.kernels {
			names = append(names, x.GPU[k].Name)
		}
		var g *group
		for _, known := range byLength[len(names)] {
			if slices.Equal(known.names, names) {
				g = known
			}
		}
		if g == nil {
			g = &group{names: slices.Clone(names)}
			byLength[len(names)] = append(byLength[len(names)], g)
			groups = append(groups, g)
		}
		g.replays = append(g.replays, r)
	}
	out := make([]Graph, len(groups))
	for i, g := range groups {
		out[i] = graph(x, g.names, g.replays, captures)
	}
	slices.SortStableFunc(out, func(a, b Graph) int { return cmp.Compare(b.TotalNs, a.TotalNs) })
	return out
}

// graph describes the replays of one sequence of kernels.
func graph(x *index.Index, names []trace.StringID, replays []replay, captures []*capturedGraph) Graph {
	g := Graph{Kernels: len(names), Replays: len(replays)}
	g.First, g.LayerKernels, g.Layers = repeated(names)
	period, from, to := g.LayerKernels, g.First, g.First+g.LayerKernels*g.Layers
	if g.Layers == 0 {
		period, from, to = len(names), 0, len(names)
	}
	capture := captureOf(x, replays[0], captures)
	g.Captured = capture != nil
	positions := make([]GraphPosition, period)
	durations := make([][]int64, period)
	spans := make([]int64, 0, len(replays))
	var layers int64
	for _, r := range replays {
		var last int64
		for i, k := range r.kernels {
			e := &x.GPU[k]
			g.TotalNs += e.EndNs - e.StartNs
			last = max(last, e.EndNs)
			if i < from || i >= to {
				continue
			}
			p := (i - from) % period
			layers += e.EndNs - e.StartNs
			positions[p].TotalNs += e.EndNs - e.StartNs
			positions[p].Count++
			durations[p] = append(durations[p], e.EndNs-e.StartNs)
		}
		spans = append(spans, last-x.GPU[r.kernels[0]].StartNs)
	}
	g.MedianNs = stats.Of(spans).Median
	if g.Layers > 0 {
		g.LayerNs = layers / int64(g.Layers*len(replays))
	}
	for p := range positions {
		e := &x.GPU[replays[0].kernels[from+p]]
		positions[p].Position, positions[p].Name, positions[p].Category = p, x.Name(e.Name), x.KernelCategory(e)
		positions[p].MedianNs = stats.Of(durations[p]).Median
		if capture != nil {
			positions[p].Op = capture.slots[from+p].name
		}
	}
	slices.SortStableFunc(positions, func(a, b GraphPosition) int { return cmp.Compare(b.TotalNs, a.TotalNs) })
	g.Positions = positions[:min(len(positions), positionsShown)]
	return g
}

// repeated finds the part of a sequence that is one piece again and again, at least three times: where it begins, how
// long the piece is, and how often it stands there. Of several it takes the one that covers most, and of those the
// shortest piece. For each length it is the longest run of places that equal the place one piece later.
func repeated(names []trace.StringID) (first, length, times int) {
	covered := 0
	for n := 1; n <= len(names)/3; n++ {
		run := 0
		for i := 0; i+n <= len(names); i++ {
			if i+n < len(names) && names[i] == names[i+n] {
				run++
				continue
			}
			if k := run/n + 1; k >= 3 && k*n > covered+covered/20 {
				covered, first, length, times = k*n, i-run, n, k
			}
			run = 0
		}
		if covered > len(names)*9/10 {
			break
		}
	}
	if length < 2 || covered < len(names)/2 {
		return 0, 0, 0
	}
	return first, length, times
}

// capturedGraph is a graph as its capture recorded it.
type capturedGraph struct {
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

// CapturesOf finds the captures in traces.
func CapturesOf(traces []*trace.Trace) []*capturedGraph {
	var out []*capturedGraph
	for _, t := range traces {
		out = append(out, capturedGraphs(t)...)
	}
	return out
}

// capturedGraphs finds the captures of a trace: what lies between begin and end of a stream's capture on one thread.
func capturedGraphs(t *trace.Trace) []*capturedGraph {
	x := index.New(t, &index.Options{})
	ops := roofline.NewModelled(x)
	open := map[trace.TrackID]*capturedGraph{}
	inner := map[trace.TrackID][]index.Span{} // the ops that are open
	var out []*capturedGraph
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
				open[h.Track] = &capturedGraph{Modelled: ops, size: captureSize(x, h.Track, h.StartNs)}
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
func captureOf(x *index.Index, r replay, captures []*capturedGraph) *capturedGraph {
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
	var found *capturedGraph
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
func (g *capturedGraph) sameOps(o *capturedGraph) bool {
	return slices.EqualFunc(g.slots, o.slots, func(a, b capturedLaunch) bool {
		return a.name == b.name && g.Text(a.op) == o.Text(b.op)
	})
}

func sameKernels(x *index.Index, r replay, g *capturedGraph) bool {
	for i, k := range r.kernels {
		if n := g.slots[i].kernel; n != "" && n != x.Name(x.GPU[k].Name) {
			return false
		}
	}
	return true
}

// ReplayedOps lists the replays of which a capture says which ops their kernels are of.
func ReplayedOps(x *index.Index, captures []*capturedGraph) []roofline.Replayed {
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
