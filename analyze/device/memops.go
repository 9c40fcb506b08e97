package device

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/tables"
	"github.com/inferprof/inferprof/trace"
)

// MemoryOp is what all copies or sets of one kind took. The kind is the name that the profiler gives:
// "Memcpy HtoD (Pinned -> Device)", "Memset (Device)".
type MemoryOp struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Ns    int64  `json:"ns"`
	Bytes int64  `json:"bytes"` // -1: the trace gives none (some ROCm builds)
	// BytesPerSecond is Bytes over Ns; 0 where either is missing.
	BytesPerSecond float64 `json:"bytes_per_second,omitempty"`
	Small          int     `json:"small"` // fewer than 4 KiB each
}

const smallCopyBytes = 4096

// MemoryOps lists copies and sets by kind, most time first.
func MemoryOps(x *index.Index) []MemoryOp {
	var rows []MemoryOp
	rowOf := map[trace.StringID]int{}
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Category == trace.CategoryKernel {
			continue
		}
		r, ok := rowOf[g.Name]
		if !ok {
			r = len(rows)
			rowOf[g.Name] = r
			rows = append(rows, MemoryOp{Name: x.Name(g.Name), Bytes: trace.Absent})
		}
		m := &rows[r]
		m.Count++
		m.Ns += g.EndNs - g.StartNs
		if g.Side == trace.NoSide {
			continue
		}
		if b := x.Trace.GPU.At(g.Side).Bytes; b != trace.Absent {
			m.Bytes = max(m.Bytes, 0) + b
			if b < smallCopyBytes {
				m.Small++
			}
		}
	}
	finishMemoryOps(rows)
	return rows
}

// MergeMemoryOps gives one row per kind over all ranks.
func MergeMemoryOps(ranks ...[]MemoryOp) []MemoryOp {
	rows := tables.Merge(func(m *MemoryOp) string { return m.Name }, func(sum, m *MemoryOp) {
		sum.Count += m.Count
		sum.Ns += m.Ns
		sum.Small += m.Small
		if m.Bytes != trace.Absent {
			sum.Bytes = max(sum.Bytes, 0) + m.Bytes
		}
	}, ranks...)
	finishMemoryOps(rows)
	return rows
}

func finishMemoryOps(rows []MemoryOp) {
	for i := range rows {
		if m := &rows[i]; m.Bytes > 0 && m.Ns > 0 {
			m.BytesPerSecond = float64(m.Bytes) / (float64(m.Ns) / 1e9)
		}
	}
	slices.SortFunc(rows, func(a, b MemoryOp) int {
		return cmp.Or(cmp.Compare(b.Ns, a.Ns), cmp.Compare(a.Name, b.Name))
	})
}
