package kineto_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// TestForeign: what other profilers write, cut down to what tells whose it is, is refused by name, read and verified alike; with one
// event that is PyTorch's it is not.
func TestForeign(t *testing.T) {
	const plain = `{"ph": "X", "name": "f", "pid": 3, "tid": 2, "ts": 1.5, "dur": 2}`
	process := func(name string) string {
		return `{"ph": "M", "name": "process_name", "pid": 3, "args": {"name": "` + name + `"}}, ` + plain
	}
	category := func(name string) string {
		return strings.Replace(plain, `{`, `{"cat": "`+name+`", `, 1)
	}
	for _, c := range []struct{ name, text, says string }{
		{"JAX", `{"displayTimeUnit": "ns", "metadata": {}, "traceEvents": [` + process("/device:TPU:0") + `, {}]}`, "XLA's profile, of JAX or TensorFlow (its events have no categories, its processes /device:TPU:0)"},
		{"TensorFlow", `{"traceEvents": [` + process("/job:localhost/replica:0/task:0/device:GPU:0 Compute") + `]}`, "TensorFlow's timeline"},
		{"VizTracer", `{"traceEvents": [` + category("FEE") + `], "viztracer_metadata": {"version": "1.0"}}`, "VizTracer's trace of Python functions (the categories of its events are FEE)"},
		{"msprof", `[` + plain + `, ` + process("Ascend Hardware") + `]`, "a trace of Ascend's msprof"},
		{"rocprof", `{"traceEvents": [` + process("0 CPU HIP API") + `]}`, "a trace of rocprof"},
		{"nsys2json", `[` + category("cuda") + `, ` + category("cuda_api") + `]`, "a report of Nsight Systems that nsys2json made"},
		{"ONNX Runtime", `[` + category("Session") + `]`, "ONNX Runtime's profile"},
		{"Chrome", `{"traceEvents": [` + category("toplevel") + `]}`, "a trace of Chrome or Perfetto"},
		{"unknown", `{"traceEvents": [` + category("mine") + `, ` + category("yours") + `]}`, "a trace of another profiler (the categories of its events are mine, yours)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := formats.Read(strings.NewReader(c.text), "x", source.Options{})
			var no *source.NotTraceError
			if !errors.As(err, &no) || !no.Profiler || !strings.HasPrefix(err.Error(), "x: not PyTorch's trace but "+c.says) {
				t.Errorf("%v", err)
			}
			if file := filepath.Join(t.TempDir(), "x.json"); os.WriteFile(file, []byte(c.text), 0o600) != nil || formats.LooksLikeTrace(file) {
				t.Error("in a directory it is taken for a trace")
			}
			mixed := strings.Replace(c.text, plain, plain+`, `+category("cpu_op"), 1)
			mixed = strings.Replace(mixed, `"cat": "mine"`, `"cat": "cpu_op"`, 1)
			if mixed == c.text {
				mixed = strings.Replace(c.text, `[{`, `[`+category("cpu_op")+`, {`, 1)
			}
			if x, err := formats.Read(strings.NewReader(mixed), "x", source.Options{}); err != nil || len(x.Damage) > 0 {
				t.Errorf("with an op: %v", err)
			}
			torch := strings.Replace(c.text, `{"traceEvents"`, `{"schemaVersion": 1, "traceEvents"`, 1)
			if _, err := formats.Read(strings.NewReader(torch), "x", source.Options{}); torch != c.text && err != nil {
				t.Errorf("of Kineto's schema: %v", err)
			}
		})
	}
	for text, says := range map[string]string{
		`[{"id": 1, "model_name": "m", "model_version": 1}, {"id": 1, "timestamps": [{"name": "REQUEST_START", "ns": 1}]}]`: "Triton's inference server",
		"SQLite format 3\x00":                    "an SQLite database",
		"\n\x1e\x08\x01\x12\x02\x00\x01\x00\x00": "Perfetto's own",
	} {
		if _, err := formats.Read(strings.NewReader(text), "x", source.Options{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestAccelerators: what other accelerators' events are read as, whether they teach a shape or follow one.
func TestAccelerators(t *testing.T) {
	event := func(category, name string) string {
		return `{"ph": "X", "cat": "` + category + `", "name": "` + name + `", "pid": 17, "tid": 4, "ts": 1.500, "dur": 2.250, "args": {"stream": 5, "correlation": 7}}`
	}
	for _, c := range []struct {
		category, name string
		want           trace.Category
	}{
		{"xpu_runtime", "urEnqueueKernelLaunch", trace.CategoryRuntime},
		{"xpu_driver", "zeCommandListAppendLaunchKernel", trace.CategoryDriver},
		{"privateuse1_runtime", "Launch", trace.CategoryRuntime},
		{"privateuse1_driver", "x", trace.CategoryDriver},
		{"hpu_op", "x", trace.CategoryRuntime},
		{"mtia_runtime", "runFunction", trace.CategoryRuntime},
		{"mtia_ccp_events", "pe_exe", trace.CategoryKernel},
		{"mtia_ccp_events", "dma_request", trace.CategoryMemcpy},
		{"mtia_ccp_events", "add-dtype_Float", trace.CategoryKernel},
		{"mtia_ccp_events", "event_wait", trace.CategoryOther},
		{"mtia_ccp_events", "remote", trace.CategoryOther},
		{"mtia_insight", "x", trace.CategoryOther},
	} {
		text := `{"schemaVersion": 1, "traceEvents": [` + strings.Join([]string{event("mtia_ccp_events", "merge"), event("kernel", "k"),
			event(c.category, c.name), event("mtia_ccp_events", "pe_exe"), event(c.category, c.name)}, ",\n") + `]}`
		x, err := formats.Read(strings.NewReader(text), "x", source.Options{})
		if err != nil || x.Events.Len() != 5 {
			t.Fatalf("%s: %v", c.category, err)
		}
		for _, i := range []int{2, 4} {
			e := x.Events.At(i)
			if e.Category != c.want || x.Strings.At(e.Name) != c.name || e.DurationNs != 2250 {
				t.Errorf("%s %s: %+v", c.category, c.name, e)
			}
			if c.want == trace.CategoryKernel && x.GPU.At(e.Side).Stream != 5 || c.want == trace.CategoryRuntime && x.Calls.At(e.Side).Correlation != 7 {
				t.Errorf("%s %s: its side table is wrong", c.category, c.name)
			}
			if got := string(x.Text.AppendEvent(nil, x, i)); got != event(c.category, c.name) {
				t.Errorf("its text is %s", got)
			}
		}
	}
}
