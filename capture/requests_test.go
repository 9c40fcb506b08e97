package capture

import (
	"testing"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []int64
		want   ondisk.Spread
	}{
		{nil, ondisk.Spread{}},
		{[]int64{7}, ondisk.Spread{MinNs: 7, MedianNs: 7, P99Ns: 7, MaxNs: 7}},
		{[]int64{9, 1, 5, 3}, ondisk.Spread{MinNs: 1, MedianNs: 3, P99Ns: 9, MaxNs: 9}},
	} {
		if got := spread(c.values); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
	hundred := make([]int64, 200) // 1 to 200: the 99th percentile is 198, by the nearest rank
	for i := range hundred {
		hundred[i] = int64(200 - i)
	}
	if got := spread(hundred); got != (ondisk.Spread{MinNs: 1, MedianNs: 100, P99Ns: 198, MaxNs: 200}) {
		t.Errorf("1 to 200: %v", got)
	}
	if got := throughput(nil, time.Second); *got != (ondisk.Throughput{ElapsedNs: 1e9}) {
		t.Errorf("without outputs: %+v", got)
	}
}
