package collect

import (
	"testing"
	"time"
)

func TestGrowth(t *testing.T) {
	at := time.Unix(1_795_000_000, 0)
	var g growth
	for i, size := range []int64{0, 2e6, 2e6, 6e6} {
		g = g.next(size, at.Add(time.Duration(i)*time.Second))
	}
	if got := g.text(at.Add(3 * time.Second)); got != "6.000 MB and 2.000 MB/s" { // 2 MB in 1 s, then 4 MB in 2
		t.Error(got)
	}
	if got := g.text(at.Add(9 * time.Second)); got != "6.000 MB" {
		t.Error("at rest: ", got)
	}
}
