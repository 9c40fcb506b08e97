package host

import (
	"math/rand/v2"
	"testing"
)

// TestMemoryCurve: however long a walk is, its curve is short, made of its own points in order, and as high as it.
func TestMemoryCurve(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(5000)
		walk := make([]MemoryPoint, n)
		at, bytes := int64(r.IntN(100)), int64(0)
		for i := range walk {
			walk[i] = MemoryPoint{at, bytes}
			at += int64(r.IntN(3))
			bytes = max(0, bytes+int64(r.IntN(2001))-1000)
		}
		c := memoryCurve{from: walk[0].AtNs, until: walk[n-1].AtNs}
		var peak, top int64
		for _, p := range walk {
			c.add(p.AtNs, p.Bytes)
			peak = max(peak, p.Bytes)
		}
		next := 0
		for _, p := range c.points {
			for next < n && walk[next] != p {
				next++
			}
			top = max(top, p.Bytes)
		}
		if next == n || top != peak || len(c.points) > 2*curvePieces || c.points[len(c.points)-1] != walk[n-1] {
			t.Fatalf("seed %d: %d points of %d, peak %d of %d, in order %t, ends with %v, not %v", seed, len(c.points), n, top, peak, next < n,
				c.points[len(c.points)-1], walk[n-1])
		}
	}
}
