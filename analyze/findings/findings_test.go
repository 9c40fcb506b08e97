package findings

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func repeat(n int, list ...kernel) []kernel {
	var out []kernel
	for range n {
		out = append(out, list...)
	}
	return out
}

func with(more ...kernel) func(int) []kernel {
	return func(i int) []kernel { return append(decode(i), more...) }
}

// Each trace has one known problem; that finding must come first. Those without a name are healthy.
func TestPlantedProblems(t *testing.T) {
	tests := []struct {
		name, want string
		options    analyze.Options
		steps      steps
		more       func(b *builder)
	}{
		{name: "healthy graph decode", steps: steps{n: 12}},
		{name: "healthy prefill", steps: steps{n: 4, name: "execute_context_4(2048)_generation_0(0)"}},
		{name: "healthy, quantized as configured", options: analyze.Options{Capture: &analyze.Capture{Quantization: "gptq"}},
			steps: steps{n: 12, kernels: func(int) []kernel {
				return []kernel{{name: "marlin::Marlin", ns: 300_000}, {name: "flash_fwd", ns: 50_000}}
			}}},
		{name: "healthy, not configured", options: analyze.Options{Capture: &analyze.Capture{Quantization: "none"}}, steps: steps{n: 12}},
		{name: "eager decode", want: "launch_bound_decode",
			steps: steps{n: 10, eager: 20_000, kernels: func(int) []kernel { return repeat(40, kernel{name: "nvjet_sm90", ns: 5_000, blocks: 1}) }}},
		{name: "host between steps", want: "host_idle", steps: steps{n: 12, between: 500_000, during: "schedule"}},
		{name: "synchronising", want: "sync_in_step", steps: steps{n: 12, between: 300_000, sync: "cudaStreamSynchronize"}},
		{name: "pause", want: "one_long_gap", steps: steps{n: 6}, more: func(b *builder) { b.run(steps{n: 6, before: 400_000_000}) }},
		{name: "unfused", want: "unfused_elementwise", steps: steps{n: 12, kernels: with(slices.Concat(slices.Repeat([][]kernel{
			{{name: "vectorized_elementwise_kernel", ns: 5_000}, {name: "reduce_kernel", ns: 5_000}}}, 25)...)...)}},
		{name: "healthy, the same over and over", steps: steps{n: 12, kernels: with(repeat(50, kernel{name: "vectorized_elementwise_kernel", ns: 5_000})...)}},
		{name: "thin GEMMs", want: "low_occupancy_gemm", steps: steps{n: 12, kernels: with(repeat(20, kernel{name: "nvjet_small", ns: 15_000, blocks: 0.2,
			op: "aten::mm", dims: "[[8, 1024], [1024, 1024]]", types: `["c10::BFloat16", "c10::BFloat16"]`})...)}},
		{name: "healthy, thin and of unknown shapes", steps: steps{n: 12, kernels: with(repeat(20, kernel{name: "nvjet_small", ns: 15_000, blocks: 0.2})...)}},
		{name: "healthy, thin and bound by memory", steps: steps{n: 12, kernels: with(repeat(20, kernel{name: "nvjet_small", ns: 15_000, blocks: 0.2,
			// 8 x 4096 by 4096 x 8192 in bf16 moves 67 MB: 14 µs on an H200.
			op: "aten::mm", dims: "[[8, 4096], [4096, 8192]]", types: `["c10::BFloat16", "c10::BFloat16"]`})...)}},
		{name: "sampling", want: "sampling_share", steps: steps{n: 12, kernels: with(kernel{name: "_topk_topp_kernel", ns: 250_000})}},
		{name: "attention", want: "attention_growth", steps: steps{n: 18, kernels: func(i int) []kernel {
			return append(decode(i), kernel{name: "flash_fwd_splitkv_kernel", ns: int64(20_000 * i)})
		}}},
		{name: "prompts among decoding", want: "prefill_interference", steps: steps{n: 16, mixed: 4}},
		{name: "pageable", want: "pageable_copies", steps: steps{n: 12, between: 60_000, kernels: with(kernel{name: "Memcpy DtoH (Device -> Pageable)", ns: 40_000, bytes: 64})}},
		{name: "tiny copies", want: "tiny_copies", steps: steps{n: 12, kernels: with(repeat(30, kernel{name: "Memcpy HtoD (Pinned -> Device)", ns: 1_500, bytes: 64})...)}},
		{name: "cudaMalloc", want: "device_allocations", steps: steps{n: 12}, more: func(b *builder) { b.call("cudaMalloc", 2_000_000, 900_000) }},
		{name: "healthy, allocating while the GPU works", steps: steps{n: 12, kernels: with(repeat(120, kernel{name: "nvjet_sm90", ns: 5_000, op: "aten::empty"})...)}},
		{name: "healthy, allocating beside its steps", steps: steps{n: 4}, more: func(b *builder) {
			for i := range 500 {
				b.Op("aten::empty", int64(100_000_000+i*2_000), 1_500)
			}
		}},
		{name: "memory", want: "memory_pressure", steps: steps{n: 12}, more: func(b *builder) {
			side := b.Trace.Memory.Append(trace.MemoryEvent{Bytes: 1 << 30, TotalAllocatedBytes: 90 << 30, TotalReservedBytes: 99 << 30, DeviceType: 1})
			b.Event(trace.CategoryInstant, "[memory]", b.Track(1, tracetest.Thread), 2_000_000, 0, side)
		}},
		{name: "not quantized", want: "quantization_not_in_effect", options: analyze.Options{Capture: &analyze.Capture{Quantization: "gptq"}}, steps: steps{n: 12}},
		{name: "slow AWQ", want: "slow_quantized_gemm", steps: steps{n: 12, kernels: with(kernel{name: "vllm::awq::gemm_forward_4bit_cuda_m16nXk32", ns: 500_000})}},
		{name: "lost launches", want: "unlinked_kernels", steps: steps{n: 12, unlinked: true}},
		{name: "slow first step", want: "first_step_skew", steps: steps{n: 12, kernels: func(i int) []kernel {
			if i > 0 {
				return decode(i)
			}
			return append(decode(i), kernel{name: "nvjet_cold", ns: 3_000_000, blocks: 1})
		}}},
		{name: "short replays", want: "graph_underrecorded", steps: steps{n: 12, kernels: func(i int) []kernel {
			if i == 5 {
				return decode(i)[:3]
			}
			return decode(i)
		}}},
		{name: "Python stacks", want: "python_stacks", steps: steps{n: 12}, more: func(b *builder) {
			b.Event(trace.CategoryPythonFunction, "engine.py(12): loop", b.Track(1, tracetest.Thread), 0, 1_000_000, b.Trace.Frames.Append(trace.Frame{}))
		}},
		{name: "slow GEMMs", want: "gemm_below_roofline", steps: steps{n: 12, kernels: with(kernel{name: "nvjet_slow", ns: 300_000, blocks: 1, op: "aten::mm",
			// 8 x 4096 by 4096 x 4096 in bf16 moves 34 MB: 7 µs on an H200.
			dims: "[[8, 4096], [4096, 4096]]", types: `["c10::BFloat16", "c10::BFloat16"]`})}},
		{name: "healthy, with shapes", steps: steps{n: 12, kernels: with(kernel{name: "nvjet_fast", ns: 50_000, blocks: 1, op: "aten::mm",
			dims: "[[64, 8192], [8192, 8192]]", types: `["c10::BFloat16", "c10::BFloat16"]`})}},
		{name: "frozen by the export", want: "export_froze_engine", steps: steps{n: 12}, more: func(b *builder) {
			b.Trace.Meta.Engine.Name = "vllm"
			b.call("cudaDeviceSynchronize", 40_000_000, 20_000)
		}},
		{name: "communication", want: "exposed_communication", steps: steps{n: 12, kernels: with(kernel{name: "cross_device_reduce_1stage", ns: 200_000})}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBuilder(0, 1)
			b.run(test.steps)
			if test.more != nil {
				test.more(b)
			}
			expectFirst(t, find(test.options, b.Trace), test.want, b.Trace)
		})
	}
}

// Allocations cost what the GPU waits for them.
func TestAllocationChurn(t *testing.T) {
	b := newBuilder(0, 1)
	b.run(steps{n: 12, between: 500_000, kernels: func(int) []kernel {
		return append([]kernel{{name: "nvjet_sm90", ns: 100_000}}, repeat(150, kernel{name: "nvjet_sm90", ns: 1_000, op: "aten::empty"})...)
	}})
	found := find(analyze.Options{}, b.Trace)
	checkEvidence(t, found, []*trace.Trace{b.Trace})
	if !slices.ContainsFunc(found, func(f analyze.Finding) bool { return f.ID == "allocation_churn" }) {
		t.Errorf("not found among %+v", found)
	}
}

func expectFirst(t *testing.T, found []analyze.Finding, want string, traces ...*trace.Trace) {
	t.Helper()
	checkEvidence(t, found, traces)
	switch {
	case want == "" && len(found) > 0:
		t.Errorf("healthy, but: %s: %s", found[0].ID, found[0].Sentence)
	case want != "" && len(found) == 0:
		t.Errorf("nothing found, want %s", want)
	case want != "" && found[0].ID != want:
		for _, f := range found {
			t.Errorf("%s (%d ns per step): %s", f.ID, f.StakeNsPerStep, f.Sentence)
		}
		t.Errorf("want %s first", want)
	}
}

// checkEvidence resolves what findings point at, and finds nonsense in their numbers.
func checkEvidence(t *testing.T, found []analyze.Finding, traces []*trace.Trace) {
	t.Helper()
	numbers := analyze.RankNumbers(analyze.Metas(traces))
	documented := ruleSections(t)
	for i := range found {
		for _, b := range brokenFinding(&found[i]) {
			t.Errorf("%s: %s: %s", found[i].ID, b, found[i].Sentence)
		}
		for _, e := range undocumented(&found[i], documented) {
			t.Errorf("docs/findings.md does not name evidence of %s: %s", found[i].ID, e)
		}
	}
	if len(found) > Max {
		t.Errorf("%d findings", len(found))
	}
	for i, f := range found {
		if f.ID == "" || f.Sentence == "" || f.Try == "" || f.Severity == "" || len(f.Evidence) == 0 || len(f.Events) == 0 {
			t.Errorf("incomplete: %+v", f)
		}
		if i > 0 && f.StakeNsPerStep > found[i-1].StakeNsPerStep && found[i-1].StakeNsPerStep > 0 || f.StakeNsPerStep < 0 {
			t.Errorf("%s: %d ns at stake, out of order", f.ID, f.StakeNsPerStep)
		}
		for _, e := range f.Evidence {
			if math.IsNaN(e.Value) || e.Value < 0 || e.Unit == "share" && e.Value > 1.0001 {
				t.Errorf("%s: %s is %v %s", f.ID, e.Name, e.Value, e.Unit)
			}
		}
		for _, r := range f.Events {
			resolved := false
			for k, x := range traces {
				if numbers[k] != r.Rank || r.Event < 0 || r.Event >= x.Events.Len() {
					continue
				}
				e := x.Events.At(r.Event)
				resolved = e.StartNs == r.StartNs && e.DurationNs == r.DurationNs && x.Strings.At(e.Name) == r.Name
			}
			if !resolved {
				t.Errorf("%s points at nothing: %+v", f.ID, r)
			}
		}
	}
}

// lateOrWaiting is the end of a step in which one rank works 200 µs longer than the others, and they wait for it.
func lateOrWaiting(late bool) []kernel {
	work, wait := int64(10_000), int64(200_000)
	if late {
		work, wait = 210_000, 0
	}
	return []kernel{{name: "nvjet_sm90_hsh_32x8", ns: work, blocks: 1}, {name: "cross_device_reduce_1stage", ns: 4_000 + wait}}
}

// Two ranks: the same steps, one of them late, or NCCL for small messages, or profilers that began apart.
func TestPlantedProblemsOfRanks(t *testing.T) {
	ranks := func(kernels func(rank, step int) []kernel) []*trace.Trace {
		var traces []*trace.Trace
		for r := range 2 {
			b := newBuilder(r, 2)
			b.run(steps{n: 12, kernels: func(i int) []kernel { return append(decode(i), kernels(r, i)...) }})
			traces = append(traces, b.Trace)
		}
		return traces
	}
	custom := func(ns int64) kernel { return kernel{name: "cross_device_reduce_1stage", ns: ns} }
	for _, test := range []struct {
		want   string
		traces []*trace.Trace
	}{
		{"", ranks(func(int, int) []kernel { return []kernel{custom(4_000), custom(4_000)} })},
		{"straggler_rank", ranks(func(r, _ int) []kernel { return lateOrWaiting(r == 1) })},
		{"rank_start_skew", ranks(func(r, i int) []kernel {
			if i == 0 && r == 1 {
				return []kernel{custom(50_000_000)}
			}
			return []kernel{custom(4_000)}
		})},
		{"custom_all_reduce_missing", ranks(func(int, int) []kernel {
			return repeat(5, kernel{name: "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", ns: 9_000})
		})},
	} {
		t.Run(test.want, func(t *testing.T) { expectFirst(t, find(analyze.Options{}, test.traces...), test.want, test.traces...) })
	}
}

// The stages of a pipeline send each other what they computed, and wait for each other: none of them is late.
func TestPipelineHasNoStraggler(t *testing.T) {
	for _, pipeline := range []bool{false, true} {
		var traces []*trace.Trace
		for r, name := range []string{"send", "recv"} {
			b := newBuilder(r, 2)
			b.run(steps{n: 12, kernels: func(i int) []kernel {
				return append(decode(i), lateOrWaiting(r == 1)...)
			}})
			if pipeline {
				b.communication(name, 100_000_000, 5_000)
			}
			traces = append(traces, b.Trace)
		}
		found := find(analyze.Options{}, traces...)
		if late := slices.ContainsFunc(found, func(f analyze.Finding) bool { return f.ID == "straggler_rank" }); late == pipeline {
			t.Errorf("pipeline %v: %+v", pipeline, found)
		}
	}
}

// All traces at hand: findings must stand on evidence that can be found again.
func TestRealTraces(t *testing.T) {
	dirs, _ := filepath.Glob("../../../shared/traces/*/*")
	if len(dirs) == 0 {
		t.Skip("no traces in ../shared")
	}
	first := map[string]string{
		"llama1b_h100_bf16_eager": "launch_bound_decode", "opt125m_h100_fp16_eager": "launch_bound_decode",
		"vllm024_h200_llama1b_eager": "launch_bound_decode", "vllm024_h200_llama1b_default_stacks": "host_idle",
		"mistral8l_h200x2_tp2_eager": "rank_start_skew", "mistral8l_h200x2_tp2_cudagraph": "rank_start_skew",
		"vllm024_h200_mistral7b-gptq_not_in_effect":            "quantization_not_in_effect",
		"tl__inference__sglang_decode__sglang_Qwen3-8B_decode": "one_long_gap",
	}
	for _, dir := range dirs {
		var traces []*trace.Trace
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if !strings.Contains(e.Name(), "trace") && !strings.HasSuffix(e.Name(), ".json.gz") || strings.Contains(e.Name(), "expected") {
				continue
			}
			if x, err := formats.ReadFile(filepath.Join(dir, e.Name()), source.Options{}); err == nil && (len(traces) == 0 || strings.Contains(e.Name(), "rank")) {
				traces = append(traces, x)
			}
		}
		if len(traces) == 0 {
			continue
		}
		found := find(analyze.Options{}, traces...)
		checkEvidence(t, found, traces)
		if want := first[filepath.Base(dir)]; want != "" && (len(found) == 0 || found[0].ID != want) {
			t.Errorf("%s: want %s first, got %+v", filepath.Base(dir), want, found)
		}
	}
}

// TestUnknownTokens: steps that tell no tokens, as those of vLLM before 0.14, are not said to have none.
func TestUnknownTokens(t *testing.T) {
	b := newBuilder(0, 1)
	b.run(steps{n: 16, mixed: 4, name: "execute_new_0_cached_8", mixedAs: "execute_new_1_cached_7"})
	found := find(analyze.Options{}, b.Trace)
	if len(found) == 0 || !strings.HasPrefix(found[0].Sentence, "3 of 15 steps mix prompts into running decoding and take") {
		t.Errorf("%+v", found)
	}
}

// TestSelectedSteps: what is left out is no problem of what is selected.
func TestSelectedSteps(t *testing.T) {
	b := newBuilder(0, 1)
	b.run(steps{n: 16, mixed: 4})
	for _, o := range []analyze.Options{{Phase: "decode"}, {Steps: []analyze.Range{{From: 4, To: 6}}}} {
		for _, f := range find(o, b.Trace) {
			t.Errorf("%+v: %s: %s", o, f.ID, f.Sentence)
		}
	}
}

func TestShortName(t *testing.T) {
	for name, want := range map[string]string{
		"void at::native::elementwise_kernel<4, at::native::Add<float> >(int)": "at::native::elementwise_kernel",
		"foo(int, float)":                                             "foo",
		"Memcpy HtoD (Pinned -> Device)":                              "Memcpy HtoD (Pinned -> Device)",
		"execute_context_0(0)_generation_8(8)":                        "execute_context_0(0)_generation_8(8)",
		"enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__": "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__",
		"vllm/v1/core/scheduler.py(388): schedule":                    "scheduler.py(388): schedule",
		"<built-in function item>":                                    "<built-in function item>",
	} {
		if got := shortName(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestNothingInCaptures: a graph that is being captured is no work of serving, however idle the device is meanwhile.
func TestNothingInCaptures(t *testing.T) {
	b := newBuilder(0, 1)
	b.run(steps{n: 3, name: "capture_32_DECODE", between: 5_000_000, sync: "cudaDeviceSynchronize"})
	if found := find(analyze.Options{}, b.Trace); len(found) > 0 {
		t.Errorf("%s: %s", found[0].ID, found[0].Sentence)
	}
}
