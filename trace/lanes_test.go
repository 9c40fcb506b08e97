package trace

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// laid makes a trace of one track with events of these starts and ends.
func laid(spans ...[2]int64) *Trace {
	t := &Trace{Strings: NewStrings(), Tracks: make([]Track, 1)}
	for _, s := range spans {
		t.Events.Append(Event{StartNs: s[0], DurationNs: s[1] - s[0], Phase: PhaseComplete, Side: NoSide})
	}
	return t
}

func TestLanes(t *testing.T) {
	for name, c := range map[string]struct {
		spans [][2]int64
		want  []uint16
	}{
		"nothing":             {nil, nil},
		"one after the other": {[][2]int64{{0, 5}, {5, 9}, {9, 9}}, []uint16{0, 0, 0}},
		"nested":              {[][2]int64{{0, 10}, {1, 9}, {1, 5}, {5, 9}, {9, 10}}, []uint16{0, 1, 2, 2, 1}},
		"file order":          {[][2]int64{{1, 9}, {0, 10}}, []uint16{1, 0}},
		"same start":          {[][2]int64{{0, 5}, {0, 10}}, []uint16{1, 0}},
		"kernels overlap":     {[][2]int64{{0, 10}, {8, 20}, {18, 30}, {28, 40}}, []uint16{0, 1, 0, 1}},
		"a child of the one that overlaps": {
			[][2]int64{{0, 10}, {8, 20}, {12, 14}}, []uint16{0, 1, 2}},
		"twins": {[][2]int64{{0, 10}, {0, 10}}, []uint16{0, 1}},
	} {
		if got := NewLanes(laid(c.spans...)); !slices.Equal(got.Depth, c.want) {
			t.Errorf("%s: %v, want %v", name, got.Depth, c.want)
		}
	}
}

// TestLanesHold: whatever the events, no two of a line overlap, what is enclosed is below, and nothing is missing.
func TestLanesHold(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		spans := make([][2]int64, r.IntN(60))
		for i := range spans {
			start := r.Int64N(100)
			spans[i] = [2]int64{start, start + r.Int64N(40)}
		}
		l := NewLanes(laid(spans...))
		if len(l.Order[0]) != len(spans) {
			t.Fatalf("%d events of %d", len(l.Order[0]), len(spans))
		}
		for i, a := range spans {
			if int(l.Depth[i]) >= l.Count[0] {
				t.Fatalf("depth %d of %d lines", l.Depth[i], l.Count[0])
			}
			for k, b := range spans {
				if i == k {
					continue
				}
				if l.Depth[i] == l.Depth[k] && max(a[0], b[0]) < min(a[1], b[1]) {
					t.Fatalf("%v and %v share line %d", a, b, l.Depth[i])
				}
				if a[0] < b[0] && b[0] < a[1] && b[1] <= a[1] && l.Depth[k] <= l.Depth[i] {
					t.Fatalf("%v in line %d is not below %v in line %d", b, l.Depth[k], a, l.Depth[i])
				}
			}
		}
	}
}

func BenchmarkLanes(b *testing.B) {
	t := &Trace{Strings: NewStrings(), Tracks: make([]Track, 1)}
	for i := range int64(1_000_000) {
		depth := i % 10
		t.Events.Append(Event{StartNs: i/10*1000 + depth*10, DurationNs: 900 - depth*20, Phase: PhaseComplete})
	}
	b.ReportAllocs()
	for b.Loop() {
		NewLanes(t)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/event")
}
