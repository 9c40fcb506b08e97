package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
)

// Of replayed graphs, no op and no module tells what a kernel is for; its place does. A graph of a language model is the
// same layer many times over, and reports show that layer kernel by kernel, in its order.

// graphsOf are the graphs of the lowest rank that replays some: the ranks of a model replay the same.
func graphsOf(r *analyze.Result) *analyze.Rank {
	for _, k := range r.Ranks {
		if len(k.Graphs) > 0 {
			return k
		}
	}
	return nil
}

func graphTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Graph replays", note: "the kernels of a layer, or of the whole graph, in their order",
		spare: []string{"layers", "replays", "count"}, cols: []dataColumn{
			{"graph", "graph", unitCount}, {"graph_kernels", "", unitCount}, {"replays", "replays", unitCount}, {"replay_median_ns", "", unitNs},
			{"layers", "layers", unitCount}, {"layer_ns", "", unitNs}, {"position", "#", unitCount}, {"total_ns", "time", unitNs},
			{"", "share", unitPercent}, {"count", "count", unitCount}, {"median_ns", "median", unitNs}, {"category", "category", unitCategory},
			{"op", "op", unitOp}, {"kernel", "kernel", unitKernel}}}
	k := graphsOf(r)
	if k == nil {
		return d
	}
	if len(r.Ranks) > 1 {
		d.note += fmt.Sprintf(", on rank %d", k.Rank)
	}
	for n, g := range k.Graphs {
		positions := slices.SortedFunc(slices.Values(g.Positions), func(a, b analyze.GraphPosition) int { return cmp.Compare(a.Position, b.Position) })
		var names []string
		for _, p := range positions {
			names = append(names, p.Name)
		}
		var layers, layer any
		if g.Layers > 0 {
			layers, layer = int64(g.Layers), g.LayerNs
		}
		for i, short := range categories.ShortKernels(names) {
			p := &positions[i]
			d.add(int64(n+1), int64(g.Kernels), int64(g.Replays), g.MedianNs, layers, layer, int64(p.Position), p.TotalNs, share(p.TotalNs, g.TotalNs),
				int64(p.Count), p.MedianNs, p.Category, p.Op, longName{full: p.Name, short: short})
		}
	}
	return d
}
