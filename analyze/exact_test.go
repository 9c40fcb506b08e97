package analyze

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// The traces are real ones, with results that an independent program computed from them in exact arithmetic: a few of
// the project's own, and many more where they lie beside it.
const realTraces = "../../shared/traces"

// oracle is one trace and the files with what is known of it; "" where there is none.
type oracle struct {
	name, trace, exact, kernels, steps, cpu, ops, cpuSteps, table string
}

func oracles(tb testing.TB) []oracle {
	tb.Helper()
	var out []oracle
	own, _ := filepath.Glob(filepath.Join("testdata", "*"))
	files, _ := filepath.Glob(filepath.Join(realTraces, "*", "*", "*"))
	if len(files) == 0 {
		tb.Log("only the project's own traces: there are none at " + realTraces)
	}
	files = append(own, files...)
	for _, f := range files {
		base := filepath.Base(f)
		if !strings.HasSuffix(base, ".json") && !strings.HasSuffix(base, ".gz") || strings.Contains(base, "expected") || base == "exact.json" {
			continue
		}
		dir := filepath.Dir(f)
		stem := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(base, ".gz"), ".json"), ".pt.trace")
		untimed := strings.TrimSuffix(stem, filepath.Ext(stem))
		beside := func(names ...string) string {
			for _, n := range names {
				if _, err := os.Stat(filepath.Join(dir, n)); err == nil {
					return filepath.Join(dir, n)
				}
			}
			return ""
		}
		o := oracle{
			name: filepath.Base(dir) + "/" + base, trace: f,
			exact:    beside(stem+".expected.json", untimed+".expected.json", "exact.json", "expected.json"),
			kernels:  beside(stem+".exact_kernels.csv", untimed+".exact_kernels.csv", "exact_kernels.csv"),
			steps:    beside("exact_steps.csv"),
			cpu:      beside(stem + ".expected_cpu.json"),
			ops:      beside(stem + ".exact_ops.csv"),
			cpuSteps: beside(stem + ".exact_cpu_steps.csv"),
			table:    beside(untimed+".profiler_out.txt", "profiler_out_0.txt"),
		}
		out = append(out, o)
	}
	return out
}

type exactTime struct {
	Computation   int64 `json:"computation_ns"`
	ExposedComm   int64 `json:"exposed_comm_ns"`
	ExposedMemory int64 `json:"exposed_memcpy_ns"`
	Busy          int64 `json:"busy_ns"`
	Idle          int64 `json:"idle_ns"`
	Total         int64 `json:"total_ns"`
	Comm          int64 `json:"total_comm_ns"`
	Memory        int64 `json:"total_memcpy_ns"`
	Overlap       int64 `json:"overlap_comm_comp_ns"`
}

type exactGap struct {
	Ns int64 `json:"ns"`
	N  int   `json:"n"`
}

type exactResult struct {
	GPUEvents int        `json:"gpu_events"`
	TraceLens *exactTime `json:"timeline_TL_comm"`
	Wide      *exactTime `json:"timeline_wide_comm"`
	Sum       int64      `json:"sum_dur_ns"`
	Names     int        `json:"n_kernel_names"`
	Exclusive int64      `json:"exclusive_total_ns"`
	Streams   map[string]struct {
		Events    int                 `json:"events"`
		Busy      int64               `json:"busy_ns"`
		Gaps      map[string]exactGap `json:"gaps"`
		Overlaps  int                 `json:"overlap_n"`
		OverlapNs int64               `json:"overlap_ns"`
	} `json:"streams"`
	MemoryOps map[string]struct {
		N     int   `json:"n"`
		Ns    int64 `json:"ns"`
		Bytes int64 `json:"bytes"`
	} `json:"memops"`
	Launch struct {
		Linked      int   `json:"linked"`
		Unlinked    int   `json:"unlinked"`
		Graph       int   `json:"graph"`
		DelayMedian int64 `json:"delay_median_ns"`
		DelayMax    int64 `json:"delay_max_ns"`
	} `json:"launch"`
}

func readExact(t *testing.T, path string) *exactResult {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var nested struct {
		Exact *exactResult `json:"exact"`
	}
	var flat exactResult
	if err := errors.Join(json.Unmarshal(text, &nested), json.Unmarshal(text, &flat)); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if nested.Exact != nil {
		return nested.Exact
	}
	if flat.Wide != nil {
		return &flat
	}
	return nil
}

// differences collects what is not equal, to be shown as one table.
type differences struct{ rows []string }

func (d *differences) check(what string, got, want any) {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		d.rows = append(d.rows, fmt.Sprintf("%-60.60s %20s %20s", what, g, w))
	}
}

func (d *differences) report(t *testing.T) {
	t.Helper()
	if len(d.rows) == 0 {
		return
	}
	shown := d.rows[:min(len(d.rows), 30)]
	t.Errorf("%d differences\n%-60s %20s %20s\n%s", len(d.rows), "what", "got", "want", strings.Join(shown, "\n"))
}

// TestExact compares everything that is known of each real trace, to the nanosecond.
func TestExact(t *testing.T) {
	for _, o := range oracles(t) {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			tr, err := formats.ReadFile(o.trace, source.Options{})
			if errors.As(err, new(*source.NotTraceError)) {
				t.Skip("read as what it is, which is no trace of events: ", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			res := Analyze([]*trace.Trace{tr}, Options{})
			var d differences
			if o.exact != "" {
				if want := readExact(t, o.exact); want != nil {
					compareGPU(&d, tr, res, want)
					if want.TraceLens != nil {
						res := Analyze([]*trace.Trace{tr}, Options{CommRule: categories.CommTraceLens})
						tl := res.Ranks[0].Time[0]
						compareTime(&d, "TraceLens' rule: ", tl, want.TraceLens)
						comparePeers(t, &d, tr, res, tl, o.exact)
					}
				}
			}
			if o.kernels != "" {
				compareKernels(t, &d, res.Kernels, readCSV(t, o.kernels))
			}
			if o.steps != "" {
				compareSteps(t, &d, tr, readCSV(t, o.steps))
			}
			if o.cpu != "" {
				compareCPU(t, &d, res, o)
			}
			if o.table != "" && len(res.Ranks) == 1 {
				compareTorch(t, &d, tr, res, o.table)
			}
			checkCategories(t, o.trace, res)
			d.report(t)
		})
	}
}

func compareTime(d *differences, prefix string, got device.Time, want *exactTime) {
	d.check(prefix+"total", got.TotalNs, want.Total)
	d.check(prefix+"busy", got.BusyNs, want.Busy)
	d.check(prefix+"idle", got.IdleNs, want.Idle)
	d.check(prefix+"computation", got.ComputationNs, want.Computation)
	d.check(prefix+"exposed comm", got.ExposedCommNs, want.ExposedComm)
	d.check(prefix+"exposed memory", got.ExposedMemoryNs, want.ExposedMemory)
	d.check(prefix+"comm", got.CommNs, want.Comm)
	d.check(prefix+"memory", got.MemoryNs, want.Memory)
	d.check(prefix+"overlap", got.CommOverlapNs, want.Overlap)
}

func compareGPU(d *differences, tr *trace.Trace, res *Result, want *exactResult) {
	r := res.Ranks[0]
	if want.GPUEvents == 0 { // of CUDA's categories, which are those that the oracle knows
		if !slices.Contains(tr.Events.Categories(), "mtia_ccp_events") {
			d.check("GPU events", len(r.Kernels), 0)
		}
		return
	}
	d.check("devices", len(r.Time), 1)
	d.check("GPU events", r.Time[0].Events, want.GPUEvents)
	compareTime(d, "", r.Time[0], want.Wide)
	d.check("sum", r.Time[0].SumNs, want.Sum)
	d.check("kernel names", len(r.Kernels), want.Names)
	var exclusive int64
	for _, k := range r.Kernels {
		exclusive += k.ExclusiveNs
	}
	d.check("exclusive", exclusive, want.Exclusive)

	d.check("streams", len(r.Streams), len(want.Streams))
	for _, s := range r.Streams {
		key := fmt.Sprintf("%d/%d", s.Device, s.Stream)
		w := want.Streams[key]
		d.check(key+" events", s.Events, w.Events)
		d.check(key+" busy", s.BusyNs, w.Busy)
		d.check(key+" overlaps", s.Overlaps, w.Overlaps)
		d.check(key+" overlap", s.OverlapNs, w.OverlapNs)
		d.check(key+" host wait", exactGap{s.Idle.HostWait.Ns, s.Idle.HostWait.Count}, w.Gaps["host_wait"])
		d.check(key+" kernel wait", exactGap{s.Idle.KernelWait.Ns, s.Idle.KernelWait.Count}, w.Gaps["kernel_wait"])
		d.check(key+" other", exactGap{s.Idle.Other.Ns, s.Idle.Other.Count}, w.Gaps["other"])
	}
	d.check("memory ops", len(r.MemoryOps), len(want.MemoryOps))
	for _, m := range r.MemoryOps {
		w := want.MemoryOps[m.Name]
		d.check(m.Name+" count", m.Count, w.N)
		d.check(m.Name+" ns", m.Ns, w.Ns)
		d.check(m.Name+" bytes", max(m.Bytes, 0), w.Bytes)
	}
	l := r.Launch
	d.check("linked", l.Linked, want.Launch.Linked)
	d.check("unlinked", l.Unlinked, want.Launch.Unlinked)
	d.check("graph", l.Graph, want.Launch.Graph)
	d.check("delay median", l.DelayMedianNs, want.Launch.DelayMedian)
	d.check("delay max", l.DelayMaxNs, want.Launch.DelayMax)
	var unlinkedIdle int
	for _, i := range r.Idle {
		sum := i.Host.Ns + i.Launch.Ns + i.Other.Ns + i.Unknown.Ns
		d.check("idle classes sum to idle", sum, r.Time[0].IdleNs)
		unlinkedIdle += i.Unknown.Count
	}
	d.check("unknown gaps need unlinked events", unlinkedIdle > l.Unlinked, false)
}

// table is a CSV file by column name.
type csvTable struct {
	columns []string
	rows    [][]string
}

func readCSV(t *testing.T, path string) csvTable {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return csvTable{all[0], all[1:]}
}

func (c csvTable) text(row []string, column string) string {
	return row[slices.Index(c.columns, column)]
}

func (c csvTable) int(t *testing.T, row []string, column string) int64 {
	t.Helper()
	text := c.text(row, column)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", column, err)
	}
	return n
}

// compareKernels compares each kernel's row.
func compareKernels(t *testing.T, d *differences, rows []device.Kernel, want csvTable) {
	t.Helper()
	d.check("kernels", len(rows), len(want.rows))
	for _, w := range want.rows {
		name := want.text(w, "name")
		i := slices.IndexFunc(rows, func(k device.Kernel) bool { return k.Name == name })
		if i < 0 {
			d.check(name, "absent", "there")
			continue
		}
		k := rows[i]
		d.check(name, fmt.Sprint(k.Count, k.TotalNs, k.MinNs, k.MaxNs, k.ExclusiveNs),
			fmt.Sprint(want.int(t, w, "count"), want.int(t, w, "total_ns"), want.int(t, w, "min_ns"),
				want.int(t, w, "max_ns"), want.int(t, w, "exclusive_ns")))
		if k.MedianNs < k.MinNs || k.MedianNs > k.MaxNs || k.MeanNs != k.TotalNs/int64(k.Count) {
			d.check(name+" median, mean", fmt.Sprint(k.MedianNs, k.MeanNs), "within the others")
		}
	}
}

// compareSteps compares each step. The exact results list the marks of every dialect, of which Analyze counts one per
// step, so that the others are measured by themselves.
func compareSteps(t *testing.T, d *differences, tr *trace.Trace, want csvTable) {
	t.Helper()
	options := Options{CommRule: categories.CommWide, LaunchGapNs: index.DefaultLaunchGapNs}
	x := index.New(tr, options.filing())
	byName := map[string]trace.StepDialect{"vllm_native": trace.DialectVLLM}
	measured := map[trace.StepDialect][]index.Step{}
	for _, dialect := range index.Dialects {
		measured[dialect] = x.StepsOf(dialect)
	}
	counted := 0
	chosen := x.StepTable()
	for _, w := range want.rows {
		dialect := trace.StepDialect(want.text(w, "dialect"))
		if own, ok := byName[string(dialect)]; ok {
			dialect = own
		}
		steps := measured[dialect]
		if dialect == chosen[0].Dialect {
			steps = chosen
			counted++
		}
		at := want.int(t, w, "cpu_ts_ns")
		i := slices.IndexFunc(steps, func(s index.Step) bool { return s.StartNs == at && s.Name == want.text(w, "name") })
		if i < 0 {
			d.check(want.text(w, "name"), "absent", at)
			continue
		}
		s := steps[i]
		if s.GPUEvents == 0 {
			s.GPUFirstNs, s.GPULastNs = 0, 0
		}
		d.check(s.Name, fmt.Sprint(s.CPUNs, s.GPUEvents, s.GraphLaunch, s.RuntimeCalls, s.RuntimeNs, s.GPUSumNs, s.GPUBusyNs, s.GPUFirstNs, s.GPULastNs, s.GPUSpanNs),
			fmt.Sprint(want.int(t, w, "cpu_dur_ns"), want.int(t, w, "gpu_events"), want.int(t, w, "graph_launches"),
				want.int(t, w, "runtime_calls"), want.int(t, w, "runtime_ns"), want.int(t, w, "gpu_sum_ns"),
				want.int(t, w, "gpu_busy_ns"), want.int(t, w, "gpu_first_ns"), want.int(t, w, "gpu_last_ns"), want.int(t, w, "gpu_span_ns")))
	}
	d.check("steps", len(chosen), counted)
}

// compareCPU compares a CPU-only trace: every op, every step, threads, allocations, collectives.
func compareCPU(t *testing.T, d *differences, res *Result, o oracle) {
	t.Helper()
	r := res.Ranks[0]
	compareOps(t, d, r, readCSV(t, o.ops))
	compareCPUSteps(t, d, r, readCSV(t, o.cpuSteps))

	var want struct {
		Events      int                 `json:"cpu_events"`
		BadNests    int                 `json:"overlapping_without_nesting"`
		Span        int64               `json:"span_ns"`
		Threads     map[string]int64    `json:"thread_busy_ns"`
		Steps       int                 `json:"steps"`
		Memory      int                 `json:"memory_events"`
		Allocated   int64               `json:"memory_alloc_bytes"`
		Freed       int64               `json:"memory_free_bytes"`
		Collectives map[string][2]int64 `json:"collectives"`
	}
	text, err := os.ReadFile(o.cpu)
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.check("kind", res.Kind, index.KindCPU)
	d.check("CPU events", r.Time[0].Events, want.Events)
	d.check("span", r.Time[0].TotalNs, want.Span)
	d.check("threads", len(r.CPU.Threads), len(want.Threads))
	for _, th := range r.CPU.Threads {
		key := fmt.Sprintf("%d/%d", th.PID, th.TID)
		d.check(key+" busy", th.BusyNs, want.Threads[key])
	}
	d.check("steps", len(r.Steps), want.Steps)
	var allocations int
	var allocated, freed int64
	for _, p := range r.Memory {
		allocations += p.Allocations + p.Frees
		allocated += p.AllocatedBytes
		freed += p.FreedBytes
	}
	d.check("memory events", allocations, want.Memory)
	d.check("allocated", allocated, want.Allocated)
	d.check("freed", freed, want.Freed)
	got := map[string][2]int64{}
	for _, c := range r.Collectives {
		g := got[c.Name]
		got[c.Name] = [2]int64{g[0] + int64(c.Count), g[1] + c.TotalNs}
	}
	d.check("collectives", got, want.Collectives)
}

func compareOps(t *testing.T, d *differences, r *ranks.Rank, want csvTable) {
	t.Helper()
	d.check("op rows", len(r.Ops), len(want.rows))
	for _, w := range want.rows {
		kind, name := want.text(w, "cat"), want.text(w, "name")
		i := slices.IndexFunc(r.Ops, func(o host.Op) bool { return o.Name == name && o.Kind == kind })
		if i < 0 {
			d.check(name, "absent", "there")
			continue
		}
		op := r.Ops[i]
		d.check(name, fmt.Sprint(op.Calls, op.TotalNs, op.SelfNs),
			fmt.Sprint(want.int(t, w, "calls"), want.int(t, w, "total_ns"), want.int(t, w, "self_ns")))
	}
}

func compareCPUSteps(t *testing.T, d *differences, r *ranks.Rank, want csvTable) {
	t.Helper()
	d.check("steps", len(r.Steps), len(want.rows))
	for i, w := range want.rows {
		if i >= len(r.Steps) {
			break
		}
		s := r.Steps[i]
		d.check("step "+strconv.Itoa(i), fmt.Sprint(s.Name, s.StartNs, s.CPUNs, s.Ops),
			fmt.Sprint(want.text(w, "name"), want.int(t, w, "cpu_ts_ns"), want.int(t, w, "cpu_dur_ns"), want.int(t, w, "ops")))
	}
}
