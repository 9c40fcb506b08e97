package ranks

import (
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// Steps without work between those of decode do not end the run, on a CPU and with a device.
func TestSteadyAcrossEmptySteps(t *testing.T) {
	for _, gpu := range []bool{false, true} {
		b := tracetest.New()
		for i := range int64(8) {
			at := i * 1000
			b.Annotation("execute_context_0(0)_generation_4(4)", at, 600)
			if gpu {
				b.Call("cudaLaunchKernel", i+1, at+10, 5)
				b.Kernel("gemm", 7, i+1, at+20, 500)
			} else {
				b.Op("aten::mm", at+10, 500)
			}
			b.Annotation("execute_context_0(0)_generation_0(0)", at+700, 100)
		}
		s := SteadyState(index.New(b.Trace, &index.Options{}).StepTable())
		if s == nil || s.FromIndex != 0 || s.ToIndex != 14 || s.Steps != 8 || s.Tokens != 32 {
			t.Fatalf("gpu %v: %+v", gpu, s)
		}
		// Seven iterations of 1,000 ns, and the last step's own.
		own := int64(600)
		if gpu {
			own = 500
		}
		if s.StepMedianNs != 1000 || s.TimeNs != 7000+own || s.GapNs != 7*(1000-own) {
			t.Errorf("gpu %v: %+v", gpu, s)
		}
	}
}

func TestSteady(t *testing.T) {
	b := tracetest.New()
	names := []string{"execute_context_4(64)_generation_0(0)"}
	for _, n := range []string{"3(3)", "10(10)", "9(9)", "10(10)", "10(10)", "9(9)", "10(10)", "10(10)", "4(4)", "10(10)"} {
		names = append(names, "execute_context_0(0)_generation_"+n)
	}
	for i, n := range names {
		at := int64(i) * 1000
		b.Annotation(n, at, 800)
		b.Op("aten::mm", at+10, 700)
	}
	s := SteadyState(index.New(b.Trace, &index.Options{}).StepTable())
	if s == nil || s.FromIndex != 2 || s.ToIndex != 8 || s.Steps != 7 || s.Requests != 10 || s.Tokens != 68 {
		t.Fatalf("%+v", s)
	}
	// Six iterations of 1,000 ns and the last step's own 800.
	if s.TimeNs != 6800 || s.StepMedianNs != 1000 || s.StepSpreadNs != 0 || s.GapNs != 1200 || s.NsPerToken != 100 || s.TokensPerSecond != 1e7 {
		t.Errorf("%+v", s)
	}
}
