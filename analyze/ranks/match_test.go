package ranks

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// steppedEnds are the ends of collectives in steps that are alike: as many in each, and each step some µs more or less.
func steppedEnds(random *rand.Rand, steps, perStep int) []int64 {
	var ends []int64
	at := int64(1_000_000_000)
	for range steps {
		for range perStep {
			at += 60_000 + random.Int64N(2_000)
			ends = append(ends, at)
		}
		at += 100_000 + random.Int64N(20_000)
	}
	return ends
}

// seen are the collectives that a rank's trace has: those that keep holds of, by a clock that is ahead. which says for each
// of them the number that it has on all ranks.
func seen(random *rand.Rand, ends []int64, ahead, jitter int64, keep func(i int) bool) (s *sequence, which []int) {
	s = &sequence{}
	for i, end := range ends {
		ns := 5_000 + random.Int64N(20_000)
		if at := end + ahead + random.Int64N(jitter+1); keep(i) {
			s.add(at-ns, ns, -1, int32(len(which)))
			which = append(which, i)
		}
	}
	return s, which
}

// However much is missing, what is paired is the same collective, and nearly all that both have is paired.
func TestSameCollectives(t *testing.T) {
	all := func(int) bool { return true }
	lost := func(share float64) func(*rand.Rand) func(int) bool {
		return func(random *rand.Rand) func(int) bool { return func(int) bool { return random.Float64() >= share } }
	}
	between := func(from, to int) func(*rand.Rand) func(int) bool {
		return func(*rand.Rand) func(int) bool { return func(i int) bool { return i >= from && i < to } }
	}
	whole := func(*rand.Rand) func(int) bool { return all }
	for _, c := range []struct {
		name   string
		a, b   func(*rand.Rand) func(int) bool
		ahead  int64
		jitter int64
	}{
		{"all", whole, whole, 0, 300},
		{"all, and clocks differ", whole, whole, 987_654_321, 300},
		{"a tenth lost on one", whole, lost(0.1), 0, 300},
		{"a tenth lost on each", lost(0.1), lost(0.1), 3_000, 300},
		{"half lost on one", lost(0.5), whole, 0, 300},
		{"a tenth lost, and clocks differ by 5 ms", whole, lost(0.1), 5_000_000, 300},
		{"as many lost on each", func(*rand.Rand) func(int) bool { return func(i int) bool { return i != 40 } },
			func(*rand.Rand) func(int) bool { return func(i int) bool { return i != 200 } }, 0, 300},
		{"one ends earlier", whole, between(0, 300), 0, 300},
		{"one begins later, and clocks differ by a second", whole, between(30, 500), 1_000_000_000, 300},
		{"one begins later, the other ends earlier", between(0, 400), between(90, 500), 0, 300},
		{"ends a little apart", lost(0.05), whole, 0, 8_000},
	} {
		for seed := range uint64(8) {
			random := rand.New(rand.NewPCG(seed, 1))
			ends := steppedEnds(random, 30, 17)
			a, ofA := seen(random, ends, 0, c.jitter, c.a(random))
			b, ofB := seen(random, ends, c.ahead, c.jitter, c.b(random))
			both := 0
			for _, i := range ofA {
				if slices.Contains(ofB, i) {
					both++
				}
			}
			pairs := pairUp(a, b, true, 0)
			wrong := 0
			for _, p := range pairs {
				if ofA[p.a] != ofB[p.b] {
					wrong++
				}
			}
			if wrong > 0 || float64(len(pairs)) < 0.95*float64(both) {
				t.Errorf("%s, seed %d: %d pairs of %d that both have, %d wrong", c.name, seed, len(pairs), both, wrong)
			}
			back := pairUp(b, a, true, 0)
			for i := range back {
				back[i] = pair{back[i].b, back[i].a}
			}
			if !slices.Equal(pairs, back) {
				t.Errorf("%s, seed %d: the other way round there are %d pairs for %d", c.name, seed, len(back), len(pairs))
			}
		}
	}
}

// Two runs of one graph take as long to the µs. Their collectives last less than what the steps differ by.
func TestTwoRunsOfOneGraph(t *testing.T) {
	all := func(int) bool { return true }
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 3))
		ends := steppedEnds(random, 30, 17)
		a, _ := seen(random, ends, 0, 300, all)
		b, _ := seen(random, ends, 3_600_000_000_000, 100_000, all)
		if pairs := pairUp(a, b, true, 0); len(pairs) > 0 {
			t.Errorf("seed %d: %d pairs", seed, len(pairs))
		}
	}
}

// Replicas run the same collectives each in their own time: none of one is any of the other's.
func TestReplicasShareNothing(t *testing.T) {
	all := func(int) bool { return true }
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 2))
		a, _ := seen(random, steppedEnds(random, 30, 17), 0, 300, all)
		slow := steppedEnds(random, 30, 17)
		for i := range slow {
			slow[i] += int64(i) * 3_000
		}
		b, _ := seen(random, slow, 0, 300, all)
		if pairs := pairUp(a, b, true, 0); len(pairs) > 0 {
			t.Errorf("seed %d: %d pairs", seed, len(pairs))
		}
	}
}
