package report

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

func tracelensTimeline(r *analyze.Result) (head []string, rows [][]any) {
	gpuTimes(r, func(rank int, t *analyze.Time) {
		for _, p := range []struct {
			name string
			ns   int64
		}{
			{"computation_time", t.ComputationNs}, {"exposed_comm_time", t.ExposedCommNs}, {"exposed_memcpy_time", t.ExposedMemoryNs},
			{"busy_time", t.BusyNs}, {"idle_time", t.IdleNs}, {"total_time", t.TotalNs}, {"total_comm_time", t.CommNs}, {"total_memcpy_time", t.MemoryNs},
		} {
			rows = append(rows, []any{p.name, millis(p.ns), share(p.ns, t.TotalNs), int64(rank)})
		}
	})
	return []string{"type", "time ms", "percent", "rank"}, rows
}

// tracelensCategories are the names that TraceLens gives the kinds of RooflineOp, and the categories of ops. Those that
// it has no name for keep ours.
var tracelensCategories = map[string]string{
	"gemm": "GEMM", "attention": "InferenceAttention", "moe": "MoE_fused", "norm": "NORM", "elementwise": "elementwise",
	"attn": "InferenceAttention", "quant_gemm": "GEMM", "moe_gemm": "MoE_fused", "conv": "CONV",
}

// tracelensOps are the ops whose shapes are known. "Data Moved (MB)" is in MiB, as it is there.
func tracelensOps(r *analyze.Result) (head []string, rows [][]any) {
	if r.Roofline == nil {
		return tracelensOpHead, nil
	}
	for _, o := range r.Roofline.Ops {
		n := float64(max(1, o.Count))
		category := tracelensCategories[o.Kind]
		if strings.Contains(o.Name, "scaled_dot_product") {
			category = "SDPA"
		}
		rows = append(rows, []any{o.Name, category, o.Dims, int64(o.Count), micros(o.TimeNs), o.FLOPs / 1e9 / n, o.Bytes / (1 << 20) / n, o.Intensity,
			positive(o.FLOPsPerS / 1e12), positive(o.BytesPerS / 1e12)})
	}
	return tracelensOpHead, rows
}

var tracelensOpHead = []string{"name", "op category", "Input Dims", "operation_count", "Kernel Time (µs)_sum", "GFLOPS", "Data Moved (MB)",
	"FLOPS/Byte", "TFLOPS/s", "TB/s"}

// kernelGroup is what a row of kernel_summary is of.
type kernelGroup struct {
	category, op, name string
	stream             int64
}

// tracelensKernels are kernels by the op that launched them; where none did, by the call.
func tracelensKernels(r *analyze.Result) (head []string, rows [][]any) {
	for _, k := range r.Ranks {
		groups, whole := groupEvents(k.GPUEvents, func(e *analyze.GPUEvent) (kernelGroup, bool) {
			g := kernelGroup{category: cmp.Or(tracelensCategories[e.OpCategory], e.OpCategory), op: e.Op, name: e.Name, stream: e.Stream}
			if e.Op == "" && e.Call != "" {
				g.category, g.op = choose(e.Graph, "graph", "runtime"), e.Call
			}
			return g, e.Kernel
		})
		var total int64
		for _, t := range k.Time {
			total += t.TotalNs
		}
		for _, g := range groups {
			rows = append(rows, []any{g.key.category, g.key.op, g.key.name, g.key.stream, micros(g.sum), g.n, microsOf(g.mean()),
				micros(g.min), micros(g.max), share(g.sum, whole), share(g.sum, total), int64(k.Rank)})
		}
	}
	return []string{"Parent op category", "Parent cpu_op", "Kernel name", "Kernel stream", "Kernel duration (µs)_sum", "Kernel duration (µs)_count",
		"Kernel duration (µs)_mean", "Kernel duration (µs)_min", "Kernel duration (µs)_max", "Percent of kernels time (%)",
		"Percent of total time (%)", "rank"}, rows
}

// collectiveGroup is what a row of coll_analysis is of.
type collectiveGroup struct {
	analyze.CollectiveArgs
	stream int64
}

// tracelensCollectives are communication kernels by what they say of themselves. Sizes are in MiB, as they are there;
// how all-to-alls are split is not kept.
func tracelensCollectives(r *analyze.Result) (head []string, rows [][]any) {
	for _, k := range r.Ranks {
		groups, _ := groupEvents(k.GPUEvents, func(e *analyze.GPUEvent) (collectiveGroup, bool) {
			g := collectiveGroup{analyze.CollectiveArgs{GroupSize: -1, InElements: -1, OutElements: -1, InBytes: -1, OutBytes: -1}, e.Stream}
			if e.Collective != nil {
				g.CollectiveArgs = *e.Collective
			}
			return g, e.Kernel && analyze.CommTraceLens.IsComm(e.Name, "")
		})
		for _, g := range groups {
			c := &g.key
			rows = append(rows, []any{int64(k.Rank), c.Group, c.GroupRanks, c.Name, known(c.GroupSize), c.Dtype, known(c.InElements), known(c.OutElements), nil, nil,
				c.stream, mebibytes(c.InBytes), mebibytes(c.OutBytes), micros(g.sum), microsOf(g.mean()), microsOf(g.stdDev()), micros(g.min), micros(g.max), g.n})
		}
	}
	return []string{"rank", "Process Group Name", "Process Group Ranks", "Collective name", "Group size", "dtype", "In msg nelems", "Out msg nelems",
		"In split size", "Out split size", "stream", "In msg size (MB)_first", "Out msg size (MB)_first", "dur_sum", "dur_mean", "dur_std", "dur_min",
		"dur_max", "operation_count"}, rows
}

func mebibytes(n int64) any {
	if n < 0 {
		return nil
	}
	return float64(n) / (1 << 20)
}

// microsOf is a mean of times in µs; nil if it is not a number.
func microsOf(ns float64) any {
	if math.IsNaN(ns) {
		return nil
	}
	return ns / 1e3
}

// eventGroup is GPU work of one kind.
type eventGroup[K comparable] struct {
	key              K
	n, sum, min, max int64
	squares          float64 // Σ squares of the differences from the mean so far, after Welford
	running          float64 // mean so far
}

// add adds a duration.
func (g *eventGroup[K]) add(ns int64) {
	if g.n == 0 {
		g.min = ns
	}
	g.n++
	g.sum += ns
	g.min, g.max = min(g.min, ns), max(g.max, ns)
	from := float64(ns) - g.running
	g.running += from / float64(g.n)
	g.squares += from * (float64(ns) - g.running)
}

func (g *eventGroup[K]) mean() float64 { return float64(g.sum) / float64(g.n) }

// stdDev is the standard deviation of a sample; NaN of one.
func (g *eventGroup[K]) stdDev() float64 { return math.Sqrt(g.squares / float64(g.n-1)) }

// groupEvents groups GPU work by a key, most time first, and says how much time it took in all. Work of which the key
// says no is left out.
func groupEvents[K comparable](events []analyze.GPUEvent, of func(e *analyze.GPUEvent) (key K, ok bool)) (groups []*eventGroup[K], ns int64) {
	at := map[K]*eventGroup[K]{}
	for i := range events {
		key, ok := of(&events[i])
		if !ok {
			continue
		}
		g := at[key]
		if g == nil {
			g = &eventGroup[K]{key: key}
			at[key] = g
			groups = append(groups, g)
		}
		g.add(events[i].DurationNs)
		ns += events[i].DurationNs
	}
	slices.SortStableFunc(groups, func(a, b *eventGroup[K]) int { return cmp.Compare(b.sum, a.sum) })
	return groups, ns
}
