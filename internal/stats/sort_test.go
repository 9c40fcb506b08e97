package stats

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSort compares sorting and medians with the library's sort, over lists of all spreads and lengths around where the way changes.
func TestSort(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, longList - 1, longList, longList + 1, 5000} {
		for _, spread := range []int64{1, 2, digits - 1, digits, digits + 1, 1 << 22, 1 << 33, 1 << 40, math.MaxInt64} {
			for _, base := range []int64{0, -spread / 2, 1_700_000_000_000_000_000, math.MinInt64} {
				list := make([]int64, n)
				for i := range list {
					list[i] = base + random.Int64N(spread)
				}
				want := slices.Clone(list)
				slices.Sort(want)
				before := slices.Clone(list)
				if sum := Of(list); n > 0 && (sum.Median != want[n/2] || Median(list) != middle(want) || sum.Min != want[0] || sum.Max != want[n-1] || sum.N != n) {
					t.Fatalf("%d numbers of spread %d from %d: %+v, median %d", n, spread, base, sum, Median(list))
				}
				for _, p := range []int{0, 1, 50, 90, 99, 100} {
					if got := Percentile(list, p); n > 0 && got != want[max(0, (n*p+99)/100-1)] {
						t.Fatalf("%d numbers of spread %d from %d: p%d is %d", n, spread, base, p, got)
					}
				}
				if !slices.Equal(list, before) {
					t.Fatal("a summary changes the list")
				}
				if Sort(list); !slices.Equal(list, want) {
					t.Fatalf("%d numbers of spread %d from %d are out of order", n, spread, base)
				}
			}
		}
	}
}

// middle is the median of a sorted list.
func middle(sorted []int64) int64 {
	n := len(sorted)
	mean := new(big.Int).Add(big.NewInt(sorted[(n-1)/2]), big.NewInt(sorted[n/2]))
	return mean.Rsh(mean, 1).Int64() // towards −∞, as from the lower one up
}

func BenchmarkSort(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	list, work := make([]int64, 300_000), make([]int64, 300_000)
	for i := range list {
		list[i] = 1000 + int64(random.ExpFloat64()*20_000)
	}
	for _, c := range []struct {
		name string
		sort func([]int64)
	}{{"digits", Sort}, {"library", slices.Sort[[]int64]}, {"median", func(ns []int64) { Of(ns) }}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				copy(work, list)
				c.sort(work)
			}
		})
	}
}
