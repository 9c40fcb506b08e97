package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// source makes runs of steps as engines do: each run at a speed of its own, steps that remember the one before, a course
// over the run, and now and then one that takes much longer.
type source struct {
	r                    *rand.Rand
	between, step, rho   float64 // as shares of the mean
	outliers, howMuch, n float64
	trend                float64 // the last step against the first
	slow, stays          float64 // the part of steps that take a third longer, and how likely the next is of the same kind besides
}

func (s *source) run(mean float64) []int64 {
	level := mean * math.Exp(s.between*s.r.NormFloat64())
	out := make([]int64, int(s.n))
	state := s.r.NormFloat64()
	slow := s.r.Float64() < s.slow
	for i := range out {
		state = s.rho*state + math.Sqrt(1-s.rho*s.rho)*s.r.NormFloat64()
		v := level * math.Exp(s.step*state) * (1 + s.trend*float64(i)/s.n)
		if s.slow > 0 {
			if s.r.Float64() >= s.stays {
				slow = s.r.Float64() < s.slow
			}
			if slow {
				v *= 4. / 3
			}
		}
		if s.r.Float64() < s.outliers {
			v *= 1 + s.howMuch*s.r.Float64()
		}
		out[i] = int64(v)
	}
	return out
}

// sides makes both sides of a comparison, B's mean by a factor off A's, and compares three numbers of their steps.
func (s *source) sides(runs int, factor float64) (e [3]Estimate) {
	var values [3][2][]value
	var steps [2]series
	for k, mean := range []float64{1e6, 1e6 * factor} {
		for range runs {
			ns := s.run(mean)
			if steps[k].ns == nil {
				steps[k] = series{ns: [][]int64{nil}, weight: []float64{1}}
			}
			steps[k].ns[0] = append(steps[k].ns[0], ns...)
			for i, of := range numbers3 {
				x := series{ns: [][]int64{ns}, weight: []float64{1}}
				v, _ := x.valueOf(of)
				values[i][k] = append(values[i][k], v)
			}
		}
	}
	for i := range e {
		e[i] = estimate(values[i][0], values[i][1])
	}
	e[2] = estimateTail(values[2], steps)
	return e
}

var numbers3 = [3]statistic{median, mean, p99}

// Two sides of the same thing are called different no more often than the level says: with repeats whatever runs differ
// by, and with one capture a side where runs differ by no more than is allowed for.
func TestFalseAlarms(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of comparisons: left out of short runs")
	}
	for _, c := range []struct {
		name string
		runs int
		source
	}{
		{"quiet GPU, one capture", 1, source{between: 0.004, step: 0.002, rho: 0.3, outliers: 0.02, howMuch: 2, n: 60}},
		{"quiet GPU, no pauses", 1, source{between: 0.007, step: 0.002, rho: 0.3, n: 30}},
		{"host-bound GPU, one capture", 1, source{between: 0.03, step: 0.04, rho: 0.4, outliers: 0.03, howMuch: 1, n: 30}},
		{"shared CPU, one capture", 1, source{between: 0.08, step: 0.12, rho: 0.6, outliers: 0.1, howMuch: 5, n: 60}},
		{"slow noise, one capture", 1, source{between: 0.01, step: 0.05, rho: 0.8, n: 60}},
		{"growing steps, one capture", 1, source{between: 0.004, step: 0.002, rho: 0.3, trend: 0.5, n: 30}},
		{"falling and noisy, one capture", 1, source{between: 0.015, step: 0.03, rho: 0.5, trend: -0.3, n: 30}},
		{"five steps, one capture", 1, source{between: 0.004, step: 0.01, rho: 0.3, n: 5}},
		{"three steps, one capture", 1, source{between: 0.004, step: 0.01, rho: 0.3, n: 3}},
		{"rare long pauses, one capture", 1, source{between: 0.004, step: 0.003, rho: 0.3, outliers: 0.05, howMuch: 8, n: 30}},
		{"many steps, one capture", 1, source{between: 0.004, step: 0.01, rho: 0.5, outliers: 0.02, howMuch: 3, n: 1500}},
		{"two kinds, one capture", 1, source{between: 0.004, step: 0.003, rho: 0.3, slow: 0.3, n: 30}},
		{"two kinds alike, one capture", 1, source{between: 0.004, step: 0.003, rho: 0.3, slow: 0.5, n: 60}},
		{"two kinds in stretches", 1, source{between: 0.004, step: 0.003, rho: 0.3, slow: 0.4, stays: 0.6, n: 60}},
		{"quiet GPU, two captures", 2, source{between: 0.01, step: 0.002, rho: 0.3, outliers: 0.02, howMuch: 2, n: 60}},
		{"quiet GPU, three captures", 3, source{between: 0.01, step: 0.002, rho: 0.3, outliers: 0.02, howMuch: 2, n: 60}},
		{"shared CPU, three captures", 3, source{between: 0.15, step: 0.10, rho: 0.8, outliers: 0.1, howMuch: 5, n: 40}},
		{"no spread between runs", 3, source{step: 0.05, rho: 0.9, n: 200}},
	} {
		repetitions := 200.0
		if c.n > 1000 || testing.Short() {
			repetitions = 60
		}
		c.r = rand.New(rand.NewPCG(7, 11))
		var alarms [3]float64
		var answers float64 // of median and mean, on which an answer rests
		for range int(repetitions) {
			e := c.sides(c.runs, 1)
			for i := range e {
				if e[i].Shown() {
					alarms[i]++
				}
			}
			if e[0].Shown() || e[1].Shown() {
				answers++
			}
		}
		// Three standard deviations of a binomial beyond what the level allows.
		allowed := (1-Level)*repetitions + 3*math.Sqrt(Level*(1-Level)*repetitions)
		t.Logf("%-32s median %4.1f %%, mean %4.1f %%, either %4.1f %%, p99 %4.1f %%",
			c.name, 100*alarms[0]/repetitions, 100*alarms[1]/repetitions, 100*answers/repetitions, 100*alarms[2]/repetitions)
		for i, n := range alarms {
			if n > allowed {
				t.Errorf("%s: %.0f of %.0f comparisons of the same were called different by their %s, the level allows %.0f",
					c.name, n, repetitions, []string{"median", "mean", "p99"}[i], (1-Level)*repetitions)
			}
		}
	}
}

// What is there is found: a difference well beyond the noise.
func TestDifferencesAreShown(t *testing.T) {
	for _, c := range []struct {
		name   string
		runs   int
		factor float64
		source
	}{
		{"quiet GPU, one capture", 1, 1.05, source{between: 0.004, step: 0.002, rho: 0.3, outliers: 0.02, howMuch: 2, n: 60}},
		{"quiet GPU, two captures", 2, 0.8, source{between: 0.005, step: 0.002, rho: 0.3, n: 60}},
		{"quiet GPU, three captures", 3, 0.95, source{between: 0.005, step: 0.002, rho: 0.3, n: 60}},
		{"shared CPU, five captures", 5, 1.5, source{between: 0.08, step: 0.10, rho: 0.5, outliers: 0.1, howMuch: 5, n: 60}},
		{"growing steps, one capture", 1, 1.05, source{between: 0.004, step: 0.002, rho: 0.3, trend: 1, n: 30}},
		{"host-bound GPU, one capture", 1, 1.5, source{between: 0.03, step: 0.04, rho: 0.4, outliers: 0.03, howMuch: 1, n: 30}},
		{"five steps, one capture", 1, 1.5, source{between: 0.004, step: 0.02, rho: 0.3, n: 5}},
		{"three steps, one capture", 1, 1.5, source{between: 0.004, step: 0.02, rho: 0.3, n: 3}},
	} {
		c.r = rand.New(rand.NewPCG(3, 4))
		shown := 0
		for range 40 {
			e := c.sides(c.runs, c.factor)[0]
			if c.factor > 1 && e.Verdict == VerdictMore || c.factor < 1 && e.Verdict == VerdictLess {
				shown++
			}
		}
		if shown < 36 {
			t.Errorf("%s: a factor of %g was shown in %d of 40", c.name, c.factor, shown)
		}
	}
}

// What a gate of 5 % says of factors, by captures a side. A factor of 1.5 never passes.
func TestPower(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of comparisons: left out of short runs")
	}
	for _, c := range []struct {
		name string
		source
		decided float64 // share of comparisons at 1.5 with one capture a side that must fail
	}{
		{"quiet GPU", source{between: 0.004, step: 0.002, rho: 0.3, outliers: 0.02, howMuch: 2, n: 30}, 1},
		{"host-bound GPU", source{between: 0.03, step: 0.04, rho: 0.4, outliers: 0.03, howMuch: 1, n: 30}, 0.95},
		{"shared CPU", source{between: 0.08, step: 0.12, rho: 0.6, outliers: 0.1, howMuch: 5, n: 60}, 0},
		{"growing by half", source{between: 0.004, step: 0.004, rho: 0.3, trend: 0.5, n: 30}, 1},
	} {
		for _, runs := range []int{1, 2, 3} {
			text := fmt.Sprintf("%-16s %d a side:", c.name, runs)
			for _, factor := range []float64{1, 1.05, 1.1, 1.5} {
				const repetitions = 60
				c.r = rand.New(rand.NewPCG(13, 17))
				said := map[Outcome]int{}
				for range repetitions {
					j := Judgement{Estimate: c.sides(runs, factor)[0]}
					j.weigh(false, 5, runs)
					said[j.Outcome]++
				}
				text += fmt.Sprintf("  ×%.2f fails %3d passes %3d", factor, said[OutcomeFailed], said[OutcomePassed])
				switch {
				case factor == 1.5 && said[OutcomePassed] > 0:
					t.Errorf("%s, %d captures: half as slow again passed 5 %% in %d of %d", c.name, runs, said[OutcomePassed], repetitions)
				case factor == 1.5 && runs == 1 && float64(said[OutcomeFailed]) < c.decided*repetitions:
					t.Errorf("%s: half as slow again failed 5 %% in %d of %d", c.name, said[OutcomeFailed], repetitions)
				case factor == 1 && said[OutcomeFailed] > 2:
					t.Errorf("%s, %d captures: the same failed 5 %% in %d of %d", c.name, runs, said[OutcomeFailed], repetitions)
				}
			}
			t.Log(text)
		}
	}
}

func TestMedianError(t *testing.T) {
	if e := medianError([]int64{5, 5, 5, 5, 5, 5}); e != 0 {
		t.Errorf("of equal steps: %g", e)
	}
	// Of independent normal steps the median's error is √(π/2)·σ/√n, and the mean's σ/√n. A course changes neither much.
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{100, 2000} {
		for _, slope := range []float64{0, 1e5} {
			var medians, means float64
			const times = 20
			for range times {
				ns := make([]int64, n)
				for i := range ns {
					ns[i] = int64(1e6 + 1e4*r.NormFloat64() + slope*float64(i)/float64(n))
				}
				medians += medianError(ns) / times
				means += meanError(ns) / times
			}
			theory := 1e4 / math.Sqrt(float64(n))
			if want := math.Sqrt(math.Pi/2) * theory; medians < 0.7*want || medians > 1.4*want {
				t.Errorf("%d steps, slope %g: the median's error is %.0f, theory %.0f", n, slope, medians, want)
			}
			if means < 0.7*theory || means > 1.4*theory {
				t.Errorf("%d steps, slope %g: the mean's error is %.0f, theory %.0f", n, slope, means, theory)
			}
		}
	}
	ns := (&source{r: r, step: 0.05, rho: 0.9, n: 500}).run(1e6)
	if a, b := medianError(ns), medianError(ns); a != b {
		t.Errorf("the same steps gave %g and %g", a, b)
	}
}

// The deviation that neighbours tell is that of the noise, whatever the course, and steps of two kinds widen it.
func TestNeighbours(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	make1 := func(of func(i int) float64) []int64 {
		ns := make([]int64, 400)
		for i := range ns {
			ns[i] = int64(1e6 + of(i))
		}
		return ns
	}
	for _, c := range []struct {
		name string
		ns   []int64
		want float64
	}{
		{"noise", make1(func(int) float64 { return 1e4 * r.NormFloat64() }), 1e4},
		{"a course", make1(func(i int) float64 { return 1e4*r.NormFloat64() + 5e5*float64(i)/400 }), 1e4},
		{"pauses", make1(func(i int) float64 { return 1e4*r.NormFloat64() + float64(i%20/19)*2e7 }), 1.1e4},
		{"no noise", make1(func(int) float64 { return 0 }), 0},
		{"two kinds in turn", make1(func(i int) float64 { return float64(i%2) * 1e5 }), 1e5 / math.Sqrt2},
	} {
		if got := neighbours(c.ns); math.Abs(got-c.want) > 0.15*c.want {
			t.Errorf("%s: %.0f, want about %.0f", c.name, got, c.want)
		}
	}
	if neighbours(nil) != 0 || neighbours([]int64{7}) != 0 {
		t.Error("one step has no neighbours")
	}
}

// Fisher's exact test of SciPy: scipy.stats.hypergeom.sf(k-1, a+b, k+beyond, b).
func TestByChance(t *testing.T) {
	for _, c := range []struct {
		a, b, beyond, k int
		want            float64
	}{{30, 30, 0, 5, 0.0260928}, {30, 30, 0, 6, 0.0118604}, {30, 60, 0, 10, 0.0131793}, {30, 30, 1, 8, 0.0128454}, {1000, 1000, 10, 23, 0.0168019}} {
		if got := chance(c.a, c.b, c.beyond, c.k); math.Abs(got-c.want) > 1e-4*c.want {
			t.Errorf("%+v: %g", c, got)
		}
	}
	if k, ok := byChance(30, 30, 0); !ok || k != 6 {
		t.Errorf("of 30 steps %d must be slower", k)
	}
	if _, ok := byChance(3, 3, 0); ok {
		t.Error("of three steps three say something")
	}
}

func TestEstimateBounds(t *testing.T) {
	wild := []value{{v: 100, step: 200, n: 50, within: 50}}
	e := estimate(wild, []value{{v: 10, step: 30, n: 50, within: 5}})
	if *e.Low < -100 || *e.High > 10 {
		t.Errorf("interval %g to %g: a time cannot be negative", *e.Low, *e.High)
	}
	if e := estimate([]value{{v: 100, n: 2}}, wild); e.Verdict != VerdictUnknown || e.Low != nil {
		t.Errorf("two steps: %+v", e)
	}
	// A single run borrows the spread of the other side's repeats.
	repeats := []value{{v: 90, n: 50}, {v: 100, n: 50}, {v: 110, n: 50}}
	if e := estimate([]value{{v: 112, n: 50}}, repeats); e.Verdict != VerdictNone {
		t.Errorf("borrowed: %+v", e)
	}
	if e := estimate([]value{{v: 300, n: 50}}, repeats); e.Verdict != VerdictLess {
		t.Errorf("borrowed: %+v", e)
	}
}
