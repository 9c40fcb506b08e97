package profile

import (
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/trace"
)

// Without a manifest the trace tells what was configured, every time in the same order: a baseline file shows what changed.
func TestSettingsKeepTheirOrder(t *testing.T) {
	r := &analyze.RankIterations{}
	r.Recorded = trace.Recorded{Shapes: trace.On, Memory: trace.Off}
	want := []compare.Setting{{Name: "ranks", Value: "1"}, {Name: "python stacks", Value: "no"}, {Name: "memory events", Value: "no"}, {Name: "shapes", Value: "yes"}}
	for range 50 {
		if got := settingsOf(&ondisk.Capture{}, []*analyze.RankIterations{r}); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}
