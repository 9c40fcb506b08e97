package report

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/analyze/findings"
	traceformats "github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// The real traces that tests render: those of the analyses' own tests, and those that lie beside the project.

// corpus is what is made of real traces, by the folder that they lie in.
type corpus struct {
	results map[string]*analyze.Result
	sides   map[string]compare.Side
}

// results are analyses of real traces.
func results(t *testing.T) map[string]*analyze.Result {
	t.Helper()
	c, err := readCorpus()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.results) == 2 {
		t.Log("only the project's own traces: there are none at ../../shared/traces")
	}
	return c.results
}

// comparisons are comparisons of real traces with their neighbours by name, which are alike or not, and all with themselves; each
// with a gate's answer.
func comparisons(t *testing.T) map[string]*compare.Result {
	t.Helper()
	results(t)
	c, err := readComparisons()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var readComparisons = sync.OnceValues(func() (map[string]*compare.Result, error) {
	c, err := readCorpus()
	if err != nil {
		return nil, err
	}
	out := map[string]*compare.Result{}
	add := func(sides ...compare.Side) error {
		r, err := compare.Compare(sides)
		if err != nil && !errors.Is(err, compare.ErrNothing) {
			return err
		}
		var names []string
		for _, s := range sides {
			names = append(names, s.Label)
		}
		out[strings.Join(names, " against ")] = r
		return r.Judge(sides, "decode-step", 5)
	}
	names := slices.Sorted(maps.Keys(c.sides))
	for i, name := range names {
		if err := errors.Join(add(c.sides[name], c.sides[name]), add(c.sides[name], c.sides[names[(i+1)%len(names)]])); err != nil {
			return nil, fmt.Errorf("compare %s: %w", name, err)
		}
	}
	return out, add(c.sides[names[0]], c.sides[names[1]], c.sides[names[len(names)-1]])
})

var readCorpus = sync.OnceValues(func() (*corpus, error) {
	c := &corpus{map[string]*analyze.Result{}, map[string]compare.Side{}}
	for _, pattern := range []string{"mistral8l_*.gz", "second_*.gz"} {
		files, _ := filepath.Glob(filepath.Join("../analyze/testdata", pattern))
		if len(files) != 2 {
			return nil, fmt.Errorf("../analyze/testdata/%s: %d files", pattern, len(files))
		}
		if err := c.add(pattern, files); err != nil {
			return nil, err
		}
	}
	folders, _ := filepath.Glob("../../shared/traces/*/*")
	for _, dir := range folders {
		var files []string
		for _, pattern := range []string{"*.gz", "*.json"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, f := range found {
				if !strings.Contains(f, ".expected") && filepath.Base(f) != "expected.json" && filepath.Base(f) != "exact.json" {
					files = append(files, f)
				}
			}
		}
		if err := c.add(filepath.Base(dir), files); err != nil {
			return nil, err
		}
	}
	return c, nil
})

// add reads the traces of one profile. Files that are none are left out.
func (c *corpus) add(name string, files []string) error {
	var parts []*analyze.Part
	var looks []*findings.Look
	capture := &compare.Capture{Name: name, Settings: []compare.Setting{{Name: "device", Value: name}}}
	for _, f := range files {
		tr, err := traceformats.ReadFile(f, source.Options{})
		if errors.As(err, new(*source.NotTraceError)) {
			continue
		}
		if err != nil {
			return err
		}
		capture.Ranks = append(capture.Ranks, analyze.Iterate(tr, len(parts), analyze.Options{}))
		x := analyze.File(tr, analyze.Options{})
		part := analyze.NewPart(x, 0, analyze.Options{})
		parts, looks = append(parts, part), append(looks, findings.LookAt(x, part.Rank, nil))
	}
	if len(parts) == 0 {
		return nil
	}
	r := analyze.Join(parts, analyze.Options{})
	r.Findings = findings.Find(r, looks)
	c.results[name] = r
	c.sides[name] = compare.Side{Label: name, Runs: []compare.Run{compare.Summarize(capture)}}
	return nil
}
