package index

import (
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// TestStepWindows: the windows are numbered as the steps are, begin where those begin, and leave no time between.
func TestStepWindows(t *testing.T) {
	files, _ := filepath.Glob("../testdata/*.gz")
	if len(files) == 0 {
		t.Fatal("no traces in ../testdata")
	}
	for _, file := range files {
		tr, err := formats.ReadFile(file, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		steps, windows := New(tr, &Options{}).StepTable(), StepWindows(tr)
		if len(windows) != len(steps) {
			t.Fatalf("%s: %d windows of %d steps", file, len(windows), len(steps))
		}
		for i, s := range steps {
			w := windows[i]
			if w.FromNs != s.StartNs || w.ToNs < s.StartNs+s.CPUNs && i == len(steps)-1 || i > 0 && windows[i-1].ToNs != w.FromNs {
				t.Errorf("%s: step %d begins at %d and lasts %d: window %+v", file, i, s.StartNs, s.CPUNs, w)
			}
		}
	}
}
