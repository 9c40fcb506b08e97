package compare

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	tracesource "github.com/inferprof/inferprof/trace/source"
)

// A comparison takes the times of steps that a report has: of each shape those of its closed steps, the first ones and outliers
// apart, and where they are the same steps, the same medians.
func TestTimesAreTheReports(t *testing.T) {
	files, _ := filepath.Glob("../testdata/*.gz")
	more, _ := filepath.Glob("../../../shared/traces/*/*/*.gz")
	same := 0
	for _, file := range append(files, more...) {
		if info, err := os.Stat(file); err != nil || info.Size() > 1<<20 {
			continue
		}
		tr, err := formats.ReadFile(file, tracesource.Options{})
		if err != nil {
			continue // no trace: other tests say so
		}
		full := analyze.Analyze([]*trace.Trace{tr}, analyze.Options{})
		if len(full.Ranks) == 0 {
			continue
		}
		r, name := full.Ranks[0], filepath.Base(file)
		run := Summarize(&Capture{Ranks: []*analyze.RankIterations{analyze.Iterate(tr, 0, analyze.Options{})}})
		for _, g := range run.Groups {
			if g.Phase == PhaseWhole {
				continue
			}
			var times, busy []int64
			for i := range r.Steps {
				if s := &r.Steps[i]; s.Shape() == g.Shape && (s.Closed() || g.Cold && !s.Unmeasured) {
					times, busy = append(times, s.TimeNs), append(busy, s.BusyNs)
				}
			}
			for i, ns := range g.TotalNs {
				if !slices.Contains(times, ns) || full.Kind == analyze.KindGPU && !slices.Contains(busy, g.BusyNs[i]) {
					t.Errorf("%s, %s: %d ns, busy %d, is no step's of %v, %v", name, g.Text(), ns, g.BusyNs[i], times, busy)
				}
			}
			p := r.PhaseOf(g.Phase)
			if p != nil && p.MeasuredSteps == len(g.TotalNs) && !p.OfOpen && !g.Cold {
				same++
				if m := stats.Median(g.TotalNs); m != p.StepMedianNs {
					t.Errorf("%s, %s: %d, in the report %d", name, g.Text(), m, p.StepMedianNs)
				}
			}
		}
		if s := r.Steady; s != nil {
			if p := r.PhaseOf(trace.StepDecode); p.MeasuredSteps == s.Steps && p.StepMedianNs != s.StepMedianNs {
				t.Errorf("%s: steady steps of %d, decode steps of %d", name, s.StepMedianNs, p.StepMedianNs)
			}
		}
	}
	if same == 0 {
		t.Error("no group of steps is a phase's")
	}
}
