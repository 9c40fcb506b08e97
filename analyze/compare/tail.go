package compare

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
)

// The 99th percentile of some tens of steps is about the slowest of them, and nothing in a run says how much slower the
// slowest of another run would be. But two runs can be asked against each other: were they of the same thing, the steps
// beyond any limit would be split between them by chance, as balls are drawn from an urn (Fisher's exact test). So the
// interval of B's percentile less A's begins at this: how much faster each of B's steps would have to be, for as few of them
// to be beyond A's percentile as chance explains, at the level of one end. Of 30 steps a side, six of B must be slower than
// A's slowest; of 1000, some fifteen more than A has. What lies beside a slower step is of the same moment, and does not count
// again. To that comes what captures are allowed to differ by, as in every other number.

const (
	// tailShare is the percentile that slow steps are told by.
	tailShare = 0.99
	// sameMoment is how near to each other slow steps are of one moment.
	sameMoment = 2
)

// percentile99 is the percentile as a report has it.
func percentile99(ns []int64) float64 { return float64(stats.Percentile(ns, 100*tailShare)) }

// estimateTail compares the percentiles of steps: those of each side's runs, and the steps of all of its runs, by shape.
func estimateTail(values [2][]value, steps [2]series) Estimate {
	e := estimate(values[0], values[1])
	if e.Low == nil {
		return e
	}
	half, _ := e.halfWidth(values[0], values[1])
	e.Low, e.High, e.Verdict = nil, nil, VerdictUnknown
	var below, above, total float64
	for i, a := range steps[0].ns {
		b, w := steps[1].ns[i], steps[0].weight[i]
		if w == 0 {
			continue
		}
		low, okLow := tailLow(a, b)
		high, okHigh := tailLow(b, a)
		if !okLow || !okHigh {
			return e
		}
		delta := percentile99(b) - percentile99(a)
		below += math.Pow(w*max(0, delta-low), 2)
		above += math.Pow(w*max(0, -high-delta), 2)
		total += w
	}
	if total > 0 {
		below, above = math.Sqrt(below)/total, math.Sqrt(above)/total
		e.bound(half+below, half+above)
		e.Spread = math.Hypot(e.Spread, max(below, above)/studentT(math.Inf(1)))
	}
	return e
}

// tailLow is the lower end of b's percentile less a's; false if there are too few steps to tell.
func tailLow(a, b []int64) (float64, bool) {
	beyondA := int((1 - tailShare) * float64(len(a)))
	beyondB, ok := byChance(len(a), len(b), beyondA)
	slow := moments(b)
	if !ok || beyondB > len(slow) {
		return 0, false
	}
	sorted := slices.Clone(a)
	stats.Sort(sorted)
	return float64(slow[beyondB-1] - sorted[len(sorted)-1-beyondA]), true
}

// byChance is the fewest of b's steps beyond a limit that chance does not explain where there are so many of a's.
func byChance(a, b, beyondA int) (int, bool) {
	for k := 1; k <= b; k++ {
		if chance(a, b, beyondA, k) <= (1-Level)/2 {
			return k, true
		}
	}
	return 0, false
}

// chance is the probability that k or more of b's steps are beyond a limit, and the rest of the k + beyondA are a's.
func chance(a, b, beyondA, k int) float64 {
	choose := func(n, k int) float64 {
		x, _ := math.Lgamma(float64(n + 1))
		y, _ := math.Lgamma(float64(k + 1))
		z, _ := math.Lgamma(float64(n - k + 1))
		return x - y - z
	}
	var p float64
	for rest := beyondA; rest >= 0 && k <= b; rest, k = rest-1, k+1 {
		p += math.Exp(choose(a, rest) + choose(b, k) - choose(a+b, rest+k))
	}
	return p
}

// moments are the slowest steps of different moments, the slowest first.
func moments(ns []int64) []int64 {
	order := make([]int, len(ns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ns[b], ns[a]) })
	beside := make([]bool, len(ns))
	var out []int64
	for _, i := range order {
		if beside[i] {
			continue
		}
		out = append(out, ns[i])
		for k := max(0, i-sameMoment); k <= min(len(ns)-1, i+sameMoment); k++ {
			beside[k] = true
		}
	}
	return out
}
