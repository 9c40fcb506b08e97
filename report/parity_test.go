package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
	traceformats "github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// toolResults is what HTA (its rounding to µs switched off) and TraceLens print of a trace.
type toolResults struct {
	File      string `json:"file"`
	GPUEvents int    `json:"gpu_events"`
	HTA       struct {
		Kept  map[string]int       `json:"n_stream_ne_-1"`
		Time  []map[string]float64 `json:"temporal_breakdown"`
		Steps json.RawMessage      `json:"profiler_steps"`

		Queues   []map[string]float64 `json:"queue_length_summary"`
		Launches map[string]struct {
			N           int     `json:"n"`
			CPU         float64 `json:"cpu_duration_sum"`
			GPU         float64 `json:"gpu_duration_sum"`
			Delay       float64 `json:"launch_delay_sum"`
			DelayMedian float64 `json:"launch_delay_median"`
		} `json:"launch_stats_cutoff50_delay100"`
	} `json:"hta_unrounded"`
	TraceLens struct {
		LeftOut  int `json:"gpu_events_without_parent"`
		Timeline []struct {
			Type    string  `json:"type"`
			Ms      float64 `json:"time ms"`
			Percent float64 `json:"percent"`
		} `json:"gpu_timeline"`
	} `json:"tracelens"`
}

// parityResult analyses a trace by a tool's rules.
func parityResult(tool string, tr *trace.Trace) *analyze.Result {
	var o analyze.Options
	Prepare(tool, &o)
	return analyze.Analyze([]*trace.Trace{tr}, o)
}

// parityRows renders one of a tool's tables, or the usual one, and reads it as a program would.
func parityRows(t *testing.T, tool, by string, r *analyze.Result) []map[string]string {
	t.Helper()
	var out bytes.Buffer
	if err := Render(&out, tool, r, Options{By: by}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, l := range lines[1:] {
		row := map[string]string{}
		for i, head := range lines[0] {
			row[head] = l[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// TestParity compares the formats of other tools with what those tools print of real traces, within what their
// floating-point times can be off: 0.01 µs a sum for HTA, a millionth for TraceLens, and what the resolution of a float64
// is at the traces' times, for each event.
func TestParity(t *testing.T) {
	folders, _ := filepath.Glob("../../shared/traces/public/*")
	if len(folders) == 0 {
		t.Skip("there are no traces at ../../shared/traces/public")
	}
	compared := map[string]int{}
	for _, dir := range folders {
		text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
		if err != nil {
			continue
		}
		var want toolResults
		text = bytes.ReplaceAll(text, []byte(": NaN"), []byte(": null")) // Python's JSON
		var mistyped *json.UnmarshalTypeError                            // the tool failed, and says why where its numbers would stand
		if err := json.Unmarshal(text, &want); err != nil && !errors.As(err, &mistyped) {
			t.Fatalf("%s: %v", dir, err)
		}
		if want.GPUEvents == 0 || want.File == "" {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, want.File))
		if err != nil || info.Size() > 4<<20 {
			continue
		}
		tr, err := traceformats.ReadFile(filepath.Join(dir, want.File), source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(dir)
		// A float64 of µs is off by half its last place, and so is each sum of as many.
		slack, ties := float64(want.GPUEvents)*ulp(float64(lastNs(tr))/1e3), 0.0
		if slack > 0.2e-3*float64(want.GPUEvents) {
			ties = 2
		}
		// TraceLens leaves out GPU work that it finds no launch for.
		if tl := want.TraceLens.Timeline; len(tl) == 8 && want.TraceLens.LeftOut == 0 {
			compared["tracelens"]++
			rows := parityRows(t, "tracelens", "", parityResult("tracelens", tr))
			for i, w := range tl {
				if len(rows) != 8 || rows[i]["type"] != w.Type {
					t.Errorf("%s: tracelens has row %d %s: ours are %v", name, i, w.Type, rows)
					break
				}
				if got := number64(t, rows[i]["time ms"]); math.Abs(got-w.Ms) > 1e-6*w.Ms+slack/1e3 {
					t.Errorf("%s: tracelens says %s is %.9f ms; ours is %.9f", name, w.Type, w.Ms, got)
				}
			}
		}
		// HTA counts synchronisation as work, and drops the last of several ProfilerSteps with all that is not in the others.
		if h := want.HTA; len(h.Time) == 1 && h.Kept["0"]+h.Kept[strconv.Itoa(int(h.Time[0]["rank"]))] > 0 &&
			slices.Contains([]int{h.Kept["0"], h.Kept[strconv.Itoa(int(h.Time[0]["rank"]))]}, want.GPUEvents) && !hasHipKernels(tr) {
			compared["hta"]++
			r := parityResult("hta", tr)
			rows := parityRows(t, "hta", "", r)
			if len(rows) != 1 {
				t.Errorf("%s: %d rows of hta's", name, len(rows))
				continue
			}
			for _, column := range []string{"idle_time(us)", "compute_time(us)", "non_compute_time(us)", "kernel_time(us)"} {
				if got := number64(t, rows[0][column]); math.Abs(got-h.Time[0][column]) > 0.01+slack {
					t.Errorf("%s: hta says %s is %.4f; ours is %.4f", name, column, h.Time[0][column], got)
				}
			}
			compareLaunches(t, name, parityRows(t, "hta", "launch", r), &want, slack, compared)
			compareQueues(t, name, parityRows(t, "hta", "queue", r), parityRows(t, "hta", "launch", r), &want, ties, compared)
		}
	}
	if compared["hta"] < 5 || compared["tracelens"] < 10 || compared["hta launches"] < 5 || compared["hta queues"] < 5 {
		t.Errorf("compared %v: too few to say anything", compared)
	}
	t.Logf("traces compared: %v", compared)
}

// Calls of which HTA's launch statistics and its queues know.
var (
	htaLaunchCalls = []string{"cudaLaunchKernel", "cudaLaunchKernelExC", "cudaMemcpyAsync", "cudaMemsetAsync"}
	htaQueueCalls  = append([]string{"cuLaunchKernel", "hipLaunchKernel", "hipExtModuleLaunchKernel", "hipMemsetAsync", "hipMemcpyAsync",
		"hipMemcpyWithStream"}, htaLaunchCalls...)
)

// compareLaunches compares the launches by the calls that HTA knows with its sums over them.
func compareLaunches(t *testing.T, name string, rows []map[string]string, want *toolResults, slack float64, compared map[string]int) {
	if len(want.HTA.Launches) != 1 {
		return
	}
	compared["hta launches"]++
	n, cpu, gpu, delay := 0, 0.0, 0.0, 0.0
	var delays []float64
	for _, row := range rows {
		if slices.Contains(htaLaunchCalls, row["call"]) {
			n++
			cpu += number64(t, row["cpu_duration"])
			gpu += number64(t, row["gpu_duration"])
			delays = append(delays, number64(t, row["launch_delay"]))
			delay += delays[n-1]
		}
	}
	for _, w := range want.HTA.Launches {
		if n != w.N {
			t.Errorf("%s: hta has %d launches; ours are %d", name, w.N, n)
			return
		}
		if n == 0 {
			return
		}
		slices.Sort(delays)
		median := (delays[(n-1)/2] + delays[n/2]) / 2
		for what, pair := range map[string][2]float64{"cpu_duration": {cpu, w.CPU}, "gpu_duration": {gpu, w.GPU}, "launch_delay": {delay, w.Delay},
			"median of launch_delay": {median, w.DelayMedian}} {
			if math.Abs(pair[0]-pair[1]) > 0.01+2*slack {
				t.Errorf("%s: hta says %s is %.4f; ours is %.4f", name, what, pair[1], pair[0])
			}
		}
	}
}

// compareQueues compares the lengths of queues where HTA knows all the calls that filled them. ties is by how much their sum
// may differ: where a float64 does not tell a launch from the beginning of other work, HTA has them in any order.
func compareQueues(t *testing.T, name string, rows, launches []map[string]string, want *toolResults, ties float64, compared map[string]int) {
	if len(want.HTA.Queues) == 0 || slices.ContainsFunc(launches, func(row map[string]string) bool { return !slices.Contains(htaQueueCalls, row["call"]) }) {
		return
	}
	compared["hta queues"]++
	if len(rows) != len(want.HTA.Queues) {
		t.Errorf("%s: hta has %d queues; ours are %d", name, len(want.HTA.Queues), len(rows))
		return
	}
	for _, w := range want.HTA.Queues {
		i := slices.IndexFunc(rows, func(row map[string]string) bool { return number64(t, row["stream"]) == w["stream"] })
		if i < 0 {
			t.Errorf("%s: no queue of stream %g", name, w["stream"])
			continue
		}
		for column, v := range w {
			if got := number64(t, rows[i][column]); column != "rank" && math.Abs(got-v) > 1e-6*math.Max(1, math.Abs(v))+ties/w["queue_length_count"] {
				t.Errorf("%s: stream %g: hta says %s is %.6f; ours is %.6f", name, w["stream"], column, v, got)
			}
		}
	}
}

func number64(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func ulp(v float64) float64 { return math.Nextafter(v, math.Inf(1)) - v }

// lastNs is about when a trace ends: what its times' resolution as float64 depends on.
func lastNs(tr *trace.Trace) int64 {
	var last int64
	for i := range tr.Events.Len() {
		last = max(last, tr.Events.StartNs(i))
	}
	return last
}

// hasHipKernels tells traces with kernels that begin with hip, which HTA takes for communication.
func hasHipKernels(tr *trace.Trace) bool {
	for i := range tr.Events.Len() {
		if tr.Events.Category(i) == trace.CategoryKernel && strings.HasPrefix(tr.Strings.At(tr.Events.Name(i)), "hip") {
			return true
		}
	}
	return false
}

func TestThousandths(t *testing.T) {
	for _, c := range []struct {
		n      int64
		digits int
		want   string
	}{{0, 3, "0.000"}, {1, 3, "0.001"}, {12345, 3, "12.345"}, {-5, 3, "-0.005"}, {1234567, 6, "1.234567"}} {
		if got := thousandths(c.n, c.digits); got != c.want {
			t.Errorf("thousandths(%d, %d) = %q, want %q", c.n, c.digits, got, c.want)
		}
	}
}

// TestParityTables: every table of every tool is one CSV, all rows as long as the head, and stands under its own name.
func TestParityTables(t *testing.T) {
	for name, r := range results(t) {
		for tool := range parityTools {
			for _, f := range Files(tool, r) {
				var out bytes.Buffer
				if err := f.Write(&out); err != nil {
					t.Fatal(err)
				}
				if _, err := csv.NewReader(&out).ReadAll(); err != nil {
					t.Errorf("%s: %s of %s: %v", name, f.Name, tool, err)
				}
				if err := f.Write(failing{}); err == nil {
					t.Errorf("%s of %s: no error from a writer that fails", f.Name, tool)
				}
			}
			if err := Render(&bytes.Buffer{}, tool, r, Options{By: "call"}); err == nil {
				t.Errorf("%s: a table that it does not have", tool)
			}
		}
	}
}

// TestTraceLensTables: rows by op and stream, where no op launched by the call, and by what collectives say of themselves.
func TestTraceLensTables(t *testing.T) {
	reduce := &analyze.CollectiveArgs{Name: "allreduce", Dtype: "Half", Group: "tp", GroupRanks: "[0, 1]", GroupSize: 2,
		InElements: 1 << 20, OutElements: 1 << 20, InBytes: 2 << 20, OutBytes: 2 << 20}
	r := &analyze.Result{Kind: analyze.KindGPU, Ranks: []*analyze.Rank{{Rank: 3, Time: []analyze.Time{{TotalNs: 20_000}}, GPUEvents: []analyze.GPUEvent{
		{Name: "nvjet", Kernel: true, Stream: 7, DurationNs: 1000, Call: "cudaLaunchKernel", Op: "aten::mm", OpCategory: "gemm"},
		{Name: "nvjet", Kernel: true, Stream: 7, DurationNs: 3000, Call: "cudaLaunchKernel", Op: "aten::mm", OpCategory: "gemm"},
		{Name: "nvjet", Kernel: true, Stream: 7, DurationNs: 500, Call: "cudaGraphLaunch", Graph: true},
		{Name: "Memcpy HtoD", Stream: 7, DurationNs: 900, Call: "cudaMemcpyAsync"},
		{Name: "ncclDevKernel", Kernel: true, Stream: 9, DurationNs: 2000, Call: "cudaLaunchKernel", Collective: reduce},
		{Name: "ncclDevKernel", Kernel: true, Stream: 9, DurationNs: 3000, Call: "cudaLaunchKernel", Collective: reduce},
		{Name: "ncclDevKernel", Kernel: true, Stream: 9, DurationNs: 500},
	}}}}
	check := func(by string, want ...map[string]string) {
		t.Helper()
		rows := parityRows(t, "tracelens", by, r)
		if len(rows) != len(want) {
			t.Fatalf("%s: %d rows: %v", by, len(rows), rows)
		}
		for i, w := range want {
			for column, v := range w {
				if got, ok := rows[i][column]; !ok || got != v {
					t.Errorf("%s: row %d: %s is %q, want %q", by, i, column, got, v)
				}
			}
		}
	}
	check("kernel",
		map[string]string{"Parent op category": "runtime", "Parent cpu_op": "cudaLaunchKernel", "Kernel name": "ncclDevKernel", "Kernel stream": "9",
			"Kernel duration (µs)_sum": "5.000", "Kernel duration (µs)_count": "2", "Kernel duration (µs)_mean": "2.5",
			"Percent of kernels time (%)": "50", "Percent of total time (%)": "25", "rank": "3"},
		map[string]string{"Parent op category": "GEMM", "Parent cpu_op": "aten::mm", "Kernel duration (µs)_min": "1.000", "Kernel duration (µs)_max": "3.000"},
		map[string]string{"Parent op category": "graph", "Parent cpu_op": "cudaGraphLaunch", "Kernel duration (µs)_sum": "0.500"},
		map[string]string{"Parent op category": "", "Parent cpu_op": "", "Kernel name": "ncclDevKernel"})
	check("collective",
		map[string]string{"rank": "3", "Collective name": "allreduce", "Process Group Ranks": "[0, 1]", "Group size": "2", "dtype": "Half", "stream": "9",
			"In msg size (MB)_first": "2", "dur_sum": "5.000", "dur_mean": "2.5", "dur_std": "0.7071067811865476", "operation_count": "2", "In split size": ""},
		map[string]string{"Collective name": "", "Group size": "", "dur_std": "", "operation_count": "1"})
}
