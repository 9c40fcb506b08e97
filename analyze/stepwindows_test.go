package analyze

import (
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// TestStepWindows: the windows are numbered as the report's steps are, begin where those begin, and leave no time between.
func TestStepWindows(t *testing.T) {
	for kind, traces := range ownTraces(t) {
		for _, tr := range traces {
			steps := Analyze([]*trace.Trace{tr}, Options{}).steps()
			windows := index.StepWindows(tr)
			if len(windows) != len(steps) {
				t.Fatalf("%s: %d windows of %d steps", kind, len(windows), len(steps))
			}
			for i, s := range steps {
				w := windows[i]
				if w.FromNs != s.StartNs || w.ToNs < s.StartNs+s.CPUNs && i == len(steps)-1 || i > 0 && windows[i-1].ToNs != w.FromNs {
					t.Errorf("%s: step %d begins at %d and lasts %d: window %+v", kind, i, s.StartNs, s.CPUNs, w)
				}
			}
		}
	}
}

func (res *Result) steps() []index.Step {
	for _, r := range append(res.Ranks, res.Frontends...) {
		return r.Steps
	}
	return nil
}
