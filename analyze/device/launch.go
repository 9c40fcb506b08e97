package device

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
)

// Launch says how GPU work was launched. The delay of an event is the time from its launching call's end to its own
// start, never negative; the cost of a launch is the call's duration. Queueing behind earlier kernels is part of the
// delay: on a busy device a long one is no fault.
type Launch struct {
	Linked        int   `json:"linked"`   // GPU events whose launching call is in the trace
	Unlinked      int   `json:"unlinked"` // and those whose is not: launched before the profiler began
	UnlinkedNs    int64 `json:"unlinked_ns"`
	Graph         int   `json:"graph"` // GPU events launched by a graph
	DelayMedianNs int64 `json:"delay_median_ns"`
	DelayMaxNs    int64 `json:"delay_max_ns"`

	APIs []LaunchAPI `json:"apis"`
}

// LaunchAPI is one runtime or driver function that launched GPU work.
type LaunchAPI struct {
	Name          string `json:"name"`
	Calls         int    `json:"calls"` // that launched something
	GPUEvents     int    `json:"gpu_events"`
	CostNs        int64  `json:"cost_ns"` // Σ durations of the calls
	CostMedianNs  int64  `json:"cost_median_ns"`
	CostMaxNs     int64  `json:"cost_max_ns"`
	DelayMedianNs int64  `json:"delay_median_ns"` // to the first event that each call launched
	DelayMaxNs    int64  `json:"delay_max_ns"`
}

// Launches measures launching. It covers every call that GPU work names as its launcher: the kernel launch functions
// of CUDA and HIP, graph launches, copies and sets.
func Launches(x *index.Index) Launch {
	l := Launch{APIs: []LaunchAPI{}}
	delays := make([]int64, 0, len(x.GPU))
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Call < 0 {
			l.Unlinked++
			l.UnlinkedNs += g.EndNs - g.StartNs
			continue
		}
		c := &x.Calls[g.Call]
		l.Linked++
		if x.IsGraphLaunch(c) {
			l.Graph++
		}
		delays = append(delays, max(0, g.StartNs-c.EndNs))
	}
	s := stats.Of(delays)
	l.DelayMedianNs, l.DelayMaxNs = s.Median, s.Max

	type samples struct {
		name        string
		events      int
		cost, delay []int64
	}
	of := make([]*samples, x.Trace.Strings.Len()) // by the call's name
	launching := make([]int, x.Trace.Strings.Len())
	for i := range x.Calls {
		if x.Calls[i].GPUEvents > 0 {
			launching[x.Calls[i].Name]++
		}
	}
	var apis []*samples
	for i := range x.Calls {
		c := &x.Calls[i]
		if c.GPUEvents == 0 {
			continue
		}
		a := of[c.Name]
		if a == nil {
			n := launching[c.Name]
			a = &samples{name: x.Name(c.Name), cost: make([]int64, 0, n), delay: make([]int64, 0, n)}
			of[c.Name] = a
			apis = append(apis, a)
		}
		a.events += int(c.GPUEvents)
		a.cost = append(a.cost, c.EndNs-c.StartNs)
		a.delay = append(a.delay, max(0, x.GPU[c.FirstGPU].StartNs-c.EndNs))
	}
	for _, a := range apis {
		cost, delay := stats.Of(a.cost), stats.Of(a.delay)
		l.APIs = append(l.APIs, LaunchAPI{a.name, cost.N, a.events, cost.Sum, cost.Median, cost.Max, delay.Median, delay.Max})
	}
	slices.SortFunc(l.APIs, func(a, b LaunchAPI) int {
		return cmp.Or(cmp.Compare(b.CostNs, a.CostNs), cmp.Compare(a.Name, b.Name))
	})
	return l
}
