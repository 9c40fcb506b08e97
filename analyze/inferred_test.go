package analyze

import (
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// unmarked is a trace without its annotations and Python frames.
func unmarked(t *trace.Trace) *trace.Trace {
	return rewritten(t, nil, func(e *trace.Event) {
		if e.Category == trace.CategoryUserAnnotation || e.Category == trace.CategoryPythonFunction {
			e.Category, e.Phase, e.Side = trace.CategoryOther, trace.PhaseCounter, trace.NoSide
		}
	})
}

// TestStepsWithoutMarks: where the marks are taken away, the steps are found again by the launches.
func TestStepsWithoutMarks(t *testing.T) {
	traces := []*trace.Trace{servedByHand()}
	files, _ := filepath.Glob(realTraces + "/own/vllm024_h200_*/*.json.gz")
	for _, f := range files {
		tr, err := formats.ReadFile(f, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		traces = append(traces, tr)
	}
	for _, tr := range traces {
		name := filepath.Base(tr.Meta.Path)
		want := Analyze([]*trace.Trace{tr}, Options{})
		got := Analyze([]*trace.Trace{unmarked(tr)}, Options{})
		count := func(r *Result, phase trace.StepPhase) (n int) {
			for _, s := range r.Steps {
				if s.Phase == phase {
					n++
				}
			}
			return n
		}
		graphs := 0 // steps that launch some
		for _, s := range want.Steps {
			graphs += min(1, s.GraphLaunch)
		}
		if graphs < 3 {
			if len(got.Steps) > 0 {
				t.Errorf("%s: %d steps of an eager engine", name, len(got.Steps))
			}
			continue
		}
		// Decode steps are found; the first may lack its graph (it is being warmed up), the last its copy.
		if w, g := count(want, "decode"), count(got, "decode"); g < w-2 || g > w+2 {
			t.Errorf("%s: %d decode steps, really %d", name, g, w)
		}
		if w, g := count(want, "prefill")+count(want, "mixed"), count(got, "prefill"); g > w {
			t.Errorf("%s: %d prefill steps, really %d", name, g, w)
		}
		for _, s := range got.Steps {
			if !s.Inferred || s.Dialect != trace.DialectGraphLaunch {
				t.Fatalf("%s: step not marked as inferred: %+v", name, s)
			}
		}
		if want.Steady == nil || got.Steady == nil || !got.Steady.Inferred {
			t.Fatalf("%s: no steady state: %+v, %+v", name, want.Steady, got.Steady)
		}
		if a, b := float64(want.Steady.StepMedianNs), float64(got.Steady.StepMedianNs); b < 0.98*a || b > 1.02*a {
			t.Errorf("%s: a step takes %.0f ns, really %.0f", name, b, a)
		}
	}
}

// servedByHand is a prompt and ten decode steps of an engine that replays graphs. Each ends with a copy to the host; one
// reads a length back before its graph.
func servedByHand() *trace.Trace {
	b := newBuilder()
	correlation, at := int64(0), int64(0)
	launch := func(api string, category trace.Category, name string, ns int64) {
		correlation++
		b.Call(api, correlation, at, 10)
		b.GPU(category, name, 7, correlation, at+50, ns)
		at += ns + 100
	}
	for i := range 11 {
		begin := at
		name := "execute_context_0(0)_generation_4(4)"
		if i == 0 {
			name = "execute_context_4(64)_generation_0(0)"
			for range 30 {
				launch("cudaLaunchKernel", trace.CategoryKernel, "gemm", 1000)
			}
		} else {
			launch("cudaMemcpyAsync", trace.CategoryMemcpy, "Memcpy HtoD (Pinned -> Device)", 10)
			if i == 5 {
				launch("cudaMemcpyAsync", trace.CategoryMemcpy, "Memcpy DtoH (Device -> Pinned)", 10)
			}
			launch("cudaGraphLaunch", trace.CategoryKernel, "gemm", 5000)
		}
		launch("cudaLaunchKernel", trace.CategoryKernel, "argmax", 100)
		launch("cudaMemcpyAsync", trace.CategoryMemcpy, "Memcpy DtoH (Device -> Pinned)", 10)
		b.Annotation(name, begin, at-begin)
	}
	return b.Trace
}
