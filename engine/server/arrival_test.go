package server

import (
	"math"
	"slices"
	"testing"
)

func TestPoisson(t *testing.T) {
	const n, rate = 20_000, 50.0
	times := poisson(n, rate, 1)
	var gaps []float64
	for i := 1; i < n; i++ {
		gaps = append(gaps, (times[i] - times[i-1]).Seconds())
	}
	mean, variance := 0.0, 0.0
	for _, g := range gaps {
		mean += g / float64(len(gaps))
	}
	for _, g := range gaps {
		variance += (g - mean) * (g - mean) / float64(len(gaps))
	}
	// Of an exponential distribution mean and standard deviation are the same.
	if math.Abs(mean*rate-1) > 0.03 || math.Abs(math.Sqrt(variance)*rate-1) > 0.03 || times[0] != 0 {
		t.Errorf("mean gap %v, deviation %v, first at %v", mean, math.Sqrt(variance), times[0])
	}
	if !slices.Equal(times, poisson(n, rate, 1)) || slices.Equal(times, poisson(n, rate, 2)) {
		t.Error("the seed does not decide")
	}
}
