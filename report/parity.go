package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// Formats of other tools: CSV under the names that HolisticTraceAnalysis (HTA) and TraceLens give their tables and
// columns, so that scripts and notebooks written for those read ours. Only metrics that mean the same are written, and
// the analysis goes by the tool's rules of what is communication and whether a memset is computation (Prepare).
// Where the tools are wrong on purpose we differ:
//
//   - Times are not rounded to µs first, as HTA does by default (HTA_DISABLE_NS_ROUNDING=1 there).
//   - GPU work whose launch is not in the trace counts; TraceLens leaves it out, and HTA takes it for a wait for the host.
//   - A gap is from the latest end so far, so that none is negative; HTA's is from the last event's end.
//   - Every step counts; HTA drops the last ProfilerStep.
//   - HTA's names of communication include every kernel that begins with "hip"; ours do not.

// parityTable is one table of another tool.
type parityTable struct {
	by   string // the table of ours that it is of, as --by has it; "": only as a file among all of the tool's
	file string // under which the tool's users know it
	of   func(r *analyze.Result) (head []string, rows [][]any)
}

// parityTools are the tools, each with its tables, the usual one first.
var parityTools = map[string][]parityTable{
	"hta": {
		{"time", "temporal_breakdown.csv", htaTime},
		{"collective", "comm_comp_overlap.csv", htaOverlap},
		{"stream", "idle_time_breakdown.csv", htaIdle},
		{"kernel", "gpu_kernel_breakdown.csv", htaKernels},
		{"launch", "cuda_kernel_launch_stats.csv", htaLaunches},
		{"queue", "queue_length_summary.csv", htaQueues},
		{"", "queue_length_time_series.csv", htaQueueSeries},
	},
	"tracelens": {
		{"time", "gpu_timeline.csv", tracelensTimeline},
		{"kernel", "kernel_summary.csv", tracelensKernels},
		{"collective", "coll_analysis.csv", tracelensCollectives},
		{"roofline", "unified_perf_summary.csv", tracelensOps},
	},
}

// Prepare sets the rules that a format's numbers go by, where they are not the usual ones.
func Prepare(format string, o *analyze.Options) {
	switch format {
	case "hta":
		o.CommRule, o.MemsetIsMemory = analyze.CommHTA, true
	case "tracelens":
		o.CommRule = analyze.CommTraceLens
	}
	o.GPUEvents = parityTools[format] != nil
}

// FormatTables lists the tables that a format can be asked for one by one; nil if it has none.
func FormatTables(format string) []string {
	if tool, ok := parityTools[format]; ok {
		var names []string
		for _, t := range tool {
			if t.by != "" {
				names = append(names, t.by)
			}
		}
		return names
	}
	if slices.Contains([]string{"text", "json", "csv", "md"}, format) {
		return Tables()
	}
	return nil
}

// A File is one of several that a format consists of.
type File struct {
	Name  string
	Write func(w io.Writer) error
}

// Files are the files of a format that consists of several; nil if it is one.
func Files(format string, r *analyze.Result) []File {
	var out []File
	for _, t := range parityTools[format] {
		out = append(out, File{t.file, func(w io.Writer) error { return writeParity(w, t, r, 0) }})
	}
	return out
}

// parity renders one table of a tool.
func parity(tool string) Renderer {
	return func(w io.Writer, r *analyze.Result, o Options) error {
		all := parityTools[tool]
		i := 0
		if o.By != "" {
			i = slices.IndexFunc(all, func(t parityTable) bool { return t.by == o.By })
		}
		if i < 0 {
			return fmt.Errorf("format %s has no table %q: there are %s", tool, o.By, strings.Join(FormatTables(tool), ", "))
		}
		return writeParity(w, all[i], r, o.Top)
	}
}

func writeParity(w io.Writer, t parityTable, r *analyze.Result, top int) error {
	head, rows := t.of(r)
	if top > 0 && len(rows) > top {
		rows = rows[:top]
	}
	return writeLines(w, head, func(yield func([]string)) {
		for _, row := range rows {
			line := make([]string, len(row))
			for i, cell := range row {
				line[i] = rawCell(cell)
			}
			yield(line)
		}
	})
}

// micros is a time in µs, exact to the ns.
func micros(ns int64) string { return thousandths(ns, 3) }

// millis is a time in ms, exact to the ns.
func millis(ns int64) string { return thousandths(ns, 6) }

// thousandths writes an integer with its point moved by so many digits.
func thousandths(n int64, digits int) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	if len(s) <= digits {
		s = strings.Repeat("0", digits+1-len(s)) + s
	}
	return sign + s[:len(s)-digits] + "." + s[len(s)-digits:]
}

// gpuTimes calls f with the time of each GPU of each rank.
func gpuTimes(r *analyze.Result, f func(rank int, t *analyze.Time)) {
	for _, k := range r.Ranks {
		for i := range k.Time {
			if k.Time[i].Device != analyze.CPUDevice {
				f(k.Rank, &k.Time[i])
			}
		}
	}
}
