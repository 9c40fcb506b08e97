package index_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// largeTrace is from how many bytes a compressed trace takes too long to read for what one more shows.
const largeTrace = 1 << 20

// eachTrace calls what for each real trace with steps.
func eachTrace(t *testing.T, what func(name string, x *index.Index, steps []index.Step)) {
	t.Helper()
	own, _ := filepath.Glob("../testdata/*.gz")
	real, _ := filepath.Glob("../../../shared/traces/*/*/*.gz")
	n := 0
	for _, path := range append(own, real...) {
		if info, err := os.Stat(path); err != nil || info.Size() > largeTrace {
			continue
		}
		tr, err := formats.ReadFile(path, source.Options{})
		if err != nil {
			continue // no trace: other tests say so
		}
		x := index.New(tr, &index.Options{})
		if steps := x.StepTable(); len(steps) > 0 {
			n++
			what(filepath.Base(path), x, steps)
		}
	}
	if n == 0 {
		t.Fatal("no trace")
	}
}

// covered is how much of [from, to) some piece of GPU work covers, and the end of the last that begins there, told moment by
// moment from a list of borders: slow, and written another way than what it is compared with.
func covered(x *index.Index, from, to int64) (ns, last int64) {
	var within []index.Work
	for i := range x.GPU {
		if g := x.GPU[i]; g.StartNs < to && g.EndNs > from {
			within = append(within, g)
		}
	}
	borders := []int64{from, to}
	for _, g := range within {
		borders = append(borders, min(max(g.StartNs, from), to), min(max(g.EndNs, from), to))
		last = max(last, min(g.EndNs, to))
	}
	slices.Sort(borders)
	open := map[int64]int{}
	for _, g := range within {
		open[min(max(g.StartNs, from), to)]++
		open[min(max(g.EndNs, from), to)]--
	}
	borders = slices.Compact(borders)
	running := 0
	for i, b := range borders[:len(borders)-1] {
		if running += open[b]; running > 0 {
			ns += borders[i+1] - b
		}
	}
	return ns, last
}

// A closed step goes from its start to the next one's, so that steps in a row take what lies between; its gap is idle, and its
// busy time is the union of all work in it.
func TestStepsFromStartToStart(t *testing.T) {
	eachTrace(t, func(name string, x *index.Index, steps []index.Step) {
		its := index.Iterations(steps)
		for k, it := range its {
			s := &steps[it.Step]
			if it.BeginNs != s.BeginNs() || it.Ns() != s.TimeNs || s.TimeNs < 0 || s.BusyNs < 0 || s.BusyNs > s.TimeNs-max(0, s.GapNs) {
				t.Errorf("%s: step %d takes %d, busy %d, gap %d, from %d to %d", name, s.Index, s.TimeNs, s.BusyNs, s.GapNs, it.BeginNs, it.EndNs)
			}
			switch last := k == len(its)-1; {
			case s.Closed() && (last || it.EndNs != its[k+1].BeginNs || s.GapNs < 0):
				t.Errorf("%s: step %d is closed, ends at %d, gap %d", name, s.Index, it.EndNs, s.GapNs)
			case !s.Closed() && s.GapNs != -1, last && s.Closed(), !last && it.EndNs > its[k+1].BeginNs:
				t.Errorf("%s: step %d: %+v", name, s.Index, s)
			}
			if !x.OnGPU || s.Unmeasured {
				continue
			}
			busy, lastEnd := covered(x, it.BeginNs, it.EndNs)
			if busy != s.BusyNs || lastEnd != it.WorkEndNs {
				t.Errorf("%s: step %d is busy for %d ns until %d, told otherwise %d until %d", name, s.Index, s.BusyNs, it.WorkEndNs, busy, lastEnd)
			}
		}
		for i := range steps {
			if s := &steps[i]; !s.HasIteration() && (s.Open || s.GapNs != -1 || s.BusyNs != 0) {
				t.Errorf("%s: step %d did not take place: %+v", name, i, s)
			}
		}
	})
}

// In a row of closed steps the sum of their times is the time from the first one's start to the last one's end.
func TestStepsInARow(t *testing.T) {
	eachTrace(t, func(name string, _ *index.Index, steps []index.Step) {
		var sum, from int64
		for k, it := range index.Iterations(steps) {
			if k == 0 || sum == 0 {
				from, sum = it.BeginNs, 0
			}
			if sum += it.Ns(); sum != it.EndNs-from {
				t.Errorf("%s: step %d ends %d ns after the row's begin, whose steps sum to %d", name, it.Step, it.EndNs-from, sum)
			}
			if !steps[it.Step].Closed() {
				sum = 0
			}
		}
	})
}

// server is a trace of steps: each is a name, when its work begins, and how long that runs; a mark stands 100 ns before it.
type server struct {
	b    *tracetest.Builder
	next int64
}

func (s *server) step(name string, begin, ns int64) {
	s.next++
	s.b.Annotation(name, begin-100, 50)
	s.b.Call("cudaLaunchKernel", s.next, begin-90, 5)
	s.b.Kernel("gemm", 7, s.next, begin, ns)
}

// What follows a gap says whether requests ran on across it.
func TestPauses(t *testing.T) {
	const (
		us = int64(1000)
		ms = 1000 * us
	)
	for _, c := range []struct {
		name       string
		before, at string // the steps before and after the gap
		gap        int64
		open       bool
	}{
		{"the engine takes 20 ms while requests run", "execute_context_0(0)_generation_4(4)", "execute_context_0(0)_generation_4(4)", 20 * ms, false},
		{"a second, and a prompt joins them", "execute_context_0(0)_generation_4(4)", "execute_context_1(32)_generation_4(4)", 1000 * ms, false},
		{"all had ended, and 2 ms later others came", "execute_context_0(0)_generation_4(4)", "execute_context_4(128)_generation_0(0)", 2 * ms, true},
		{"all had ended, and others were waiting", "execute_context_0(0)_generation_4(4)", "execute_context_4(128)_generation_0(0)", 100 * us, false},
		{"a prompt, and then its tokens, after 200 ms", "execute_context_4(128)_generation_0(0)", "execute_context_0(0)_generation_4(4)", 200 * ms, false},
		{"a prompt in two parts, 5 ms apart", "execute_context_1(2048)_generation_0(0)", "execute_context_1(800)_generation_0(0)", 5 * ms, false},
		{"prompts alone, a second apart", "execute_context_1(8)_generation_0(0)", "execute_context_1(8)_generation_0(0)", 1000 * ms, true},
		{"SGLang puts a prompt before those that generate", "step[DECODE bs=4]", "step[EXTEND bs=1 toks=32]", 2 * ms, false},
		{"SGLang, a second", "step[DECODE bs=4]", "step[EXTEND bs=1 toks=32]", 1000 * ms, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &server{b: tracetest.New()}
			usual := "execute_context_0(0)_generation_4(4)"
			if strings.HasPrefix(c.before, "step") {
				usual = "step[DECODE bs=4]"
			}
			at := ms
			for range 5 { // steps of 1 ms, of which 100 µs are idle
				s.step(usual, at, 900*us)
				at += ms
			}
			s.step(c.before, at, 900*us)
			at += 900*us + c.gap
			s.step(c.at, at, 900*us)
			s.step(usual, at+ms, 900*us)
			steps := index.New(s.b.Trace, &index.Options{}).StepTable()
			want, gap := 900*us+c.gap, c.gap
			if c.open {
				want, gap = 900*us, -1
			}
			if got := &steps[5]; got.Open != c.open || got.TimeNs != want || got.GapNs != gap || got.BusyNs != 900*us {
				t.Errorf("%+v", got)
			}
			if last := &steps[7]; !last.Open || last.TimeNs != 900*us {
				t.Errorf("the last: %+v", last)
			}
			for i := range steps[:5] {
				if !steps[i].Closed() || steps[i].TimeNs != ms || steps[i].GapNs != 100*us {
					t.Errorf("%+v", steps[i])
				}
			}
		})
	}
}

// Work beside a step's own is in its iteration; what runs in a pause is in none.
func TestIterationHoldsWhatFollowsTheMark(t *testing.T) {
	s := &server{b: tracetest.New()}
	decode := "execute_context_0(0)_generation_1(1)"
	s.step(decode, 1000, 500)
	s.b.Call("cudaLaunchKernel", 100, 960, 5) // sampling, after the mark
	s.b.Kernel("sample", 7, 100, 1600, 100)
	s.step(decode, 2000, 500)
	s.step("execute_context_1(8)_generation_0(0)", 1_000_000, 500)
	s.b.Kernel("stray", 9, 200, 600_000, 100) // somebody's, while no request ran
	steps := index.New(s.b.Trace, &index.Options{}).StepTable()
	for i, want := range []struct {
		time, busy, gap int64
		open            bool
	}{{1000, 600, 300, false}, {500, 500, -1, true}, {500, 500, -1, true}} {
		if got := &steps[i]; got.TimeNs != want.time || got.BusyNs != want.busy || got.GapNs != want.gap || got.Open != want.open {
			t.Errorf("step %d: %+v, want %+v", i, got, want)
		}
	}
}

// A step whose work is lost has no time, and neither has the one before it, whose end nobody knows.
func TestUnmeasured(t *testing.T) {
	decode := "execute_context_0(0)_generation_1(1)"
	kernels := func(b *tracetest.Builder, step, n int) {
		begin := int64(step) * 10_000
		b.Annotation(decode, begin, 5000)
		for k := range n {
			id := int64(100*step + k)
			b.Call("cudaLaunchKernel", id, begin+int64(k), 1)
			b.Kernel([]string{"first", "other"}[min(k, 1)], 7, id, begin+100+int64(100*k), 90)
		}
		if n == 0 {
			b.Call("cudaLaunchKernel", int64(100*step), begin, 1)
		}
	}
	b := tracetest.New()
	for step, n := range []int{10, 10, 10, 0, 10, 10, 5, 10, 10} {
		kernels(b, step, n)
	}
	steps := index.New(b.Trace, &index.Options{}).StepTable()
	want := []bool{false, false, true, true, false, false, true, false, false}
	for i := range steps {
		if steps[i].Unmeasured != want[i] {
			t.Errorf("step %d: %+v", i, steps[i])
		}
	}
	if steps[3].TimeNs != 0 || steps[2].TimeNs != 990 || steps[2].GapNs != -1 {
		t.Errorf("%+v, %+v", steps[2], steps[3])
	}

	// And without any GPU work, where calls launch some.
	b = tracetest.New()
	for step := range 4 {
		kernels(b, step, 0)
	}
	for _, s := range index.New(b.Trace, &index.Options{}).StepTable() {
		if !s.Unmeasured || s.TimeNs != 0 {
			t.Errorf("nothing of it ran in the trace: %+v", s)
		}
	}
	// A CPU has no calls that launch. A file that ends early and names a GPU had some.
	for _, damage := range [][]trace.Damage{nil, {{Kind: "truncated"}}} {
		b = tracetest.New()
		b.Annotation(decode, 0, 5000)
		b.Annotation(decode, 6000, 5000)
		b.Trace.Meta.Devices, b.Trace.Damage = []trace.Device{{Name: "NVIDIA H200"}}, damage
		if s := index.New(b.Trace, &index.Options{}).StepTable(); s[0].Unmeasured != (damage != nil) || (s[0].TimeNs == 6000) != (damage == nil) {
			t.Errorf("%v: %+v", damage, s[0])
		}
	}
}

// A step whose iteration holds another's work, whose mark is lost, is unmeasured; work of another kind outside marks is its own.
func TestMarksLost(t *testing.T) {
	const stepNs = 100_000
	build := func(drafts int, lost func(step int) bool) []index.Step {
		b := tracetest.New()
		id := int64(0)
		launch := func(name string, at int64) {
			id++
			b.Call("cudaLaunchKernel", id, at, 1)
			b.Kernel(name, 7, id, at+500, 90)
		}
		for step := range 10 {
			at := int64(step) * stepNs
			kind := "decode"
			if !lost(step) {
				name := "execute_context_0(0)_generation_4(4)"
				if step == 0 {
					name = "execute_context_4(64)_generation_0(0)"
				}
				b.Annotation(name, at, 50_000)
			}
			if step == 0 {
				kind = "prefill"
			}
			for k := range int64(20) {
				launch(kind+string(rune('a'+k)), at+100+k*1000)
			}
			for k := range int64(drafts) {
				launch("draft", at+60_000+k*1000)
			}
		}
		return index.New(b.Trace, &index.Options{}).StepTable()
	}
	for _, c := range []struct {
		name       string
		drafts     int
		lost       func(step int) bool
		steps      int
		unmeasured []int // by index of the marks that are left
	}{
		{"none", 2, func(int) bool { return false }, 10, nil},
		{"none, and a draft model beside them", 30, func(int) bool { return false }, 10, nil},
		{"two", 2, func(step int) bool { return step == 3 || step == 6 }, 8, []int{2, 4}},
		{"every second", 2, func(step int) bool { return step > 0 && step%2 == 0 }, 6, []int{1, 2, 3, 4}},
		{"that after a prompt", 2, func(step int) bool { return step == 1 }, 9, []int{0}},
	} {
		steps := build(c.drafts, c.lost)
		if len(steps) != c.steps {
			t.Fatalf("%s: %d steps", c.name, len(steps))
		}
		for i := range steps {
			s := &steps[i]
			if s.Unmeasured != slices.Contains(c.unmeasured, i) || s.Closed() && s.TimeNs != stepNs {
				t.Errorf("%s lost: step %d: %+v", c.name, i, s)
			}
		}
	}
}

// A trace without GPU work is a GPU's where it names one or launches something, and says why it has none.
func TestNoGPU(t *testing.T) {
	for _, c := range []struct {
		name                             string
		device, launches, early, kernels bool
		want                             string
	}{
		{"without any call", true, false, false, false, index.NoGPUUnseen},
		{"a CPU's", false, false, false, false, ""},
		{"a CPU's, cut", false, false, true, false, ""},
		{"a GPU's", true, true, true, true, ""},
		{"cut before its calls", true, false, true, false, index.NoGPUTruncated},
		{"cut behind its calls", false, true, true, false, index.NoGPUTruncated},
		{"of CPU activity alone", true, true, false, false, index.NoGPULaunched},
		{"of an idle server", true, false, false, false, index.NoGPUIdle},
	} {
		b := tracetest.New()
		b.Op("aten::mm", 0, 10)
		if c.want == index.NoGPUIdle {
			b.Call("cudaStreamIsCapturing", 0, 5, 1)
		}
		if c.device {
			b.Trace.Meta.Devices = []trace.Device{{Name: "NVIDIA H200"}}
		}
		if c.launches {
			b.Call("cudaLaunchKernel", 1, 2, 3)
		}
		if c.kernels {
			b.Kernel("gemm", 7, 1, 20, 30)
		}
		if c.early {
			b.Trace.Damage = []trace.Damage{{Kind: "truncated"}}
		}
		x := index.New(b.Trace, &index.Options{})
		if got := x.NoGPU(); got != c.want || x.LostGPU() != (got == index.NoGPUTruncated || got == index.NoGPULaunched) {
			t.Errorf("a trace %s: %q", c.name, got)
		}
	}
}
