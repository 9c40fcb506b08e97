package server_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// mount puts a file system of its own over a new directory.
func mount(t *testing.T, flags uintptr, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A server that could not write its trace is not asked to record one: SGLang would die of it.
func TestNowhereToWrite(t *testing.T) {
	file := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(path, "dir")
	}
	for _, c := range []struct {
		name string
		dir  func(t *testing.T) string
		want string
	}{
		{"a little disk", func(t *testing.T) string { return mount(t, 0, "900k") }, "921.6 kB are free in DIR and about 16.78 MB are needed ("},
		{"a read-only one", func(t *testing.T) string { return mount(t, unix.MS_RDONLY, "900k") }, "can't be written to DIR, and a server may die of that"},
		{"below a file", file, "not a directory"},
	} {
		for _, kind := range []string{"sglang", "vllm-body"} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				s := &enginetest.Server{Kind: kind, Ranks: 2, Dir: c.dir(t)}
				o := options(t, s)
				got, err := capture.Run(context.Background(), o)
				if err == nil || got != nil {
					t.Fatalf("capture %v, error %v", got, err)
				}
				if want := strings.ReplaceAll(c.want, "DIR", s.Dir); !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
				if starts, _ := s.Calls(); starts > 0 || len(s.Bodies()) > 0 {
					t.Errorf("%d starts, %d requests all the same", starts, len(s.Bodies()))
				}
				if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

// A disk that is full by the time of the stop leaves files without a byte, and an answer as if all went well: vLLM's, which says
// why in its log alone. It is said which disk it is.
func TestFullAtStop(t *testing.T) {
	dir := mount(t, 0, "20m")
	s := &enginetest.Server{Kind: "vllm-body", Ranks: 2, Dir: dir}
	s.OnStop = func() {
		f, err := os.Create(filepath.Join(dir, "others"))
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		_, _ = f.Write(make([]byte, 24<<20)) // as much of it as there is room for
	}
	o := options(t, s)
	o.Config.Server.Patience = time.Second
	_, err := capture.Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "a full disk takes no byte of it; the disk of "+dir+" is full: 0 B are free") {
		t.Errorf("error %v", err)
	}
}
