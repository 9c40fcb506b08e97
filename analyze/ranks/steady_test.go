package ranks

import (
	"math"
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
		if s == nil || s.FromIndex != 0 || s.ToIndex != 12 || s.Steps != 7 || s.Tokens != 28 {
			t.Fatalf("gpu %v: %+v", gpu, s)
		}
		// Seven iterations of 1,000 ns; the last step is open. A mark is longer than its op.
		own := int64(600)
		if gpu {
			own = 500
		}
		if s.StepMedianNs != 1000 || s.TimeNs != 7000 || s.GapNs != 7*(1000-own) || s.NsPerToken != 250 || s.TokensPerSecond != 4e6 {
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
	// Seven iterations of 1,000 ns, each with its gap.
	if s.TimeNs != 7000 || s.StepMedianNs != 1000 || s.StepSpreadNs != 0 || s.GapNs != 1400 || s.NsPerToken != 100 || math.Abs(s.TokensPerSecond-68/7e-6) > 1 {
		t.Errorf("%+v", s)
	}
}
