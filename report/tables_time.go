package report

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// The tables of where time went, and of why devices stood still.

// breakdownTable is where the time went, over all devices.
func breakdownTable(r *analyze.Result) dataTable {
	t, gpu := &r.Time, r.Kind == analyze.KindGPU
	unit := choose(gpu, "device", "rank")
	note := words.Duration(r.PerDevice(t.TotalNs)) + choose(gpu, " from first to last GPU work", " from first to last op")
	if r.Devices > 1 {
		note += ", mean of " + words.Counted(r.Devices, unit)
	}
	d := dataTable{title: "Where the time went", note: note, bare: true, cols: []dataColumn{
		{"part", "part", unitWord}, {"ns", "", unitNs}, {"", "time", unitNs}, {"", "share", unitPercent}}}
	if t.TotalNs <= 0 {
		return d
	}
	d.bars = &bars{high: r.PerDevice(t.TotalNs)}
	for _, part := range timeParts(r) {
		if part.ns == 0 && part.class != "s-blue" {
			continue
		}
		mean := r.PerDevice(part.ns)
		d.add(part.name, part.ns, mean, share(part.ns, t.TotalNs))
		d.bars.add(0, mean, part.class)
	}
	return d
}

// timePart is a part of a device's time, and its colour.
type timePart struct {
	name, class string
	ns          int64
}

func timeParts(r *analyze.Result) []timePart { return partsOfTime(&r.Time, r) }

func partsOfTime(t *analyze.Time, r *analyze.Result) []timePart {
	return []timePart{{"computation", "s-blue", t.ComputationNs}, {"exposed communication", "s-magenta", t.ExposedCommNs},
		{"exposed memory", "s-yellow", t.ExposedMemoryNs}, {idleWord(r), "s-idle", t.IdleNs}}
}

func timeTable(r *analyze.Result) dataTable {
	d := dataTable{title: choose(r.Kind == analyze.KindCPU, "Time by rank", "Time by device"), note: "of each device, from its first to its last work", cols: []dataColumn{
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

// causes are why devices stood still, in order, and what each means. Some are part of another.
var causes = []struct {
	name, of, means, class string
	gap                    func(i *analyze.IdleTotals) *analyze.Gap
}{
	{"host", "", "the next kernel was launched too late", "s-red", func(i *analyze.IdleTotals) *analyze.Gap { return &i.Host }},
	{"launch", "", "short gaps between kernels already launched", "s-orange", func(i *analyze.IdleTotals) *analyze.Gap { return &i.Launch }},
	{"other", "", "launched before: waiting for an event, a stream, a busy device", "s-purple", func(i *analyze.IdleTotals) *analyze.Gap { return &i.Other }},
	{"unknown", "", "the next kernel's launch is not in the trace", "s-grey", func(i *analyze.IdleTotals) *analyze.Gap { return &i.Unknown }},
	{"sync", "host", "of host: it still waited for the device, in a call that had begun before", "s-brown", func(i *analyze.IdleTotals) *analyze.Gap { return &i.Sync }},
	{"held up", "host", "of host: though launched long before: waiting for an event, a stream, the driver", "s-purple", func(i *analyze.IdleTotals) *analyze.Gap { return &i.HeldUp }},
	{"launching", "other", "of other: the call that launched it lasted for most of the gap: the host was late", "s-red", func(i *analyze.IdleTotals) *analyze.Gap { return &i.Launching }},
}

// causeTable is why devices stood still, over all of them.
func causeTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Why it was idle", note: "gaps between GPU work, by what came next", cols: []dataColumn{
		{"cause", "cause", unitWord}, {"of", "", unitWord}, {"ns", "", unitNs}, {"", "time", unitNs}, {"", "of idle", unitPercent},
		{"count", "gaps", unitCount}, {"", "what it means", unitText}}, bars: &bars{high: r.PerDevice(r.Time.IdleNs)}}
	if r.Idle == nil {
		return d
	}
	for _, c := range causes {
		if gap := c.gap(r.Idle); gap.Count > 0 {
			mean := r.PerDevice(gap.Ns)
			d.add(c.name, c.of, gap.Ns, mean, share(gap.Ns, r.Time.IdleNs), int64(gap.Count), c.means)
			d.bars.add(0, mean, c.class)
		}
	}
	return d
}

func idleTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Idle time by device", note: "gaps between its work, by what came next", cols: []dataColumn{
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
