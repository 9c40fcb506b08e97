package analyze

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
// unless Options.MemsetIsMemory, as in TraceLens.
//
// In a CPU-only trace the work is ops, at each moment and on each thread the innermost: communication if that op's
// category is comm, else computation. Time in steps and annotations outside any op is idle: Python, scheduling, waiting.
type Time struct {
	Device          int   `json:"device"` // -1: the CPU, in a CPU-only trace
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

// deviceTime breaks down the time of one device.
func (x *index) deviceTime(device int32) Time {
	var sets [classes]intervals
	sets[classCompute] = make(intervals, 0, len(x.gpu)) // or a few less
	t := Time{Device: int(device)}
	for i := range x.gpu {
		g := &x.gpu[i]
		if g.device != device {
			continue
		}
		if t.Events == 0 {
			t.FirstNs, t.LastNs = g.start, g.end
		}
		t.Events++
		t.LastNs = max(t.LastNs, g.end)
		t.SumNs += g.end - g.start
		sets[g.class].add(g.start, g.end)
	}
	t.fill(sets, x.deviceWindows)
	return t
}

// fill computes the breakdown from the three sets of moments.
func (t *Time) fill(sets [classes]intervals, selected windows) {
	compute, comm, memory := sets[classCompute], sets[classComm], sets[classMemory]
	work := union(compute, comm)
	t.TotalNs = selected.total(t.FirstNs, t.LastNs, union(work, memory))
	t.ComputationNs, t.CommNs, t.MemoryNs = compute.length(), comm.length(), memory.length()
	t.CommOverlapNs = overlap(comm, compute)
	t.ExposedCommNs = t.CommNs - t.CommOverlapNs
	t.ExposedMemoryNs = t.MemoryNs - overlap(memory, work)
	t.BusyNs = t.ComputationNs + t.ExposedCommNs + t.ExposedMemoryNs
	t.IdleNs = t.TotalNs - t.BusyNs
}

// sumTimes adds up devices: what they did between them. Its window is not one of a clock, so FirstNs and LastNs stay 0.
func sumTimes(times []Time) Time {
	var s Time
	for _, t := range times {
		s.Device = t.Device
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
