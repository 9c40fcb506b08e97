package compare

import "math"

// How sure is a difference? Two captures of the same thing differ by more than their steps do: clocks, memory placement,
// what else the machine does. So:
//
//   - Where a side has several captures, its value is the mean of theirs, and what they differ by is its error. Two or
//     three values say little about that, so that both sides' are taken together, in proportion to what they take, and
//     Student's t makes the interval as wide as so few need. A side of one capture borrows what the other's differ by.
//   - Where both have one, what captures differ by is not known. A side's error is then that of its number over its steps
//     (spread.go), and an allowance for what another capture would have brought: what the step's time wanders by from one
//     step to the next, and no less than singleRunShare. On a quiet GPU that is 1 %; on a shared CPU it may be a third, and
//     then says so. Of few steps it is itself an estimate, for which Student's t allows, too.
//
// The interval is of the difference, B − A, so that swapping the sides only turns its sign. Seeds are fixed: the same
// traces give the same interval. What is stated is the level of each interval on its own; noise_test.go measures it.

// Level is how often an interval holds the true difference, if the assumptions above do.
const Level = 0.95

const (
	// singleRunShare is what two runs of the same differ by on a quiet machine: measured medians of decode steps of real
	// engines vary by some tenths of a percent to one percent from run to run.
	singleRunShare = 0.01
	// fewSteps are the fewest of which something is known of how steps differ.
	fewSteps = 3
)

// Estimate is a number on both sides, and how sure their difference is.
type Estimate struct {
	A       float64  `json:"a"`
	B       float64  `json:"b"`
	Delta   float64  `json:"delta"`          // B − A
	Percent float64  `json:"percent"`        // of A
	Low     *float64 `json:"low,omitempty"`  // interval of Delta; absent where nothing is known of the spread
	High    *float64 `json:"high,omitempty"` //
	// Spread is the standard deviation of Delta were it of one capture a side; of k each it is 1/√k of that.
	Spread  float64 `json:"spread,omitempty"`
	Verdict string  `json:"verdict,omitempty"` // more, less, none (no difference shown), unknown
}

// Verdicts of an Estimate.
const (
	VerdictMore    = "more"
	VerdictLess    = "less"
	VerdictNone    = "none"
	VerdictUnknown = "unknown"
)

// LowPercent is the interval's lower end in percent of A.
func (e *Estimate) LowPercent() float64 { return share(*e.Low, e.A) }

// HighPercent is the interval's upper end in percent of A.
func (e *Estimate) HighPercent() float64 { return share(*e.High, e.A) }

// Shown says that the interval does not hold zero.
func (e *Estimate) Shown() bool { return e.Verdict == VerdictMore || e.Verdict == VerdictLess }

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}

// value is one run's: a number of its steps, the number's error within the run, and what it wanders by from step to step.
type value struct {
	v, within, step float64
	n               int // steps, less one of each series but one: what is known of step
}

// estimate compares two sides' runs.
func estimate(a, b []value) Estimate {
	e := Estimate{A: meanOf(a), B: meanOf(b)}
	e.Delta = e.B - e.A
	e.Percent = share(e.Delta, e.A)
	e.Verdict = VerdictUnknown
	half, ok := e.halfWidth(a, b)
	if !ok {
		return e
	}
	e.bound(half, half)
	return e
}

// bound makes the interval, by how far its ends are off Delta, and the verdict.
func (e *Estimate) bound(below, above float64) {
	low, high := max(e.Delta-below, -e.A), min(e.Delta+above, e.B) // neither side takes less than nothing
	e.Low, e.High = &low, &high
	switch {
	case low > 0:
		e.Verdict = VerdictMore
	case high < 0:
		e.Verdict = VerdictLess
	default:
		e.Verdict = VerdictNone
	}
}

// halfWidth is half of the interval. It fills in Spread.
func (e *Estimate) halfWidth(a, b []value) (float64, bool) {
	if len(a) == 0 || len(b) == 0 {
		return 0, false
	}
	if len(a) > 1 || len(b) > 1 {
		between := pooled(a, b)
		va, vb := repeated(a, between), repeated(b, between)
		e.Spread = math.Sqrt(va + vb)
		return studentT(float64(len(a)+len(b)-2)) * math.Sqrt(va/float64(len(a))+vb/float64(len(b))), true
	}
	if a[0].n < fewSteps || b[0].n < fewSteps {
		return 0, false
	}
	var variance, squares float64
	for _, v := range []*value{&a[0], &b[0]} {
		least := singleRunShare / math.Sqrt2 * v.v
		variance += math.Pow(max(least, v.step), 2) + v.within*v.within
		// The least is measured, and the steps' is estimated, of few by few.
		squares += math.Pow(max(normal*least, studentT(float64(v.n-1))*v.step), 2) + math.Pow(normal*v.within, 2)
	}
	e.Spread = math.Sqrt(variance)
	return math.Sqrt(squares), true
}

// normal is the quantile of the normal distribution, two sides of Level.
var normal = studentT(math.Inf(1))

// pooled is the variance between captures of one side, of both sides taken together, as a share of the mean's square.
func pooled(a, b []value) float64 {
	var squares float64
	for _, runs := range [][]value{a, b} {
		mean := meanOf(runs)
		if mean == 0 {
			continue
		}
		for _, r := range runs {
			squares += (r.v - mean) * (r.v - mean) / (mean * mean)
		}
	}
	return squares / float64(len(a)+len(b)-2)
}

// repeated is the variance of one capture of a side, given what captures differ by: at least that of its own steps.
func repeated(runs []value, between float64) float64 {
	mean := meanOf(runs)
	var within float64
	for _, r := range runs {
		within += r.within * r.within
	}
	return max(between*mean*mean, within/float64(len(runs)))
}

// mostCaptures is the most that capturesFor proposes.
const mostCaptures = 50

// capturesFor is how many captures a side would make the interval so narrow that it ends before a number that the
// difference is so far from, where so many are too few; 0 if mostCaptures would not, or nothing is known of the spread.
func (e *Estimate) capturesFor(distance float64, tooFew int) int {
	for k := tooFew + 1; e.Spread > 0 && k <= mostCaptures; k++ {
		if studentT(float64(2*k-2))*e.Spread/math.Sqrt(float64(k)) <= distance {
			return k
		}
	}
	return 0
}

func meanOf(runs []value) float64 {
	var sum float64
	for _, r := range runs {
		sum += r.v
	}
	return sum / float64(max(1, len(runs)))
}
