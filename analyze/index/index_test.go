package index

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSortRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for runs := range 12 {
		var spans []Span
		for range runs {
			var run []Span
			for range random.IntN(40) {
				start := random.Int64N(50)
				run = append(run, Span{StartNs: start, EndNs: start + random.Int64N(9), Row: random.Int32N(1000)})
			}
			slices.SortFunc(run, CompareSpans)
			spans = append(spans, run...)
		}
		want := slices.Clone(spans)
		slices.SortFunc(want, CompareSpans)
		if sortRuns(spans, CompareSpans); !slices.Equal(spans, want) {
			t.Errorf("%d runs: %v", runs, spans)
		}
	}
}

func TestCallsByCorrelation(t *testing.T) {
	for _, c := range []struct {
		name         string
		correlations []int64
	}{
		{"none", nil}, {"absent", []int64{-1, -1}}, {"dense", []int64{7, 8, -1, 8, 9}}, {"from 0", []int64{0, 1, 2}},
		{"sparse", []int64{1 << 40, 3, 3, 1 << 62}}, {"negative", []int64{-5, 4}},
	} {
		x := &Index{}
		for _, n := range c.correlations {
			x.Calls = append(x.Calls, Call{Correlation: n})
		}
		callOf := x.callsByCorrelation()
		for _, n := range append([]int64{-1, 0, 5, 8, 1 << 50}, c.correlations...) {
			want := int32(slices.Index(c.correlations, n))
			if n == -1 {
				want = -1
			}
			if got := callOf(n); got != want {
				t.Errorf("%s: correlation %d is of call %d, want %d", c.name, n, got, want)
			}
		}
	}
}
