package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze"
)

func htaTime(r *analyze.Result) (head []string, rows [][]any) {
	gpuTimes(r, func(rank int, t *analyze.Time) {
		other := t.ExposedCommNs + t.ExposedMemoryNs
		rows = append(rows, []any{int64(rank), micros(t.IdleNs), micros(t.ComputationNs), micros(other), micros(t.TotalNs),
			share(t.IdleNs, t.TotalNs), share(t.ComputationNs, t.TotalNs), share(other, t.TotalNs)})
	})
	return []string{"rank", "idle_time(us)", "compute_time(us)", "non_compute_time(us)", "kernel_time(us)",
		"idle_time_pctg", "compute_time_pctg", "non_compute_time_pctg"}, rows
}

func htaOverlap(r *analyze.Result) (head []string, rows [][]any) {
	gpuTimes(r, func(rank int, t *analyze.Time) {
		rows = append(rows, []any{int64(rank), share(t.CommOverlapNs, t.CommNs)})
	})
	return []string{"rank", "comp_comm_overlap_pctg"}, rows
}

func htaIdle(r *analyze.Result) (head []string, rows [][]any) {
	for _, k := range r.Ranks {
		for _, s := range k.Streams {
			all := s.Idle.HostWait.Ns + s.Idle.KernelWait.Ns + s.Idle.Other.Ns
			for _, c := range []struct {
				name string
				ns   int64
			}{{"host_wait", s.Idle.HostWait.Ns}, {"kernel_wait", s.Idle.KernelWait.Ns}, {"other", s.Idle.Other.Ns}} {
				var ratio any
				if all > 0 {
					ratio = float64(c.ns) / float64(all)
				}
				rows = append(rows, []any{int64(k.Rank), s.Stream, c.name, micros(c.ns), ratio})
			}
		}
	}
	return []string{"rank", "stream", "idle_category", "idle_time", "idle_time_ratio"}, rows
}

// htaType is the kind of a kernel, as HTA's kernel breakdown names it.
func htaType(k *analyze.Kernel) string {
	switch {
	case k.Category == "memcpy", k.Category == "memset":
		return "MEMORY"
	case analyze.CommHTA.IsComm(k.Name, k.Category):
		return "COMMUNICATION"
	}
	return "COMPUTATION"
}

func htaKernels(r *analyze.Result) (head []string, rows [][]any) {
	for _, k := range r.Ranks {
		for i := range k.Kernels {
			g := &k.Kernels[i]
			rows = append(rows, []any{g.Name, micros(g.TotalNs), micros(g.MaxNs), micros(g.MinNs), micros(g.StdDevNs),
				float64(g.TotalNs) / 1e3 / float64(max(1, g.Count)), int64(g.Count), htaType(g), int64(k.Rank)})
		}
	}
	return []string{"name", "sum (us)", "max (us)", "min (us)", "stddev", "mean (us)", "count", "kernel_type", "rank"}, rows
}

// htaLaunches are the launches of one piece of work each: a graph's has no duration of its own. HTA knows the calls
// cudaLaunchKernel, …ExC, cudaMemcpyAsync and cudaMemsetAsync; the last column, which is ours, says which one it was.
func htaLaunches(r *analyze.Result) (head []string, rows [][]any) {
	launchedAlone(r, func(rank int, e *analyze.GPUEvent) {
		rows = append(rows, []any{e.Correlation, micros(e.CallNs), micros(e.DurationNs), micros(max(0, e.StartNs-e.CallStartNs-e.CallNs)), int64(rank), e.Call})
	})
	return []string{"correlation", "cpu_duration", "gpu_duration", "launch_delay", "rank", "call"}, rows
}

// launchedAlone calls f with the GPU work of each rank whose launch is in the trace and launched nothing else.
func launchedAlone(r *analyze.Result, f func(rank int, e *analyze.GPUEvent)) {
	for _, k := range r.Ranks {
		for i := range k.GPUEvents {
			if e := &k.GPUEvents[i]; e.Call != "" && !e.Graph {
				f(k.Rank, e)
			}
		}
	}
}

// queueChange is a launch or a beginning, and the length of its stream's queue from then on.
type queueChange struct {
	device int
	stream int64
	ns     int64
	length int64
}

// htaQueueLengths follows the queue of each stream of a rank, in order of device, stream and time. As in HTA, graph
// launches do not count; analyze.Queue counts them.
func htaQueueLengths(k *analyze.Rank) []queueChange {
	var out []queueChange
	for i := range k.GPUEvents {
		if e := &k.GPUEvents[i]; e.Call != "" && !e.Graph {
			out = append(out, queueChange{e.Device, e.Stream, e.CallStartNs, 1}, queueChange{e.Device, e.Stream, e.StartNs, -1})
		}
	}
	slices.SortStableFunc(out, func(a, b queueChange) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.stream, b.stream), cmp.Compare(a.ns, b.ns), cmp.Compare(b.length, a.length))
	})
	for i := range out[:max(0, len(out)-1)] {
		if a, b := &out[i], &out[i+1]; a.device == b.device && a.stream == b.stream {
			b.length += a.length
		}
	}
	return out
}

func htaQueueSeries(r *analyze.Result) (head []string, rows [][]any) {
	for _, k := range r.Ranks {
		for _, c := range htaQueueLengths(k) {
			rows = append(rows, []any{int64(k.Rank), micros(c.ns), int64(c.device), c.stream, c.stream, c.length})
		}
	}
	return []string{"rank", "ts", "pid", "tid", "stream", "queue_length"}, rows
}

func htaQueues(r *analyze.Result) (head []string, rows [][]any) {
	for _, k := range r.Ranks {
		all := htaQueueLengths(k)
		for from := 0; from < len(all); {
			until := from
			var lengths []int64
			for ; until < len(all) && all[until].device == all[from].device && all[until].stream == all[from].stream; until++ {
				lengths = append(lengths, all[until].length)
			}
			rows = append(rows, append([]any{int64(k.Rank), all[from].stream}, describe(lengths)...))
			from = until
		}
	}
	return []string{"rank", "stream", "queue_length_count", "queue_length_mean", "queue_length_std", "queue_length_min", "queue_length_25%",
		"queue_length_50%", "queue_length_75%", "queue_length_max"}, rows
}

// describe is what pandas' describe says of numbers, which it sorts: count, mean, standard deviation of a sample, and
// the quartiles, between two values in proportion.
func describe(v []int64) []any {
	slices.Sort(v)
	var sum, squares float64
	for _, n := range v {
		sum += float64(n)
	}
	mean := sum / float64(len(v))
	for _, n := range v {
		squares += (float64(n) - mean) * (float64(n) - mean)
	}
	quantile := func(q float64) float64 {
		at := q * float64(len(v)-1)
		low := int(at)
		high := min(low+1, len(v)-1)
		return float64(v[low]) + (at-float64(low))*float64(v[high]-v[low])
	}
	var std any
	if len(v) > 1 {
		std = math.Sqrt(squares / float64(len(v)-1))
	}
	return []any{int64(len(v)), mean, std, float64(v[0]), quantile(0.25), quantile(0.5), quantile(0.75), float64(v[len(v)-1])}
}
