package analyze

import (
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

func TestTime(t *testing.T) {
	// compute  |--------|        |---|         10..90, 170..210
	// comm          |-------|                  50..130
	// memory              |--------|           110..200
	// memset                             |-|   230..240
	b := newBuilder()
	b.Kernel("gemm", 7, 1, 10, 80)
	b.Kernel("ncclDevKernel_AllReduce", 8, 2, 50, 80)
	b.GPU(trace.CategoryMemcpy, "Memcpy HtoD (Pinned -> Device)", 9, 3, 110, 90)
	b.Kernel("gemm", 7, 4, 170, 40)
	b.GPU(trace.CategoryMemset, "Memset (Device)", 7, 5, 230, 10)
	want := device.Time{Events: 5, FirstNs: 10, LastNs: 240, TotalNs: 230, BusyNs: 210, IdleNs: 20, ComputationNs: 130, ExposedCommNs: 40,
		ExposedMemoryNs: 40, CommNs: 80, MemoryNs: 90, CommOverlapNs: 40, SumNs: 300}
	if diff := cmp.Diff(want, b.analyze(Options{}).Ranks[0].Time[0]); diff != "" {
		t.Error(diff)
	}
	want.ComputationNs, want.ExposedMemoryNs, want.MemoryNs = 120, 50, 100
	if diff := cmp.Diff(want, b.analyze(Options{MemsetIsMemory: true}).Ranks[0].Time[0]); diff != "" {
		t.Error("sets as memory:", diff)
	}
}

func TestCommRules(t *testing.T) {
	for name, want := range map[string][2]bool{ // wide, TraceLens
		"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevComm*)":    {true, true},
		"void vllm::cross_device_reduce_1stage<half, 4>()":          {true, true},
		"multimem_all_reduce_kernel":                                {true, false},
		"deep_ep::internode::dispatch":                              {true, false},
		"triton_poi_fused_add_all_reduce_embedding_0":               {false, false},
		"triton_red_fused_nccl_0":                                   {false, true},
		"nvjet_sm90_hsh_128x8_64x12_2x1_v_bz_TNT":                   {false, false},
		"void quickreduce::allreduce_prototype_twoshot<half, quick": {true, false},
	} {
		category := categories.New(categories.Kernels).Of(name)
		if got := [2]bool{categories.CommWide.IsComm(name, category), categories.CommTraceLens.IsComm(name, category)}; got != want {
			t.Errorf("%s: wide, TraceLens = %v, want %v", name, got, want)
		}
	}
}

func TestCategories(t *testing.T) {
	kernels, ops := categories.New(categories.Kernels), categories.New(categories.Ops)
	for name, want := range map[string]string{
		"flashinfer::norm::FusedAddRMSNormKernel":                                       "norm", // not attn, for "flash"
		"bmm_E2m1_E2m1E2m1_Fp32_t128x8x512":                                             "moe_gemm",
		"bmm_Bfloat16_Bfloat16_Fp32":                                                    "gemm",
		"_p_matmul_ogs_NNT_bf16xbf16xmxfp4_swiglu":                                      "moe_gemm",
		"void cublasLt::splitKreduce_kernel<32, 16>":                                    "gemm", // not reduce
		"finalize_matmul_scatter":                                                       "moe_route",
		"void vllm::reshape_and_cache_flash_kernel<short>":                              "kv_cache",
		"triton_poi_fused_add_all_reduce_embedding_0":                                   "triton",
		"Memcpy DtoH (Device -> Pageable)":                                              "memcpy",
		"something never seen":                                                          categories.Other,
		"cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128": "attn", // not conv
		"void machete::machete_mm_kernel<cutlass::half_t>":                              "quant_gemm",
		"void gptq_marlin::Marlin<half, 256>":                                           "quant_gemm",
		"Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT16":                             "gemm",
		"kernel_cutlass_kernel_vllmmodel_executorkernelslinearcute_dsl_ll_bf16_dotprod": "gemm",
		"void vllm::ConcatMLAQKernel<c10::BFloat16, 512>(c10::BFloat16*)":               "embed_index",
		"void vllm::concat_and_cache_mla_kernel<float>":                                 "kv_cache", // not embed_index
		"memcpy32_post": "elementwise",
	} {
		if got := kernels.Of(name); got != want {
			t.Errorf("kernel %s is %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"aten::addmm": "gemm", "aten::linear": "gemm", "_C::cpu_attention_with_kv_cache": "attn",
		"_C::cpu_attn_reshape_and_cache": "kv_cache", "vllm::unified_kv_cache_update": "kv_cache",
		"aten::native_layer_norm": "norm", "c10d::allreduce_": "comm", "gloo:all_reduce": "comm", "vllm::all_reduce": "comm",
		"aten::softmax": "softmax", "aten::slice": "view", "aten::empty": "memory", "aten::copy_": "copy", "aten::relu": "activation",
		"aten::embedding": "embed_index", "aten::argmax": "sampling", "aten::add": "elementwise", "aten::add_": "elementwise",
		"aten::scaled_dot_product_attention": "attn", "Torch-Compiled Region: 0/0": "compiled", "my::op": categories.Other,
	} {
		if got := ops.Of(name); got != want {
			t.Errorf("op %s is %s, want %s", name, got, want)
		}
	}
}

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

func TestIdle(t *testing.T) {
	b := newBuilder()
	b.Call("cudaLaunchKernel", 1, 0, 5)
	b.Call("cudaLaunchKernel", 2, 5, 5)
	b.Kernel("first", 7, 1, 10, 10)
	b.Kernel("launch", 7, 2, 30, 10) // launched long before: a gap of the device's own
	b.Op("aten::item", 45, 50)
	b.Call("cudaStreamSynchronize", 0, 50, 40)
	b.Call("cudaLaunchKernel", 3, 95, 4)
	b.Kernel("host", 7, 3, 100, 10)    // launched after the gap began
	b.Kernel("unknown", 7, 99, 120, 5) // launched by nobody
	b.Call("cudaLaunchKernel", 4, 96, 1)
	b.Kernel("other", 7, 4, 50_125, 5) // launched in time, and late nevertheless
	res := b.analyze(Options{})
	got := res.Ranks[0].Idle[0]
	longest := got.Longest
	got.Longest = nil
	want := device.Idle{Host: device.Gap{Count: 1, Ns: 60}, Launch: device.Gap{Count: 1, Ns: 10}, Other: device.Gap{Count: 1, Ns: 50_000}, Unknown: device.Gap{Count: 1, Ns: 10}, Sync: device.Gap{Count: 1, Ns: 60}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(longest) != 4 || longest[1].Next != "host" || longest[1].During != "aten::item" || longest[1].DuringNs != 50 || !longest[1].Sync {
		t.Errorf("longest gaps: %+v", longest)
	}
	if !slices.IsSortedFunc(longest, func(a, b device.IdleGap) int { return int(b.Ns - a.Ns) }) {
		t.Errorf("longest gaps are not in order: %+v", longest)
	}
}

func TestLaunches(t *testing.T) {
	b := newBuilder()
	b.Call("cudaGraphLaunch", 1, 0, 10)
	b.Kernel("x", 7, 1, 30, 5) // of one graph
	b.Kernel("y", 7, 1, 20, 5)
	b.Call("cuLaunchKernelEx", 2, 40, 4)
	b.Kernel("z", 7, 2, 42, 5) // before its call returned
	b.Kernel("w", 7, 77, 60, 5)
	got := b.analyze(Options{}).Ranks[0].Launch
	want := &device.Launch{Linked: 3, Unlinked: 1, UnlinkedNs: 5, Graph: 2, DelayMedianNs: 10, DelayMaxNs: 20, APIs: []device.LaunchAPI{
		{Name: "cudaGraphLaunch", Calls: 1, GPUEvents: 2, CostNs: 10, CostMedianNs: 10, CostMaxNs: 10, DelayMedianNs: 10, DelayMaxNs: 10},
		{Name: "cuLaunchKernelEx", Calls: 1, GPUEvents: 1, CostNs: 4, CostMedianNs: 4, CostMaxNs: 4, DelayMedianNs: 0, DelayMaxNs: 0},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
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

func TestStepsCountedOnce(t *testing.T) {
	b := newBuilder()
	// One iteration, marked four times.
	b.Frame("sglang/srt/managers/tp_worker.py(447): forward_batch_generation", 5, 95)
	b.Annotation("execute_32_context_0(sq0sk0sqsq0sqsk0)_generation_32(sq32sk900sqsq32sqsk900)", 0, 100)
	b.Annotation("step[TARGET_VERIFY bs=32]", 10, 80)
	b.Event(trace.CategoryGPUAnnotation, "step[TARGET_VERIFY bs=32]", b.Track(0, 7), 20, 80, trace.NoSide)
	b.Call("cudaGraphLaunch", 1, 50, 10)
	b.Kernel("a", 7, 1, 150, 10)
	b.Kernel("b", 7, 1, 155, 10)
	b.Call("cudaLaunchKernel", 2, 95, 2) // outside the innermost mark
	b.Kernel("c", 7, 2, 200, 10)
	steps := b.analyze(Options{}).Ranks[0].Steps
	if len(steps) != 1 {
		t.Fatalf("%d steps, want 1: %+v", len(steps), steps)
	}
	want := index.Step{Name: "step[TARGET_VERIFY bs=32]", Dialect: "sglang", Phase: "decode", GenerationRequests: 32, GenerationTokens: 32,
		StartNs: 10, CPUNs: 80, TimeNs: 15, GapNs: -1, RuntimeCalls: 1, RuntimeNs: 10, LaunchNs: 10, Launches: 1, GraphLaunch: 1,
		GPUEvents: 2, GPUSumNs: 20, GPUBusyNs: 15, GPUFirstNs: 150, GPULastNs: 165, GPUSpanNs: 15}
	if diff := cmp.Diff(want, steps[0]); diff != "" {
		t.Error(diff)
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
	var got []string
	for _, s := range res.Steps {
		if !s.Inferred {
			t.Errorf("step %d: phase %s is not marked as inferred", s.Index, s.Phase)
		}
		got = append(got, s.Phase)
	}
	if diff := cmp.Diff([]string{"prefill", "decode", "decode", "empty"}, got); diff != "" {
		t.Error(diff)
	}
	if d := res.Phases[1]; d.Phase != "decode" || d.Steps != 2 || d.StepMedianNs != 300 || d.GapMedianNs != 700 || d.NsPerToken != -1 {
		t.Errorf("decode: %+v", d)
	}
}

func TestPhases(t *testing.T) {
	b := newBuilder()
	b.Annotation("execute_context_2(100)_generation_0(0)", 0, 400)
	b.Op("aten::mm", 0, 300)
	b.Annotation("execute_context_0(0)_generation_2(2)", 500, 40)
	b.Annotation("execute_context_0(0)_generation_2(2)", 600, 60)
	phases := b.analyze(Options{}).Phases
	want := []ranks.Phase{
		{Phase: "prefill", Steps: 1, ContextTokens: 100, TimeNs: 400, StepMedianNs: 400, StepMinNs: 400, StepMaxNs: 400, GapMedianNs: 100, CPUMedianNs: 400, OpsMedian: 1, NsPerToken: 4},
		{Phase: "decode", Steps: 2, GenerationTokens: 4, TimeNs: 100, StepMedianNs: 60, StepMinNs: 40, StepMaxNs: 60, GapMedianNs: 60, CPUMedianNs: 60, NsPerToken: 25},
	}
	if diff := cmp.Diff(want, phases); diff != "" {
		t.Error(diff)
	}
}

func TestCollectivesAcrossRanks(t *testing.T) {
	rank := func(ns ...int64) *trace.Trace {
		b := newBuilder()
		for i, n := range ns {
			b.Collective("allreduce", int64(i)*1000, n, trace.Absent, 4096)
		}
		return b.Trace
	}
	res := Analyze([]*trace.Trace{rank(100, 300), rank(250, 120)}, Options{})
	want := []ranks.Collective{{Name: "allreduce", Kind: "all_reduce", Dtype: "float", GroupSize: 2, Bytes: 4096, Count: 4, TotalNs: 770, MinNs: 100,
		MedianNs: 250, MaxNs: 300, WaitNs: 330, TransferNs: 440, LateRank: 0, LateCount: 1, BytesPerS: 4096 / 110e-9, BusBytesPerS: 4096 / 110e-9}}
	if diff := cmp.Diff(want, res.Collectives, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Error(diff)
	}
	if w := res.Ranks[1].Collectives[0].WaitNs; w != 150 {
		t.Errorf("rank 1 waited %d, want 150", w)
	}

	// What the writer says goes before what can be concluded.
	b := newBuilder()
	b.Collective("allreduce", 0, 100, 70, 4096)
	if c := b.analyze(Options{}).Collectives[0]; c.WaitNs != 70 || c.TransferNs != 30 {
		t.Errorf("own wait: %+v", c)
	}
	// One rank alone, without that: unknown.
	if c := Analyze([]*trace.Trace{rank(5)}, Options{}).Collectives[0]; c.WaitNs != -1 || c.TransferNs != -1 {
		t.Errorf("unknown wait: %+v", c)
	}
}

func TestMemoryPools(t *testing.T) {
	b := newBuilder()
	b.Memory(30, -500, trace.Absent) // in file order, which is not time's
	b.Memory(10, 500, trace.Absent)
	b.Memory(20, 200, trace.Absent)
	b.Op("aten::empty", 0, 40)
	want := []host.MemoryPool{{Device: "CPU", Allocations: 2, AllocatedBytes: 700, Frees: 1, FreedBytes: 500, PeakBytes: 700, PeakNs: 20, PeakIsChange: true, ReservedPeakBytes: -1,
		Curve: []host.MemoryPoint{{AtNs: 10, Bytes: 500}, {AtNs: 20, Bytes: 700}, {AtNs: 30, Bytes: 200}}}}
	if diff := cmp.Diff(want, b.analyze(Options{}).Ranks[0].Memory); diff != "" {
		t.Error(diff)
	}
	b.Memory(40, 100, 9000)
	if p := b.analyze(Options{}).Ranks[0].Memory[0]; p.PeakBytes != 9000 || p.PeakNs != 40 || p.PeakIsChange {
		t.Errorf("with totals: %+v", p)
	}
}

// named is what is known of a trace by its file's name.
func named(path string) trace.Meta {
	n := formats.ParseFileName(path)
	return trace.Meta{Path: path, FileName: &n}
}

func TestRankNumbers(t *testing.T) {
	at := func(path string, rank, world int) *trace.Trace {
		tr := newBuilder().Trace
		tr.Meta = named(path)
		if world > 0 {
			tr.Meta.Distributed = &trace.Distributed{Rank: rank, WorldSize: world}
		}
		return tr
	}
	for _, c := range []struct {
		name   string
		traces []*trace.Trace
		want   []int
	}{
		{"the trace says", []*trace.Trace{at("b_rank7.1.pt.trace.json", 1, 2), at("a.json", 0, 2)}, []int{1, 0}},
		{"two say the same", []*trace.Trace{at("dp0_pp0_tp0_dcp0_ep0_rank0.1.pt.trace.json.gz", 0, 1), at("dp1_pp0_tp0_dcp0_ep1_rank1.1.pt.trace.json.gz", 0, 1)}, []int{0, 1}},
		{"vLLM's older names", []*trace.Trace{at("x-rank-3.1.pt.trace.json.gz", 0, 0)}, []int{3}},
		{"vLLM 0.32 on CPU", []*trace.Trace{at("rank1.17.pt.trace.json.gz", 0, 0)}, []int{1}},
		{"SGLang", []*trace.Trace{at("1700-TP-5-DP-0.trace.json.gz", 0, 0)}, []int{5}},
		{"DLRM", []*trace.Trace{at("worker3_step_12.1.pt.trace.json", 0, 0)}, []int{3}},
		{"nothing", []*trace.Trace{at("x.json", 0, 0), at("y.json", 0, 0)}, []int{0, 1}},
	} {
		if got, guessed := ranks.Numbers(ranks.Metas(c.traces)); !slices.Equal(got, c.want) || guessed != (c.name == "nothing") {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
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
		{"unlinked", func(b *builder) {
			b.Call("cudaLaunchKernel", 1, 0, 5)
			b.Kernel("a", 7, 1, 10, 5)
			b.Kernel("b", 7, 2, 15, 5)
		}, Options{}, []string{"unlinked"}},
		{"no GPU work", func(b *builder) { b.Call("cudaLaunchKernel", 1, 0, 5) }, Options{}, []string{"no_gpu_events"}},
		{"graph without kernels", func(b *builder) {
			b.Call("cudaLaunchKernel", 1, 0, 5)
			b.Kernel("a", 7, 1, 10, 5)
			b.Call("hipGraphLaunch", 2, 20, 5)
		}, Options{}, []string{"empty_graphs"}},
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
		{"ph":"X","cat":"mtia_ccp_events","name":"a","pid":1,"tid":2,"ts":1,"dur":5}, {"ph":"X","cat":"mtia_ccp_events","name":"b","pid":1,"tid":2,"ts":7,"dur":5},
		{"ph":"X","cat":"mtia_runtime","name":"c","pid":1,"tid":1,"ts":9,"dur":5}]}`
	tr, err := formats.Read(strings.NewReader(text), "mtia.json", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := Analyze([]*trace.Trace{tr}, Options{})
	want := "3 events are of kinds that no analysis reads, such as another accelerator's work: mtia_ccp_events, mtia_runtime"
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
