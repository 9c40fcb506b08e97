package index

import (
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
