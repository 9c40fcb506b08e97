package analyze

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// recompiled is a real trace: PyTorch 2.13 runs four decode steps of a small model, each with a batch of another size or one it
// had, and compiles it anew in the first two.
const recompiled = "testdata/compile/recompile_cpu.pt.trace.json.gz"

// plainEvent is an event as the file has it, and plainRow what a category or a row of ops sums up.
type (
	plainEvent struct {
		name, cat  string
		tid        string
		start, end int64
	}
	plainRow struct {
		calls       int
		total, self int64
	}
)

func plainEvents(t *testing.T, path string) []plainEvent {
	t.Helper()
	var file struct {
		TraceEvents []struct {
			Ph, Cat, Name string
			Tid           json.RawMessage
			Ts, Dur       float64
		}
	}
	if err := json.Unmarshal(text(t, path), &file); err != nil {
		t.Fatal(err)
	}
	ns := func(us float64) int64 { return int64(math.Round(us * 1000)) }
	var out []plainEvent
	for _, e := range file.TraceEvents {
		if e.Ph == "X" {
			out = append(out, plainEvent{e.Name, e.Cat, string(e.Tid), ns(e.Ts), ns(e.Ts) + ns(e.Dur)})
		}
	}
	return out
}

// plainRows looks every question up among all events: which of those open when one begins began last, and whether one of
// the compiler's is among them, or begins in it and what is around is named as Dynamo names itself.
func plainRows(events []plainEvent) map[host.Op]plainRow {
	around := func(e, by plainEvent) bool { return by.tid == e.tid && by.start <= e.start && e.start < by.end }
	part := func(e plainEvent) bool {
		return strings.HasSuffix(e.name, " (dynamo_timed)") && e.name != "guard_collective (dynamo_timed)"
	}
	var spans []plainEvent
	for _, e := range events {
		if part(e) {
			spans = append(spans, e)
		}
	}
	for _, e := range events {
		dynamos := e.name == "dynamo" || e.name == "entire_frame_compile"
		if dynamos && slices.ContainsFunc(spans, func(p plainEvent) bool { return around(p, e) && p.end <= e.end }) {
			spans = append(spans, e)
		}
	}
	self := make([]int64, len(events))
	for i, e := range events {
		self[i] += e.end - e.start
		parent := -1
		for k, p := range events {
			before := p.start < e.start || p.end > e.end || p.end == e.end && k < i
			if k == i || !around(e, p) || !before {
				continue
			}
			if q := parent; q < 0 || p.start > events[q].start || p.start == events[q].start && (p.end < events[q].end || p.end == events[q].end && k > q) {
				parent = k
			}
		}
		if parent >= 0 {
			self[parent] -= min(e.end, events[parent].end) - e.start
		}
	}
	rows := map[host.Op]plainRow{}
	for i, e := range events {
		key := host.Op{Name: e.name, Kind: e.cat}
		if slices.ContainsFunc(spans, func(p plainEvent) bool { return around(e, p) }) {
			key.Category = categories.Compile
		}
		r := rows[key]
		r.calls, r.total, r.self = r.calls+1, r.total+e.end-e.start, r.self+self[i]
		rows[key] = r
	}
	return rows
}

// What a compiler ran is told from what the model ran, to the nanosecond.
func TestCompilingIsToldFromRunning(t *testing.T) {
	tr, err := formats.ReadFile(recompiled, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	res := Analyze([]*trace.Trace{tr}, Options{})
	rows := plainRows(plainEvents(t, recompiled))
	var want, got plainRow
	for _, o := range res.Ops {
		key := host.Op{Name: o.Name, Kind: o.Kind}
		if o.Category == categories.Compile {
			key.Category = o.Category
		}
		r := rows[key]
		delete(rows, key)
		if r != (plainRow{o.Calls, o.TotalNs, o.SelfNs}) {
			t.Errorf("%s (%s): %d calls, %d ns, self %d; counted by hand %+v", o.Name, o.Category, o.Calls, o.TotalNs, o.SelfNs, r)
		}
		if key.Category != "" {
			want = plainRow{want.calls + r.calls, want.total + r.total, want.self + r.self}
		}
	}
	if len(rows) > 0 {
		t.Errorf("%d rows are missing", len(rows))
	}
	for _, c := range res.Categories {
		if c.Name == categories.Compile {
			got = plainRow{c.Count, c.TotalNs, c.ExclusiveNs}
		}
	}
	if got != want || want.calls == 0 {
		t.Errorf("category compile is %+v, its ops sum to %+v", got, want)
	}
	for _, name := range []string{"## Call CompiledFxGraph None ##", "Torch-Compiled Region: 0/1", "TorchDynamo Cache Lookup"} {
		if slices.ContainsFunc(res.Ops, func(o host.Op) bool { return o.Name == name && o.Category == categories.Compile }) {
			t.Errorf("%s is running, not compiling", name)
		}
	}
}

// Dynamo's plain names, and a question that each call asks, are no compiling by themselves; what begins in a compilation is,
// on its thread alone, annotations and all.
func TestWhatIsCompiling(t *testing.T) {
	b := newBuilder()
	b.Op("dynamo", 0, 1000)
	b.Op("guard_collective (dynamo_timed)", 100, 200)
	b.Op("dynamo", 2000, 1000)
	b.Op("_compile.compile_inner (dynamo_timed)", 2100, 800)
	b.Annotation("compile_inner_data: compile_id=0/0", 2200, 100)
	b.Op("aten::mm", 2400, 200)
	b.Op("aten::mm", 4000, 70)
	want := map[string]int64{"compile": 1000, "gemm": 70, "compiled": 200, "other": 800}
	for _, c := range b.analyze(Options{}).Categories {
		if want[c.Name] != c.ExclusiveNs {
			t.Errorf("%s has %d ns, want %d", c.Name, c.ExclusiveNs, want[c.Name])
		}
		delete(want, c.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}
