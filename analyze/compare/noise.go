package compare

import (
	"math"
	"math/rand/v2"

	"github.com/inferprof/inferprof/internal/stats"
)

// How sure is a difference? Steps of one run follow each other, so that a slow moment slows several of them: whole
// blocks of steps are drawn for the bootstrap, not single ones. And two runs of the same thing differ by more than their
// steps do: clocks, memory placement, what else the machine does. So:
//
//   - Where a side has several captures, its value is the mean of theirs, and what they differ by is its error. Student's
//     t makes the interval as wide as so few values need.
//   - Where it has one, the spread between runs is not known. Its error is the bootstrap's of the median over its steps,
//     and an allowance for what another run would have brought: as much as a single step differs from the next, and no
//     less than singleRunShare. On a quiet GPU that is 1 %; on a shared CPU it may be a third, and then says so.
//
// The interval is of the difference, B − A, so that swapping the sides only turns its sign. The seed is fixed: the same
// traces give the same interval. What is stated is the level of each interval on its own.

// Level is how often an interval holds the true difference, if the assumptions above do.
const Level = 0.95

const (
	// singleRunShare is what two runs of the same differ by on a quiet machine: measured medians of decode steps of real
	// engines vary by some tenths of a percent to one percent from run to run.
	singleRunShare = 0.01
	draws          = 200
	mostDrawn      = 400 // steps per draw; of more the error is scaled (m out of n bootstrap)
	seed           = 20260
)

// Estimate is a number on both sides, and how sure their difference is.
type Estimate struct {
	A       float64  `json:"a"`
	B       float64  `json:"b"`
	Delta   float64  `json:"delta"`             // B − A
	Percent float64  `json:"percent"`           // of A
	Low     *float64 `json:"low,omitempty"`     // interval of Delta; absent where nothing is known of the spread
	High    *float64 `json:"high,omitempty"`    //
	Verdict string   `json:"verdict,omitempty"` // more, less, none (no difference shown), unknown
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

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}

// value is one run's: a weighted mean of medians, its error within the run, and how much one step differs from the next.
type value struct {
	v, within, step float64
	n               int
}

// series is what a run's value is made of: steps of some shapes, each with its weight.
type series struct {
	ns     [][]int64
	weight []float64
}

// valueOf takes the weighted mean of the medians.
func (s *series) valueOf() (value, bool) {
	var v value
	var total, variance float64
	for i, ns := range s.ns {
		if len(ns) == 0 || s.weight[i] == 0 {
			continue
		}
		usual, spread := medianSpread(ns)
		v.v += s.weight[i] * usual
		v.step += s.weight[i] * spread
		within := s.weight[i] * blockBootstrap(ns)
		variance += within * within
		total += s.weight[i]
		v.n += len(ns)
	}
	if total == 0 {
		return v, false
	}
	v.v, v.step, v.within = v.v/total, v.step/total, math.Sqrt(variance)/total
	return v, true
}

// blockBootstrap is the standard error of the median of steps that follow each other.
func blockBootstrap(ns []int64) float64 {
	n := len(ns)
	if n < 2 {
		return 0
	}
	length := int(math.Cbrt(float64(n)) + 0.5)
	m := min(n, mostDrawn)
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	drawn, medians := make([]int64, 0, m+length), make([]float64, draws)
	for d := range medians {
		drawn = drawn[:0]
		for len(drawn) < m {
			from := r.IntN(n)
			for k := range length {
				drawn = append(drawn, ns[(from+k)%n])
			}
		}
		medians[d] = float64(stats.Median(drawn[:m]))
	}
	return deviation(medians) * math.Sqrt(float64(m)/float64(n))
}

// estimate compares two sides' runs.
func estimate(a, b []value) Estimate {
	e := Estimate{A: meanOf(a), B: meanOf(b)}
	e.Delta = e.B - e.A
	e.Percent = share(e.Delta, e.A)
	e.Verdict = VerdictUnknown
	half, ok := halfWidth(a, b)
	if !ok {
		return e
	}
	low, high := max(e.Delta-half, -e.A), min(e.Delta+half, e.B) // neither side takes less than nothing
	e.Low, e.High = &low, &high
	switch {
	case low > 0:
		e.Verdict = VerdictMore
	case high < 0:
		e.Verdict = VerdictLess
	default:
		e.Verdict = VerdictNone
	}
	return e
}

// halfWidth is half of the interval.
func halfWidth(a, b []value) (float64, bool) {
	va, dfa, okA := variance(a)
	vb, dfb, okB := variance(b)
	// A side of one run borrows the spread between the other's.
	if len(a) == 1 && len(b) > 1 {
		va, dfa, okA = borrow(a[0], b), dfb, okB
	}
	if len(b) == 1 && len(a) > 1 {
		vb, dfb, okB = borrow(b[0], a), dfa, okA
	}
	if !okA || !okB {
		return 0, false
	}
	df := math.Inf(1)
	if d := va*va/dfa + vb*vb/dfb; d > 0 {
		df = (va + vb) * (va + vb) / d // Welch and Satterthwaite
	}
	return studentT(df) * math.Sqrt(va+vb), true
}

// variance is that of a side's value, and its degrees of freedom.
func variance(runs []value) (v, df float64, ok bool) {
	if len(runs) == 0 {
		return 0, 0, false
	}
	if len(runs) == 1 {
		r := runs[0]
		if r.n < fewSteps {
			return 0, 0, false
		}
		allowance := max(singleRunShare*r.v, r.step) / math.Sqrt2 // the difference of two runs has it twice
		return r.within*r.within + allowance*allowance, math.Inf(1), true
	}
	between := varianceOf(runs)
	var within float64
	for _, r := range runs {
		within += r.within * r.within
	}
	k := float64(len(runs))
	return max(between, within/k) / k, k - 1, true
}

func varianceOf(runs []value) float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = r.v
	}
	d := deviation(values)
	return d * d
}

// borrow is the variance of one run, by how much runs of the other side differ in proportion.
func borrow(r value, others []value) float64 {
	mean := meanOf(others)
	if mean == 0 {
		return r.within * r.within
	}
	scale := r.v / mean
	return max(varianceOf(others)*scale*scale, r.within*r.within)
}

func meanOf(runs []value) float64 {
	var sum float64
	for _, r := range runs {
		sum += r.v
	}
	return sum / float64(max(1, len(runs)))
}

// deviation is the standard deviation of a sample.
func deviation(v []float64) float64 {
	if len(v) < 2 {
		return 0
	}
	var sum, squares float64
	for _, x := range v {
		sum += x
	}
	mean := sum / float64(len(v))
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return math.Sqrt(squares / float64(len(v)-1))
}

// studentQuantiles are the 97.5 % quantiles of Student's t, two sides of Level, by degrees of freedom.
var studentQuantiles = []struct{ df, t float64 }{
	{1, 12.706}, {2, 4.303}, {3, 3.182}, {4, 2.776}, {5, 2.571}, {6, 2.447}, {7, 2.365}, {8, 2.306}, {9, 2.262}, {10, 2.228}, {12, 2.179},
	{15, 2.131}, {20, 2.086}, {30, 2.042}, {60, 2.000}, {120, 1.980}, {math.Inf(1), 1.960},
}

// studentT is the quantile for df ≥ 1 degrees of freedom, which need not be whole: Welch and Satterthwaite's of two captures
// a side are between 1 and 2, where the quantile falls to a third. Logarithms of tabled quantiles are interpolated over
// 1/df, which is exact to 3 % and never too little.
func studentT(df float64) float64 {
	for i, upper := range studentQuantiles[1:] {
		if df <= upper.df {
			lower := studentQuantiles[i]
			w := (1/max(df, 1) - 1/upper.df) / (1/lower.df - 1/upper.df)
			return upper.t * math.Pow(lower.t/upper.t, w)
		}
	}
	return studentQuantiles[0].t // not a number
}

// madToDeviation makes a standard deviation of a median absolute deviation, as it is for a normal distribution.
const madToDeviation = 1.4826

// medianSpread is the median and, from the median absolute deviation, the spread.
func medianSpread(ns []int64) (usual, spread float64) {
	m := stats.Median(ns)
	off := make([]int64, len(ns))
	for i, v := range ns {
		off[i] = max(v-m, m-v)
	}
	return float64(m), madToDeviation * float64(stats.Median(off))
}
