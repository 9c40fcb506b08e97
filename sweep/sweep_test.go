package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
)

var (
	quantization = Variable{Name: "quantization", Values: []string{"none", "awq"}}
	threads      = Variable{Name: "OMP_NUM_THREADS", Env: true, Values: []string{"1", "2", "4"}}
)

// plan is a plan in a new directory.
func plan(t *testing.T, repeat int, vary ...Variable) *Plan {
	t.Helper()
	p, err := New([]string{"--max-tokens", "4"}, repeat, vary...)
	if err != nil {
		t.Fatal(err)
	}
	p.Dir = t.TempDir()
	return p
}

// capture is a Runner that makes a complete capture.
func capture(_ context.Context, _ *Cell, dir string) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "rank0.1.pt.trace.json"), enginetest.Trace(0, 1, 2), 0o666); err != nil {
		return err
	}
	m := &ondisk.Manifest{SchemaVersion: ondisk.SchemaVersion, Status: ondisk.Complete, Files: []ondisk.File{{Path: "rank0.1.pt.trace.json"}}}
	return m.Write(dir)
}

func quiet(Event) {}

func TestNew(t *testing.T) {
	p := plan(t, 2, quantization, threads)
	if len(p.Cells) != 6 || p.Captures() != 12 || p.Pending() != 12 {
		t.Fatalf("%d cells, %d captures, %d pending", len(p.Cells), p.Captures(), p.Pending())
	}
	c := p.Cells[5]
	if c.Name != "quantization=awq, OMP_NUM_THREADS=4" || !slices.Equal(c.Set, []string{"--quantization=awq"}) || !slices.Equal(c.Env, []string{"OMP_NUM_THREADS=4"}) {
		t.Errorf("%+v", c)
	}
	var long []string
	for i := range 40 {
		long = append(long, strings.Repeat("x", 200)+"/"+fmt.Sprint(i))
	}
	dirs := map[string]bool{}
	for _, c := range plan(t, 1, Variable{Name: "model", Values: append(long, "a/b", "a_b", "a b", "../..", "")}).Cells {
		if dirs[c.Dir] || c.Dir == "" || filepath.Base(c.Dir) != c.Dir || !filepath.IsLocal(c.Dir) || len(c.Dir) > 100 {
			t.Errorf("directory %q of %q", c.Dir, c.Name)
		}
		dirs[c.Dir] = true
	}
	many := Variable{Name: "n", Values: slices.Repeat([]string{"1"}, 40)}
	if _, err := New(nil, 1, many, many); err == nil {
		t.Error("1,600 combinations")
	} else if _, ok := errors.AsType[*engine.UsageError](err); !ok {
		t.Error(err)
	}
}

// TestMake: what drifts with time hits all cells alike, and a cell that failed is told and left.
func TestMake(t *testing.T) {
	p := plan(t, 3, threads)
	var order []string
	boom := errors.New("out of\nmemory")
	err := p.Make(t.Context(), func(ctx context.Context, c *Cell, dir string) error {
		order = append(order, c.Env[0][len("OMP_NUM_THREADS="):])
		if c == &p.Cells[1] && len(order) > 3 { // in its second repeat
			return boom
		}
		return capture(ctx, c, dir)
	}, quiet)
	if err != nil || strings.Join(order, "") != "124421"+"14" {
		t.Errorf("order %v, %v", order, err)
	}
	c := p.Cells[1]
	if c.Runs[0].Capture == "" || c.Runs[1].Failure != "out of; memory" || c.Runs[2].Failure != "not tried: it failed before" || c.Failure() != "out of; memory" {
		t.Errorf("%+v", c.Runs)
	}
	if p.Cells[0].Failure() != "" || p.Pending() != 2 {
		t.Errorf("%+v, %d pending", p.Cells[0].Runs, p.Pending())
	}
	sides, err := p.Sides()
	if err != nil || len(sides) != 3 || len(sides[0].Captures) != 3 || len(sides[1].Captures) != 1 || sides[2].Label != "OMP_NUM_THREADS=4" {
		t.Errorf("%+v, %v", sides, err)
	}
	err = plan(t, 1, threads).Make(t.Context(), func(context.Context, *Cell, string) error { return nil }, func(e Event) {
		if e.Done && (e.Err == nil || !strings.Contains(e.Err.Error(), "left no complete capture")) {
			t.Errorf("a run without a capture: %v", e.Err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// TestResume: an interrupted sweep goes on with what is missing, whatever the interrupt left; another one does not.
func TestResume(t *testing.T) {
	p := plan(t, 2, threads)
	ctx, cancel := context.WithCancel(t.Context())
	made := 0
	err := p.Make(ctx, func(ctx context.Context, c *Cell, dir string) error {
		if made++; made == 3 {
			cancel()
			return os.Mkdir(dir, 0o777) // half a capture
		}
		return capture(ctx, c, dir)
	}, quiet)
	if !errors.Is(err, context.Canceled) || p.Pending() != 4 {
		t.Fatalf("%v, %d pending", err, p.Pending())
	}
	again := plan(t, 3, threads) // more repeats are more of the same
	again.Dir = p.Dir
	if err := again.Resume(); err != nil || again.Pending() != 9-2 {
		t.Fatalf("%v, %d pending", err, again.Pending())
	}
	if err := again.Make(t.Context(), capture, quiet); err != nil || again.Pending() != 0 {
		t.Errorf("%v, %d pending", err, again.Pending())
	}
	if err := os.RemoveAll(filepath.Join(p.Dir, again.Cells[0].Runs[0].Capture)); err != nil {
		t.Fatal(err)
	}
	fresh := plan(t, 3, threads)
	fresh.Dir = p.Dir
	if err := fresh.Resume(); err != nil || fresh.Pending() != 1 {
		t.Errorf("one is gone: %v, %d pending", err, fresh.Pending())
	}
	other := plan(t, 3, quantization)
	other.Dir = p.Dir
	if err := other.Resume(); !errors.Is(err, ErrOther) {
		t.Errorf("another sweep: %v", err)
	}
	if err := os.WriteFile(filepath.Join(p.Dir, StateName), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := fresh.Resume(); !errors.Is(err, ErrDamaged) {
		t.Errorf("half a state: %v", err)
	}
}

// FuzzResume: whatever sweep.json says, only complete captures in the sweep's directory count.
func FuzzResume(f *testing.F) {
	f.Add(`{"schema_version":1,"run":["--max-tokens","4"],"repeat":1,"cells":[` +
		`{"name":"quantization=none","set":["--quantization=none"],"runs":[{"capture":"../elsewhere"}]},` +
		`{"name":"quantization=awq","set":["--quantization=awq"],"runs":[{"capture":"x"},{"capture":"y"},{"capture":"z"}]}]}`)
	f.Add(`{"cells":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		p := plan(t, 1, quantization)
		outer := p.Dir
		p.Dir = filepath.Join(outer, "sweep")
		if err := errors.Join(os.Mkdir(p.Dir, 0o777), capture(t.Context(), nil, filepath.Join(outer, "elsewhere"))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.Dir, StateName), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := p.Resume(); err == nil && p.Pending() != 2 {
			t.Errorf("a capture of another directory counts: %+v", p.Cells)
		}
	})
}
