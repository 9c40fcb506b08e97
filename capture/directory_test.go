package capture

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
	"github.com/inferprof/inferprof/internal/dirlock"
)

func TestDirectoryName(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 14, 2, 0, time.UTC)
	for _, c := range []struct {
		model string
		tp    int
		want  string
	}{
		{"opt-125m", 1, "20261123-091402-opt-125m"},
		{"facebook/opt-125m", 2, "20261123-091402-opt-125m-tp2"},
		{"/models/Llama 3.1 (8B)/", 0, "20261123-091402-Llama_3.1__8B_"},
		{"", 0, "20261123-091402-model"},
		{"..", 0, "20261123-091402-model"},
		{"/", 0, "20261123-091402-model"},
		{strings.Repeat("x", 300), 4, "20261123-091402-" + strings.Repeat("x", 64) + "-tp4"},
	} {
		if got := directoryName(engine.Config{Model: c.model, TensorParallelSize: c.tp}, at); got != c.want {
			t.Errorf("%q: %s, want %s", c.model, got, c.want)
		}
	}
}

// Captures of the same second get directories of their own.
func TestDirectoriesNeverOverwrite(t *testing.T) {
	at := time.Now()
	o := &Options{ProfileDir: t.TempDir(), Config: engine.Config{Model: "m"}}
	seen := map[string]bool{}
	for range 3 {
		d, err := makeDirectory(o, at)
		if err != nil {
			t.Fatal(err)
		}
		if seen[d.path] {
			t.Errorf("%s was given twice", d.path)
		}
		seen[d.path] = true
	}
}

func TestNamedDirectory(t *testing.T) {
	o := options(t, &enginetest.Script{})
	o.Dir = filepath.Join(t.TempDir(), "a", "b")
	c, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Dir != o.Dir {
		t.Errorf("capture in %s, want %s", c.Dir, o.Dir)
	}
	before := tree(t, o.Dir)
	_, err = Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), o.Dir+" already holds a capture") {
		t.Errorf("second capture in the same directory: error %v", err)
	}
	if after := tree(t, o.Dir); after != before {
		t.Errorf("the refused capture changed the directory:\n%s\nwas\n%s", after, before)
	}
}

// With torch_profiler_dir the traces go right there, beside those of earlier profiles, and each capture has a directory
// of its own for the rest.
func TestTorchProfilerDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vllm_profile")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "rank0.1.pt.trace.json")
	if err := os.WriteFile(old, []byte("somebody's"), 0o666); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		o := options(t, &enginetest.Script{})
		o.Config.Profiler.Dir = dir
		c, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(c.Dir) != dir {
			t.Errorf("manifest in %s, want a directory in %s", c.Dir, dir)
		}
		for _, p := range c.Traces {
			if filepath.Dir(p) != dir {
				t.Errorf("trace %s is not in %s", p, dir)
			}
		}
		traces, err := filepath.Glob(filepath.Join(dir, "*.pt.trace.json"))
		if err != nil || len(traces) != 1+2*n {
			t.Errorf("after capture %d: traces %v, %v", n, traces, err)
		}
		again, err := ondisk.Open(c.Dir)
		if err != nil || len(again.Traces) != 2 || again.Manifest.ID != c.Manifest.ID {
			t.Errorf("opened again: %+v, %v", again, err)
		}
		newest, err := ondisk.Open(dir)
		if err != nil || newest.Manifest == nil || newest.Manifest.ID != c.Manifest.ID || strings.Join(newest.Traces, " ") != strings.Join(c.Traces, " ") {
			t.Errorf("the directory's newest profile: %+v, %v; want %s with %v", newest, err, c.Manifest.ID, c.Traces)
		}
	}
	all, err := ondisk.OpenAll(dir)
	if err != nil || len(all) != 3 || len(all[2].Traces) != 1 || all[2].Traces[0] != old {
		t.Errorf("everything in it: %v, %v; want two captures and the old trace", all, err)
	}
	if text, err := os.ReadFile(old); err != nil || string(text) != "somebody's" {
		t.Errorf("the earlier profile's trace is now %q, %v", text, err)
	}
}

// While one capture's traces come into a directory, no other begins there; captures with directories of their own do.
func TestTwoCapturesAtOnce(t *testing.T) {
	if !dirlock.Supported() {
		t.Skip("no locks on this system")
	}
	dir := t.TempDir()
	var inside, beside error
	o := options(t, &enginetest.Script{Generate: func(_ context.Context, round int) error {
		if round == 0 {
			second := options(t, &enginetest.Script{})
			second.Config.Profiler.Dir = dir
			_, inside = Run(context.Background(), second)
			third := options(t, &enginetest.Script{})
			_, beside = Run(context.Background(), third)
		}
		return nil
	}})
	o.Config.Profiler.Dir = dir
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if inside == nil || !strings.Contains(inside.Error(), "another capture is being made there") {
		t.Errorf("a second capture in the same directory: %v", inside)
	}
	if beside != nil {
		t.Errorf("a capture with a directory of its own: %v", beside)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 { // two traces, a manifest's directory
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestDirectoryErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	o := options(t, &enginetest.Script{})
	for _, dir := range []string{file, filepath.Join(file, "sub")} {
		o.ProfileDir = dir
		_, err := Run(context.Background(), o)
		wantOneLine(t, err, dir, "a file stands in its way")
	}
	t.Run("unwritable", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may write everywhere")
		}
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		o.ProfileDir = filepath.Join(dir, "profiles")
		_, err := Run(context.Background(), o)
		wantOneLine(t, err, o.ProfileDir, "choose one that you may write to")
	})
	for cause, remedy := range map[error]string{
		syscall.ENOSPC: "free some space",
		syscall.EROFS:  "choose one that you may write to",
		syscall.EACCES: "choose one that you may write to",
		syscall.EIO:    "choose another one",
	} {
		wantOneLine(t, directoryError("d", &fs.PathError{Op: "mkdir", Path: "d", Err: cause}), cause.Error(), remedy)
	}
}

func wantOneLine(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, part := range append(parts, "profile directory ", "--profile-dir") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of more than one line: %q", err)
	}
}

// tree lists what is under dir, with sizes.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if path != dir {
			b.WriteString(path + " " + info.ModTime().String() + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
