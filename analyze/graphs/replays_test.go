package graphs

import (
	"fmt"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// TestReplays: two replays in each decode step, of 20 and of 4 kernels; some replays have lost kernels.
func TestReplays(t *testing.T) {
	for _, test := range []struct {
		name string
		lost map[[2]int]int // step and replay: kernels that are missing
		want Replays
	}{
		{"whole", nil, Replays{Launches: 12}},
		{"one of 20 is no loss", map[[2]int]int{{2, 0}: 1}, Replays{Launches: 12}},
		{"short", map[[2]int]int{{2, 0}: 5}, Replays{Launches: 12, Short: 1, LostKernels: 5, LostNs: 50, FirstNs: 2010}},
		{"empty", map[[2]int]int{{3, 1}: 4}, Replays{Launches: 12, Empty: 1, LostKernels: 4, LostNs: 40, FirstNs: 3020}},
		{"both", map[[2]int]int{{1, 0}: 20, {4, 1}: 2}, Replays{Launches: 12, Empty: 1, Short: 1, LostKernels: 22, LostNs: 220, FirstNs: 1010}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := tracetest.New()
			correlation := int64(0)
			for step := range 6 {
				at := int64(1000 * step)
				b.Annotation(fmt.Sprintf("execute_context_0(0)_generation_%d(%[1]d)", 4), at, 100)
				for replay, kernels := range []int{20, 4} {
					correlation++
					b.Call("cudaGraphLaunch", correlation, at+10+int64(10*replay), 5)
					for k := range kernels - test.lost[[2]int{step, replay}] {
						b.Kernel("k", 7, correlation, at+200+int64(300*replay+10*k), 10)
					}
				}
			}
			x := index.New(b.Trace, &index.Options{})
			if got := Losses(x, x.StepTable()); got == nil || *got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
