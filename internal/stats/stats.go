// Package stats sums up lists of durations.
package stats

import "math"

// Summary is what a list of durations comes to.
type Summary struct {
	N                     int
	Sum, Min, Median, Max int64
}

// Of summarises durations, in whatever order they are. The median is the upper of the two middle values: one that occurred.
func Of(ns []int64) Summary {
	if len(ns) == 0 {
		return Summary{}
	}
	s := Summary{N: len(ns), Min: ns[0], Max: ns[0]}
	for _, v := range ns {
		s.Sum += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	s.Median = nth(ns, len(ns)/2, s.Min, s.Max)
	return s
}

// Mean is the whole part of the mean; 0 of nothing.
func (s Summary) Mean() int64 {
	if s.N == 0 {
		return 0
	}
	return s.Sum / int64(s.N)
}

// StdDev is the standard deviation of a sample, which divides by n−1; 0 of fewer than two.
func StdDev(ns []int64) int64 {
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

// Median is the upper of the two middle values; 0 of nothing.
func Median(ns []int64) int64 { return Of(ns).Median }
