package report

import (
	"math"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// Steps without an end are told from a long range of them, on machines of 32 bits too.
func TestSelectionWords(t *testing.T) {
	for _, c := range []struct {
		steps []analyze.Range
		want  string
	}{
		{[]analyze.Range{{From: 3, To: 3}}, "only step 3 (2 of 9 steps)"},
		{[]analyze.Range{{From: 3, To: 2_000_000_000}}, "only steps 3–2000000000 (2 of 9 steps)"},
		{[]analyze.Range{{From: 1, To: 1}, {From: 3, To: math.MaxInt}}, "only step 1, steps 3 on (2 of 9 steps)"},
	} {
		if got := selectionWords(&analyze.Selection{Steps: c.steps, SelectedSteps: 2, AllSteps: 9}, 1); got != c.want {
			t.Errorf("%v: %q, want %q", c.steps, got, c.want)
		}
	}
}
