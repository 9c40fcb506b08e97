package analyze

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// realResults are results of real traces, by their folder: the project's own, and those that lie beside it.
func realResults(t *testing.T) map[string]*Result {
	t.Helper()
	out, err := readRealResults()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 2 {
		t.Log("only the project's own traces: there are none at ../../shared/traces")
	}
	return out
}

var readRealResults = sync.OnceValues(func() (map[string]*Result, error) {
	out := map[string]*Result{}
	add := func(name string, files []string) error {
		var traces []*trace.Trace
		for _, f := range files {
			if base := filepath.Base(f); strings.Contains(base, ".expected") || base == "expected.json" || base == "exact.json" {
				continue
			}
			tr, err := formats.ReadFile(f, source.Options{})
			if errors.As(err, new(*source.NotTraceError)) {
				continue
			}
			if err != nil {
				return err
			}
			traces = append(traces, tr)
		}
		if len(traces) > 0 {
			out[name] = Analyze(traces, Options{})
		}
		return nil
	}
	for _, pattern := range []string{"mistral8l_*.gz", "second_*.gz"} {
		files, _ := filepath.Glob(filepath.Join("testdata", pattern))
		if err := add(pattern, files); err != nil {
			return nil, err
		}
	}
	folders, _ := filepath.Glob(realTraces + "/*/*")
	for _, dir := range folders {
		var files []string
		for _, pattern := range []string{"*.gz", "*.json"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			files = append(files, found...)
		}
		if err := add(filepath.Base(dir), files); err != nil {
			return nil, err
		}
	}
	return out, nil
})
