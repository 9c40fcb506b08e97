package inferprof_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferprof/inferprof"
)

func isError[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }

// TestProfileErrors: a program that imports this package alone can tell what went wrong.
func TestProfileErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.json")
	if err := os.WriteFile(text, []byte("no trace"), 0o666); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.json")
	if err := os.WriteFile(empty, []byte(`{"traceEvents": []}`), 0o666); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	report := func(ctx context.Context, paths ...string) error {
		_, err := inferprof.Report(ctx, paths...)
		return err
	}
	compare := func(ctx context.Context, paths ...string) error {
		_, err := inferprof.Compare(ctx, paths...)
		return err
	}
	verify := func(ctx context.Context, paths ...string) error {
		_, err := inferprof.Verify(ctx, paths...)
		return err
	}
	cut := func(output string, c inferprof.Cut) func(ctx context.Context, paths ...string) error {
		return func(ctx context.Context, paths ...string) error {
			p, err := inferprof.Open(ctx, paths...)
			if err == nil {
				_, err = p.Cut(ctx, output, c)
			}
			return err
		}
	}
	for _, c := range []struct {
		name  string
		do    func(ctx context.Context, paths ...string) error
		ctx   context.Context
		paths []string
		want  func(error) bool
	}{
		{"report of nothing", report, t.Context(), nil, isError[*inferprof.UsageError]},
		{"verify nothing", verify, t.Context(), nil, isError[*inferprof.UsageError]},
		{"compare one", compare, t.Context(), []string{rank(0)}, isError[*inferprof.UsageError]},
		{"report of what is not there", report, t.Context(), []string{filepath.Join(dir, "gone")}, is(fs.ErrNotExist)},
		{"compare with what is not there", compare, t.Context(), []string{rank(0), filepath.Join(dir, "gone")}, is(fs.ErrNotExist)},
		{"report of a text", report, t.Context(), []string{text}, isError[*inferprof.NotTraceError]},
		{"compare with an empty trace", compare, t.Context(), []string{rank(0), empty}, is(inferprof.ErrNothingComparable)},
		{"report too late", report, ended, []string{rank(0)}, is(context.Canceled)},
		{"verify too late", verify, ended, []string{rank(0)}, is(context.Canceled)},
		{"compare too late", compare, ended, []string{rank(0), rank(1)}, is(context.Canceled)},
		{"cut what is not there", cut(filepath.Join(dir, "a.json"), inferprof.Cut{Ranks: []int{7}}), t.Context(), []string{rank(0)},
			isError[*inferprof.SelectionError]},
		{"cut to nowhere", cut("", inferprof.Cut{}), t.Context(), []string{rank(0)}, isError[*inferprof.OutputError]},
		{"cut all away", cut(filepath.Join(dir, "a.json"), inferprof.Cut{FromNs: 1e15}), t.Context(), []string{rank(0)}, is(inferprof.ErrNothingLeft)},
	} {
		if err := c.do(c.ctx, c.paths...); !c.want(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := inferprof.CompareSides(nil); !isError[*inferprof.UsageError](err) {
		t.Errorf("compare nothing: %v", err)
	}
}

// TestRedact: a redacted report names none of its traces.
func TestRedact(t *testing.T) {
	r, err := inferprof.Report(t.Context(), rank(0), rank(1))
	if err != nil {
		t.Fatal(err)
	}
	inferprof.Redact(r)
	for _, format := range []string{"text", "json", "html"} {
		var out strings.Builder
		if err := inferprof.Render(&out, format, r, inferprof.RenderOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{rank(0), rank(1)} {
			if strings.Contains(out.String(), filepath.Base(path)) {
				t.Errorf("%s names %s", format, path)
			}
		}
		if format == "json" && !strings.Contains(out.String(), `"path": "trace-1"`) {
			t.Errorf("%s has no word in its place", format)
		}
	}
}
