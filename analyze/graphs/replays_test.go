package graphs

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// TestReplays: two replays in each decode step, of 20 and of 4 kernels; some replays have lost kernels.
func TestReplays(t *testing.T) {
	for _, test := range []struct {
		name string
		lost map[[3]int]bool // step, replay and kernel that is missing; kernel -1: all
		want Replays
	}{
		{"whole", nil, Replays{Launches: 12, Compared: 12}},
		{"one of 20", map[[3]int]bool{{2, 0, 11}: true},
			Replays{Launches: 12, Compared: 12, Short: 1, LostKernels: 1, ShortKernels: 1, LostNs: 10, FirstNs: 2010, Lost: []LostKernel{{"k1", 12, 20, 2010}}}},
		{"the end of one", map[[3]int]bool{{2, 0, 18}: true, {2, 0, 19}: true}, Replays{Launches: 12, Compared: 12, Short: 1, LostKernels: 2, ShortKernels: 2,
			LostNs: 20, FirstNs: 2010, Lost: []LostKernel{{"k3", 19, 20, 2010}, {"k4", 20, 20, 2010}}}},
		{"empty", map[[3]int]bool{{3, 1, -1}: true}, Replays{Launches: 12, Compared: 11, Empty: 1, LostKernels: 4, LostNs: 40, FirstNs: 3020}},
		{"empty and short", map[[3]int]bool{{1, 0, -1}: true, {4, 1, 2}: true}, Replays{Launches: 12, Compared: 11, Empty: 1, Short: 1,
			LostKernels: 21, ShortKernels: 1, LostNs: 210, FirstNs: 1010, Lost: []LostKernel{{"k2", 3, 4, 4020}}}},
		{"cut at the start", map[[3]int]bool{{0, 0, 0}: true, {0, 0, 1}: true}, Replays{Launches: 12, Compared: 12}},
		{"cut at the stop", map[[3]int]bool{{5, 1, 2}: true, {5, 1, 3}: true}, Replays{Launches: 12, Compared: 12}},
		{"queued at the stop", map[[3]int]bool{{5, 1, -1}: true}, Replays{Launches: 12, Compared: 11}},
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
					for k := range kernels {
						if !test.lost[[3]int{step, replay, k}] && !test.lost[[3]int{step, replay, -1}] {
							b.Kernel(fmt.Sprint("k", k%5), 7, correlation, at+200+int64(300*replay+10*k), 10)
						}
					}
				}
			}
			x := index.New(b.Trace, &index.Options{})
			if got := Losses(x); got == nil || !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
