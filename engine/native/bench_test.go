package native

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/llm/tensor"
	"github.com/inferprof/inferprof/sampling"
)

// tpot generates with one request and returns the time per output token after the first.
func tpot(b *testing.B, e *Engine, prompt, tokens int) time.Duration {
	b.Helper()
	r := engine.Request{PromptTokenIDs: make([]int32, prompt), Params: greedy(tokens)}
	out, err := e.Generate(context.Background(), []engine.Request{r})
	if err != nil {
		b.Fatal(err)
	}
	return out[0].TPOT()
}

// precisions are what benchmarks compare.
var precisions = []engine.Config{
	{Dtype: "float32"}, {Dtype: "bfloat16"}, {Dtype: "float16"}, {Dtype: "float16", Quantization: "awq"},
}

// BenchmarkDecode measures decode at batch 1 on the OPT-125M shape, in each precision, against the memory roofline: every token
// reads every matrix once, so no more tokens a second are possible than bandwidth over bytes. Bandwidth is what one
// core streams from memory here and now; roofline-% is the share of it that decode reached.
func BenchmarkDecode(b *testing.B) {
	for _, set := range tensor.KernelSets() {
		for _, threads := range []int{1, 2} {
			for _, c := range precisions {
				c.Model, c.LoadFormat, c.Threads = "opt-125m", "dummy", threads
				b.Run(fmt.Sprintf("opt-125m/kernels=%s/%s%s/threads=%d", set, c.Dtype, c.Quantization, threads), func(b *testing.B) {
					benchDecode(b, set, c)
				})
			}
		}
	}
}

func benchDecode(b *testing.B, set string, c engine.Config) {
	restore := tensor.KernelSet()
	if err := tensor.UseKernelSet(set); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tensor.UseKernelSet(restore) }()
	e := newEngine(b, c)
	tpot(b, e, 8, 4)
	var tokenTimes []time.Duration
	var bandwidth []float64
	for b.Loop() { // in turns, because the memory's speed is shared with neighbours and wanders
		bandwidth = append(bandwidth, tensor.MeasureBandwidth(256<<20, 1))
		tokenTimes = append(tokenTimes, tpot(b, e, 8, 32))
	}
	b.Log(host.CPU())
	perToken := median(tokenTimes).Seconds()
	bytes := float64(e.info.WeightBytes)
	b.ReportMetric(1/perToken, "tokens/s")
	b.ReportMetric(median(bandwidth)/1e9, "GB/s-of-one-core")
	b.ReportMetric(bytes/perToken/1e9, "GB/s-reached")
	b.ReportMetric(100*bytes/perToken/median(bandwidth), "roofline-%")
}

// BenchmarkPrefill measures the computation of a prompt of 128 tokens.
func BenchmarkPrefill(b *testing.B) {
	for i := range 2 * len(precisions) {
		c, threads := precisions[i/2], i%2+1
		c.Model, c.LoadFormat, c.Threads = "opt-125m", "dummy", threads
		b.Run(fmt.Sprintf("opt-125m/%s%s/threads=%d", c.Dtype, c.Quantization, threads), func(b *testing.B) {
			e := newEngine(b, c)
			r := []engine.Request{{PromptTokenIDs: make([]int32, 128), Params: greedy(1)}}
			for b.Loop() {
				if _, err := e.Generate(context.Background(), r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkRecording compares decode with and without a profile, in turns: with what a capture records by default, and
// with module stacks on top. The demo model is the hard case: its tokens take a fifth of a millisecond.
func BenchmarkRecording(b *testing.B) {
	for _, model := range []engine.Config{{Model: "opt-125m", LoadFormat: "dummy"}, {Model: DemoModel}} {
		for _, stacks := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/stacks=%v", model.Model, stacks), func(b *testing.B) {
				model.Threads, model.Profiler = 1, engine.DefaultProfilerConfig()
				model.Profiler.Dir, model.Profiler.WithStack = b.TempDir(), stacks
				e := newEngine(b, model)
				tpot(b, e, 8, 4)
				var without, with []time.Duration
				for b.Loop() {
					without = append(without, tpot(b, e, 8, 24))
					if err := e.StartProfile(context.Background()); err != nil {
						b.Fatal(err)
					}
					with = append(with, tpot(b, e, 8, 24))
					e.profile = nil // what was recorded is of no interest; writing it is not part of decode
				}
				b.ReportMetric(float64(median(without).Nanoseconds()), "ns/token-unprofiled")
				b.ReportMetric(float64(median(with).Nanoseconds()), "ns/token-profiled")
				b.ReportMetric(100*(median(with).Seconds()/median(without).Seconds()-1), "overhead-%")
			})
		}
	}
}

func median[T int64 | float64 | time.Duration](x []T) T {
	s := slices.Sorted(slices.Values(x))
	return s[len(s)/2]
}

// BenchmarkStep measures one decode step of so many sequences of the demo model, from the plan to the chosen tokens' text, and
// what it allocates: now and then a longer list of tokens or blocks, which is not one allocation a step.
func BenchmarkStep(b *testing.B) {
	for _, sequences := range []int{1, 16} {
		for name, p := range stepParams {
			b.Run(fmt.Sprintf("sequences=%d/%s", sequences, name), func(b *testing.B) {
				e := newEngine(b, engine.Config{Threads: 1})
				begin(b, e, sequences, p)
				b.ReportAllocs()
				for b.Loop() {
					if e.step() == nil {
						b.StopTimer()
						begin(b, e, sequences, p)
						b.StartTimer()
					}
				}
				e.abortAll()
				b.ReportMetric(float64(sequences)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// stepParams are ways to choose tokens that cost differently.
var stepParams = map[string]sampling.Params{
	"greedy": greedy(500),
	"drawn": {
		TopP: 0.9, TopK: 40, MinP: 0.01, Temperature: 0.8, RepetitionPenalty: 1.1, PresencePenalty: 0.1, FrequencyPenalty: 0.1,
		MaxTokens: 500, IgnoreEOS: true,
	},
}

// begin lets so many sequences begin and computes their prompts.
func begin(t testing.TB, e *Engine, sequences int, p sampling.Params) {
	t.Helper()
	for range sequences {
		list, err := e.newGenerations(0, engine.Request{PromptTokenIDs: []int32{5, 6, 7}, Params: p})
		if err != nil {
			t.Fatal(err)
		}
		e.add(list[0])
	}
	e.step()
}

// poolsForget tells that allocations cannot be counted.
var poolsForget bool

// Decoding makes no garbage: whatever a step allocates belongs to the result, which grows less than once a step.
func TestStepsAllocateNothing(t *testing.T) {
	if poolsForget {
		t.Skip("under the race detector sync.Pool forgets what it was given")
	}
	for name, p := range stepParams {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, engine.Config{Threads: 1})
			begin(t, e, 4, p)
			e.step()
			if n := testing.AllocsPerRun(50, func() { e.step() }); n > 0 {
				t.Errorf("%v allocations in a step", n)
			}
			e.abortAll()
		})
	}
}
