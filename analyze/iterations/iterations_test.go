package iterations_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/iterations"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// checkIteration checks that an iteration's parts sum to it.
func checkIteration(t *testing.T, name string, r *iterations.RankIterations, it *iterations.Iteration) {
	t.Helper()
	var sum, comm, layers int64
	events := 0
	for _, s := range it.Shares {
		if s.Ns < 0 || s.Count < 0 {
			t.Errorf("%s: step %d: share %+v", name, it.Index, s)
		}
		sum += s.Ns
		events += s.Count
		if r.Work[s.Work].Category == categories.Comm {
			comm += s.Ns
		}
	}
	if it.WorkNs() != sum {
		t.Errorf("%s: step %d: busy %d, shares sum to %d", name, it.Index, it.WorkNs(), sum)
	}
	for _, ns := range it.IdleNs {
		if ns < 0 {
			t.Errorf("%s: step %d: idle %v", name, it.Index, it.IdleNs)
		}
	}
	for _, ns := range it.LayerNs {
		layers += ns
	}
	if events != it.Events || comm != it.CommNs || layers > sum {
		t.Errorf("%s: step %d: %d of %d events, comm %d of %d, %d ns in layers", name, it.Index, events, it.Events, comm, it.CommNs, layers)
	}
}

// largeTrace is from how many bytes a compressed trace takes too long to read for what one more shows.
const largeTrace = 600 << 10

// The parts of each iteration sum to its length, and closed iterations go to where the next begins, on every real trace. Of
// a trace without steps the whole agrees with what Analyze says of its device.
func TestIterationsSumToTheWhole(t *testing.T) {
	own, _ := filepath.Glob("../testdata/*.gz")
	real, _ := filepath.Glob("../../../shared/traces/*/*/*.gz")
	for _, file := range append(own, real...) {
		if info, err := os.Stat(file); err != nil || info.Size() > largeTrace {
			continue
		}
		tr, err := formats.ReadFile(file, source.Options{})
		if err != nil {
			continue // no trace: other tests say so
		}
		name := filepath.Base(file)
		r := iterations.Of(tr, 0, &index.Options{})
		oneDevice := len(index.New(tr, &index.Options{}).Devices()) == 1
		for i := range r.Steps {
			checkIteration(t, name, r, &r.Steps[i])
			if s := &r.Steps[i]; s.Ns() != s.TimeNs || oneDevice && !s.Unmeasured && s.WorkNs() != s.BusyNs {
				t.Errorf("%s: step %d takes %d, works %d; divided it takes %d and works %d", name, i, s.TimeNs, s.BusyNs, s.Ns(), s.WorkNs())
			}
			if i > 0 && r.Steps[i-1].Closed() && r.Steps[i-1].EndNs != r.Steps[i].BeginNs {
				t.Errorf("%s: step %d begins at %d, the one before ends at %d", name, i, r.Steps[i].BeginNs, r.Steps[i-1].EndNs)
			}
		}
		if len(r.Steps) == 0 && r.Whole == nil && r.Kind != index.KindEmpty {
			t.Errorf("%s: nothing to compare in a trace of kind %s", name, r.Kind)
		}
		if r.Whole == nil {
			continue
		}
		checkIteration(t, name, r, r.Whole)
		if r.Kind != index.KindGPU {
			continue
		}
		full := analyze.Analyze([]*trace.Trace{tr}, analyze.Options{}).Ranks[0]
		d := slices.IndexFunc(full.Time, func(d device.Time) bool { return d.FirstNs == r.Whole.BeginNs && d.LastNs == r.Whole.EndNs })
		if d < 0 {
			t.Errorf("%s: the whole is of no device", name)
			continue
		}
		idle := full.Idle[d]
		want := [index.IdleCauses]int64{idle.Host.Ns, idle.Launch.Ns, idle.Other.Ns, idle.Unknown.Ns, 0}
		if r.Whole.WorkNs() != full.Time[d].BusyNs || r.Whole.IdleNs != want {
			t.Errorf("%s: busy %d of %d, idle %v of %v", name, r.Whole.WorkNs(), full.Time[d].BusyNs, r.Whole.IdleNs, want)
		}
	}
}

// Two steps with known times: every ns is where it should be.
func TestIterateGPU(t *testing.T) {
	b := tracetest.New()
	decode := "execute_context_0(0)_generation_4(4)"
	b.Annotation(decode, 0, 100)
	b.Call("cudaLaunchKernel", 1, 10, 5)
	b.Call("cudaLaunchKernel", 2, 20, 5)
	b.Call("cudaLaunchKernel", 3, 90, 5) // the host is late
	b.Kernel("nvjet_a", 7, 1, 1000, 100)
	b.Kernel("flash_fwd", 7, 2, 1120, 80)      // 20 ns after: the device's own delay
	b.Kernel("ncclDevKernel", 8, 3, 1150, 150) // 50 ns of it under the kernel before
	b.Annotation(decode, 2000, 100)
	b.Call("cudaLaunchKernel", 4, 2010, 5)
	b.Kernel("nvjet_a", 7, 4, 2100, 40)
	b.Kernel("stray", 7, 99, 2200, 10) // launched by nobody: it is part of the last iteration

	r := iterations.Of(b.Trace, 3, &index.Options{})
	if r.Kind != index.KindGPU || r.Rank != 3 || len(r.Steps) != 2 {
		t.Fatalf("kind %s, rank %d, %d steps", r.Kind, r.Rank, len(r.Steps))
	}
	first, last := &r.Steps[0], &r.Steps[1]
	checkIteration(t, "built", r, first)
	checkIteration(t, "built", r, last)
	if first.BeginNs != 1000 || first.EndNs != 2100 || first.Open || !last.Open || last.Ns() != 110 {
		t.Errorf("first %d to %d, last open %t, %d ns", first.BeginNs, first.EndNs, last.Open, last.Ns())
	}
	if want := [index.IdleCauses]int64{index.IdleLaunch: 20, index.IdleHost: 800}; first.IdleNs != want {
		t.Errorf("idle %v, want %v", first.IdleNs, want)
	}
	got := map[string]int64{}
	for _, s := range first.Shares {
		got[r.Work[s.Work].Name] = s.Ns
	}
	if got["nvjet_a"] != 100 || got["flash_fwd"] != 80 || got["ncclDevKernel"] != 100 || first.CommNs != 100 {
		t.Errorf("shares %v, comm %d", got, first.CommNs)
	}
}

// Nested ops share the time of the thread that takes the steps; layers come from modules.
func TestIterateCPU(t *testing.T) {
	b := tracetest.New()
	step := "execute_context_0(0)_generation_4(4)"
	module := func(name string) {
		b.Trace.Ops.At(uint32(b.Trace.Ops.Len() - 1)).Module = b.Trace.Strings.InternString(name)
	}
	b.Annotation(step, 0, 100)
	b.Op("aten::linear", 10, 30)
	module("model.layers.2.mlp.fc1")
	b.Op("aten::addmm", 15, 20)
	module("model.layers.2.mlp.fc1")
	b.Op("aten::relu", 50, 10)
	b.OpOn(tracetest.Thread+1, trace.CategoryCPUOp, "aten::elsewhere", 20, 500)
	b.Annotation(step, 120, 50)

	r := iterations.Of(b.Trace, 0, &index.Options{})
	if r.Kind != index.KindCPU || len(r.Steps) != 2 {
		t.Fatalf("kind %s, %d steps", r.Kind, len(r.Steps))
	}
	it := &r.Steps[0]
	checkIteration(t, "built", r, it)
	if it.Ns() != 120 || it.IdleNs[index.IdleOutside] != 80 || it.WorkNs() != 40 || it.Events != 3 {
		t.Errorf("%d ns, idle %v, %d events", it.Ns(), it.IdleNs, it.Events)
	}
	if !slices.Equal(it.LayerNs, []int64{0, 0, 30}) {
		t.Errorf("layers %v", it.LayerNs)
	}
	if i := slices.IndexFunc(r.Work, func(w iterations.Work) bool { return w.Name == "aten::addmm" }); i < 0 || r.Work[i].Role != "layers.*.mlp.fc1" || r.Work[i].Category != "gemm" {
		t.Errorf("work %+v", r.Work)
	}
}

// TestDamage: a side of a comparison knows that its file is damaged, and that replays lack kernels.
func TestDamage(t *testing.T) {
	b := tracetest.New()
	for i := range int64(5) {
		b.Annotation("execute_context_0(0)_generation_4(4)", 1000*i, 100)
		b.Call("cudaGraphLaunch", i+1, 1000*i+10, 5)
		for k := range int64(10) {
			if i != 2 || k != 4 {
				b.Kernel("k", 7, i+1, 1000*i+201+10*k, 9)
			}
		}
	}
	b.Trace.Damage = []trace.Damage{{Kind: "truncated"}}
	var ids []string
	for _, p := range iterations.Of(b.Trace, 0, &index.Options{}).Problems {
		ids = append(ids, p.ID)
	}
	if !slices.Equal(ids, []string{"damaged", "replays_differ"}) {
		t.Errorf("problems %v", ids)
	}
}
