package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// A course and steps of two kinds are found in what has them, and in noise neither.
func TestCoursesAndKinds(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	noise := func(share float64) int64 { return int64(1e6 * share * r.NormFloat64()) }
	for _, c := range []struct {
		name          string
		of            func(i int) int64
		course, kinds bool
		from          int
	}{
		{"quiet", func(int) int64 { return 1e6 + noise(0.001) }, false, false, 0},
		{"noise", func(int) int64 { return 1e6 + noise(0.1) }, false, false, 0},
		{"attention grows", func(i int) int64 { return 1e6 + int64(i)*3000 + noise(0.002) }, true, false, 0},
		{"clocks fall", func(i int) int64 { return 1e6 - int64(i)*4000 + noise(0.01) }, true, false, 0},
		{"growth within noise", func(i int) int64 { return 1e6 + int64(i)*1000 + noise(0.1) }, false, false, 0},
		{"in turn", func(i int) int64 { return 1e6 + int64(i%2)*200_000 + noise(0.005) }, false, true, 0},
		{"throttled from step 25", func(i int) int64 { return 1e6 + int64(i/25)*300_000 + noise(0.005) }, true, true, 25},
		{"pauses", func(i int) int64 { return 1e6 + int64(i%10/9)*20e6 + noise(0.005) }, false, false, 0},
	} {
		ns := make([]int64, 40)
		for i := range ns {
			ns[i] = c.of(i)
		}
		_, course := courseOf(ns)
		k, kinds := kindsOf(ns)
		if course != c.course && !kinds || kinds != c.kinds || k.from != c.from && kinds {
			t.Errorf("%s: course %t, kinds %t: %+v", c.name, course, kinds, k)
		}
	}
}

// Long pauses in few steps leave the median and are in the mean, with their cause; the waterfall is of steps without.
func TestPausesAreInTheMean(t *testing.T) {
	side := func(pauses int) Side {
		var r analyze.RankIterations
		r.Kind, r.Work = analyze.KindGPU, []analyze.Work{{Name: "k", Category: "gemm"}}
		var every []int
		for i, ns := range steady(4_000_000, 29) {
			it := analyze.Iteration{Shares: []analyze.Share{{Count: 1, Ns: ns}}, EndNs: ns + 160_000}
			it.IdleNs[analyze.IdleHost] = 160_000
			if pauses > 0 && i%(29/pauses) == 3 {
				it.EndNs += 20_000_000
				it.IdleNs[analyze.IdleHost] += 20_000_000
			}
			r.Steps, every = append(r.Steps, it), append(every, i)
		}
		run := Run{Kind: analyze.KindGPU, Ranks: 1}
		b := runBuilder{run: &run, rowOf: map[analyze.Work]int{}}
		b.add([]*analyze.RankIterations{&r}, Group{Shape: decodeShape(8)}, every)
		return Side{Runs: []Run{run}}
	}
	r := mustCompare(t, side(0), side(4))
	s := sectionOf(t, r, "decode")
	checkSums(t, "pauses", s)
	if s.Time.Verdict != VerdictNone || s.Mean.Verdict != VerdictMore || s.Mean.Percent < 50 || s.Answer() != &s.Mean || s.P99.Percent < 400 {
		t.Errorf("median %+v, mean %+v, p99 %+v", s.Time, s.Mean, s.P99)
	}
	if s.BTotalNs-s.ATotalNs > 10_000 {
		t.Errorf("the waterfall goes from %d to %d", s.ATotalNs, s.BTotalNs)
	}
	if !strings.Contains(s.Sentence, "no difference shown") || !strings.Contains(s.Sentence, "in the mean B takes") || !strings.Contains(s.Sentence, "idle: launched too late +2.") {
		t.Error(s.Sentence)
	}
	if !strings.Contains(strings.Join(s.Notes, "\n"), "far off the median of B: 4 of 29 steps") {
		t.Error(s.Notes)
	}
	var mean int64
	for _, p := range s.MeanParts {
		mean += p.BNs
	}
	if d := float64(mean) - s.Mean.B; d > 1 || d < -1 {
		t.Errorf("parts of the mean sum to %d, the mean is %.1f", mean, s.Mean.B)
	}
}

// What the waterfall divides is at the median, whatever the steps do.
func TestTypicalStepsAreAtTheMedian(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	var worst float64
	for range 200 {
		s := source{r: r, step: 0.1 * r.Float64(), rho: r.Float64() * 0.9, outliers: 0.1, howMuch: 5, trend: r.Float64() - 0.5, n: float64(1 + r.IntN(60))}
		ns := s.run(1e6)
		at := typicalSteps(ns)
		if len(at) < min(len(ns), 2) || float64(len(at)) < fewTypical*float64(len(ns))-1 || !slices.IsSorted(at) {
			t.Fatalf("%d of %d steps: %v", len(at), len(ns), at)
		}
		off := make([]float64, len(ns))
		var sum float64
		for i, v := range ns {
			off[i] = math.Abs(float64(v) - median.of(ns))
		}
		sorted := slices.Sorted(slices.Values(off))
		for _, i := range at {
			sum += float64(ns[i]) - median.of(ns)
			if off[i] > sorted[len(sorted)/2] {
				t.Fatalf("step %d of %v is typical, and half of the others are nearer", i, ns)
			}
		}
		if len(ns) < 16 {
			continue // few steps may have none near their median
		}
		worst = max(worst, math.Abs(sum/float64(len(at)))/median.of(ns))
	}
	if worst > 0.03 {
		t.Errorf("typical steps are %.1f %% off the median", 100*worst)
	}
}
