package kineto_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto"
	"github.com/inferprof/inferprof/trace/source"
)

// readText reads events that are given as JSON objects.
func readText(t *testing.T, head string, events ...string) *trace.Trace {
	t.Helper()
	tr, err := formats.Read(strings.NewReader(`{`+head+`"traceEvents": [`+strings.Join(events, ",\n")+`]}`), "x", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func opWith(args string) string {
	return `{"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1, "ts": 1.000, "dur": 2.000, "args": {` + args + `}}`
}

// Each different list is there once, whichever way its event was read, and spelled in one way.
func TestInputsAreInterned(t *testing.T) {
	tr := readText(t, "",
		opWith(`"Input Dims": [[8, 768], []], "Input type": ["float", ""]`),
		opWith(`"Input Dims": [[8, 768], []], "Input type": ["float", ""]`),
		opWith(`"Input type": ["float", ""], "Input Dims": [[8,768],[]]`),
		opWith(`"Input Dims": [[8, 768`+strings.Repeat(" ", 40<<10)+`], []]`), // longer than what a shape reads
		opWith(`"Input Dims": [[8, 768]`),
		opWith(`"External id": 7`),
	)
	op := func(i int) *trace.Op { return tr.Ops.At(tr.Events.Side(i)) }
	if a, b := op(0), op(1); a.Shapes == 0 || a.Shapes != b.Shapes || a.Dtypes == 0 || a.Dtypes != b.Dtypes || a.Dtypes != op(2).Dtypes {
		t.Errorf("the same lists are %+v, %+v, %+v", a, b, op(2))
	}
	want := []trace.Shape{{Dims: []int64{8, 768}}, {Dims: []int64{}}}
	for i := range 4 {
		s := tr.Inputs.Shapes(op(i).Shapes)
		if s.Text != "[[8, 768], []]" || !reflect.DeepEqual(s.Args, want) {
			t.Errorf("event %d: %+v", i, s)
		}
	}
	if s := tr.Inputs.Shapes(op(tr.Events.Len() - 1).Shapes); s.Args != nil || s.Text != "" {
		t.Errorf("of an op without shapes: %+v", s)
	}
}

func TestArg(t *testing.T) {
	tr := readText(t, "",
		opWith(`"Concrete Inputs": ["", "True", "[1, 2]"], "n": 5, "on": true, "none": null, "deep": [[1], ["a"]], "n": 6, "text": "a\"b", "empty": []`),
		`{"ph": "i", "name": "mark", "pid": 1, "tid": 1, "ts": 1}`)
	for name, want := range map[string]trace.Value{
		"Concrete Inputs": {List: []trace.Value{{}, {Text: "True"}, {Text: "[1, 2]"}}},
		"n":               {Text: "6"}, "on": {Text: "true"}, "none": {}, "text": {Text: `a"b`}, "empty": {List: []trace.Value{}},
		"deep": {List: []trace.Value{{List: []trace.Value{{Text: "1"}}}, {List: []trace.Value{{Text: "a"}}}}},
	} {
		if got, ok := tr.Arg(0, name); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, %v; want %+v", name, got, ok, want)
		}
	}
	if v, ok := tr.Arg(0, "ph"); ok {
		t.Errorf("an argument that the event does not have is %+v", v)
	}
	if v, ok := tr.Arg(1, "n"); ok {
		t.Errorf("an argument of an event without any is %+v", v)
	}
	list, _ := tr.Arg(0, "Concrete Inputs")
	deep, _ := tr.Arg(0, "deep")
	if !reflect.DeepEqual(list.Texts(), []string{"", "True", "[1, 2]"}) || deep.Texts() != nil {
		t.Errorf("texts %q and %q", list.Texts(), deep.Texts())
	}
}

func TestEngine(t *testing.T) {
	own := `"inferprof_engine": {"device": "a CPU", "threads_per_rank": 4, "peaks": {"flops_per_s": 1e12, "bytes_per_s": 2e10}}, `
	for _, test := range []struct {
		name, head string
		want       trace.Engine
	}{
		{"none", ``, trace.Engine{}},
		{"vLLM", `"vllm_version": "0.24.0", `, trace.Engine{Name: "vllm", Version: "0.24.0"}},
		{"a version that is no text", `"sglang_version": 5, `, trace.Engine{Name: "sglang", Version: "5"}},
		{"ours", `"inferprof_version": "1", ` + own, trace.Engine{Name: "inferprof", Version: "1", Device: "a CPU", ThreadsPerRank: 4, FLOPsPerS: 1e12, BytesPerS: 2e10}},
		{"threads that are no number", `"inferprof_engine": {"device": "a CPU", "threads_per_rank": "4"}, `, trace.Engine{Device: "a CPU"}},
		{"peaks that are no numbers", `"inferprof_engine": {"threads_per_rank": 4, "peaks": 5}, `, trace.Engine{ThreadsPerRank: 4}},
	} {
		if got := readText(t, test.head, opWith("")).Meta.Engine; got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestRecorded(t *testing.T) {
	for text, want := range map[string]trace.Setting{
		``: trace.Unknown, `"record_shapes": 1, `: trace.On, `"record_shapes": 0, `: trace.Off, `"record_shapes": false, `: trace.Off,
		`"record_shapes": "0", `: trace.On, `"record_shapes": nan, `: trace.Unknown,
	} {
		if got := readText(t, text, opWith("")).Meta.Recorded; got != (trace.Recorded{Shapes: want}) {
			t.Errorf("%q: %+v, want shapes %v", text, got, want)
		}
	}
}

// counters are counters as different writers write them, and what of them are samples.
var counterEvents = []struct {
	args string
	want map[string]float64
}{
	{`"running": 4, "waiting": 0`, map[string]float64{"running": 4, "waiting": 0}},
	{`"running": 5, "waiting": 123456789012`, map[string]float64{"running": 5, "waiting": 123456789012}},
	{`"used": 0.0312, "free": -1.5e-3`, map[string]float64{"used": 0.0312, "free": -0.0015}},
	{`"used": 0.25, "free": 7`, map[string]float64{"used": 0.25, "free": 7}},
	{`"bytes": "4096", "device": "GPU 0", "on": true, "none": null, "list": [1]`, map[string]float64{"bytes": 4096}},
	{`"a \"b\"": 1, "\u00e9": 2`, map[string]float64{`a "b"`: 1, "é": 2}},
	{`"huge": 1e400, "nan": "NaN"`, map[string]float64{}},
	{``, map[string]float64{}},
}

func counterText() string {
	var events []string
	for i, c := range counterEvents {
		events = append(events, fmt.Sprintf(`{"ph": "C", "name": "c", "pid": 1, "tid": 1, "ts": %d, "args": {%s}}`, i, c.args))
	}
	return `{"traceEvents": [` + strings.Join(append(events, opWith("")), ",") + `]}`
}

func checkCounters(t *testing.T, how string, tr *trace.Trace) {
	t.Helper()
	for i, c := range counterEvents {
		e := tr.Events.At(i)
		if e.Table() != trace.TableCounter || e.Side == trace.NoSide {
			t.Fatalf("%s: event %d is no counter: %+v", how, i, e)
		}
		got := map[string]float64{}
		for _, s := range tr.Counters.At(e.Side).Samples {
			got[tr.Strings.At(s.Series)] = s.Value
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: {%s} is %v, want %v", how, c.args, got, c.want)
		}
	}
}

// Counters are there after reading, and after writing them and reading again: with their text, from their values alone,
// after a cut, and in a part of a merged trace.
func TestCounters(t *testing.T) {
	tr, err := formats.Read(strings.NewReader(counterText()), "x", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkCounters(t, "read", tr)
	again := func(how string, rows *trace.Rows) {
		t.Helper()
		var text bytes.Buffer
		if err := kineto.Write(&text, tr, rows); err != nil {
			t.Fatal(err)
		}
		got, err := formats.Read(&text, "x", source.Options{Strict: true})
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		checkCounters(t, how, got)
	}
	again("written", nil)
	again("cut", trace.Cut{Windows: []trace.Window{{FromNs: 0, ToNs: 1 << 40}}}.Rows(tr))
	tr.Text = nil
	again("written from its values", nil)

	merged := strings.ReplaceAll(counterText(), `"pid": 1`, `"pid": "[TP00] 1"`)
	merged = strings.TrimSuffix(merged, "]}") + `, {"ph": "C", "name": "c", "pid": "[TP01] 1", "tid": 1, "ts": 0, "args": {"n": 9}}]}`
	path := filepath.Join(t.TempDir(), "merged.json")
	if err := os.WriteFile(path, []byte(merged), 0o600); err != nil {
		t.Fatal(err)
	}
	var parts []*trace.Trace
	if err := formats.NewReader(source.Options{}, 0).Start(t.Context(), []string{path}, func(_ int, ranks []*trace.Trace) { parts = ranks })(); err != nil {
		t.Fatal(err)
	}
	if len(parts) != 2 {
		t.Fatalf("%d parts", len(parts))
	}
	tr = parts[0]
	checkCounters(t, "part", tr)
	again("part, written", nil)
	if c := parts[1].Counters.At(parts[1].Events.Side(0)); len(c.Samples) != 1 || c.Samples[0].Value != 9 {
		t.Errorf("the other part's counter is %+v", c)
	}
}

// A trace that was read keeps about what its events need: kilobytes for few of them, not a block of every table.
func TestSmallTracesTakeLittle(t *testing.T) {
	event := opWith(`"External id": 1, "Input Dims": [[8, 768]]`)
	for _, test := range []struct{ events, most int }{{0, 16 << 10}, {10, 32 << 10}} {
		text := `{"traceEvents": [` + strings.TrimSuffix(strings.Repeat(event+",", test.events), ",") + `]}`
		read := func() *trace.Trace {
			tr, err := formats.Read(strings.NewReader(text), "x", source.Options{Strict: true})
			if err != nil || tr.Events.Len() != test.events {
				t.Fatalf("%d events: %v", test.events, err)
			}
			return tr
		}
		const many = 50
		kept := make([]*trace.Trace, many)
		var before, after runtime.MemStats
		read() // what is made once
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range kept {
			kept[i] = read()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if got := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / many; got > int64(test.most) {
			t.Errorf("a trace of %d events takes %d bytes, want at most %d", test.events, got, test.most)
		} else {
			t.Logf("%d events: %d bytes", test.events, got)
		}
		runtime.KeepAlive(kept)
	}
}
