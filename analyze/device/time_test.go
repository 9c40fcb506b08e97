package device

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestTime(t *testing.T) {
	// compute  |--------|        |---|         10..90, 170..210
	// comm          |-------|                  50..130
	// memory              |--------|           110..200
	// memset                             |-|   230..240
	b := tracetest.New()
	b.Kernel("gemm", 7, 1, 10, 80)
	b.Kernel("ncclDevKernel_AllReduce", 8, 2, 50, 80)
	b.GPU(trace.CategoryMemcpy, "Memcpy HtoD (Pinned -> Device)", 9, 3, 110, 90)
	b.Kernel("gemm", 7, 4, 170, 40)
	b.GPU(trace.CategoryMemset, "Memset (Device)", 7, 5, 230, 10)
	want := Time{Events: 5, FirstNs: 10, LastNs: 240, TotalNs: 230, BusyNs: 210, IdleNs: 20, ComputationNs: 130, ExposedCommNs: 40,
		ExposedMemoryNs: 40, CommNs: 80, MemoryNs: 90, CommOverlapNs: 40, SumNs: 300}
	if diff := cmp.Diff(want, TimeOf(index.New(b.Trace, &index.Options{}), 0)); diff != "" {
		t.Error(diff)
	}
	want.ComputationNs, want.ExposedMemoryNs, want.MemoryNs = 120, 50, 100
	if diff := cmp.Diff(want, TimeOf(index.New(b.Trace, &index.Options{MemsetIsMemory: true}), 0)); diff != "" {
		t.Error("sets as memory:", diff)
	}
}

// TestSumTimes: a sum is of the device that it is of, and of no one device if it is of several.
func TestSumTimes(t *testing.T) {
	one, other := Time{Device: 1, Events: 2, BusyNs: 30}, Time{Device: 3, Events: 5, BusyNs: 4}
	for _, c := range []struct {
		of             []Time
		device, events int
	}{
		{nil, 0, 0}, {[]Time{one}, 1, 2}, {[]Time{one, other}, AllDevices, 7}, {[]Time{one, one}, AllDevices, 4},
		{[]Time{{Device: CPUDevice, Events: 3}}, CPUDevice, 3},
	} {
		if s := SumTimes(c.of); s.Device != c.device || s.Events != c.events {
			t.Errorf("of %d devices: device %d, %d events; want %d, %d", len(c.of), s.Device, s.Events, c.device, c.events)
		}
	}
}
