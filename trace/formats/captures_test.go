package formats_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/trace/formats"
)

func TestFindCaptureTraces(t *testing.T) {
	dir := t.TempDir()
	if got := formats.FindCaptureTraces(dir); got != nil {
		t.Errorf("in an empty directory: %v", got)
	}
	var want []string
	for _, f := range []struct {
		name, text string
		isCapture  bool
	}{
		{"capture_traces/graph_capture_rank_0.17.pt.trace.json", `{"traceEvents": []}`, true},
		{"graph_capture_profile/bs_32_rank0.json", `{"traceEvents": []}`, true},
		{"graph_capture_rank_1.18.pt.trace.json", `{"traceEvents": []}`, true},
		{"capture_traces/execution_details.json", `{"graphs": []}`, false},
		{"capture_traces/.hidden.json", `{"traceEvents": []}`, false},
		{"rank0.1.pt.trace.json", `{"traceEvents": []}`, false},
	} {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if f.isCapture {
			want = append(want, path)
		}
	}
	if got := formats.FindCaptureTraces(dir); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
