package index

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestStepsCountedOnce(t *testing.T) {
	b := tracetest.New()
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
	steps := New(b.Trace, &Options{}).StepTable()
	if len(steps) != 1 {
		t.Fatalf("%d steps, want 1: %+v", len(steps), steps)
	}
	want := Step{Name: "step[TARGET_VERIFY bs=32]", Dialect: "sglang", Phase: "decode", GenerationRequests: 32, GenerationTokens: 32,
		StartNs: 10, CPUNs: 80, TimeNs: 60, BusyNs: 25, GapNs: -1, Open: true, RuntimeCalls: 1, RuntimeNs: 10, LaunchNs: 10, Launches: 1, GraphLaunch: 1,
		GPUEvents: 2, GPUSumNs: 20, GPUBusyNs: 15, GPUFirstNs: 150, GPULastNs: 165, GPUSpanNs: 15}
	if diff := cmp.Diff(want, steps[0]); diff != "" {
		t.Error(diff)
	}
}

// TestHostAhead: in a script's step more or less of what another thread launched may run. It has lost work only if its own is less, too.
func TestHostAhead(t *testing.T) {
	for _, lost := range []bool{false, true} {
		b := tracetest.New()
		correlation := int64(0)
		launch := func(thread int64, at int64, kernel bool) {
			correlation++
			b.CallOn(thread, "cudaLaunchKernel", correlation, at, 10)
			if kernel {
				b.Kernel("k", 7, correlation, at+20, 50)
			}
		}
		for step := range int64(6) {
			start := 1_000_001 * (step + 1)
			b.Annotation(fmt.Sprint("ProfilerStep#", step), start, 1_000_000)
			for i := range int64(20) {
				launch(tracetest.Thread, start+100+1_000*i, !lost || step != 3 || i < 5)
			}
			for i := range []int64{90, 100, 160, 40, 95, 170}[step] {
				launch(tracetest.Thread+1, start+30_000+1_000*i, true)
			}
		}
		for i, s := range New(b.Trace, &Options{}).StepTable() {
			if s.Unmeasured != (lost && i == 3) {
				t.Errorf("lost %t: step %d: %+v", lost, i, s)
			}
		}
	}
}
