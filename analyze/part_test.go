package analyze

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// TestParts: traces that are analysed side by side, under numbers that turn out to be wrong, come to the same as all at
// once.
func TestParts(t *testing.T) {
	for _, pattern := range []string{"mistral8l_*.gz", "second_*.gz"} {
		files, _ := filepath.Glob(filepath.Join("testdata", pattern))
		var traces []*trace.Trace
		for _, f := range files {
			tr, err := formats.ReadFile(f, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			traces = append(traces, tr)
		}
		if len(traces) != 2 {
			t.Fatalf("testdata/%s: %d files", pattern, len(traces))
		}
		for _, o := range []Options{{}, {Ranks: []int{1}}, {Phase: "decode"}, {Steps: []index.Range{{From: 1, To: 2}}}, {Phase: "mixed"}, {Devices: []index.Range{{From: 1, To: 1}}}} {
			parts := make([]*Part, len(traces))
			var all sync.WaitGroup
			for i, tr := range traces {
				all.Go(func() { parts[i] = NewPart(File(tr, o), 7, o) })
			}
			all.Wait()
			if diff := cmp.Diff(Analyze(traces, o), Join(parts, o)); diff != "" {
				t.Errorf("%s, %+v: %s", pattern, o, diff)
			}
		}
	}
}

func TestCoresPerRank(t *testing.T) {
	for _, c := range []struct {
		capture *Capture
		want    float64
	}{
		{nil, 0}, {&Capture{}, 0}, {&Capture{HostCPUs: 3}, 0}, {&Capture{ExpectedRanks: 2}, 0}, {&Capture{HostCPUs: 3, ExpectedRanks: 2}, 1.5},
	} {
		if got := c.capture.coresPerRank(); got != c.want {
			t.Errorf("%+v: %g, want %g", c.capture, got, c.want)
		}
	}
}
