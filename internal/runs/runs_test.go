package runs

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSort: lists of few and of many runs come out as the library sorts them, equals in their order where there is some
// order to begin with.
func TestSort(t *testing.T) {
	type item struct{ key, place int }
	byKey := func(a, b item) int { return cmp.Compare(a.key, b.key) }
	random := rand.New(rand.NewPCG(3, 4))
	for runs := range 40 {
		for _, length := range []int{1, 3, 40, 700} {
			var list []item
			for k := range runs {
				var run []item
				most := length
				if length == 700 && k%3 > 0 {
					most = 9 // a few between many
				}
				for range random.IntN(most) + 1 {
					run = append(run, item{key: random.IntN(50)})
				}
				slices.SortFunc(run, byKey)
				list = append(list, run...)
			}
			for i := range list {
				list[i].place = i
			}
			want := slices.Clone(list)
			slices.SortStableFunc(want, byKey)
			Sort(list, byKey)
			same := byKey
			if length >= 40 { // runs long enough to be merged
				same = func(a, b item) int { return cmp.Or(byKey(a, b), cmp.Compare(a.place, b.place)) }
			}
			if !slices.EqualFunc(list, want, func(a, b item) bool { return same(a, b) == 0 }) {
				t.Errorf("%d runs of up to %d: %v", runs, length, list)
			}
		}
	}
}

func BenchmarkSort(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 4))
	var list []int // ops, a few marks of each of 20 repetitions, calls
	for _, n := range append(append([]int{450_000}, slices.Repeat([]int{21}, 20)...), 225_000) {
		run := make([]int, n)
		for i := range run {
			run[i] = random.IntN(1 << 30)
		}
		slices.Sort(run)
		list = append(list, run...)
	}
	work := make([]int, len(list))
	for _, c := range []struct {
		name string
		sort func([]int)
	}{{"runs", func(l []int) { Sort(l, cmp.Compare[int]) }}, {"library", func(l []int) { slices.SortFunc(l, cmp.Compare[int]) }}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				copy(work, list)
				c.sort(work)
			}
		})
	}
}
