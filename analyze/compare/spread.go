package compare

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
)

// How sure is a number of one run's steps? Steps follow each other, and their times are three things at once:
//
//   - a course: attention reads a longer context with every step, clocks fall as a device gets hot. That is no noise, and
//     another capture would show it again. It widens nothing;
//   - noise, of which a slow moment slows several steps that follow each other;
//   - now and then a step that takes much longer: a pause.
//
// So the spread of steps is taken from what neighbours differ by, which a course does not touch: of two independent steps
// the difference has √2 of a step's deviation. It is the value that two of three differences stay below, as a normal
// distribution's are within one deviation: a pause now and then does not move it, steps of two kinds do.
//
// Errors of medians and means are those of a bootstrap over blocks of steps, of what a straight line through the steps
// leaves. A line and no more: steps that go back and forth between two speeds in long stretches may do so otherwise next
// time, and that does widen the interval.

const (
	draws     = 200
	mostDrawn = 400 // steps per draw; of more the error is scaled (m out of n bootstrap)
	seed      = 20260
	// withinOne is the part of a normal distribution within one deviation of its mean.
	withinOne = 0.6827
)

// statistic is a number of a run's steps, and its error.
type statistic struct {
	of    func(ns []int64) float64
	error func(ns []int64) float64 // of steps in order of time; nil: none of a run alone (tail.go)
}

var (
	median = statistic{func(ns []int64) float64 { return float64(stats.Median(ns)) }, medianError}
	mean   = statistic{meanNs, meanError}
	p99    = statistic{percentile99, nil}
)

// series is what a run's value is made of: steps of some shapes, each with its weight.
type series struct {
	ns     [][]int64
	weight []float64
}

// valueOf is the weighted mean of a number of each shape's steps.
func (s *series) valueOf(of statistic) (value, bool) {
	v := value{n: 1}
	var total, known, variance float64
	for i, ns := range s.ns {
		w := s.weight[i]
		if len(ns) == 0 || w == 0 {
			continue
		}
		v.v += w * of.of(ns)
		total += w
		if of.error != nil {
			within := w * of.error(ns)
			variance += within * within
		}
		if len(ns) > 1 {
			v.step += w * wander(ns)
			known += w
			v.n += len(ns) - 1
		}
	}
	if total == 0 {
		return v, false
	}
	v.v, v.within = v.v/total, math.Sqrt(variance)/total
	if known > 0 {
		v.step /= known
	}
	return v, true
}

// wander is what steps of a run differ by, their course aside: their neighbours' deviation, or that of two kinds of steps, which
// come in stretches that neighbours do not tell. That a run changes once is a course.
func wander(ns []int64) float64 {
	spread := neighbours(ns)
	if k, ok := kindsOf(ns); ok && k.from == 0 {
		n := float64(len(ns))
		spread = max(spread, (k.slow-k.fast)*math.Sqrt(float64(k.fasts)*float64(k.slows))/n)
	}
	return spread
}

// neighbours is the deviation of steps from their course, by what each differs from the next.
func neighbours(ns []int64) float64 {
	if len(ns) < 2 {
		return 0
	}
	ns = withoutCourse(ns)
	off := make([]int64, len(ns)-1)
	for i := range off {
		off[i] = abs(ns[i+1] - ns[i])
	}
	slices.Sort(off)
	at := int(math.Ceil(withinOne*float64(len(off)))) - 1
	return float64(off[at]) / math.Sqrt2
}

// slopeOf is by how much each step is slower than the one before, in the long run: the median over pairs of steps that are
// half of the run apart.
func slopeOf(ns []int64) float64 {
	half := len(ns) / 2
	if half < 2 {
		return 0
	}
	apart := make([]int64, len(ns)-half)
	for i := range apart {
		apart[i] = ns[i+half] - ns[i]
	}
	return float64(stats.Median(apart)) / float64(half)
}

// withoutCourse are steps without their slope.
func withoutCourse(ns []int64) []int64 {
	slope, middle := slopeOf(ns), float64(len(ns)-1)/2
	out := make([]int64, len(ns))
	for i, v := range ns {
		out[i] = v - int64(math.Round(slope*(float64(i)-middle)))
	}
	return out
}

// blockOf is how many steps that follow each other are drawn together.
func blockOf(n int) int { return int(math.Cbrt(float64(n)) + 0.5) }

// medianError is the standard error of the median of steps that follow each other.
func medianError(ns []int64) float64 {
	n := len(ns)
	if n < 2 {
		return 0
	}
	ns = withoutCourse(ns)
	length := blockOf(n)
	m := min(n, mostDrawn)
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	drawn, medians := make([]int64, 0, m+length), make([]int64, draws)
	for d := range medians {
		drawn = drawn[:0]
		for len(drawn) < m {
			from := r.IntN(n)
			for k := range length {
				drawn = append(drawn, ns[(from+k)%n])
			}
		}
		medians[d] = stats.Median(drawn[:m])
	}
	slices.Sort(medians)
	const end = draws * (1 - Level) / 2 // what one draw of hundreds comes to is no error
	width := float64(medians[draws-1-int(end)] - medians[int(end)])
	return width / (2 * normal) * math.Sqrt(float64(m)/float64(n))
}

func meanNs(ns []int64) float64 {
	var sum float64
	for _, v := range ns {
		sum += float64(v)
	}
	return sum / float64(max(1, len(ns)))
}

// meanError is the standard error of the mean of steps that follow each other: what drawing blocks comes to, in closed form.
func meanError(ns []int64) float64 {
	n := len(ns)
	if n < 2 {
		return 0
	}
	ns = withoutCourse(ns)
	length := blockOf(n)
	blocks := make([]float64, n)
	for i := range blocks {
		for k := range length {
			blocks[i] += float64(ns[(i+k)%n]) / float64(length)
		}
	}
	return deviation(blocks) * math.Sqrt(float64(length)/float64(n))
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

// madToDeviation makes a standard deviation of a median absolute deviation, as it is for a normal distribution.
const madToDeviation = 1.4826

// medianSpread is the median and, from the median absolute deviation, the spread.
func medianSpread(ns []int64) (usual, spread float64) {
	m := stats.Median(ns)
	off := make([]int64, len(ns))
	for i, v := range ns {
		off[i] = abs(v - m)
	}
	return float64(m), madToDeviation * float64(stats.Median(off))
}
