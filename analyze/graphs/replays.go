package graphs

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Replays is how completely the profiler wrote graph launches down. The same graph has the same kernels each time, so
// that the n-th replays of decode steps with as many requests are compared: one with clearly fewer kernels than the
// median of them lost some, as profilers do when their buffers are full.
type Replays struct {
	Launches    int   `json:"launches"`
	Empty       int   `json:"empty"` // without any kernel
	Short       int   `json:"short"` // with fewer than others like them, but some
	LostKernels int   `json:"lost_kernels"`
	LostNs      int64 `json:"lost_ns"`  // that they would have taken, as others did
	FirstNs     int64 `json:"first_ns"` // start of the first launch that is empty or short; 0 if none is
}

// shortReplay is the part of the usual number of kernels below which a replay lost some.
const shortReplay = 0.9

// Losses looks for kernels that are missing in replays; nil if no graph was launched.
func Losses(x *index.Index, steps []index.Step) *Replays {
	type kind struct {
		requests int64
		position int
	}
	type one struct {
		start, ns int64
		kernels   int64
	}
	r := &Replays{}
	var launches []int32
	for i := range x.Calls {
		if c := &x.Calls[i]; x.IsGraphLaunch(c) {
			launches = append(launches, int32(i))
		}
	}
	if launches == nil {
		return nil
	}
	slices.SortStableFunc(launches, func(a, b int32) int { return cmp.Compare(x.Calls[a].StartNs, x.Calls[b].StartNs) })
	took := make([]int64, len(x.Calls))
	for i := range x.GPU {
		if g := &x.GPU[i]; g.Call >= 0 && x.IsGraphLaunch(&x.Calls[g.Call]) {
			took[g.Call] += g.EndNs - g.StartNs
		}
	}
	alike := map[kind][]one{}
	seen := map[int]int{} // launches of each step so far
	bad := func(start int64) {
		if r.FirstNs == 0 || start < r.FirstNs {
			r.FirstNs = start
		}
	}
	for _, i := range launches {
		c := &x.Calls[i]
		r.Launches++
		if c.GPUEvents == 0 {
			r.Empty++
			bad(c.StartNs)
		}
		step, found := slices.BinarySearchFunc(steps, c.StartNs, func(s index.Step, ns int64) int { return cmp.Compare(s.StartNs, ns) })
		if !found {
			step--
		}
		if step < 0 || c.StartNs >= steps[step].StartNs+steps[step].CPUNs || steps[step].Phase != string(trace.StepDecode) {
			continue
		}
		k := kind{steps[step].GenerationRequests, seen[step]}
		seen[step]++
		alike[k] = append(alike[k], one{c.StartNs, took[i], int64(c.GPUEvents)})
	}
	for _, replays := range alike {
		counts, times := make([]int64, len(replays)), make([]int64, len(replays))
		for i, o := range replays {
			counts[i], times[i] = o.kernels, o.ns
		}
		usual, usualNs := stats.Of(counts).Median, stats.Of(times).Median
		for _, o := range replays {
			if float64(o.kernels) >= shortReplay*float64(usual) {
				continue
			}
			if o.kernels > 0 {
				r.Short++
				bad(o.start)
			}
			r.LostKernels += int(usual - o.kernels)
			r.LostNs += max(0, usualNs-o.ns)
		}
	}
	return r
}
