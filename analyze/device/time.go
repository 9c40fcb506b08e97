// Package device says what devices did: where their time went, by kernel, category, stream and copy, how work was launched and
// queued, and why they stood still.
package device

import (
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
)

// Time says where a device's (or, in a CPU-only trace, a rank's) time went. The window is from the first start to the
// last end of its work; of selected steps, from each one's first work to the next step's.
//
// On a GPU, work is kernels, copies and sets. Moments in which several run at once count once, as computation if any
// computes, else as communication if any communicates, else as memory:
//
//	busy            = |∪ all|                         idle = total − busy
//	computation     = |∪ computation|
//	exposed comm    = |∪ communication \ ∪ computation|
//	exposed memory  = |∪ memory \ (∪ computation ∪ ∪ communication)|
//
// so that the three sum to busy. These are TraceLens' definitions of its GPU timeline, and HTA's of its temporal
// breakdown but for the µs rounding and synchronisation events that HTA counts as work. Sets count as computation
// unless index.Options.MemsetIsMemory, as in TraceLens.
//
// In a CPU-only trace the work is ops, at each moment and on each thread the innermost: communication if that op's
// category is comm, else computation. Time in steps and annotations outside any op is idle: Python, scheduling, waiting.
type Time struct {
	Device          int   `json:"device"` // -1: the CPU, in a CPU-only trace, or several devices' sum
	Events          int   `json:"events"`
	FirstNs         int64 `json:"first_ns"` // since the trace's base time
	LastNs          int64 `json:"last_ns"`
	TotalNs         int64 `json:"total_ns"`
	BusyNs          int64 `json:"busy_ns"`
	IdleNs          int64 `json:"idle_ns"`
	ComputationNs   int64 `json:"computation_ns"`
	ExposedCommNs   int64 `json:"exposed_comm_ns"`
	ExposedMemoryNs int64 `json:"exposed_memory_ns"`
	CommNs          int64 `json:"comm_ns"`         // |∪ communication|
	MemoryNs        int64 `json:"memory_ns"`       // |∪ memory|
	CommOverlapNs   int64 `json:"comm_overlap_ns"` // |∪ communication ∩ ∪ computation|
	SumNs           int64 `json:"sum_ns"`          // Σ durations, overlaps counted each time; GPU only
}

// CPUDevice is Time.Device of a CPU-only trace.
const CPUDevice = -1

// TimeOf breaks down the time of one device.
func TimeOf(x *index.Index, device int32) Time {
	var sets [index.Classes]interval.Set
	sets[index.ClassCompute] = make(interval.Set, 0, len(x.GPU)) // or a few less
	t := Time{Device: int(device)}
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Device != device {
			continue
		}
		if t.Events == 0 {
			t.FirstNs, t.LastNs = g.StartNs, g.EndNs
		}
		t.Events++
		t.LastNs = max(t.LastNs, g.EndNs)
		t.SumNs += g.EndNs - g.StartNs
		sets[g.Class].Add(g.StartNs, g.EndNs)
	}
	t.Fill(sets, x.DeviceWindows)
	return t
}

// Fill computes the breakdown from the three sets of moments.
func (t *Time) Fill(sets [index.Classes]interval.Set, selected index.Windows) {
	compute, comm, memory := sets[index.ClassCompute], sets[index.ClassComm], sets[index.ClassMemory]
	work := interval.Union(compute, comm)
	if t.TotalNs = t.LastNs - t.FirstNs; selected != nil {
		t.TotalNs = selected.Total(interval.Union(work, memory))
	}
	t.ComputationNs, t.CommNs, t.MemoryNs = compute.Length(), comm.Length(), memory.Length()
	t.CommOverlapNs = interval.Overlap(comm, compute)
	t.ExposedCommNs = t.CommNs - t.CommOverlapNs
	t.ExposedMemoryNs = t.MemoryNs - interval.Overlap(memory, work)
	t.BusyNs = t.ComputationNs + t.ExposedCommNs + t.ExposedMemoryNs
	t.IdleNs = t.TotalNs - t.BusyNs
}

// SumTimes adds up devices: what they did between them. Its window is not one of a clock, so FirstNs and LastNs stay 0.
// Its device is that of one, and AllDevices of several.
func SumTimes(times []Time) Time {
	var s Time
	for i, t := range times {
		if s.Device = t.Device; i > 0 {
			s.Device = AllDevices
		}
		s.Events += t.Events
		s.TotalNs += t.TotalNs
		s.BusyNs += t.BusyNs
		s.IdleNs += t.IdleNs
		s.ComputationNs += t.ComputationNs
		s.ExposedCommNs += t.ExposedCommNs
		s.ExposedMemoryNs += t.ExposedMemoryNs
		s.CommNs += t.CommNs
		s.MemoryNs += t.MemoryNs
		s.CommOverlapNs += t.CommOverlapNs
		s.SumNs += t.SumNs
	}
	return s
}
