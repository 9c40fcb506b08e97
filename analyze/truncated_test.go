package analyze

import (
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// cuts is into how many parts a trace is cut to try each beginning of it.
const cuts = 60

// offShare is by how much a median of a part of a trace may differ from the whole's, from fewMeasured steps on: the first of
// a profile may be slower.
const (
	offShare    = 0.02
	fewMeasured = 4
)

// text is a trace as it stands in its file, inflated.
func text(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// readText reads a trace from its text.
func readText(t *testing.T, text []byte) (*trace.Trace, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "part.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return formats.ReadFile(path, source.Options{})
}

// Wherever a file ends, what is said of a step is what the whole file says, or nothing: one whose kernels stood behind the end is
// in no number.
func TestTruncatedAnywhere(t *testing.T) {
	files := []string{"testdata/mistral8l_tp2_cudagraph_rank0.1795422072183.pt.trace.json.gz"}
	more, _ := filepath.Glob("../../shared/traces/own/vllm024_h200_mistral7b-none/*.gz")
	for _, file := range append(files, more...) {
		name, all := filepath.Base(file), text(t, file)
		tr, err := readText(t, all)
		if err != nil {
			t.Fatal(err)
		}
		whole := Analyze([]*trace.Trace{tr}, Options{}).Ranks[0]
		known := 0
		for i := 1; i < cuts; i++ {
			cut := len(all) / cuts * i
			tr, err := readText(t, all[:cut])
			if err != nil {
				continue // too little to be a trace
			}
			part := Analyze([]*trace.Trace{tr}, Options{})
			if part.Kind == KindEmpty {
				continue
			}
			if r := part.Ranks[0]; part.Kind == KindCPU && r.NoGPU != index.NoGPUTruncated {
				t.Errorf("%s, its first %d bytes: a CPU's trace", name, cut)
			}
			known += checkPart(t, fmt.Sprintf("%s, its first %d bytes of %d", name, cut, len(all)), part.Ranks[0], whole)
		}
		if known < cuts/4 {
			t.Errorf("%s: decode steps are measured in %d parts of %d", name, known, cuts)
		}
	}
}

// checkPart compares what a part of a file says of steps with what the whole does, and returns 1 if it says what decoding takes.
func checkPart(t *testing.T, name string, part, whole *ranks.Rank) int {
	t.Helper()
	for i := range part.Steps {
		s := &part.Steps[i]
		if s.Phase == trace.StepEmpty {
			continue
		}
		if w := &whole.Steps[i]; s.Open || s.Closed() && (s.TimeNs != w.TimeNs || s.BusyNs != w.BusyNs || !w.Closed()) {
			t.Errorf("%s: step %d takes %d, busy %d (open %t), in the whole %d, busy %d", name, i, s.TimeNs, s.BusyNs, s.Open, w.TimeNs, w.BusyNs)
		}
	}
	p, w := part.PhaseOf(trace.StepDecode), whole.PhaseOf(trace.StepDecode)
	switch {
	case p == nil:
		return 0
	case p.MeasuredSteps == 0:
		if p.StepMedianNs != -1 || p.NsPerToken != -1 || part.Steady != nil {
			t.Errorf("%s: numbers of no step: %+v", name, p)
		}
		return 0
	case p.MeasuredSteps < fewMeasured:
		return 1
	}
	near := func(what string, got, want int64) {
		if math.Abs(float64(got)/float64(want)-1) > offShare {
			t.Errorf("%s: %s is %d, of the whole %d", name, what, got, want)
		}
	}
	near("a decode step", p.StepMedianNs, w.StepMedianNs)
	near("its busy time", p.GPUBusyMedianNs, w.GPUBusyMedianNs)
	near("a token", p.NsPerToken, w.NsPerToken)
	if s := part.Steady; s != nil {
		near("a steady step", s.StepMedianNs, w.StepMedianNs)
	}
	return 1
}
