package server

import (
	"math/rand/v2"
	"time"
)

// poisson returns when n requests arrive, from the first on, which arrives at once: independently of each other, as those
// of many users do, perSecond of them in the mean. The gaps of a Poisson process are exponentially distributed. The same
// arguments give the same times. perSecond must be above 0.
func poisson(n int, perSecond float64, seed uint64) []time.Duration {
	random := rand.New(rand.NewPCG(seed, 0x6172726976616c73)) // the second word is any constant
	times := make([]time.Duration, n)
	at := 0.0 // seconds
	for i := range times {
		times[i] = time.Duration(at * float64(time.Second))
		at += random.ExpFloat64() / perSecond
	}
	return times
}
