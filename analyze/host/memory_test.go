package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestMemoryPools(t *testing.T) {
	b := tracetest.New()
	b.Memory(30, -500, trace.Absent) // in file order, which is not time's
	b.Memory(10, 500, trace.Absent)
	b.Memory(20, 200, trace.Absent)
	b.Op("aten::empty", 0, 40)
	want := []MemoryPool{{Device: "CPU", Allocations: 2, AllocatedBytes: 700, Frees: 1, FreedBytes: 500, PeakBytes: 700, PeakNs: 20, PeakIsChange: true, ReservedPeakBytes: -1,
		Curve: []MemoryPoint{{AtNs: 10, Bytes: 500}, {AtNs: 20, Bytes: 700}, {AtNs: 30, Bytes: 200}}}}
	if diff := cmp.Diff(want, MemoryPools(index.New(b.Trace, &index.Options{}))); diff != "" {
		t.Error(diff)
	}
	b.Memory(40, 100, 9000)
	if p := MemoryPools(index.New(b.Trace, &index.Options{}))[0]; p.PeakBytes != 9000 || p.PeakNs != 40 || p.PeakIsChange {
		t.Errorf("with totals: %+v", p)
	}
}
