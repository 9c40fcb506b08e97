package device

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestIdle(t *testing.T) {
	b := tracetest.New()
	b.Call("cudaLaunchKernel", 1, 0, 5)
	b.Call("cudaLaunchKernel", 2, 5, 5)
	b.Kernel("first", 7, 1, 10, 10)
	b.Kernel("launch", 7, 2, 30, 10) // launched long before: a gap of the device's own
	b.Op("aten::item", 30, 65)
	b.Call("cudaStreamSynchronize", 0, 35, 40)
	b.OpOn(tracetest.Thread+1, trace.CategoryCPUOp, "a thread beside it", 40, 60)
	b.CallOn(tracetest.Thread+1, "cudaDeviceSynchronize", 0, 35, 70)
	b.Call("cudaEventSynchronize", 0, 80, 5) // begins when nothing runs: it waits for nobody
	b.Call("cudaLaunchKernel", 3, 95, 4)
	b.Kernel("host", 7, 3, 100, 10)    // launched after the gap began
	b.Kernel("unknown", 7, 99, 120, 5) // launched by nobody
	b.Call("cudaLaunchKernel", 4, 96, 1)
	b.Kernel("other", 7, 4, 50_125, 5) // launched in time, and late nevertheless
	got := IdleOf(index.New(b.Trace, &index.Options{}), 0)
	longest := got.Longest
	got.Longest = nil
	want := Idle{Host: Gap{Count: 1, Ns: 60}, Launch: Gap{Count: 1, Ns: 10},
		Other: Gap{Count: 1, Ns: 50_000}, Unknown: Gap{Count: 1, Ns: 10}, Sync: Gap{Count: 1, Ns: 35}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(longest) != 4 || longest[1].Next != "host" || longest[1].During != "cudaStreamSynchronize" || longest[1].DuringNs != 35 || !longest[1].Sync {
		t.Errorf("longest gaps: %+v", longest)
	}
	if !slices.IsSortedFunc(longest, func(a, b IdleGap) int { return int(b.Ns - a.Ns) }) {
		t.Errorf("longest gaps are not in order: %+v", longest)
	}
}
