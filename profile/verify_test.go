package profile

import (
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// TestVerify: what is damaged makes the whole not whole, and doubts are of what could be read.
func TestVerify(t *testing.T) {
	dir := ranksOf(t, 2, 3)
	verify := func() *Verification {
		t.Helper()
		v, err := Verify(t.Context(), []string{dir}, Options{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := verify(); !v.Whole || len(v.Files) != 2 || len(v.Doubts()) != 0 {
		t.Errorf("whole traces: %+v", v)
	}
	path := filepath.Join(dir, rankFile(1))
	lay(t, path, enginetest.Trace(1, 2, 3)[:200])
	v := verify()
	damaged := slices.IndexFunc(v.Files, func(f ondisk.File) bool { return f.Verdict == ondisk.Damaged })
	if v.Whole || damaged < 0 || v.Files[damaged].Path != path {
		t.Errorf("a damaged trace: %+v", v.Files)
	}
	if n := len(slices.DeleteFunc(slices.Clone(v.Problems), func(p analyze.Problem) bool { return p.ID != analyze.ProblemDamaged })); n != 1 {
		t.Errorf("the damage is told %d times", n)
	}
	p, err := Open(t.Context(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	reported, err := p.Report(t.Context(), Selection{})
	if err != nil || !reflect.DeepEqual(reported.Problems, v.Problems) || !reflect.DeepEqual(reported.Checks, v.Checks) {
		t.Errorf("a report says something else: %+v, %v; want %+v", reported.Problems, err, v.Problems)
	}
	lay(t, path, []byte("no trace"))
	if v := verify(); v.Whole || !slices.ContainsFunc(v.Problems, func(p analyze.Problem) bool { return p.ID == "missing_ranks" }) {
		t.Errorf("without one of two ranks: %+v", v.Problems)
	}
	quick, err := VerifyFiles(t.Context(), []string{dir}, Options{})
	if err != nil || quick.Whole || len(quick.Problems) != 0 {
		t.Errorf("files alone: %+v, %v", quick, err)
	}
	if _, err := Verify(t.Context(), []string{filepath.Join(dir, "absent")}, Options{}); err == nil {
		t.Error("what is not there was verified")
	}
}

// TestVerifyNothing: of nothing it isn't said that it is whole.
func TestVerifyNothing(t *testing.T) {
	for name, verify := range map[string]func(context.Context, []string, Options) (*Verification, error){"Verify": Verify, "VerifyFiles": VerifyFiles} {
		if v, err := verify(t.Context(), nil, Options{}); !isError[*engine.UsageError](err) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// A trace under another rank's name is told as such, as a report tells it: its rank is missing.
func TestVerifyCopy(t *testing.T) {
	dir := ranksOf(t, 2, 3)
	lay(t, filepath.Join(dir, rankFile(1)), enginetest.Trace(0, 2, 3))
	lay(t, filepath.Join(dir, rankFile(0)), enginetest.Trace(0, 2, 3))
	v, err := Verify(t.Context(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(v.Notes, func(n string) bool { return strings.Contains(n, rankFile(1)+" is a copy of ") }) {
		t.Errorf("notes %q", v.Notes)
	}
	if !slices.ContainsFunc(v.Problems, func(p analyze.Problem) bool { return p.ID == "missing_ranks" }) {
		t.Errorf("problems %+v", v.Problems)
	}
}
