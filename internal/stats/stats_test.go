package stats

import (
	"slices"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		ns           []int64
		want         Summary
		mean, stdDev int64
	}{
		{nil, Summary{}, 0, 0},
		{[]int64{7}, Summary{N: 1, Sum: 7, Min: 7, Median: 7, Max: 7}, 7, 0},
		{[]int64{4, 1}, Summary{N: 2, Sum: 5, Min: 1, Median: 4, Max: 4}, 2, 2}, // 3/√2
		{[]int64{9, 5, 4, 4, 5, 7, 4, 2}, Summary{N: 8, Sum: 40, Min: 2, Median: 5, Max: 9}, 5, 2},
		{[]int64{-3, 3, 0}, Summary{N: 3, Min: -3, Max: 3}, 0, 3},
	} {
		before := slices.Clone(c.ns)
		if m := Median(c.ns); m != c.want.Median || !slices.Equal(c.ns, before) {
			t.Errorf("the median of %v is %d, and leaves %v", before, m, c.ns)
		}
		if d := StdDev(c.ns); d != c.stdDev {
			t.Errorf("the standard deviation of %v is %d, want %d", before, d, c.stdDev)
		}
		if s := Of(c.ns); s != c.want || s.Mean() != c.mean || !slices.IsSorted(c.ns) {
			t.Errorf("%v is %+v, mean %d; want %+v, %d", before, s, s.Mean(), c.want, c.mean)
		}
	}
}
