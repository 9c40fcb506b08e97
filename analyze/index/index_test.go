package index

import (
	"slices"
	"testing"
)

func TestCallsByCorrelation(t *testing.T) {
	for _, c := range []struct {
		name         string
		correlations []int64
	}{
		{"none", nil}, {"absent", []int64{-1, -1}}, {"dense", []int64{7, 8, -1, 8, 9}}, {"from 0", []int64{0, 1, 2}},
		{"sparse", []int64{1 << 40, 3, 3, 1 << 62}}, {"negative", []int64{-5, 4}}, {"zeros", []int64{0, 0, 3, 0}},
	} {
		x := &Index{}
		for _, n := range c.correlations {
			x.Calls = append(x.Calls, Call{Correlation: n})
		}
		callOf := x.callsByCorrelation()
		for _, n := range append([]int64{-1, 0, 5, 8, 1 << 50}, c.correlations...) {
			want := int32(slices.Index(c.correlations, n))
			if n <= 0 { // no correlation
				want = -1
			}
			if got := callOf(n); got != want {
				t.Errorf("%s: correlation %d is of call %d, want %d", c.name, n, got, want)
			}
		}
	}
}
