package index

import "github.com/inferprof/inferprof/trace"

// Iteration is a step as the device saw it: from the start of its first work to the start of the next step's first. It
// holds what the engine does after the step's mark too, sampling above all, and iterations leave no time between them. In
// a CPU-only trace it goes from mark to mark.
type Iteration struct {
	Step           int // index of the steps that were given
	BeginNs, EndNs int64
	WorkEndNs      int64 // of the step's own work
}

// Ns is the whole iteration's length.
func (it *Iteration) Ns() int64 { return it.EndNs - it.BeginNs }

// Iterations lays out the iterations of steps, in their order. Steps without GPU work have none, and in a CPU-only trace
// those that were empty.
func (x *Index) Iterations(steps []Step) []Iteration {
	var out []Iteration
	for i := range steps {
		s := &steps[i]
		it := Iteration{Step: i, BeginNs: s.StartNs}
		if len(x.GPU) > 0 {
			if s.GPUEvents == 0 {
				continue
			}
			it.BeginNs = s.GPUFirstNs
		} else if s.Phase == string(trace.StepEmpty) {
			continue
		}
		it.WorkEndNs = it.BeginNs + s.TimeNs
		it.EndNs = it.WorkEndNs + max(0, s.GapNs)
		out = append(out, it)
	}
	return out
}
