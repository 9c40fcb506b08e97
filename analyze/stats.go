package analyze

import (
	"math"
	"slices"
)

// summary is what a list of durations comes to.
type summary struct {
	n                     int
	sum, min, median, max int64
}

// stats summarises durations, which it sorts. The median is the upper of the two middle values: one that occurred.
func stats(ns []int64) summary {
	if len(ns) == 0 {
		return summary{}
	}
	slices.Sort(ns)
	s := summary{n: len(ns), min: ns[0], median: ns[len(ns)/2], max: ns[len(ns)-1]}
	for _, v := range ns {
		s.sum += v
	}
	return s
}

func (s summary) mean() int64 {
	if s.n == 0 {
		return 0
	}
	return s.sum / int64(s.n)
}

// stdDev is the standard deviation of a sample, which divides by n−1; 0 of fewer than two.
func stdDev(ns []int64) int64 {
	if len(ns) < 2 {
		return 0
	}
	var sum, squares float64
	for _, v := range ns {
		sum += float64(v)
	}
	mean := sum / float64(len(ns))
	for _, v := range ns {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	return int64(math.Round(math.Sqrt(squares / float64(len(ns)-1))))
}
