package kineto_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
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
		opWith(`"Concrete Inputs": ["", "True", "[1, 2]"], "n": 5, "on": true, "none": null, "deep": [[1], ["a"]], "text": "a\"b", "empty": []`),
		`{"ph": "i", "name": "mark", "pid": 1, "tid": 1, "ts": 1}`)
	for name, want := range map[string]trace.Value{
		"Concrete Inputs": {List: []trace.Value{{}, {Text: "True"}, {Text: "[1, 2]"}}},
		"n":               {Text: "5"}, "on": {Text: "true"}, "none": {}, "text": {Text: `a"b`}, "empty": {List: []trace.Value{}},
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
