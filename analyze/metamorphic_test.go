package analyze

import (
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// Results must follow when a trace is changed in a way of which the effect is known.

// rewritten copies a trace, its rows in the given order (nil: as they are) and each changed.
func rewritten(t *trace.Trace, order []int, change func(*trace.Event)) *trace.Trace {
	out := *t
	out.Events = trace.Events{}
	for i := range t.Events.Len() {
		if order != nil {
			i = order[i]
		}
		e := t.Events.At(i)
		if change != nil {
			change(&e)
		}
		out.Events.Append(e)
	}
	if order != nil && t.Text != nil {
		out.Text = reorderedText{t, order}
	}
	return &out
}

// reorderedText is the text of a trace whose rows stand in another order.
type reorderedText struct {
	of    *trace.Trace
	order []int
}

func (r reorderedText) AppendEvent(dst []byte, _ *trace.Trace, i int) []byte {
	return r.of.Text.AppendEvent(dst, r.of, r.order[i])
}

func (r reorderedText) Arg(_ *trace.Trace, i int, name string) (trace.Value, bool) {
	return r.of.Text.Arg(r.of, r.order[i], name)
}

func (r reorderedText) Declarations() []string { return r.of.Text.Declarations() }

// ownTraces are the project's own real traces, by kind.
func ownTraces(t *testing.T) map[string][]*trace.Trace {
	t.Helper()
	out := map[string][]*trace.Trace{}
	for kind, pattern := range map[string]string{"GPU": "mistral8l_*.gz", "CPU": "second_*.gz"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(files) != 2 {
			t.Fatalf("testdata: %v, %v", files, err)
		}
		for _, f := range files {
			tr, err := formats.ReadFile(f, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			out[kind] = append(out[kind], tr)
		}
	}
	return out
}

// moved compares results whose times may differ where "when" is meant, and not where "how long" is.
var moved = cmp.FilterPath(func(p cmp.Path) bool {
	switch p.Last().String() {
	case ".FirstNs", ".LastNs", ".StartNs", ".GPUFirstNs", ".GPULastNs", ".PeakNs", ".BaseTimeNs":
		return true
	}
	return false
}, cmp.Ignore())

func TestShift(t *testing.T) {
	for kind, traces := range ownTraces(t) {
		want := Analyze(traces, Options{})
		var later []*trace.Trace
		for _, tr := range traces {
			later = append(later, rewritten(tr, nil, func(e *trace.Event) { e.StartNs += 12_345_678_901 }))
		}
		got := Analyze(later, Options{})
		if diff := cmp.Diff(want, got, moved); diff != "" {
			t.Errorf("%s: shifted in time: %s", kind, diff)
		}
		if d := got.Ranks[0].FirstNs - want.Ranks[0].FirstNs; d != 12_345_678_901 {
			t.Errorf("%s: moved by %d", kind, d)
		}
	}
}

func TestScale(t *testing.T) {
	for kind, traces := range ownTraces(t) {
		want := Analyze(traces, Options{})
		var slower []*trace.Trace
		for _, tr := range traces {
			slower = append(slower, rewritten(tr, nil, func(e *trace.Event) { e.StartNs *= 3; e.DurationNs *= 3 }))
		}
		got := Analyze(slower, Options{LaunchGapNs: 3 * index.DefaultLaunchGapNs})
		for _, c := range [][2]int64{
			{want.Time.TotalNs, got.Time.TotalNs}, {want.Time.BusyNs, got.Time.BusyNs}, {want.Time.ComputationNs, got.Time.ComputationNs},
			{want.Time.ExposedCommNs, got.Time.ExposedCommNs}, {want.CPU.OpSelfNs, got.CPU.OpSelfNs},
			{want.Phases[0].TimeNs, got.Phases[0].TimeNs}, {want.Collectives[0].TransferNs, got.Collectives[0].TransferNs},
		} {
			if c[1] != 3*c[0] {
				t.Errorf("%s: three times %d is %d", kind, c[0], c[1])
			}
		}
		for i, k := range want.Kernels {
			if g := got.Kernels[i]; g.Name != k.Name || g.ExclusiveNs != 3*k.ExclusiveNs || g.Count != k.Count {
				t.Errorf("%s: kernel %+v became %+v", kind, k, g)
			}
		}
		for i, s := range want.Ranks[0].Streams {
			if g := got.Ranks[0].Streams[i].Idle; g.HostWait.Ns != 3*s.Idle.HostWait.Ns || g.KernelWait.Ns != 3*s.Idle.KernelWait.Ns {
				t.Errorf("%s: stream's idle %+v became %+v", kind, s.Idle, g)
			}
		}
	}
}

func TestPermutation(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for kind, traces := range ownTraces(t) {
		want := Analyze(traces, Options{})
		var shuffled []*trace.Trace
		for _, tr := range traces {
			shuffled = append(shuffled, rewritten(tr, random.Perm(tr.Events.Len()), nil))
		}
		got := Analyze(shuffled, Options{})
		if diff := cmp.Diff(want.Time, got.Time); diff != "" {
			t.Errorf("%s: rows in another order: %s", kind, diff)
		}
		for _, c := range []struct {
			what      string
			want, got any
		}{
			{"kernels", want.Kernels, got.Kernels}, {"collectives", want.Collectives, got.Collectives}, {"ops", want.Ops, got.Ops},
			{"steps", want.Steps, got.Steps}, {"phases", want.Phases, got.Phases}, {"memory ops", want.MemoryOps, got.MemoryOps},
			{"streams", want.Ranks[1].Streams, got.Ranks[1].Streams}, {"launches", want.Ranks[0].Launch, got.Ranks[0].Launch},
			{"queues", want.Ranks[0].Queues, got.Ranks[0].Queues}, {"roofline", want.Roofline, got.Roofline},
			{"parallel", want.Ranks[0].Parallel, got.Ranks[0].Parallel}, {"graphs", want.Ranks[0].Graphs, got.Ranks[0].Graphs},
		} {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Errorf("%s: rows in another order: %s: %s", kind, c.what, diff)
			}
		}
	}
}

// TestRanksAlone: what is said of a rank does not hang on the others, but for waiting, and the order of the traces
// says nothing.
func TestRanksAlone(t *testing.T) {
	for kind, traces := range ownTraces(t) {
		both := Analyze(traces, Options{})
		if diff := cmp.Diff(both, Analyze([]*trace.Trace{traces[1], traces[0]}, Options{})); diff != "" {
			t.Errorf("%s: traces in another order: %s", kind, diff)
		}
		var busy int64
		for i, tr := range traces {
			alone := Analyze([]*trace.Trace{tr}, Options{})
			busy += alone.Time.BusyNs
			for _, r := range []*ranks.Rank{alone.Ranks[0], both.Ranks[i]} {
				r.Collectives, r.Clock = nil, nil // what the others say of it
				for k := range r.Steps {
					r.Steps[k].CommWaitNs = 0
				}
			}
			if diff := cmp.Diff(alone.Ranks[0], both.Ranks[i]); diff != "" {
				t.Errorf("%s: rank %d alone: %s", kind, i, diff)
			}
		}
		if busy != both.Time.BusyNs {
			t.Errorf("%s: the ranks were busy %d, together %d", kind, busy, both.Time.BusyNs)
		}
	}
}

// TestWithoutFrames: Python frames name steps and gaps, and nothing else.
func TestWithoutFrames(t *testing.T) {
	b := newBuilder()
	b.Annotation("execute_context_1(4)_generation_0(0)", 0, 100)
	b.Op("aten::mm", 10, 50)
	with := newBuilder()
	with.Frame("x.py(1): f", 0, 200)
	with.Annotation("execute_context_1(4)_generation_0(0)", 0, 100)
	with.Frame("x.py(2): g", 5, 80)
	with.Op("aten::mm", 10, 50)
	ignored := cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".Events" || p.Last().String() == ".LastNs" || p.Last().String() == ".Looked"
	}, cmp.Ignore())
	if diff := cmp.Diff(b.analyze(Options{}), with.analyze(Options{}), ignored); diff != "" {
		t.Error(diff)
	}
}

// TestInvariants holds for every trace.
func TestInvariants(t *testing.T) {
	for kind, traces := range ownTraces(t) {
		res := Analyze(traces, Options{})
		for _, tm := range append([]device.Time{res.Time}, res.Ranks[0].Time[0], res.Ranks[1].Time[0]) {
			if tm.BusyNs+tm.IdleNs != tm.TotalNs || tm.ComputationNs+tm.ExposedCommNs+tm.ExposedMemoryNs != tm.BusyNs || tm.IdleNs < 0 {
				t.Errorf("%s: %+v", kind, tm)
			}
		}
		var exclusive, categories int64
		for _, k := range res.Kernels {
			exclusive += k.ExclusiveNs
		}
		for _, c := range res.Categories {
			categories += c.ExclusiveNs
		}
		if kind == "GPU" && (exclusive != res.Time.BusyNs || categories != exclusive) {
			t.Errorf("busy %d, kernels %d, categories %d", res.Time.BusyNs, exclusive, categories)
		}
		if kind == "CPU" && categories != res.CPU.OpSelfNs+res.CPU.AnnotationSelfNs {
			t.Errorf("categories %d, self times %d", categories, res.CPU.OpSelfNs+res.CPU.AnnotationSelfNs)
		}
	}
}

// TestRepetition: a trace and the same again, later, is twice of everything.
func TestRepetition(t *testing.T) {
	const later = 50_000_000_000
	for kind, traces := range ownTraces(t) {
		tr := traces[0]
		once := Analyze([]*trace.Trace{tr}, Options{})
		twice := *tr
		twice.Events = trace.Events{}
		twice.GPU, twice.Calls = trace.Table[trace.GPUWork]{}, trace.Table[trace.Call]{}
		for pass := range int64(2) {
			for i := range tr.Events.Len() {
				e := tr.Events.At(i)
				e.StartNs += pass * later
				if e.Side != trace.NoSide {
					switch e.Category { // a launch of the second pass is another one
					case trace.CategoryKernel, trace.CategoryMemcpy, trace.CategoryMemset:
						w := *tr.GPU.At(e.Side)
						w.Correlation += pass << 32
						e.Side = twice.GPU.Append(w)
					case trace.CategoryRuntime, trace.CategoryDriver:
						c := *tr.Calls.At(e.Side)
						if c.Correlation != trace.Absent {
							c.Correlation += pass << 32
						}
						e.Side = twice.Calls.Append(c)
					}
				}
				twice.Events.Append(e)
			}
		}
		twice.Text = nil
		got := Analyze([]*trace.Trace{&twice}, Options{})
		for what, n := range map[string][2]int64{
			"busy": {once.Time.BusyNs, got.Time.BusyNs}, "computation": {once.Time.ComputationNs, got.Time.ComputationNs},
			"comm": {once.Time.ExposedCommNs, got.Time.ExposedCommNs}, "ops": {once.CPU.OpSelfNs, got.CPU.OpSelfNs},
			"calls": {once.CPU.RuntimeNs, got.CPU.RuntimeNs}, "steps": {int64(len(once.Steps)), int64(len(got.Steps))},
			"collectives": {int64(once.Collectives[0].Count), int64(got.Collectives[0].Count)},
			"tokens":      {once.Phases[0].ContextTokens, got.Phases[0].ContextTokens},
		} {
			if n[1] != 2*n[0] {
				t.Errorf("%s: %s: twice %d is %d", kind, what, n[0], n[1])
			}
		}
		for i, k := range once.Kernels {
			if g := got.Kernels[i]; g.Name != k.Name || g.Count != 2*k.Count || g.ExclusiveNs != 2*k.ExclusiveNs || g.MedianNs < k.MedianNs || g.MaxNs != k.MaxNs {
				t.Errorf("%s: kernel %+v became %+v", kind, k, g)
			}
		}
		if want, all := once.Time.TotalNs+later, got.Time.TotalNs; all != want {
			t.Errorf("%s: total %d, want %d", kind, all, want)
		}
	}
}

// TestCompressed: a trace says the same whether it is compressed or not.
func TestCompressed(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*_rank0*.gz"))
	for _, f := range files {
		compressed, err := os.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := gzip.NewReader(compressed)
		if err != nil {
			t.Fatal(err)
		}
		plain := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(f), ".gz"))
		out, err := os.Create(plain)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, text); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(out.Close(), compressed.Close()); err != nil {
			t.Fatal(err)
		}
		var results []*Result
		for _, path := range []string{f, plain} {
			tr, err := formats.ReadFile(path, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			tr.Meta.Path, tr.Meta.FileName = "", nil
			results = append(results, Analyze([]*trace.Trace{tr}, Options{}))
		}
		if diff := cmp.Diff(results[0], results[1]); diff != "" {
			t.Errorf("%s: %s", f, diff)
		}
	}
}

// TestDroppedFrames: Python frames, most of many traces, name modules, what the host did in gaps and, without annotations,
// the steps; no other number hangs on them.
func TestDroppedFrames(t *testing.T) {
	files, _ := filepath.Glob(realTraces + "/own/vllm024_h200_llama1b_default_stacks/*.gz")
	if len(files) == 0 {
		t.Skip("no trace with stacks in ../shared")
	}
	tr, err := formats.ReadFile(files[0], source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	frames := 0
	without := rewritten(tr, nil, func(e *trace.Event) {
		if e.Category == trace.CategoryPythonFunction {
			e.Category, e.Phase, e.Side = trace.CategoryOther, trace.PhaseCounter, trace.NoSide
			frames++
		}
	})
	if frames == 0 {
		t.Fatal("no frames")
	}
	named := cmp.FilterPath(func(p cmp.Path) bool {
		switch p.Last().String() {
		case ".During", ".DuringNs", ".Meanwhile", ".FirstNs", ".LastNs", ".Modules", ".Remarks":
			return true
		}
		return false
	}, cmp.Ignore())
	if diff := cmp.Diff(Analyze([]*trace.Trace{tr}, Options{}), Analyze([]*trace.Trace{without}, Options{}), named); diff != "" {
		t.Error(diff)
	}
}
