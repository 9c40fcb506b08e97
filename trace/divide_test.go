package trace_test

import (
	"testing"

	"github.com/inferprof/inferprof/trace"
)

// TestDivide: each event is in the part of its track, in the file's order, and as it was.
func TestDivide(t *testing.T) {
	whole := &trace.Trace{Strings: trace.NewStrings()}
	part := []int{1, 0, 1, 3, 2}
	whole.Tracks = make([]trace.Track, len(part))
	other := whole.Events.CategoryOf([]byte("odd"))
	for i := range 100_000 { // several blocks
		e := trace.Event{StartNs: int64(i), Track: trace.TrackID(i % len(part)), Category: trace.CategoryKernel, Side: trace.NoSide}
		if i%3 == 0 {
			e.Category = other
		}
		whole.Events.Append(e)
	}
	seen := 0
	for n, p := range whole.Divide(part, 4) {
		last := -1
		for i := range p.Events.Len() {
			row := p.FileRow(i)
			if row <= last || part[whole.Events.Track(row)] != n || p.Events.At(i) != whole.Events.At(row) ||
				p.Events.CategoryName(i) != whole.Events.CategoryName(row) {
				t.Fatalf("part %d: event %d is %+v, of row %d", n, i, p.Events.At(i), row)
			}
			last = row
			seen++
		}
		if p.Events.Len() == 0 {
			t.Errorf("part %d has %d events", n, p.Events.Len())
		}
	}
	if seen != whole.Events.Len() {
		t.Errorf("%d events are in parts, want %d", seen, whole.Events.Len())
	}
}
