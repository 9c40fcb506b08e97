package compare

import (
	"math"
	"math/rand/v2"
	"testing"
)

// source makes runs of steps as engines do: each run at a speed of its own, steps that remember the one before, and now
// and then one that takes much longer.
type source struct {
	r                    *rand.Rand
	between, step, rho   float64 // as shares of the mean
	outliers, howMuch, n float64
}

func (s *source) run(mean float64) []int64 {
	level := mean * math.Exp(s.between*s.r.NormFloat64())
	out := make([]int64, int(s.n))
	state := s.r.NormFloat64()
	for i := range out {
		state = s.rho*state + math.Sqrt(1-s.rho*s.rho)*s.r.NormFloat64()
		v := level * math.Exp(s.step*state)
		if s.r.Float64() < s.outliers {
			v *= 1 + s.howMuch*s.r.Float64()
		}
		out[i] = int64(v)
	}
	return out
}

func (s *source) values(runs int, mean float64) []value {
	var out []value
	for range runs {
		x := series{ns: [][]int64{s.run(mean)}, weight: []float64{1}}
		v, _ := x.valueOf()
		out = append(out, v)
	}
	return out
}

// Two sides of the same thing are called different no more often than the level says: with repeats whatever runs differ
// by, and with one capture a side where runs differ by no more than is allowed for.
func TestFalseAlarms(t *testing.T) {
	for _, c := range []struct {
		name string
		runs int
		source
	}{
		{"quiet GPU, one capture", 1, source{between: 0.004, step: 0.002, rho: 0.3, outliers: 0.02, howMuch: 2, n: 60}},
		{"shared CPU, one capture", 1, source{between: 0.08, step: 0.12, rho: 0.6, outliers: 0.1, howMuch: 5, n: 60}},
		{"quiet GPU, two captures", 2, source{between: 0.01, step: 0.002, rho: 0.3, outliers: 0.02, howMuch: 2, n: 60}},
		{"quiet GPU, three captures", 3, source{between: 0.01, step: 0.002, rho: 0.3, outliers: 0.02, howMuch: 2, n: 60}},
		{"shared CPU, three captures", 3, source{between: 0.15, step: 0.10, rho: 0.8, outliers: 0.1, howMuch: 5, n: 40}},
		{"no spread between runs", 3, source{step: 0.05, rho: 0.9, n: 200}},
	} {
		const repetitions = 150
		c.r = rand.New(rand.NewPCG(7, 11))
		alarms := 0
		for range repetitions {
			e := estimate(c.values(c.runs, 1e6), c.values(c.runs, 1e6))
			if e.Verdict == VerdictMore || e.Verdict == VerdictLess {
				alarms++
			}
		}
		// Three standard deviations of a binomial beyond what the level allows.
		allowed := (1-Level)*repetitions + 3*math.Sqrt(Level*(1-Level)*repetitions)
		t.Logf("%s: %d of %d", c.name, alarms, repetitions)
		if float64(alarms) > allowed {
			t.Errorf("%s: %d of %d comparisons of the same were called different, the level allows %.0f", c.name, alarms, repetitions, (1-Level)*repetitions)
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
	} {
		c.r = rand.New(rand.NewPCG(3, 4))
		shown := 0
		for range 40 {
			e := estimate(c.values(c.runs, 1e6), c.values(c.runs, c.factor*1e6))
			if c.factor > 1 && e.Verdict == VerdictMore || c.factor < 1 && e.Verdict == VerdictLess {
				shown++
			}
		}
		if shown < 36 {
			t.Errorf("%s: a factor of %g was shown in %d of 40", c.name, c.factor, shown)
		}
	}
}

func TestBlockBootstrap(t *testing.T) {
	if e := blockBootstrap([]int64{5, 5, 5, 5, 5, 5}); e != 0 {
		t.Errorf("of equal steps: %g", e)
	}
	// Of independent normal steps the median's error is √(π/2)·σ/√n.
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{100, 2000} {
		var sum float64
		const times = 20
		for range times {
			ns := make([]int64, n)
			for i := range ns {
				ns[i] = int64(1e6 + 1e4*r.NormFloat64())
			}
			sum += blockBootstrap(ns)
		}
		if got, want := sum/times, math.Sqrt(math.Pi/2)*1e4/math.Sqrt(float64(n)); got < 0.7*want || got > 1.4*want {
			t.Errorf("%d steps: error %.0f, theory %.0f", n, got, want)
		}
	}
	ns := (&source{r: r, step: 0.05, rho: 0.9, n: 500}).run(1e6)
	if a, b := blockBootstrap(ns), blockBootstrap(ns); a != b {
		t.Errorf("the same steps gave %g and %g", a, b)
	}
}

// Quantiles of fractional degrees of freedom are SciPy's (scipy.stats.t.ppf(0.975, df)).
func TestStudentT(t *testing.T) {
	for _, c := range []struct{ df, want float64 }{
		{1, 12.7062}, {1.25, 8.02795}, {1.5, 6.01666}, {1.75, 4.94885}, {2, 4.30265}, {2.5, 3.57465}, {4, 2.77645}, {11, 2.20099}, {17, 2.10982},
		{25, 2.05954}, {45, 2.01410}, {90, 1.98667}, {500, 1.96472}, {math.Inf(1), 1.95996}, {math.NaN(), 12.7062},
	} {
		if got := studentT(c.df); got < c.want*0.9995 || got > c.want*1.03 {
			t.Errorf("df %g: %g, want %g or a little more", c.df, got, c.want)
		}
	}
	for df := 1.0; df < 200; df += 0.01 {
		if studentT(df+0.01) > studentT(df) {
			t.Fatalf("more at %g than below", df+0.01)
		}
	}
}

func TestEstimateBounds(t *testing.T) {
	wild := []value{{v: 100, step: 200, n: 50, within: 50}}
	e := estimate(wild, []value{{v: 10, step: 30, n: 50, within: 5}})
	if *e.Low < -100 || *e.High > 10 {
		t.Errorf("interval %g to %g: a time cannot be negative", *e.Low, *e.High)
	}
	if e := estimate([]value{{v: 100, n: 3}}, wild); e.Verdict != VerdictUnknown || e.Low != nil {
		t.Errorf("three steps: %+v", e)
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
