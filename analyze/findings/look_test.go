package findings

import (
	"path/filepath"
	"runtime"
	"testing"
	"weak"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// TestTracesAreLetGo: what is kept of a trace keeps no part of it alive: neither its names, nor its columns, nor its text.
func TestTracesAreLetGo(t *testing.T) {
	files, _ := filepath.Glob("../testdata/*.json.gz")
	if len(files) != 4 {
		t.Fatalf("../testdata has %d traces", len(files))
	}
	for _, file := range files {
		tr, err := formats.ReadFile(file, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		whole, names := weak.Make(tr), weak.Make(tr.Strings)
		op := weak.Make(tr.Ops.At(uint32(tr.Ops.Len() - 1)))
		x := analyze.File(tr, analyze.Options{GPUEvents: true})
		part := analyze.NewPart(x, 0, analyze.Options{GPUEvents: true})
		look := LookAt(x, part.Rank, nil)
		if whole.Value() == nil || names.Value() == nil || op.Value() == nil {
			t.Fatal("the trace is gone too early: this test shows nothing")
		}
		runtime.KeepAlive(tr)
		runtime.GC()
		if whole.Value() != nil || names.Value() != nil || op.Value() != nil {
			t.Errorf("%s is still in memory: trace %v, names %v, ops %v", filepath.Base(file), whole.Value() != nil, names.Value() != nil, op.Value() != nil)
		}
		if r := analyze.Join([]*analyze.Part{part}, analyze.Options{}); len(r.Ranks) != 1 || look == nil {
			t.Errorf("%s: %d ranks, look %v", filepath.Base(file), len(r.Ranks), look)
		}
	}
}

// TestRankWithoutGPU: a rank whose GPU work was not recorded is no rank of a GPU's profile. Its ops would look like work
// of a device that does nothing but communicate.
func TestRankWithoutGPU(t *testing.T) {
	ranks := func(broken bool) []*trace.Trace {
		var traces []*trace.Trace
		for r := range 3 {
			b := newBuilder(r, 3)
			if r == 1 && broken {
				for i := range 12 {
					at := int64(i) * 2_000_000
					b.Op("c10d::allreduce_", at, 1_900_000)
					b.Annotation("execute_context_0(0)_generation_8(8)", at, 1_950_000)
				}
			} else {
				b.run(steps{n: 12, kernels: with(lateOrWaiting(r == 2)...)})
			}
			traces = append(traces, b.Trace)
		}
		return traces
	}
	expectFirst(t, find(analyze.Options{}, ranks(true)...), "straggler_rank", ranks(true)...)
	for _, f := range find(analyze.Options{}, ranks(true)...) {
		for _, e := range f.Events {
			if e.Rank == 1 {
				t.Errorf("%s is drawn from ops: %s", f.ID, f.Sentence)
			}
		}
	}
}

// TestStepOfWholeRanks: how long a step takes is not told by a rank whose trace breaks off.
func TestStepOfWholeRanks(t *testing.T) {
	for problem, want := range map[string]int64{"": 5, "unlinked": 5, "damaged": 600, "early_rank": 600} {
		r := &analyze.Result{Kind: analyze.KindGPU, Problems: []analyze.Problem{{ID: problem, Rank: 1}}}
		var looks []*Look
		for rank, ns := range []int64{600, 5, 620} {
			r.Ranks = append(r.Ranks, &analyze.Rank{Rank: rank})
			looks = append(looks, &Look{rank: r.Ranks[rank], gpu: true, pace: pace{count: 1, totalNs: ns}})
		}
		if v := newView(r, looks); v.stepNs != want {
			t.Errorf("%q on rank 1: a step of %d, want %d", problem, v.stepNs, want)
		}
	}
}
