package kineto_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/trace/kineto"
)

// writeFiles makes a directory with files of these texts.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const oneEvent = `{"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "a", "pid": 1, "tid": 1, "ts": 1, "dur": 1}]}`

func TestReadFiles(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.json": oneEvent, "b.json": oneEvent, "cut.json": oneEvent[:80], "none.json": `{"a": 1}`})
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, budget := range []int64{0, 1, 1 << 40} { // one that nothing fits into still reads one after the other
		got, err := kineto.ReadFiles([]string{path("b.json"), path("a.json"), path("b.json")}, kineto.Options{Strict: true}, budget)
		if err != nil || len(got) != 3 {
			t.Fatalf("budget %d: %d traces, %v", budget, len(got), err)
		}
		for i, name := range []string{"b.json", "a.json", "b.json"} {
			if got[i].Meta.Path != path(name) || got[i].Events.Len() != 1 {
				t.Errorf("budget %d: trace %d is %s with %d events", budget, i, got[i].Meta.Path, got[i].Events.Len())
			}
		}
	}
	var not *kineto.NotTraceError
	var damaged *kineto.DamageError
	if _, err := kineto.ReadFiles([]string{path("a.json"), path("none.json"), path("cut.json")}, kineto.Options{Strict: true}, 1); !errors.As(err, &not) {
		t.Errorf("the first error is %v", err)
	}
	if _, err := kineto.ReadFiles([]string{path("cut.json"), path("none.json")}, kineto.Options{Strict: true}, 0); !errors.As(err, &damaged) {
		t.Errorf("the first error is %v", err)
	}
	if n := kineto.MemoryEstimate(path("absent")); n != 0 {
		t.Errorf("a file that is not there takes %d bytes", n)
	}
}
