package plants

import (
	"testing"

	"github.com/inferprof/inferprof/trace"
)

// What is played without a change is what was recorded, to the nanosecond.
func TestPlayedUnchanged(t *testing.T) {
	for _, b := range bases {
		t.Run(b.name, func(t *testing.T) {
			ranks := b.read(t)
			if ranks == nil {
				t.Skip("no traces in ../shared")
			}
			played, lost := NewScene(ranks...).play(score{})
			if lost != 0 {
				t.Errorf("%d ns longer", lost)
			}
			for r, x := range played {
				off, at := 0, 0
				for i := range ranks[r].Events.Len() {
					was := ranks[r].Events.At(i)
					if was.Category == trace.CategoryFlow {
						continue
					}
					is := x.Events.At(at)
					at++
					if was.Category != trace.CategoryGPUAnnotation && was != is {
						if off++; off < 5 {
							t.Errorf("rank %d row %d: %+v became %+v", r, i, was, is)
						}
					}
				}
				if at != x.Events.Len() || off > 0 {
					t.Errorf("rank %d: %d of %d rows are off, and there are %d", r, off, at, x.Events.Len())
				}
			}
		})
	}
}
