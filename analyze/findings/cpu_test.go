package findings

import (
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// op is one of a step of a CPU-only engine.
type op struct {
	name string
	ns   int64
}

// onCPU is a rank's trace of 10 steps of these ops, one directly after the other, with so many ns of Python after each step.
func onCPU(ops []op, between int64) *trace.Trace {
	b := newBuilder(0, 1)
	b.Trace.Meta.Devices = nil
	at := int64(1000)
	for range 10 {
		begin := at
		for _, o := range ops {
			b.Op(o.name, at, o.ns)
			at += o.ns
		}
		b.Annotation("execute_context_0(0)_generation_4(4)", begin, at-begin+100)
		at += between + 200
	}
	return b.Trace
}

// TestMomentsAreNoProblem: one call of an op that takes as long as all others together says nothing about the op.
func TestMomentsAreNoProblem(t *testing.T) {
	for _, name := range []string{"aten::argmax", "_C::rms_norm"} {
		b := newBuilder(0, 1)
		b.Trace.Meta.Devices = nil
		at := int64(1000)
		for step := range 10 {
			begin := at
			for _, o := range []op{{"aten::mm", 4_000_000}, {"_C::rms_norm", 100_000}, {"aten::argmax", 50_000}} {
				if o.name == name && step == 7 {
					o.ns = 60_000_000
				}
				b.Op(o.name, at, o.ns)
				at += o.ns
			}
			b.Annotation("execute_context_0(0)_generation_4(4)", begin, at-begin+100)
			at += 200
		}
		if found := find(analyze.Options{}, b.Trace); len(found) > 0 {
			t.Errorf("a long call of %s: %s", name, found[0].Sentence)
		}
	}
}

// TestPlantedProblemsOnCPU: as on a GPU, each trace has one known problem, or none.
func TestPlantedProblemsOnCPU(t *testing.T) {
	processors := func(n int) analyze.Options {
		return analyze.Options{Capture: &analyze.Capture{HostCPUs: n, ExpectedRanks: 1}}
	}
	gemms := []op{{"aten::mm", 4_000_000}, {"_C::rms_norm", 100_000}, {"aten::mm", 3_000_000}, {"aten::argmax", 50_000}}
	with := func(more op) []op { return append(append([]op{}, gemms...), more) }
	for _, test := range []struct {
		name, want string
		options    analyze.Options
		ops        []op
		between    int64
		threads    int // that the engine says each rank had
	}{
		{name: "healthy", ops: gemms},
		{name: "healthy, quantized as configured", options: analyze.Options{Capture: &analyze.Capture{Quantization: "awq"}}, ops: with(op{"_C::awq_gemm", 2_000_000})},
		{name: "healthy, all processors", options: processors(16), ops: gemms, threads: 16},
		{name: "healthy, a thread a core of two hardware threads", options: processors(16), ops: gemms, threads: 8},
		{name: "healthy, helpers that no trace shows", options: processors(16), ops: gemms},
		{name: "few threads", want: "idle_cores", options: processors(16), ops: gemms, threads: 3},
		{name: "Python between steps", want: "outside_ops", ops: gemms, between: 5_000_000},
		{name: "one slow op", want: "dominant_op", ops: with(op{"_C::rotary_embedding", 9_000_000})},
		{name: "healthy, convolutions", ops: with(op{"aten::mkldnn_convolution", 9_000_000})},
		{name: "sampling", want: "sampling_share", ops: with(op{"aten::sort", 3_000_000})},
		{name: "not quantized", want: "quantization_not_in_effect", options: analyze.Options{Capture: &analyze.Capture{Quantization: "awq"}}, ops: gemms},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := onCPU(test.ops, test.between)
			x.Meta.Engine.ThreadsPerRank = test.threads
			expectFirst(t, find(test.options, x), test.want, x)
		})
	}
}
