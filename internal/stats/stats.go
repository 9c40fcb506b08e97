// Package stats sums up lists of durations.
package stats

import (
	"math"
	"slices"
)

// There are two medians of an even number of values. A table of what ran (kernels, launches) has one that occurred, the upper
// of the two in the middle, as those who compute the same have it: Summary.Median. A sentence about steps, of which
// there may be two, means what lies between: Median.

// Summary is what a list of durations comes to.
type Summary struct {
	N                     int
	Sum, Min, Median, Max int64
}

// Of summarises durations, in whatever order they are. The median is the upper of the two in the middle.
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

// Median is the value in the middle, or the mean of the two that are; 0 of nothing.
func Median(ns []int64) int64 {
	s := Of(ns)
	if s.N == 0 || s.N%2 == 1 {
		return s.Median
	}
	below := nth(ns, s.N/2-1, s.Min, s.Max)
	return below + int64((uint64(s.Median)-uint64(below))/2) // right even where the difference overflows
}

// Percentile is the least value that p percent of the values do not exceed; 0 of nothing.
func Percentile(ns []int64, p int) int64 {
	if len(ns) == 0 {
		return 0
	}
	rank := (len(ns)*p + 99) / 100
	return nth(ns, max(0, rank-1), slices.Min(ns), slices.Max(ns))
}
