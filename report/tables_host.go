package report

import (
	"fmt"
	"strconv"

	"github.com/inferprof/inferprof/analyze"
)

// The tables of the host: memory, calls, launches, threads, cores.

func memoryTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Memory", note: "as the allocator reports it; a peak that is a change is since the profiler began",
		cols: []dataColumn{{"rank", "rank", unitCount}, {"device", "device", unitWord}, {"peak_bytes", "peak", unitBytes}, {"peak_is", "peak is", unitWord},
			{"reserved_peak_bytes", "reserved", unitBytes}, {"allocations", "allocations", unitCount}, {"allocated_bytes", "allocated", unitBytes},
			{"frees", "frees", unitCount}, {"freed_bytes", "freed", unitBytes}}}
	for _, k := range r.Ranks {
		for _, m := range k.Memory {
			peakIs := "total"
			if m.PeakIsChange {
				peakIs = "change"
			}
			d.add(int64(k.Rank), m.Device, m.PeakBytes, peakIs, known(m.ReservedPeakBytes), int64(m.Allocations), m.AllocatedBytes, int64(m.Frees), m.FreedBytes)
		}
	}
	return d
}

func callTable(r *analyze.Result) dataTable {
	d := dataTable{title: "CPU overhead", note: sumOver(r, "runtime and driver calls"), noun: "call", weight: "total_ns", cols: []dataColumn{
		{"total_ns", "time", unitNs}, {"self_ns", "self", unitNs}, {"calls", "calls", unitCount}, {"", "mean", unitNs}, {"max_ns", "max", unitNs},
		{"use", "use", unitWord}, {"call", "call", unitName}}}
	for _, a := range r.CPU.Calls {
		d.add(a.TotalNs, a.SelfNs, int64(a.Calls), a.TotalNs/int64(max(1, a.Calls)), a.MaxNs, a.Use, a.Name)
	}
	return d
}

func launchTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Launches", note: "cost: of a call; delay: from its end to the start of its first GPU work, median", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"calls", "calls", unitCount}, {"gpu_events", "GPU events", unitCount}, {"cost_ns", "cost", unitNs},
		{"cost_median_ns", "median", unitNs}, {"cost_max_ns", "max", unitNs}, {"delay_median_ns", "delay", unitNs},
		{"delay_max_ns", "delay max", unitNs}, {"call", "call", unitName}}}
	for _, k := range r.Ranks {
		if k.Launch == nil {
			continue
		}
		for _, a := range k.Launch.APIs {
			d.add(int64(k.Rank), int64(a.Calls), int64(a.GPUEvents), a.CostNs, a.CostMedianNs, a.CostMaxNs, a.DelayMedianNs, a.DelayMaxNs, a.Name)
		}
	}
	return d
}

// processWord is a process's number; "" if the trace has a word in its place.
func processWord(pid int64) string {
	if pid < 0 {
		return ""
	}
	return strconv.FormatInt(pid, 10)
}

func threadTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Threads", note: "moments in which a thread was inside ops, annotations or calls", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"pid", "process", unitWord}, {"tid", "thread", unitWord}, {"events", "events", unitCount},
		{"busy_ns", "busy", unitNs}, {"in_ops_ns", "in ops", unitNs}, {"name", "name", unitName}}}
	for _, k := range r.Ranks {
		for _, t := range k.CPU.Threads {
			d.add(int64(k.Rank), processWord(t.PID), fmt.Sprint(t.TID), int64(t.Events), t.BusyNs, t.InOpsNs, t.Name)
		}
	}
	return d
}

// coreTable is how many threads worked at once, and between which bounds the cores were idle.
func coreTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Cores", note: "idle at least while no thread is in an op, at most where no op names a core's thread", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"phase", "phase", unitWord}, {"span_ns", "time", unitNs}, {"mean_busy", "threads at work", unitRatio},
		{"most_busy", "at once", unitCount}, {"cores", "cores", unitRatio}, {"cores_from", "", unitWord}, {"core_ns", "core time", unitNs},
		{"idle_min_core_ns", "", unitNs}, {"idle_max_core_ns", "", unitNs}, {"", "idle at least", unitPercent}, {"", "at most", unitPercent}}}
	for _, k := range r.Ranks {
		if k.Parallel == nil {
			continue
		}
		for _, c := range k.Parallel.Parts {
			var most any
			if c.Phase == "" {
				most = int64(k.Parallel.MostBusy)
			}
			d.add(int64(k.Rank), choose(c.Phase == "", "all", phaseName(c.Phase)), c.SpanNs, c.MeanBusy, most, positive(k.Parallel.Cores), k.Parallel.CoresFrom,
				known(c.CoreNs), known(c.IdleMinCoreNs), known(c.IdleMaxCoreNs), share(c.IdleMinCoreNs, c.CoreNs), share(c.IdleMaxCoreNs, c.CoreNs))
		}
	}
	return d
}
