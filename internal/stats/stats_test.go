package stats

import (
	"slices"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		ns                   []int64
		want                 Summary
		mean, stdDev, median int64
	}{
		{nil, Summary{}, 0, 0, 0},
		{[]int64{7}, Summary{N: 1, Sum: 7, Min: 7, Median: 7, Max: 7}, 7, 0, 7},
		{[]int64{4, 1}, Summary{N: 2, Sum: 5, Min: 1, Median: 4, Max: 4}, 2, 2, 2}, // 3/√2
		{[]int64{9, 5, 4, 4, 5, 7, 4, 2}, Summary{N: 8, Sum: 40, Min: 2, Median: 5, Max: 9}, 5, 2, 4},
		{[]int64{-3, 3, 0}, Summary{N: 3, Min: -3, Max: 3}, 0, 3, 0},
	} {
		before := slices.Clone(c.ns)
		s := Of(c.ns)
		if s != c.want || s.Mean() != c.mean || Median(c.ns) != c.median || StdDev(c.ns) != c.stdDev {
			t.Errorf("%v is %+v, mean %d, deviation %d; want %+v, %d, %d", before, s, s.Mean(), StdDev(c.ns), c.want, c.mean, c.stdDev)
		}
		if !slices.Equal(c.ns, before) {
			t.Errorf("%v was left as %v", before, c.ns)
		}
	}
}
