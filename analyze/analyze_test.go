package analyze

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/integrity"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestKernels(t *testing.T) {
	b := newBuilder()
	b.Kernel("b", 8, 2, 40, 100) // file order is not time order
	b.Kernel("a", 7, 1, 0, 60)
	b.Kernel("a", 7, 3, 150, 20)
	b.Kernel("a", 7, 4, 200, 40)
	want := []device.Kernel{
		{Name: "a", Category: categories.Other, Device: device.AllDevices, Count: 3, TotalNs: 120, ExclusiveNs: 120, MinNs: 20, MeanNs: 40, MedianNs: 40, MaxNs: 60, StdDevNs: 20},
		{Name: "b", Category: categories.Other, Device: device.AllDevices, Count: 1, TotalNs: 100, ExclusiveNs: 80, MinNs: 100, MeanNs: 100, MedianNs: 100, MaxNs: 100},
	}
	if diff := cmp.Diff(want, b.analyze(Options{}).Kernels); diff != "" {
		t.Error(diff)
	}
}

func TestOps(t *testing.T) {
	b := newBuilder()
	b.Annotation("execute_context_0(0)_generation_2(2)", 0, 100)
	b.Op("aten::linear", 10, 50)
	b.Op("aten::addmm", 20, 30)
	b.Call("cudaLaunchKernel", 0, 25, 5)
	b.Op("aten::add", 70, 10)
	b.Op("aten::add", 90, 20) // outlives the step
	b.OpOn(200, trace.CategoryCPUOp, "aten::add", 0, 40)
	r := b.analyze(Options{}).Ranks[0]
	self := map[string][3]int64{}
	for _, o := range r.Ops {
		self[o.Name] = [3]int64{int64(o.Calls), o.TotalNs, o.SelfNs}
	}
	want := map[string][3]int64{
		"execute_context_0(0)_generation_2(2)": {1, 100, 30}, "aten::linear": {1, 50, 20}, "aten::addmm": {1, 30, 25}, "aten::add": {3, 70, 70},
	}
	if diff := cmp.Diff(want, self); diff != "" {
		t.Error(diff)
	}
	threads := []host.Thread{{PID: 1, TID: tracetest.Thread, Events: 6, BusyNs: 110, InOpsNs: 80}, {PID: 1, TID: 200, Events: 1, BusyNs: 40, InOpsNs: 40}}
	if diff := cmp.Diff(threads, r.CPU.Threads); diff != "" {
		t.Error(diff)
	}
	if tm := r.Time[0]; tm.Device != device.CPUDevice || tm.TotalNs != 110 || tm.ComputationNs != 90 || tm.IdleNs != 20 {
		t.Errorf("time: %+v", tm)
	}
	if s := r.Steps[0]; s.Ops != 4 || s.RuntimeCalls != 1 || s.GenerationTokens != 2 {
		t.Errorf("step: %+v", s)
	}
}

func TestCPUTimeCountsCommunicationOnce(t *testing.T) {
	b := newBuilder()
	b.Op("vllm::all_reduce", 0, 50)
	b.Op("c10d::allreduce_", 10, 30) // inside
	b.OpOn(200, trace.CategoryUserAnnotation, "gloo:all_reduce", 20, 60)
	b.Op("aten::mm", 60, 40)
	tm := b.analyze(Options{}).Time
	if tm.CommNs != 80 || tm.CommOverlapNs != 20 || tm.ExposedCommNs != 60 || tm.ComputationNs != 40 || tm.BusyNs != 100 {
		t.Errorf("time: %+v", tm)
	}
}

func TestInferredPhases(t *testing.T) {
	b := newBuilder()
	name := "vllm/v1/worker/gpu_model_runner.py(1002): execute_model"
	for i, api := range []string{"cudaLaunchKernel", "cudaGraphLaunch", "cudaGraphLaunch", ""} {
		at := int64(i) * 1000
		b.Frame(name, at, 500)
		if api != "" {
			b.Call(api, int64(i+1), at+10, 5)
			b.Kernel("k", 7, int64(i+1), at+100, 300)
		}
	}
	res := b.analyze(Options{})
	var got []trace.StepPhase
	for _, s := range res.Steps {
		if !s.Inferred {
			t.Errorf("step %d: phase %s is not marked as inferred", s.Index, s.Phase)
		}
		got = append(got, s.Phase)
	}
	if diff := cmp.Diff([]trace.StepPhase{"prefill", "decode", "decode", "empty"}, got); diff != "" {
		t.Error(diff)
	}
	if d := res.Phases[1]; d.Phase != "decode" || d.Steps != 2 || d.MeasuredSteps != 1 || d.StepMedianNs != 1000 || d.GapMedianNs != 700 || d.NsPerToken != -1 {
		t.Errorf("decode: %+v", d)
	}
}

func TestCollectivesAcrossRanks(t *testing.T) {
	hosts := 0
	rank := func(ns ...int64) *trace.Trace {
		b := newBuilder()
		hosts++
		b.Trace.Meta.HostName = fmt.Sprint("host ", hosts) // of each its own: their starts say nothing
		for i, n := range ns {
			b.Collective("allreduce", int64(i)*1000, n, trace.Absent, 4096)
		}
		return b.Trace
	}
	res := Analyze([]*trace.Trace{rank(100, 300), rank(250, 120)}, Options{})
	want := []ranks.Collective{{Name: "allreduce", Kind: "all_reduce", Dtype: "float", GroupSize: 2, Bytes: 4096, Count: 4, TotalNs: 770, MinNs: 100,
		MedianNs: 250, MaxNs: 300, WaitNs: 330, TransferNs: 440, WaitFrom: ranks.WaitFromDurations, LateRank: 0, LateCount: 1, BytesPerS: 4096 / 110e-9, BusBytesPerS: 4096 / 110e-9}}
	if diff := cmp.Diff(want, res.Collectives, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Error(diff)
	}
	if w := res.Ranks[1].Collectives[0].WaitNs; w != 150 {
		t.Errorf("rank 1 waited %d, want 150", w)
	}

	// What the writer says goes before what can be concluded.
	b := newBuilder()
	b.Collective("allreduce", 0, 100, 70, 4096)
	if c := b.analyze(Options{}).Collectives[0]; c.WaitNs != 70 || c.TransferNs != 30 || c.WaitFrom != ranks.WaitFromEngine {
		t.Errorf("own wait: %+v", c)
	}
	// One rank alone, without that: unknown.
	if c := Analyze([]*trace.Trace{rank(5)}, Options{}).Collectives[0]; c.WaitNs != -1 || c.TransferNs != -1 || c.WaitFrom != "" {
		t.Errorf("unknown wait: %+v", c)
	}
}

// named is what is known of a trace by its file's name.
func named(path string) trace.Meta {
	n := formats.ParseFileName(path)
	return trace.Meta{Path: path, FileName: &n}
}

func TestProblems(t *testing.T) {
	problems := func(r *Result) []string {
		var ids []string
		for _, p := range r.Problems {
			ids = append(ids, p.ID)
			if p.Text == "" || strings.Contains(p.Text, "%!") || p.Severity == "" {
				t.Errorf("problem without words: %+v", p)
			}
		}
		return ids
	}
	for _, c := range []struct {
		name  string
		build func(b *builder)
		o     Options
		want  []string
	}{
		{"fine", func(b *builder) { b.Call("cudaLaunchKernel", 1, 0, 5); b.Kernel("a", 7, 1, 10, 5) }, Options{}, nil},
		{"empty", func(*builder) {}, Options{}, []string{"empty"}},
		{"damaged", func(b *builder) {
			b.Op("aten::mm", 0, 5)
			b.Trace.Damage = []trace.Damage{{Kind: "syntax", Line: 7, Lost: 2}}
		}, Options{}, []string{"damaged"}},
		{"launched before the profile", func(b *builder) {
			b.Call("cudaLaunchKernel", 1, 0, 5)
			b.Kernel("b", 7, 2, 5, 5)
			b.Kernel("a", 7, 1, 10, 5)
		}, Options{}, []string{"unlinked"}},
		{"launch that was lost", func(b *builder) {
			b.Call("cudaLaunchKernel", 1, 0, 5)
			b.Kernel("a", 7, 1, 10, 5)
			b.Kernel("b", 7, 2, 15, 5)
		}, Options{}, []string{"lost_launches"}},
		{"no GPU work", func(b *builder) { b.Call("cudaLaunchKernel", 1, 0, 5) }, Options{}, []string{"no_gpu_events"}},
		{"graph without kernels", func(b *builder) {
			b.Call("cudaLaunchKernel", 1, 0, 5)
			b.Kernel("a", 7, 1, 10, 20)
			b.Call("hipGraphLaunch", 2, 20, 5)
			b.Call("cudaLaunchKernel", 3, 30, 5)
			b.Kernel("a", 7, 3, 40, 20)
			b.Call("hipGraphLaunch", 4, 50, 5)
		}, Options{}, []string{"empty_graphs", "empty_launches"}},
		{"replay that lost kernels", func(b *builder) {
			for i := range int64(5) {
				b.Annotation("execute_context_0(0)_generation_4(4)", 1000*i, 100)
				b.Call("cudaGraphLaunch", i+1, 1000*i+10, 5)
				for k := range 10 - 5*(i%4/3) {
					b.Kernel("k", 7, i+1, 1000*i+200+10*k, 10)
				}
			}
		}, Options{}, []string{"replays_differ"}},
		{"kernel before its launch", func(b *builder) { b.Call("cudaLaunchKernel", 1, 8, 5); b.Kernel("a", 7, 1, 5, 5) }, Options{}, []string{"early_kernels"}},
		{"one long gap", func(b *builder) {
			b.Call("cudaLaunchKernel", 1, 0, 5)
			b.Kernel("a", 7, 1, 10, 5)
			b.Call("cudaLaunchKernel", 2, 900, 5)
			b.Kernel("a", 7, 2, 1000, 5)
		}, Options{}, []string{"one_long_gap"}},
		{"bad nesting", func(b *builder) { b.Op("a", 0, 10); b.Op("b", 5, 10) }, Options{}, []string{"bad_nesting"}},
		{"missing rank", func(b *builder) { b.Op("a", 0, 10) }, Options{Capture: &Capture{ExpectedRanks: 2}}, []string{"missing_ranks"}},
	} {
		b := newBuilder()
		c.build(b)
		if diff := cmp.Diff(c.want, problems(b.analyze(c.o))); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	same := func() *trace.Trace {
		b := newBuilder()
		b.Op("a", 0, 10)
		b.Trace.Meta = named("rank0.json")
		b.Trace.Meta.Distributed = &trace.Distributed{Rank: 0, WorldSize: 2}
		return b.Trace
	}
	if got := problems(Analyze([]*trace.Trace{same(), same()}, Options{})); !slices.Equal(got, []string{"duplicate_rank"}) {
		t.Errorf("two traces of rank 0: %v", got)
	}
}

func TestEdges(t *testing.T) {
	if r := Analyze(nil, Options{}); r.Kind != index.KindEmpty || len(r.Ranks) != 0 {
		t.Errorf("no traces: %+v", r)
	}
	b := newBuilder()
	b.Event(trace.CategoryKernel, "bare", b.Track(3, 9), 5, 10, trace.NoSide) // a kernel without args
	r := b.analyze(Options{})
	if r.Kind != index.KindGPU || r.Ranks[0].Time[0].Device != 3 || r.Ranks[0].Streams[0].Stream != 9 || r.Ranks[0].Launch.Unlinked != 1 {
		t.Errorf("bare kernel: %+v", r.Ranks[0])
	}
	b = newBuilder()
	b.Kernel("zero", 7, 1, 5, 0)
	if r := b.analyze(Options{}); r.Time.TotalNs != 0 || r.Time.BusyNs != 0 || r.Kernels[0].Count != 1 {
		t.Errorf("one kernel of no duration: %+v", r.Time)
	}
}

func TestOptions(t *testing.T) {
	b := newBuilder()
	for i := range int64(10) {
		b.Call("cudaLaunchKernel", i, i*100, 5)
		b.Kernel("a", 7, i, i*100+50, 10)
	}
	b.Trace.Meta = named("rank4.json")
	if r := b.analyze(Options{FromNs: 300, ToNs: 600}); r.Time.Events != 3 || r.Ranks[0].Launch.Linked != 3 {
		t.Errorf("window: %+v", r.Time)
	}
	if r := b.analyze(Options{Ranks: []int{3}}); len(r.Ranks) != 0 {
		t.Errorf("rank 3 of rank 4's trace: %+v", r.Ranks)
	}
	if r := b.analyze(Options{LaunchGapNs: 10}); r.Ranks[0].Streams[0].Idle.KernelWait.Count != 0 {
		t.Errorf("launch gap: %+v", r.Ranks[0].Streams[0].Idle)
	}
}

// TestFrontendAlone: a report on an API server's trace says where the work is.
func TestFrontendAlone(t *testing.T) {
	b := newBuilder()
	b.Annotation("request", 0, 10)
	b.Trace.Meta = named("vm_4348.async_llm.1795476521007920497.pt.trace.json.gz")
	r := Analyze([]*trace.Trace{b.Trace}, Options{})
	if len(r.Ranks) != 0 || len(r.Frontends) != 1 || len(r.Problems) != 1 || r.Problems[0].ID != "missing_ranks" || r.Problems[0].Severity != integrity.SeverityError {
		t.Errorf("%d ranks, %+v", len(r.Ranks), r.Problems)
	}
}

// TestOtherKinds: what no analysis reads is told, if it is more than a trifle.
func TestOtherKinds(t *testing.T) {
	text := `{"traceEvents": [{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":1,"dur":5},
		{"ph":"X","cat":"mtia_ccp_events","name":"merge","pid":1,"tid":2,"ts":1,"dur":5}, {"ph":"X","cat":"mtia_ccp_events","name":"event_wait","pid":1,"tid":2,"ts":7,"dur":5},
		{"ph":"X","cat":"mtia_runtime","name":"c","pid":1,"tid":1,"ts":9,"dur":5}]}`
	tr, err := formats.Read(strings.NewReader(text), "mtia.json", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := Analyze([]*trace.Trace{tr}, Options{})
	want := "2 events are of kinds that no analysis reads, such as another accelerator's work: mtia_ccp_events"
	if len(r.Problems) != 1 || r.Problems[0].Text != want || r.Problems[0].Severity != integrity.SeverityNote {
		t.Errorf("%+v", r.Problems)
	}
}

// Work and calls that both say correlation 0 say that they have none: they are not each other's.
func TestNoCorrelation(t *testing.T) {
	b := newBuilder()
	b.Annotation("execute_context_0(0)_generation_1(1)", 0, 100)
	b.Call("cudaEventQuery", 0, 5, 5)
	b.Call("cudaLaunchKernel", 7, 20, 5)
	b.Kernel("old", 1, 0, 40, 10)
	b.Kernel("new", 1, 7, 60, 10)
	r := b.analyze(Options{})
	if l := r.Ranks[0].Launch; l.Linked != 1 || l.Unlinked != 1 || l.UnlinkedNs != 10 || len(l.APIs) != 1 || l.APIs[0].Name != "cudaLaunchKernel" {
		t.Errorf("%+v", l)
	}
	if s := r.Steps[0]; s.GPUEvents != 1 || s.Launches != 1 {
		t.Errorf("the step has %d pieces of work of %d launches", s.GPUEvents, s.Launches)
	}
}
