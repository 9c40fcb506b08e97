package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// Tables hold values, not text: CSV and JSON write them as they are, under the names that the JSON report has, and
// text, Markdown and HTML write them for people, under short heads. So every format shows the same numbers. Adding a
// table is adding one function and one entry in tables.

// A dataTable is one table of a document.
type dataTable struct {
	name   string // what --by takes
	title  string
	note   string // what its numbers are
	noun   string // what a row is; "": row
	weight string // the column of times that may be summed; "": none
	rows   [][]any
	cols   []dataColumn
	spare  []string // heads of the columns that text leaves out first if there is no room, in that order
	short  int      // how many rows short forms show; 0: all
	folded bool     // a page keeps it behind its title
	bare   bool     // what its columns are needs no words
	least  int      // how much of its names is worth more than another column; 0: what their unit says
	bars   *bars    // drawn beside its rows; nil: none
}

// A dataColumn is one column. Cells are string, longName, int64, float64, measured, or nil where nothing is known.
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
	unitMore   // a difference in percent
	unitNumber // of a unit that each cell has itself
)

func (u unit) isNumber() bool { return u >= unitNs }

// A longName is a name and what people see of it.
type longName struct {
	full, short string
	instead     string // what it took the place of; "": nothing
}

// A measured number has a unit of its own.
type measured struct {
	value float64
	unit  words.Unit
}

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
	case measured:
		return words.Write(v.value, v.unit)
	case int64:
		switch u {
		case unitNs:
			return words.Duration(v)
		case unitSigned:
			return words.Difference(v)
		case unitBytes:
			return words.Memory(v)
		}
		return words.Known(v)
	case float64:
		switch u {
		case unitRate:
			return words.Rate(v)
		case unitFLOPs:
			return words.FLOPs(v)
		case unitRatio:
			return words.Ratio(v)
		case unitMore:
			return words.PercentDifference(v)
		}
		return words.Percent(v / 100)
	}
	return words.Unknown
}

// entry is all that is known of one table of a report.
type entry struct {
	name  string // as --by takes it
	of    func(r *analyze.Result) dataTable
	parts []string // of a result, by their names in JSON: a problem with one puts a mark on the table (Problem.Affects)
	empty string   // why there may be no rows, and what a profile needs to have some; "": nothing is known of it

	charts   []func(r *analyze.Result) chart // drawn on a page
	line     func(r *analyze.Result) sparkline
	several  func(r *analyze.Result) int // fewer than two of these, and reports leave it out; nil: never. --by has it all the same
	ofGPU    bool                        // of a trace without GPU work it has no rows
	inShort  int                         // rows of it in short forms: 0, none; less, all
	markdown bool                        // of the short forms, Markdown alone
	folded   fold
	half     bool // shares a line of a page with its neighbour
}

// fold says what of a section stands behind its title on a page.
type fold uint8

const (
	unfolded  fold = iota
	foldTable      // the table: charts say most of it
	foldAll        // the section, among others that are wanted less often
)

// tables are all tables, in the order of a report. Of a table that says nothing about a result, there are no rows.
var tables = []entry{
	{name: "finding", of: findingTable, empty: "no rule has found anything at stake"},
	{name: "breakdown", of: breakdownTable, parts: []string{"time"}, charts: charts(stripChart), inShort: -1},
	{name: "time", of: timeTable, parts: []string{"time"}, charts: charts(deviceChart), several: deviceCount, folded: foldTable},
	{name: "category", of: categoryTable, parts: []string{"categories"}, inShort: 8, half: true},
	{name: "cause", of: causeTable, parts: []string{"idle"}, ofGPU: true, half: true},
	{name: "idle", of: idleTable, parts: []string{"idle"}, ofGPU: true, several: deviceCount, folded: foldAll},
	{name: "gap", of: gapTable, parts: []string{"idle"}, ofGPU: true, folded: foldAll},
	{name: "phase", of: phaseTable, parts: []string{"phases"}, empty: noSteps, inShort: -1},
	{name: "step", of: stepTable, parts: []string{"steps"}, empty: noSteps, charts: charts(stepChart, timeline), line: stepLine, several: stepCount, folded: foldTable},
	{name: "kernel", of: kernelTable, parts: []string{"kernels"}, ofGPU: true, inShort: 8},
	{name: "graph", of: graphTable, parts: []string{"graphs"}, empty: "no graph was replayed"},
	{name: "op", of: opTable, parts: []string{"ops"}, inShort: 8},
	{name: "module", of: moduleTable, parts: []string{"modules"}, empty: "no op or Python frame names a module (torch_profiler_with_stack=true records them)"},
	{name: "copy", of: copyTable, parts: []string{"memory_ops"}, ofGPU: true, folded: foldAll},
	{name: "memory", of: memoryTable, parts: []string{"memory"}, charts: charts(memoryChart), empty: "allocations were not recorded (torch_profiler_with_memory=true records them)"},
	{name: "call", of: callTable, parts: []string{"cpu"}, ofGPU: true, folded: foldAll},
	{name: "launch", of: launchTable, parts: []string{"launch"}, ofGPU: true, folded: foldAll},
	{name: "collective", of: collectiveTable, parts: []string{"collectives"}, charts: charts(collectiveChart), empty: "there is no communication in the traces", inShort: 8, markdown: true},
	{name: "rank", of: rankTable, parts: []string{"time"}, several: rankCount, inShort: 16, markdown: true},
	{name: "stream", of: streamTable, parts: []string{"streams"}, ofGPU: true, folded: foldAll},
	{name: "queue", of: queueTable, parts: []string{"queues"}, ofGPU: true, folded: foldAll},
	{name: "thread", of: threadTable, parts: []string{"cpu"}, folded: foldAll},
	{name: "core", of: coreTable, parts: []string{"parallel"}, empty: "cores are told of traces without GPU work alone", folded: foldAll},
	{name: "roofline", of: rooflineTable, parts: []string{"roofline"}, charts: charts(rooflineChart), empty: "no op has its shapes (torch_profiler_record_shapes=true records them)", folded: foldTable},
}

const noSteps = "no steps were recognised in the traces"

func deviceCount(r *analyze.Result) int { return r.Devices }
func stepCount(r *analyze.Result) int   { return len(r.Steps) }
func rankCount(r *analyze.Result) int   { return len(r.Ranks) }

// Tables lists the names that Options.By takes.
func Tables() []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name
	}
	return names
}

// entryOf finds the named table.
func entryOf(name string) (*entry, error) {
	for i := range tables {
		if tables[i].name == name {
			return &tables[i], nil
		}
	}
	return nil, fmt.Errorf("unknown table %q: there are %s", name, strings.Join(Tables(), ", "))
}

// table makes the table of a result.
func (e *entry) table(r *analyze.Result) *dataTable {
	d := e.of(r)
	d.name = e.name
	return &d
}

// tableOf makes the named table.
func tableOf(r *analyze.Result, name string) (*dataTable, error) {
	e, err := entryOf(name)
	if err != nil {
		return nil, err
	}
	return e.table(r), nil
}

// why says why a table of a result has no rows.
func (e *entry) why(r *analyze.Result) words.Message {
	reason := e.empty
	switch {
	case e.name == "roofline" && r.Roofline != nil && r.Roofline.Reason != "":
		reason = r.Roofline.Reason
	case e.ofGPU && r.Kind == analyze.KindCPU:
		why := noGPUWords[r.NoGPU()]
		return words.Say("empty", "nothing: the traces have no GPU work{why}; what ran is in --by op, thread and core", words.Name("why", choose(why == "", "", ": "+why)))
	case reason == "":
		reason = "the traces have no rows of this kind"
	}
	return words.Say("empty", "nothing: {why}", words.Name("why", reason))
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

// rest is what the rows from the n-th on take, or differ by, of tables whose times can be summed; 0 of others.
func (d *dataTable) rest(n int) int64 {
	var sum int64
	if i := slices.IndexFunc(d.cols, func(c dataColumn) bool { return c.name != "" && c.name == d.weight }); i >= 0 {
		for _, row := range d.rows[n:] {
			ns, _ := row[i].(int64)
			sum += max(ns, -ns)
		}
	}
	return sum
}

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
		{"count", "gaps", unitCount}, {"", "what it means", unitName}}, bars: &bars{high: r.PerDevice(r.Time.IdleNs)}}
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
		{"total_ns", sigma(r), unitNs}}, weight: "exclusive_ns"}
	whole := r.TotalExclusiveNs()
	d.bars = &bars{high: whole}
	for _, c := range r.Categories {
		d.add(c.Name, c.ExclusiveNs, share(c.ExclusiveNs, whole), int64(c.Count), c.TotalNs)
		d.bars.add(0, c.ExclusiveNs, categoryClass(c.Name))
	}
	return d
}

func kernelTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Kernels", note: sumOver(r, "by exclusive time"), noun: "kernel", weight: "exclusive_ns", spare: []string{"Σ durations", "min", "max"}, cols: []dataColumn{
		{"exclusive_ns", "time", unitNs}, {"", "share", unitPercent}, {"count", "count", unitCount}, {"total_ns", sigma(r), unitNs},
		{"min_ns", "min", unitNs}, {"mean_ns", "", unitNs}, {"median_ns", "median", unitNs}, {"max_ns", "max", unitNs},
		{"category", "category", unitCategory}, {"kernel", "kernel", unitKernel}}}
	whole := r.TotalExclusiveNs()
	var names []string
	for _, k := range r.Kernels {
		names = append(names, k.Name)
	}
	for i, name := range kernelNames(names) {
		k := &r.Kernels[i]
		d.add(k.ExclusiveNs, share(k.ExclusiveNs, whole), int64(k.Count), k.TotalNs, k.MinNs, k.MeanNs, k.MedianNs, k.MaxNs, k.Category,
			longName{full: k.Name, short: name})
	}
	return d
}

func opTable(r *analyze.Result) dataTable {
	title := "CPU ops"
	if r.Kind == analyze.KindCPU {
		title = "Ops"
	}
	d := dataTable{title: title, note: sumOver(r, "by self time: less the ops and calls inside"), noun: "op", weight: "self_ns", cols: []dataColumn{
		{"self_ns", "self", unitNs}, {"", "share", unitPercent}, {"calls", "calls", unitCount}, {"", "self/call", unitNs}, {"total_ns", "total", unitNs},
		{"kind", "", unitWord}, {"category", "category", unitCategory}, {"op", "op", unitOp}}}
	whole := r.OpSelfNs()
	for _, o := range r.Ops {
		self := max(0, o.SelfNs)
		d.add(self, share(self, whole), int64(o.Calls), self/int64(max(1, o.Calls)), o.TotalNs, o.Kind, o.Category, o.Name)
	}
	return d
}

// categoryClass is the colour of a kind of work: kin have the same.
func categoryClass(name string) string {
	switch name {
	case "gemm", "quant_gemm", "moe_gemm", "moe_route", "conv", "lora":
		return "s-blue"
	case "attn", "kv_cache", "rope", "ssm":
		return "s-teal"
	case "comm":
		return "s-magenta"
	case "norm", "activation", "elementwise", "triton", "quantize", "compiled":
		return "s-orange"
	case "memcpy", "memset", "copy", "memory", "view":
		return "s-yellow"
	case "sampling", "softmax", "spec_decode":
		return "s-purple"
	case "embed_index", "reduce":
		return "s-brown"
	case "compile":
		return "s-red"
	case "python":
		return "s-idle"
	}
	return "s-grey"
}

// smallBytes is what a copy that is small has less than (package device).
const smallBytes = 4 << 10

func copyTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Memory operations", note: sumOver(r, "copies and sets on the device; small: under "+words.Memory(smallBytes)), cols: []dataColumn{
		{"ns", "time", unitNs}, {"count", "count", unitCount}, {"bytes", "bytes", unitBytes}, {"bytes_per_second", "rate", unitRate},
		{"small", "small", unitCount}, {"kind", "kind", unitWord}}}
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
