package ranks

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestPhases(t *testing.T) {
	b := tracetest.New()
	b.Annotation("execute_context_2(100)_generation_0(0)", 0, 400)
	b.Op("aten::mm", 0, 300)
	b.Annotation("execute_context_0(0)_generation_2(2)", 500, 40)
	b.Annotation("execute_context_0(0)_generation_2(2)", 600, 60)
	x := index.New(b.Trace, &index.Options{})
	steps := x.StepTable()
	x.CountOps(steps)
	want := []Phase{
		{Phase: "prefill", Steps: 1, ContextTokens: 100, TimeNs: 400, StepMedianNs: 400, StepMinNs: 400, StepMaxNs: 400,
			GapMedianNs: 100, CPUMedianNs: 400, OpsMedian: 1, NsPerToken: 4},
		{Phase: "decode", Steps: 2, GenerationTokens: 4, TimeNs: 100, StepMedianNs: 60, StepMinNs: 40, StepMaxNs: 60,
			GapMedianNs: 60, CPUMedianNs: 60, NsPerToken: 25},
	}
	if diff := cmp.Diff(want, PhaseTable(steps)); diff != "" {
		t.Error(diff)
	}
}
