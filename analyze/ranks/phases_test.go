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
	for _, at := range []int64{500, 600, 720, 850} {
		b.Annotation("execute_context_0(0)_generation_2(2)", at, 40)
	}
	x := index.New(b.Trace, &index.Options{})
	steps := x.StepTable()
	x.CountOps(steps)
	want := []Phase{
		{Phase: "prefill", Rank: 3, Steps: 1, MeasuredSteps: 1, ContextTokens: 100, TimeNs: 500, StepMedianNs: 500, StepMeanNs: 500, StepMinNs: 500,
			StepMaxNs: 500, StepP90Ns: 500, StepP99Ns: 500, GapMedianNs: 100, CPUMedianNs: 400, OpsMedian: 1, NsPerToken: 5},
		// 100, 120, 130, and the last one, which is open.
		{Phase: "decode", Rank: 3, Steps: 4, MeasuredSteps: 3, GenerationTokens: 8, TimeNs: 390, StepMedianNs: 120, StepMeanNs: 116, StepMinNs: 100,
			StepMaxNs: 130, StepP90Ns: 130, StepP99Ns: 130, GapMedianNs: 80, CPUMedianNs: 40, NsPerToken: 60},
	}
	if diff := cmp.Diff(want, PhaseTable(steps, 3)); diff != "" {
		t.Error(diff)
	}
	// Of the last two the first is closed; of the last one nothing is, and its own end counts.
	two, one := PhaseTable(steps[3:], 0)[0], PhaseTable(steps[4:], 0)[0]
	if two.StepMedianNs != 130 || two.MeasuredSteps != 1 || two.OfOpen || one.StepMedianNs != 40 || one.MeasuredSteps != 1 || !one.OfOpen || one.GapMedianNs != -1 {
		t.Errorf("two %+v, one %+v", two, one)
	}
	// And of none that the trace has, nothing.
	steps[4].Unmeasured = true
	if none := PhaseTable(steps[4:], 0)[0]; none.Steps != 1 || none.MeasuredSteps != 0 || none.Unmeasured != 1 || none.StepMedianNs != -1 || none.NsPerToken != -1 || none.TimeNs != 0 {
		t.Errorf("none %+v", none)
	}
}
