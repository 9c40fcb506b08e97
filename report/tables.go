package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
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
	unitText      // sentences
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
			return categories.ShortKernel(v)
		case unitOp:
			return categories.ShortOp(v)
		case unitCategory:
			return categories.Readable(v)
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
	case e.name == "roofline" && r.Roofline != nil && !r.Roofline.ReasonMessage.IsZero():
		return words.Say("empty", "nothing: {why}", words.Inner("why", r.Roofline.ReasonMessage))
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
