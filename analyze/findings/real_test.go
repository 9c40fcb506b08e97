package findings

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// TestCausesPutIn: what was done in each step of a real engine is named first or second, and nothing that was not done.
func TestCausesPutIn(t *testing.T) {
	done := []string{"sync_in_step", "pageable_copies", "exposed_copies", "device_allocations", "launched_work_waits", "activation_quantization"}
	for _, c := range []struct {
		file, want string
		also       []string // what is true as well
	}{
		{file: "base", want: "host_idle"},
		{file: "host", want: "host_idle"},
		{file: "pageable", want: "pageable_copies"},
		{file: "pinned", want: "exposed_copies"},
		{file: "allocations", want: "device_allocations"},
		{file: "sync", want: "sync_in_step"},
		{file: "items", want: "sync_in_step", also: []string{"tiny_copies"}},
		{file: "compete", want: "launched_work_waits"},
		{file: "fp8", want: "activation_quantization"},
	} {
		read, err := formats.ReadFile(filepath.Join("testdata", "h200", c.file+".pt.trace.json.gz"), source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, f := range find(analyze.Options{}, read) {
			ids = append(ids, f.ID)
			if f.ID != c.want && slices.Contains(done, f.ID) && !slices.Contains(c.also, f.ID) {
				t.Errorf("%s: %s", c.file, f.Sentence)
			}
		}
		if at := slices.Index(ids, c.want); at < 0 || at > 1 {
			t.Errorf("%s: %s is not first or second of %v", c.file, c.want, ids)
		}
	}
}
