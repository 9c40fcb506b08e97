package host

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// MemoryPool is what the allocator of one device did, from the trace's [memory] events.
type MemoryPool struct {
	Device            string `json:"device"` // "CPU", "GPU 0"
	Allocations       int    `json:"allocations"`
	AllocatedBytes    int64  `json:"allocated_bytes"` // Σ
	Frees             int    `json:"frees"`
	FreedBytes        int64  `json:"freed_bytes"` // Σ
	PeakBytes         int64  `json:"peak_bytes"`  // highest allocated at once
	PeakNs            int64  `json:"peak_ns"`     // when
	PeakIsChange      bool   `json:"peak_is_change"`
	ReservedPeakBytes int64  `json:"reserved_peak_bytes"` // -1: the allocator has no reserve

	// Curve is what was allocated over time, in the sense of PeakBytes: at most a few hundred points, the peak among them.
	Curve []MemoryPoint `json:"curve,omitempty"`
}

// MemoryPools reads the [memory] events. A pool's peak is the highest "Total Allocated" that the allocator reports;
// where it reports none (PyTorch's CPU allocator), the highest running sum since the profiler began, which
// PeakIsChange marks: what was allocated before is not in it.
func MemoryPools(x *index.Index) []MemoryPool {
	e := &x.Trace.Events
	sorted := slices.Clone(x.Memory)
	slices.SortStableFunc(sorted, func(a, b int32) int { return cmp.Compare(e.StartNs(int(a)), e.StartNs(int(b))) })
	type key struct{ kind, id int32 }
	type state struct {
		MemoryPool
		running, runningPeak, runningAt int64
		given                           bool
		totals, sums                    memoryCurve
	}
	var order []key
	pools := map[key]*state{}
	var from, until int64
	if n := len(sorted); n > 0 {
		from, until = e.StartNs(int(sorted[0])), e.StartNs(int(sorted[n-1]))
	}
	for _, r := range sorted {
		m := x.Trace.Memory.At(e.Side(int(r)))
		k := key{m.DeviceType, m.DeviceID}
		if m.DeviceType == 0 {
			k.id = 0
		}
		p := pools[k]
		if p == nil {
			p = &state{MemoryPool: MemoryPool{Device: deviceName(k.kind, k.id), ReservedPeakBytes: trace.Absent}}
			p.totals.from, p.totals.until = from, until
			p.sums = p.totals
			pools[k] = p
			order = append(order, k)
		}
		at := e.StartNs(int(r))
		if m.Bytes >= 0 {
			p.Allocations++
			p.AllocatedBytes += m.Bytes
		} else {
			p.Frees++
			p.FreedBytes -= m.Bytes
		}
		p.running += m.Bytes
		p.sums.add(at, p.running)
		if p.running > p.runningPeak {
			p.runningPeak, p.runningAt = p.running, at
		}
		if m.TotalAllocatedBytes > 0 {
			p.given = true
			p.totals.add(at, m.TotalAllocatedBytes)
			if m.TotalAllocatedBytes > p.PeakBytes {
				p.PeakBytes, p.PeakNs = m.TotalAllocatedBytes, at
			}
		}
		p.ReservedPeakBytes = max(p.ReservedPeakBytes, m.TotalReservedBytes)
	}
	slices.SortFunc(order, func(a, b key) int { return cmp.Or(cmp.Compare(b.kind, a.kind), cmp.Compare(a.id, b.id)) })
	out := make([]MemoryPool, 0, len(order))
	for _, k := range order {
		p := pools[k]
		p.Curve = p.totals.points
		if !p.given {
			p.Curve = p.sums.points
			p.PeakBytes, p.PeakNs, p.PeakIsChange = p.runningPeak, p.runningAt, true
		}
		if p.ReservedPeakBytes <= 0 {
			p.ReservedPeakBytes = trace.Absent
		}
		out = append(out, p.MemoryPool)
	}
	return out
}

// deviceName names a c10 device. The types are c10::DeviceType's.
func deviceName(kind, id int32) string {
	if kind == 0 {
		return "CPU"
	}
	return "GPU " + strconv.Itoa(int(id))
}
