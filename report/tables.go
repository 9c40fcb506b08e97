package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// Tables hold values, not text: CSV and JSON write them as they are, under the names that the JSON report has, and
// text, Markdown and HTML write them for people, under short heads. So every format shows the same numbers. Adding a
// table is adding one function and one line in tables.

// A dataTable is one table of a result.
type dataTable struct {
	name  string // what --by takes
	title string
	note  string // what its numbers are
	noun  string // what a row is; "": row
	rows  [][]any
	cols  []dataColumn
	spare []string // heads of the columns that text leaves out first if there is no room, in that order
}

// A dataColumn is one column. Cells are string, longName, int64, float64, or nil where nothing is known.
type dataColumn struct {
	name string // in CSV and JSON; "": for people only
	head string // for people; "": for machines only
	unit unit
}

type unit uint8

const (
	unitWord unit = iota
	unitName      // long, of a kernel, an op or a call
	unitKernel
	unitOp
	unitCategory
	unitShape // of tensors, as the trace has them
	unitNs
	unitSigned // ns, of either sign
	unitBytes
	unitCount
	unitRate
	unitPercent
	unitFLOPs
	unitRatio
)

func (u unit) isNumber() bool { return u >= unitNs }

// A longName is a name and what people see of it.
type longName struct{ full, short string }

// format writes a cell for people.
func (u unit) format(v any) string {
	switch v := v.(type) {
	case string:
		switch u {
		case unitKernel:
			return kernelName(v)
		case unitOp:
			return opName(v)
		case unitCategory:
			return categoryName(v)
		case unitShape:
			return shorten(shapes(v), 60)
		}
		return v
	case longName:
		return v.short
	case int64:
		switch u {
		case unitNs:
			return duration(v)
		case unitSigned:
			if v < 0 {
				return "−" + strings.TrimSpace(duration(-v))
			}
			return duration(v)
		case unitBytes:
			return strings.TrimSpace(size(v))
		}
		return count(v)
	case float64:
		switch u {
		case unitRate:
			return rate(v)
		case unitFLOPs:
			return flops(v)
		case unitRatio:
			return strconv.FormatFloat(v, 'g', 4, 64)
		}
		return fmt.Sprintf("%.1f %%", v)
	}
	return "–"
}

// tables are all tables, in the order of a report. Of a table that says nothing about a result, there are no rows.
var tables = []struct {
	name string
	of   func(r *analyze.Result) dataTable
}{
	{"finding", findingTable},
	{"time", timeTable},
	{"idle", idleTable},
	{"gap", gapTable},
	{"phase", phaseTable},
	{"step", stepTable},
	{"category", categoryTable},
	{"kernel", kernelTable},
	{"graph", graphTable},
	{"op", opTable},
	{"module", moduleTable},
	{"copy", copyTable},
	{"memory", memoryTable},
	{"call", callTable},
	{"launch", launchTable},
	{"collective", collectiveTable},
	{"rank", rankTable},
	{"stream", streamTable},
	{"queue", queueTable},
	{"thread", threadTable},
	{"core", coreTable},
	{"roofline", rooflineTable},
}

// Tables lists the names that Options.By takes.
func Tables() []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name
	}
	return names
}

// tableOf makes the named table.
func tableOf(r *analyze.Result, name string) (dataTable, error) {
	for _, t := range tables {
		if t.name == name {
			d := t.of(r)
			d.name = name
			return d, nil
		}
	}
	return dataTable{}, fmt.Errorf("unknown table %q: there are %s", name, strings.Join(Tables(), ", "))
}

// shapes writes the dimensions of an op's tensors for people: [[8, 64], [], [64, 32]] is 8×64, 64×32. What has another
// form stays as it is.
func shapes(dims string) string {
	var out []string
	for tensor := range strings.SplitSeq(strings.Trim(dims, "[]"), "]") {
		tensor = strings.TrimLeft(tensor, "[, ")
		if strings.Trim(tensor, "0123456789, ") != "" {
			return dims
		}
		if tensor != "" {
			out = append(out, strings.ReplaceAll(strings.ReplaceAll(tensor, " ", ""), ",", "×"))
		}
	}
	return strings.Join(out, ", ")
}

// known is a count or a time; nil for the -1 of what is not known.
func known(n int64) any {
	if n < 0 {
		return nil
	}
	return n
}

// share is a part in percent.
func share(part, whole int64) any {
	if whole <= 0 {
		return nil
	}
	return 100 * float64(part) / float64(whole)
}

// positive is a rate; nil for the 0 of what is not known.
func positive(v float64) any {
	if v <= 0 {
		return nil
	}
	return v
}

func (d *dataTable) add(cells ...any) { d.rows = append(d.rows, cells) }

// top keeps the first n rows; 0 keeps all.
func (d *dataTable) top(n int) {
	if n > 0 && len(d.rows) > n {
		d.rows = d.rows[:n]
	}
}

// shown are the columns for people that some row fills.
func (d *dataTable) shown() []int {
	var out []int
	for i, c := range d.cols {
		if c.head != "" && (len(d.rows) == 0 || slices.ContainsFunc(d.rows, func(row []any) bool { return row[i] != nil && row[i] != "" })) {
			out = append(out, i)
		}
	}
	return out
}

// sumOver says over how many ranks a table sums.
func sumOver(r *analyze.Result, note string) string {
	if n := len(r.Ranks); n > 1 {
		return fmt.Sprintf("%s, sum of %d ranks", note, n)
	}
	return note
}

func timeTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Time", note: "of each device, from its first to its last work", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"device", "device", unitCount}, {"events", "events", unitCount}, {"total_ns", "total", unitNs},
		{"busy_ns", "busy", unitNs}, {"computation_ns", "computation", unitNs}, {"exposed_comm_ns", "exposed comm", unitNs},
		{"exposed_memory_ns", "exposed memory", unitNs}, {"idle_ns", idleWord(r), unitNs}, {"comm_ns", "comm in all", unitNs},
		{"memory_ns", "memory in all", unitNs}, {"comm_overlap_ns", "comm hidden", unitNs}, {"sum_ns", "Σ durations", unitNs}},
		spare: []string{"memory in all", "comm in all", "Σ durations", "events", "comm hidden"}}
	for _, k := range r.Ranks {
		for _, t := range k.Time {
			var sum any // of a CPU-only trace, ops nest
			if r.Kind == analyze.KindGPU {
				sum = t.SumNs
			}
			d.add(int64(k.Rank), known(int64(t.Device)), int64(t.Events), t.TotalNs, t.BusyNs, t.ComputationNs, t.ExposedCommNs,
				t.ExposedMemoryNs, t.IdleNs, t.CommNs, t.MemoryNs, t.CommOverlapNs, sum)
		}
	}
	return d
}

// idleWord is what the time without work is called.
func idleWord(r *analyze.Result) string {
	if r.Kind == analyze.KindCPU {
		return "outside ops"
	}
	return "idle"
}

func idleTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Why it was idle", note: "gaps between a device's work, by what came next", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"device", "device", unitCount}, {"cause", "cause", unitWord}, {"count", "gaps", unitCount}, {"ns", "time", unitNs}}}
	for _, k := range r.Ranks {
		for _, i := range k.Idle {
			for _, c := range []struct {
				name string
				gap  analyze.Gap
			}{{"host", i.Host}, {"launch", i.Launch}, {"other", i.Other}, {"unknown", i.Unknown}, {"sync", i.Sync}} {
				if c.gap.Count > 0 {
					d.add(int64(k.Rank), int64(i.Device), c.name, int64(c.gap.Count), c.gap.Ns)
				}
			}
		}
	}
	return d
}

// gapTable lists the longest gaps, and what the host did meanwhile.
func gapTable(r *analyze.Result) dataTable {
	spare := []string{"device", "of it"}
	if len(r.Ranks) < 2 {
		spare = []string{"device", "rank", "of it"}
	}
	d := dataTable{title: "Longest gaps", note: "at: since the trace's first event; meanwhile: what fills half of it on the host", noun: "gap",
		spare: spare, cols: []dataColumn{
			{"rank", "rank", unitCount}, {"device", "device", unitCount}, {"start_ns", "", unitNs}, {"", "at", unitNs}, {"ns", "gap", unitNs},
			{"cause", "", unitWord}, {"sync", "", unitWord}, {"", "cause", unitWord}, {"during_ns", "of it", unitNs}, {"next", "before", unitKernel}, {"during", "meanwhile", unitOp}}}
	for _, k := range r.Ranks {
		for _, i := range k.Idle {
			for _, g := range i.Longest {
				var of any
				if g.During != "" {
					of = g.DuringNs
				}
				d.add(int64(k.Rank), int64(i.Device), g.StartNs, g.StartNs-k.FirstNs, g.Ns, g.Cause, choose(g.Sync, "yes", ""), g.Cause+choose(g.Sync, ", sync", ""), of, g.Next, g.During)
			}
		}
	}
	slices.SortStableFunc(d.rows, func(a, b []any) int { return cmp.Compare(b[4].(int64), a[4].(int64)) })
	return d
}

// sigma is the head of sums of durations; "" where they are the exclusive times but for a thousandth.
func sigma(r *analyze.Result) string {
	if r.Kind == analyze.KindGPU && 1000*(r.Time.SumNs-r.Time.BusyNs) < r.Time.BusyNs {
		return ""
	}
	return "Σ durations"
}

func categoryTable(r *analyze.Result) dataTable {
	note := "exclusive GPU time: overlaps go to what started first"
	if r.Kind == analyze.KindCPU {
		note = "self time of ops on all threads"
	}
	d := dataTable{title: "Categories", note: sumOver(r, note), cols: []dataColumn{
		{"category", "category", unitCategory}, {"exclusive_ns", "time", unitNs}, {"", "share", unitPercent}, {"count", "count", unitCount},
		{"total_ns", sigma(r), unitNs}}}
	var whole int64
	for _, c := range r.Categories {
		whole += c.ExclusiveNs
	}
	for _, c := range r.Categories {
		d.add(c.Name, c.ExclusiveNs, share(c.ExclusiveNs, whole), int64(c.Count), c.TotalNs)
	}
	return d
}

func kernelTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Kernels", note: sumOver(r, "by exclusive time"), noun: "kernel", spare: []string{"Σ durations", "min", "max"}, cols: []dataColumn{
		{"exclusive_ns", "time", unitNs}, {"", "share", unitPercent}, {"count", "count", unitCount}, {"total_ns", sigma(r), unitNs},
		{"min_ns", "min", unitNs}, {"mean_ns", "", unitNs}, {"median_ns", "median", unitNs}, {"max_ns", "max", unitNs},
		{"category", "category", unitCategory}, {"kernel", "kernel", unitKernel}}}
	var whole int64
	var names []string
	for _, k := range r.Kernels {
		whole += k.ExclusiveNs
		names = append(names, k.Name)
	}
	for i, name := range kernelNames(names) {
		k := &r.Kernels[i]
		d.add(k.ExclusiveNs, share(k.ExclusiveNs, whole), int64(k.Count), k.TotalNs, k.MinNs, k.MeanNs, k.MedianNs, k.MaxNs, k.Category,
			longName{k.Name, name})
	}
	return d
}

func opTable(r *analyze.Result) dataTable {
	title := "CPU ops"
	if r.Kind == analyze.KindCPU {
		title = "Ops"
	}
	d := dataTable{title: title, note: sumOver(r, "by self time: less the ops and calls inside"), noun: "op", cols: []dataColumn{
		{"self_ns", "self", unitNs}, {"", "share", unitPercent}, {"calls", "calls", unitCount}, {"", "self/call", unitNs}, {"total_ns", "total", unitNs},
		{"kind", "", unitWord}, {"category", "category", unitCategory}, {"op", "op", unitOp}}}
	var whole int64
	for _, o := range r.Ops {
		whole += o.SelfNs
	}
	for _, o := range r.Ops {
		self := max(0, o.SelfNs)
		d.add(self, share(self, whole), int64(o.Calls), self/int64(max(1, o.Calls)), o.TotalNs, o.Kind, o.Category, o.Name)
	}
	return d
}

func copyTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Memory operations", note: sumOver(r, "copies and sets on the device"), cols: []dataColumn{
		{"ns", "time", unitNs}, {"count", "count", unitCount}, {"bytes", "bytes", unitBytes}, {"bytes_per_second", "rate", unitRate},
		{"small", "< 4 KiB", unitCount}, {"kind", "kind", unitWord}}}
	for _, m := range r.MemoryOps {
		d.add(m.Ns, int64(m.Count), known(m.Bytes), positive(m.BytesPerSecond), int64(m.Small), m.Name)
	}
	return d
}

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
	d := dataTable{title: "CPU overhead", note: sumOver(r, "runtime and driver calls"), noun: "call", cols: []dataColumn{
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

func collectiveTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Communication", note: sumOver(r, waitNote(r)), cols: []dataColumn{
		{"total_ns", "time", unitNs}, {"wait_ns", "waiting", unitNs}, {"transfer_ns", "transfer", unitNs}, {"count", "count", unitCount},
		{"min_ns", "min", unitNs}, {"median_ns", "median", unitNs}, {"max_ns", "max", unitNs}, {"bytes", "message", unitBytes},
		{"bytes_per_s", "bandwidth", unitRate}, {"bus_bytes_per_s", "bus", unitRate}, {"late_rank", "last", unitCount}, {"late_count", "", unitCount},
		{"dtype", "dtype", unitWord}, {"group_size", "ranks", unitCount}, {"group", "", unitWord}, {"kind", "", unitWord},
		{"launched_by", "", unitOp}, {"queued_ns", "", unitNs}, {"wait_from", "", unitWord}, {"collective", "collective", unitKernel}},
		noun: "collective", spare: []string{"ranks", "min", "max", "bandwidth", "dtype", "transfer"}}
	for _, c := range r.Collectives {
		d.add(c.TotalNs, known(c.WaitNs), known(c.TransferNs), int64(c.Count), c.MinNs, c.MedianNs, c.MaxNs, known(c.Bytes), positive(c.BytesPerS),
			positive(c.BusBytesPerS), known(int64(c.LateRank)), int64(c.LateCount), c.Dtype, known(c.GroupSize), c.Group, c.Kind, c.LaunchedBy,
			c.QueuedNs, c.WaitFrom, c.Name)
	}
	return d
}

// waitNote says what waiting in collectives is, which hangs on whether the ranks share a clock.
func waitNote(r *analyze.Result) string {
	switch byDurations, all := waitsByDurations(r.Collectives); {
	case !byDurations:
		return "waiting is the time until the last rank came"
	case all:
		return "waiting: beyond the shortest of the ranks, whose clocks differ"
	}
	return "waiting: until the last rank came, or beyond the shortest"
}

// waitsByDurations tells whether some or all of what is known of waiting is from durations.
func waitsByDurations(rows []analyze.Collective) (some, all bool) {
	all = true
	for _, c := range rows {
		byDurations := c.WaitFrom == analyze.WaitFromDurations
		some = some || byDurations
		all = all && (byDurations || c.WaitFrom == "")
	}
	return some, some && all
}

// waitHint follows on a time of waiting for other ranks that is not from starts; "" if it is.
func waitHint(rows []analyze.Collective) string {
	if some, _ := waitsByDurations(rows); some {
		return ", by durations since clocks differ"
	}
	return ""
}

func streamTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Streams", note: "why each stream waited", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"device", "device", unitCount}, {"stream", "stream", unitCount}, {"events", "events", unitCount},
		{"busy_ns", "busy", unitNs}, {"host_wait_ns", "host wait", unitNs}, {"host_wait_count", "", unitCount}, {"kernel_wait_ns", "kernel wait", unitNs},
		{"kernel_wait_count", "", unitCount}, {"other_ns", "other", unitNs}, {"other_count", "", unitCount}, {"overlap_ns", "overlap", unitNs},
		{"overlaps", "", unitCount}}}
	for _, k := range r.Ranks {
		for _, s := range k.Streams {
			d.add(int64(k.Rank), int64(s.Device), s.Stream, int64(s.Events), s.BusyNs, s.Idle.HostWait.Ns, int64(s.Idle.HostWait.Count),
				s.Idle.KernelWait.Ns, int64(s.Idle.KernelWait.Count), s.Idle.Other.Ns, int64(s.Idle.Other.Count), s.OverlapNs, int64(s.Overlaps))
		}
	}
	return d
}

func queueTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Queues", note: "work of each stream that was launched and had not begun; of a graph, all its kernels", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"device", "device", unitCount}, {"stream", "stream", unitCount}, {"launched", "launched", unitCount},
		{"graph", "by graphs", unitCount}, {"mean_depth", "mean depth", unitRatio}, {"max_depth", "most", unitCount}, {"span_ns", "time", unitNs},
		{"empty_ns", "empty", unitNs}, {"", "share", unitPercent}, {"blocked_ns", "full", unitNs}, {"event_mean", "", unitRatio}, {"early", "", unitCount}}}
	for _, k := range r.Ranks {
		for _, q := range k.Queues {
			d.add(int64(k.Rank), int64(q.Device), q.Stream, int64(q.Launched), int64(q.Graph), q.MeanDepth, int64(q.MaxDepth), q.SpanNs,
				q.EmptyNs, share(q.EmptyNs, q.SpanNs), q.BlockedNs, q.EventMean, int64(q.Early))
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

func rooflineTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Roofline", note: sumOver(r, "ops whose shapes are known, against what the device can do"), cols: []dataColumn{
		{"time_ns", "time", unitNs}, {"count", "calls", unitCount}, {"flops_per_s", "rate", unitFLOPs}, {"bytes_per_s", "bandwidth", unitRate},
		{"intensity", "FLOPs/B", unitRatio}, {"roofline_percent", "roofline", unitPercent}, {"bound", "bound", unitWord}, {"flops", "", unitRatio},
		{"bytes", "", unitRatio}, {"kind", "kind", unitWord}, {"dtype", "dtype", unitWord}, {"graph", "", unitWord}, {"op", "op", unitOp}, {"dims", "shapes", unitShape}},
		noun: "op", spare: []string{"kind", "FLOPs/B", "dtype", "bound", "calls", "bandwidth"}}
	if r.Roofline == nil {
		return d
	}
	for _, o := range r.Roofline.Ops {
		var reached any
		if o.RooflinePercent >= 0 {
			reached = o.RooflinePercent
		}
		d.add(o.TimeNs, int64(o.Count), positive(o.FLOPsPerS), positive(o.BytesPerS), o.Intensity, reached, o.Bound, o.FLOPs, o.Bytes, o.Kind,
			o.Dtype, choose(o.Graph, "yes", ""), o.Name, o.Dims)
	}
	return d
}

func moduleTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Modules", note: sumOver(r, "all layers together; self is less the modules inside"), noun: "module", cols: []dataColumn{
		{"gpu_ns", "GPU time", unitNs}, {"gpu_self_ns", "GPU self", unitNs}, {"total_ns", "host time", unitNs}, {"self_ns", "host self", unitNs},
		{"calls", "calls", unitCount}, {"instances", "instances", unitCount}, {"gpu_events", "GPU events", unitCount}, {"module", "module", unitName}}}
	for _, m := range r.Modules {
		var gpu, gpuSelf, events any
		if r.Kind == analyze.KindGPU {
			gpu, gpuSelf, events = m.GPUNs, m.GPUSelfNs, int64(m.GPUEvents)
		}
		d.add(gpu, gpuSelf, m.TotalNs, m.SelfNs, int64(m.Calls), int64(m.Instances), events, m.Name)
	}
	return d
}
