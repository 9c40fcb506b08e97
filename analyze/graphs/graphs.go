// Package graphs says what CUDA and HIP graphs replay: layers and positions by the repetition of names, ops by the trace of
// their capture, and what the profiler lost of replays.
package graphs

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
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
// By capture, if there is a trace of it: see captures.go.

// Graph is all replays of one graph: families.go says which those are.
type Graph struct {
	Kernels  int   `json:"kernels"` // per replay that lost none
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

// replay is one graph launch: its call and its kernels (indexes of Index.GPU) in order.
type replay struct {
	call    int32
	kernels []int32
	slots   []int32 // which of the graph's kernels they are, -1: none; nil: the n-th is the n-th
	lost    []int32 // those of the graph's kernels that it lacks, in order
}

// slot is which of the graph's kernels the i-th one is; -1 if it is none.
func (r *replay) slot(i int) int {
	if r.slots == nil {
		return i
	}
	return int(r.slots[i])
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
		if k := out[last].kernels; len(k) == 0 || !isCopy(&x.GPU[k[len(k)-1]], &x.GPU[i]) {
			out[last].kernels = append(k, int32(i))
		}
	}
	return out
}

// isCopy tells whether a kernel is the one before it once more, as in files that were put together.
func isCopy(a, b *index.Work) bool {
	return a.StartNs == b.StartNs && a.EndNs == b.EndNs && a.Name == b.Name && a.Stream == b.Stream && a.EndNs > a.StartNs
}

// positionsShown is how many positions of a graph are listed.
const positionsShown = 32

// Measure finds the graphs of a trace, most time first, and what is missing of their replays, nil if no graph was launched.
func Measure(x *index.Index, captures []*Captured) ([]Graph, *Replays) {
	all := families(x)
	return table(x, all, captures), losses(x, all)
}

func table(x *index.Index, all []*family, captures []*Captured) []Graph {
	out := make([]Graph, len(all))
	for i, f := range all {
		out[i] = graph(x, f, captures)
	}
	slices.SortStableFunc(out, func(a, b Graph) int { return cmp.Compare(b.TotalNs, a.TotalNs) })
	return out
}

// graph describes the replays of one graph.
func graph(x *index.Index, f *family, captures []*Captured) Graph {
	g := Graph{Kernels: len(f.names), Replays: len(f.replays)}
	g.First, g.LayerKernels, g.Layers = repeated(f.names)
	period, from, to := g.LayerKernels, g.First, g.First+g.LayerKernels*g.Layers
	if g.Layers == 0 {
		period, from, to = len(f.names), 0, len(f.names)
	}
	whole := f.replays[max(0, slices.IndexFunc(f.replays, func(r replay) bool { return len(r.lost) == 0 }))]
	capture := captureOf(x, whole, captures)
	g.Captured = capture != nil
	positions := make([]GraphPosition, period)
	durations := make([][]int64, period)
	spans := make([]int64, 0, len(f.replays))
	var layers int64
	for _, r := range f.replays {
		var last int64
		for i, k := range r.kernels {
			e := &x.GPU[k]
			g.TotalNs += e.EndNs - e.StartNs
			last = max(last, e.EndNs)
			slot := r.slot(i)
			if slot < from || slot >= to {
				continue
			}
			p := (slot - from) % period
			layers += e.EndNs - e.StartNs
			if positions[p].Count == 0 {
				positions[p].Name, positions[p].Category = x.Name(e.Name), x.KernelCategory(e)
			}
			positions[p].TotalNs += e.EndNs - e.StartNs
			positions[p].Count++
			durations[p] = append(durations[p], e.EndNs-e.StartNs)
		}
		spans = append(spans, last-x.GPU[r.kernels[0]].StartNs)
	}
	g.MedianNs = stats.Of(spans).Median
	if g.Layers > 0 {
		g.LayerNs = layers / int64(g.Layers*len(f.replays))
	}
	for p := range positions {
		positions[p].Position = p
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
