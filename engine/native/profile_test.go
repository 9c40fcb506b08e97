package native

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto"
	tracesource "github.com/inferprof/inferprof/trace/source"
)

// everything is a configuration that records all there is.
func everything(dir string) engine.ProfilerConfig {
	c := engine.DefaultProfilerConfig()
	c.Dir, c.RecordShapes, c.WithMemory, c.WithFLOPs, c.WithStack = dir, true, true, true, true
	return c
}

func start(t testing.TB, e *Engine) {
	t.Helper()
	if err := e.StartProfile(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func stop(t testing.TB, e *Engine) []*trace.Trace {
	t.Helper()
	files, err := e.WriteProfile(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var traces []*trace.Trace
	for _, f := range files {
		x, err := formats.ReadFile(f, tracesource.Options{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		traces = append(traces, x)
	}
	return traces
}

// names lists the names of a category's events, in time order.
func names(t *trace.Trace, c trace.Category) []string {
	type event struct {
		at   int64
		name string
	}
	var events []event
	for i := range t.Events.Len() {
		if t.Events.Category(i) == c {
			events = append(events, event{t.Events.StartNs(i), t.Strings.At(t.Events.Name(i))})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	var list []string
	for _, e := range events {
		list = append(list, e.name)
	}
	return list
}

func prompts(n, tokens int) []engine.Request {
	var list []engine.Request
	for range n {
		list = append(list, engine.Request{PromptTokenIDs: []int32{2, 10, 11, 12, 13}, Params: greedy(tokens)})
	}
	return list
}

// A profile in which nothing ran still says when it was.
func TestProfileWithoutAStep(t *testing.T) {
	e := newEngine(t, engine.Config{Profiler: everything(t.TempDir())})
	before := time.Now().UnixNano()
	start(t, e)
	x := stop(t, e)[0]
	after := time.Now().UnixNano()
	windows := 0
	for i := range x.Events.Len() {
		if x.Events.Category(i) != trace.CategoryTrace {
			continue
		}
		windows++
		if from, to := x.Meta.BaseTimeNanoseconds+x.Events.StartNs(i), x.Meta.BaseTimeNanoseconds+x.Events.EndNs(i); from < before || to > after {
			t.Errorf("the window is %d to %d, the profile was in %d to %d", from, to, before, after)
		}
	}
	if windows != 1 {
		t.Errorf("%d windows, want 1", windows)
	}
}

func TestStepsAreAnnotatedAsInVLLM(t *testing.T) {
	e := newEngine(t, engine.Config{TensorParallelSize: 2, Profiler: everything(t.TempDir())})
	start(t, e)
	generate(t, e, prompts(3, 4)...)
	traces := stop(t, e)
	if len(traces) != 2 {
		t.Fatalf("%d traces of 2 ranks", len(traces))
	}
	want := []string{"execute_context_3(15)_generation_0(0)"}
	for range 3 {
		want = append(want, "execute_context_0(0)_generation_3(3)")
	}
	for rank, x := range traces {
		if got := names(x, trace.CategoryUserAnnotation); !slices.Equal(got, want) {
			t.Errorf("rank %d: steps %v, want %v", rank, got, want)
		}
		if d := x.Meta.Distributed; d == nil || d.Rank != rank || d.WorldSize != 2 {
			t.Errorf("rank %d: distributedInfo %+v", rank, d)
		}
		ops := names(x, trace.CategoryCPUOp)
		// Two layers' sums and the embedding's per layer and step, and the logits' gathering.
		layers := e.model.Layers
		for op, n := range map[string]int{
			"c10d::allreduce_": 4 * (1 + 2*layers), "c10d::allgather_": 4, "aten::linear": 4 * (1 + 4*layers),
			"vllm::unified_attention": 4 * layers,
		} {
			if got := count(ops, op); got != n {
				t.Errorf("rank %d: %d × %s, want %d", rank, got, op, n)
			}
		}
	}
}

func count(list []string, x string) (n int) {
	for _, s := range list {
		if s == x {
			n++
		}
	}
	return n
}

// What a trace says must add up: ops lie inside each other or apart, FLOPs follow from shapes, waiting is part of the
// collective, memory that was taken came back.
func TestTracesAddUp(t *testing.T) {
	for _, c := range []engine.Config{{}, {Dtype: "float32"}, {Dtype: "bfloat16"}, {Quantization: "awq"}, {Quantization: "gptq", Dtype: "bfloat16"}} {
		t.Run(c.Dtype+c.Quantization, func(t *testing.T) { checkTraces(t, c) })
	}
}

func checkTraces(t *testing.T, c engine.Config) {
	c.TensorParallelSize, c.Profiler = 2, everything(t.TempDir())
	e := newEngine(t, c)
	start(t, e)
	generate(t, e, prompts(3, 20)...)
	for rank, x := range stop(t, e) {
		checkNesting(t, x)
		var kv, last int64
		linears, frames := map[string]int{}, 0
		for i := range x.Events.Len() {
			side := x.Events.Side(i)
			switch x.Events.Category(i) {
			case trace.CategoryCPUOp:
				op := x.Ops.At(side)
				switch name := x.Strings.At(x.Events.Name(i)); name {
				case "aten::linear", "_C::awq_gemm", "_C::gptq_gemm":
					linears[name]++
					checkLinear(t, x, name, op)
				}
				if op.Collective != trace.NoSide {
					c := x.Collectives.At(op.Collective)
					if c.WaitNs < 0 || c.WaitNs > x.Events.DurationNs(i) || c.GroupSize != 2 || c.Bytes != 4*c.InElements {
						t.Errorf("rank %d: collective %+v in %d ns", rank, c, x.Events.DurationNs(i))
					}
				}
			case trace.CategoryPythonFunction:
				frames++
			case trace.CategoryInstant:
				m := x.Memory.At(side)
				if m.TotalAllocatedBytes > m.TotalReservedBytes || m.TotalAllocatedBytes <= 0 {
					t.Errorf("rank %d: memory %+v", rank, m)
				}
				if m.Bytes == e.ranks[0].shard.KVBlockBytes() || m.Bytes == -e.ranks[0].shard.KVBlockBytes() {
					kv += m.Bytes
				}
				last = m.TotalAllocatedBytes
			}
		}
		if frames == 0 || last == 0 {
			t.Errorf("rank %d: %d module frames, %d bytes at the end", rank, frames, last)
		}
		steps := 20
		want := map[string]int{"aten::linear": steps * (1 + 4*e.model.Layers)}
		if c.Quantization != "" {
			want = map[string]int{"aten::linear": steps, "_C::" + c.Quantization + "_gemm": steps * 4 * e.model.Layers}
		}
		if !maps.Equal(linears, want) {
			t.Errorf("rank %d: linear layers %v, want %v", rank, linears, want)
		}
		if kv != 0 {
			t.Errorf("rank %d: %d bytes of key-value blocks did not come back", rank, kv)
		}
	}
}

// checkLinear holds a product's FLOPs and bytes against its inputs' shapes and types. Every input is read and the
// output written once; weights of 4 bits have scales, which are an input, and as many zeros of 16 bits, which are not.
func checkLinear(t *testing.T, x *trace.Trace, name string, op *trace.Op) {
	t.Helper()
	var dims [][]int64
	for _, s := range x.Inputs.Shapes(op.Shapes).Args {
		dims = append(dims, s.Dims)
	}
	types := x.Inputs.Dtypes(op.Dtypes).Names
	bytes, sizes := int64(0), map[string]int64{"float": 4, "int": 4, "c10::Half": 2, "c10::BFloat16": 2}
	for i, d := range dims {
		if i == 2 && name == "aten::linear" {
			break // the bias lies in the cache
		}
		n := sizes[types[i]]
		for _, size := range d {
			n *= size
		}
		bytes += n
	}
	rows, k := dims[0][0], dims[0][1]
	n := dims[1][0]
	if name != "aten::linear" {
		n = dims[2][1]
		bytes += 2 * dims[2][0] * n // the zeros
		if packed := dims[1][0] * dims[1][1] * 8; packed != n*k {
			t.Errorf("%s: a weight of %v has %d values, want %d by %d", name, dims[1], packed, n, k)
		}
	} else if dims[1][1] != k {
		t.Errorf("a linear of %v", dims)
	}
	if bytes += 4 * rows * n; op.FLOPs != 2*rows*k*n || op.Bytes != bytes {
		t.Errorf("%s of %v %v has %d FLOPs and %d bytes, want %d and %d", name, dims, types, op.FLOPs, op.Bytes, 2*rows*k*n, bytes)
	}
	if module := x.Strings.At(op.Module); !strings.HasPrefix(module, "model.") && module != "lm_head" {
		t.Errorf("a linear in module %q", module)
	}
}

// checkNesting finds events of one track that overlap without one holding the other.
func checkNesting(t *testing.T, x *trace.Trace) {
	t.Helper()
	type open struct {
		end  int64
		name string
	}
	stacks := map[trace.TrackID][]open{}
	var order []int
	for i := range x.Events.Len() {
		if c := x.Events.Category(i); x.Events.Phase(i) == trace.PhaseComplete && c != trace.CategoryTrace {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if d := x.Events.StartNs(i) - x.Events.StartNs(j); d != 0 {
			return int(d)
		}
		return int(x.Events.DurationNs(j) - x.Events.DurationNs(i))
	})
	for _, i := range order {
		track, name := x.Events.Track(i), x.Strings.At(x.Events.Name(i))
		s := stacks[track]
		for len(s) > 0 && s[len(s)-1].end <= x.Events.StartNs(i) {
			s = s[:len(s)-1]
		}
		if len(s) > 0 && x.Events.EndNs(i) > s[len(s)-1].end {
			t.Errorf("%s ends %d ns after %s, in which it began", name, x.Events.EndNs(i)-s[len(s)-1].end, s[len(s)-1].name)
		}
		stacks[track] = append(s, open{x.Events.EndNs(i), name})
	}
}

func TestStartAndStopOutOfTurn(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, engine.Config{Profiler: everything(dir)})
	if err := e.StopProfile(context.Background()); !errors.Is(err, engine.ErrNotProfiling) {
		t.Errorf("stop without start: %v", err)
	}
	start(t, e)
	if err := e.StartProfile(context.Background()); !errors.Is(err, engine.ErrProfiling) {
		t.Errorf("second start: %v", err)
	}
	generate(t, e, prompts(1, 2)...)
	first := stop(t, e)
	if err := e.StopProfile(context.Background()); !errors.Is(err, engine.ErrNotProfiling) {
		t.Errorf("second stop: %v", err)
	}
	generate(t, e, prompts(1, 9)...) // not recorded
	start(t, e)
	generate(t, e, prompts(1, 3)...)
	second := stop(t, e)
	for i, x := range []*trace.Trace{first[0], second[0]} {
		if got := len(names(x, trace.CategoryUserAnnotation)); got != i+2 {
			t.Errorf("profile %d has %d steps, want %d", i+1, got, i+2)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 2 {
		t.Errorf("files %v, want two traces", files)
	}
}

func TestWhichStepsAreRecorded(t *testing.T) {
	prefill, decode := "execute_context_1(5)_generation_0(0)", "execute_context_0(0)_generation_1(1)"
	for _, test := range []struct {
		name     string
		with     func(*engine.ProfilerConfig)
		prefills int
		decodes  int
	}{
		{"all", func(*engine.ProfilerConfig) {}, 3, 12},
		{"prefill", func(c *engine.ProfilerConfig) { c.Phase = "prefill" }, 3, 0},
		{"decode", func(c *engine.ProfilerConfig) { c.Phase = "decode" }, 0, 12},
		{"delay", func(c *engine.ProfilerConfig) { c.DelayIterations = 6 }, 1, 8},
		{"max", func(c *engine.ProfilerConfig) { c.MaxIterations = 7 }, 2, 5},
		{"decode with delay and max", func(c *engine.ProfilerConfig) { c.Phase, c.DelayIterations, c.MaxIterations = "decode", 3, 4 }, 0, 4},
		{"delay beyond the end", func(c *engine.ProfilerConfig) { c.DelayIterations = 100 }, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := everything(t.TempDir())
			test.with(&config)
			e := newEngine(t, engine.Config{MaxNumSeqs: 1, Profiler: config})
			start(t, e)
			generate(t, e, prompts(3, 5)...) // one after another: 3 × (1 prefill, 4 decodes)
			got := names(stop(t, e)[0], trace.CategoryUserAnnotation)
			if count(got, prefill) != test.prefills || count(got, decode) != test.decodes || len(got) != test.prefills+test.decodes {
				t.Errorf("steps %v; want %d prefill, %d decode", got, test.prefills, test.decodes)
			}
		})
	}
}

// countdown is a context that ends after its error was asked for n times.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

func TestInterruptedGenerateKeepsWhatThereIs(t *testing.T) {
	e := newEngine(t, engine.Config{TensorParallelSize: 2, Profiler: everything(t.TempDir())})
	start(t, e)
	outputs, err := e.Generate(&countdown{context.Background(), 5}, prompts(3, 50))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	for _, o := range outputs {
		if len(o.TokenIDs) != 5 || o.Finish != engine.FinishAborted {
			t.Errorf("%d tokens, finish %s; want 5, abort", len(o.TokenIDs), o.Finish)
		}
	}
	for rank, x := range stop(t, e) {
		if got := len(names(x, trace.CategoryUserAnnotation)); got != 5 {
			t.Errorf("rank %d: %d steps, want 5", rank, got)
		}
	}
	if got := generate(t, e, prompts(1, 2)...)[0]; len(got.TokenIDs) != 2 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestCloseKeepsAnUnfinishedProfile(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(context.Background(), engine.Config{Profiler: everything(dir)})
	if err != nil {
		t.Fatal(err)
	}
	start(t, e)
	generate(t, e, prompts(1, 2)...)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.pt.trace.json.gz")); len(files) != 1 {
		t.Errorf("files %v, want one trace", files)
	}
}

func TestUnwritableProfileDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), ""} {
		e := newEngine(t, engine.Config{Profiler: everything(dir)})
		if err := e.StartProfile(context.Background()); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("profile into %q: %v", dir, err)
		}
		if e.profile != nil {
			t.Error("it records all the same")
		}
	}
}

// What the scheduler decides is in the first rank's trace, as counters: one of each kind a step.
func TestSchedulerCounters(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, engine.Config{MaxNumSeqs: 2, TensorParallelSize: 2, EnablePrefixCaching: true, Profiler: everything(dir)})
	start(t, e)
	list := prompts(3, 4)
	list[2].PromptTokenIDs = make([]int32, 40)
	generate(t, e, list...)
	traces := stop(t, e)
	got := map[string][]string{}
	for i := range traces[0].Events.Len() {
		if traces[0].Events.Phase(i) == trace.PhaseCounter {
			name := traces[0].Strings.At(traces[0].Events.Name(i))
			got[name] = append(got[name], string(kineto.EventArgs(traces[0], i)))
		}
	}
	steps := len(names(traces[0], trace.CategoryUserAnnotation))
	for name, first := range map[string]string{
		"num_requests":         `{"running": 2, "waiting": 1}`,
		"num_scheduled_tokens": `{"context": 10, "generation": 0}`,
		"kv_cache_usage_perc":  `{"used": 0.0312}`, // 2 of 64 blocks
		"num_preemptions":      `{"total": 0}`,
		"prefix_cache_tokens":  `{"queries": 10, "hits": 0}`,
	} {
		if len(got[name]) != steps || got[name][0] != first {
			t.Errorf("%s: %d counters in %d steps, %q; want first %s", name, len(got[name]), steps, got[name], first)
		}
	}
	if n := len(got["num_requests"]); got["num_requests"][n-1] != `{"running": 1, "waiting": 0}` {
		t.Errorf("in the end %s", got["num_requests"][n-1])
	}
	for i := range traces[1].Events.Len() {
		if traces[1].Events.Phase(i) == trace.PhaseCounter {
			t.Fatal("the second rank's trace has counters too")
		}
	}
}

// A rank that is made late says so, and the others wait for it.
func TestSlowRank(t *testing.T) {
	const late, tokens = 200 * time.Millisecond, 4 // far more than a busy machine keeps a rank from its core
	e := newEngine(t, engine.Config{TensorParallelSize: 2, SlowRank: 1, SlowBy: late, Profiler: everything(t.TempDir())})
	start(t, e)
	generate(t, e, prompts(2, tokens)...)
	traces := stop(t, e)
	var waits [2]int64
	for rank, x := range traces {
		for i := range x.Collectives.Len() {
			waits[rank] += x.Collectives.At(uint32(i)).WaitNs
		}
		want := rank * tokens
		if n := count(names(x, trace.CategoryCPUOp), "inferprof::slow_rank"); n != want {
			t.Errorf("rank %d was late %d times, want %d", rank, n, want)
		}
	}
	if waits[0] <= waits[1] {
		t.Errorf("rank 0 waited %d ns, rank 1 %d ns: rank 1 is late by %v in each of %d steps", waits[0], waits[1], late, tokens)
	}
}
