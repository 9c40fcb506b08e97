package device

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPackKernels: durations come back as they were, sorted.
func TestPackKernels(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	many := make([]int64, 5000)
	for i := range many {
		many[i] = 2000 + 32*random.Int64N(40)
	}
	slices.Sort(many)
	for _, ns := range [][]int64{nil, {0}, {0, 0, 1}, {-5, 3}, {7, 7, 7, 1 << 62}, many} {
		packed := packKernels([]kernelDurations{{Kernel: Kernel{Name: "k", Category: "gemm", ExclusiveNs: 3}, ns: ns}})
		rows := MergeKernels([][]PackedKernel{packed, packed})
		twice := append(slices.Clone(ns), ns...)
		want := Kernel{Name: "k", Category: "gemm", Device: AllDevices, ExclusiveNs: 6}
		want.summarize(twice)
		if len(rows) != 1 || rows[0] != want {
			t.Errorf("%d durations: %+v, want %+v", len(ns), rows, want)
		}
		if got := packed[0].appendDurations(nil); !slices.Equal(got, ns) {
			t.Errorf("%d durations came back as %d", len(ns), len(got))
		}
		if len(packed[0].durations) > 1+len(ns)*10 || len(ns) == len(many) && len(packed[0].durations) > 200 {
			t.Errorf("%d durations take %d bytes", len(ns), len(packed[0].durations))
		}
	}
}
