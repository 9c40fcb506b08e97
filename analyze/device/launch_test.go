package device

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestLaunches(t *testing.T) {
	b := tracetest.New()
	b.Call("cudaGraphLaunch", 1, 0, 10)
	b.Kernel("x", 7, 1, 30, 5) // of one graph
	b.Kernel("y", 7, 1, 20, 5)
	b.Call("cuLaunchKernelEx", 2, 40, 4)
	b.Kernel("z", 7, 2, 42, 5) // before its call returned
	b.Kernel("w", 7, 77, 60, 5)
	got := Launches(index.New(b.Trace, &index.Options{}))
	want := Launch{Linked: 3, Unlinked: 1, UnlinkedNs: 5, Graph: 2, DelayMedianNs: 10, DelayMaxNs: 20, APIs: []LaunchAPI{
		{Name: "cudaGraphLaunch", Calls: 1, GPUEvents: 2, CostNs: 10, CostMedianNs: 10, CostMaxNs: 10, DelayMedianNs: 10, DelayMaxNs: 10},
		{Name: "cuLaunchKernelEx", Calls: 1, GPUEvents: 1, CostNs: 4, CostMedianNs: 4, CostMaxNs: 4, DelayMedianNs: 0, DelayMaxNs: 0},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
