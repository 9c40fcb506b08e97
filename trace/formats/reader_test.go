package formats_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"weak"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
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

func TestReader(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.json": oneEvent, "b.json": oneEvent, "cut.json": oneEvent[:80], "none.json": `{"a": 1}`})
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, budget := range []int64{0, 1, 1 << 40} { // one that nothing fits into still reads one after the other
		paths := []string{path("b.json"), path("a.json"), path("b.json")}
		got := make([]*trace.Trace, len(paths))
		reader := formats.NewReader(source.Options{Strict: true}, budget)
		for range 2 { // what the first round took of the budget has been given back
			clear(got)
			if err := reader.Start(t.Context(), paths, func(i int, traces []*trace.Trace) { got[i] = traces[0] })(); err != nil {
				t.Fatalf("budget %d: %v", budget, err)
			}
			for i, x := range got {
				if x == nil || x.Meta.Path != paths[i] || x.Events.Len() != 1 {
					t.Errorf("budget %d: trace %d is %+v", budget, i, x)
				}
			}
		}
	}
	var not *source.NotTraceError
	var damaged *source.DamageError
	reader := formats.NewReader(source.Options{Strict: true}, 1)
	ignore := func(int, []*trace.Trace) {}
	if err := reader.Start(t.Context(), []string{path("a.json"), path("none.json"), path("cut.json")}, ignore)(); !errors.As(err, &not) {
		t.Errorf("the first error is %v", err)
	}
	if err := reader.Start(t.Context(), []string{path("cut.json"), path("none.json")}, ignore)(); !errors.As(err, &damaged) {
		t.Errorf("the first error is %v", err)
	}
	if n := formats.MemoryEstimate(path("absent")); n != 0 {
		t.Errorf("a file that is not there takes %d bytes", n)
	}
}

// TestReaderLetsGo: of many traces few are in memory at any time, and with a budget for one, one.
func TestReaderLetsGo(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.json": oneEvent})
	paths := slices.Repeat([]string{filepath.Join(dir, "a.json")}, 40)
	for budget, most := range map[int64]int{0: 2 * max(1, runtime.GOMAXPROCS(0)/2), 1: 1} {
		var mu sync.Mutex
		var seen []weak.Pointer[trace.Trace]
		err := formats.NewReader(source.Options{}, budget).Start(t.Context(), paths, func(_ int, traces []*trace.Trace) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, weak.Make(traces[0]))
			runtime.GC()
			alive := 0
			for _, p := range seen {
				if p.Value() != nil {
					alive++
				}
			}
			if alive > most {
				t.Errorf("budget %d: %d of %d traces are in memory, want at most %d", budget, alive, len(seen), most)
			}
			runtime.KeepAlive(traces)
		})()
		if err != nil || len(seen) != len(paths) {
			t.Errorf("budget %d: %d traces, %v", budget, len(seen), err)
		}
	}
}
