package report

import (
	"math"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// Steps without an end are told from a long range of them, on machines of 32 bits too.
func TestSelectionFact(t *testing.T) {
	for _, c := range []struct {
		steps []analyze.Range
		want  string
	}{
		{[]analyze.Range{{From: 3, To: 3}}, "only step 3 (2 of 9 steps)"},
		{[]analyze.Range{{From: 3, To: 2_000_000_000}}, "only steps 3–2000000000 (2 of 9 steps)"},
		{[]analyze.Range{{From: 1, To: 1}, {From: 3, To: math.MaxInt}}, "only step 1, steps 3 on (2 of 9 steps)"},
	} {
		r := &analyze.Result{Selection: &analyze.Selection{Steps: c.steps, SelectedSteps: 2, AllSteps: 9}, Ranks: []*analyze.Rank{{}}}
		if got := selectionFact(&about{r: r}).Text(); got != c.want {
			t.Errorf("%v: %q, want %q", c.steps, got, c.want)
		}
	}
}

// A trace without GPU work is a CPU's only if nothing shows a GPU.
func TestKindFact(t *testing.T) {
	for why, want := range map[string]string{
		"": "CPU only", analyze.NoGPUTruncated: "no GPU work recorded (the file ends before it)", analyze.NoGPULaunched: "no GPU work recorded (though it was launched)",
		analyze.NoGPUIdle:   "no GPU work recorded (nothing was launched)",
		analyze.NoGPUUnseen: "no GPU work recorded (nor any call that could launch it)",
		analyze.NoGPUUnread: "the host alone: the accelerator's work is of kinds that are not read",
	} {
		r := &analyze.Result{Kind: analyze.KindCPU, Ranks: []*analyze.Rank{{Hardware: "NVIDIA H200", NoGPU: why, Events: 3}}}
		if got := kindFact(&about{r: r}).Text(); got != want {
			t.Errorf("%q: %q, want %q", why, got, want)
		}
	}
}
