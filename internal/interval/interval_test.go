package interval

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// moments is a set, told moment by moment.
type moments [64]bool

func (m *moments) length() (n int64) {
	for _, in := range m {
		if in {
			n++
		}
	}
	return n
}

// randomSet adds intervals, some of them empty or inside others, in order of their starts.
func randomSet(random *rand.Rand) (s Set, m moments) {
	starts := make([]int64, random.IntN(8))
	for i := range starts {
		starts[i] = random.Int64N(int64(len(m)))
	}
	slices.Sort(starts)
	for _, start := range starts {
		end := min(start+random.Int64N(12)-1, int64(len(m)))
		s.Add(start, end)
		for at := start; at < end; at++ {
			m[at] = true
		}
	}
	return s, m
}

// TestSets: lengths, overlaps and unions are those of the moments in the sets, and sets stay sorted and disjoint.
func TestSets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a, inA := randomSet(random)
		b, inB := randomSet(random)
		var both, either moments
		for i := range inA {
			both[i], either[i] = inA[i] && inB[i], inA[i] || inB[i]
		}
		union := Union(a, b)
		if a.Length() != inA.length() || Overlap(a, b) != both.length() || union.Length() != either.length() {
			t.Fatalf("%v and %v: lengths %d, %d, overlap %d, union %v", a, b, a.Length(), b.Length(), Overlap(a, b), union)
		}
		for i := range union {
			if v := union[i]; v.End <= v.Start || i > 0 && v.Start <= union[i-1].End {
				t.Fatalf("the union of %v and %v is %v", a, b, union)
			}
		}
	}
}
