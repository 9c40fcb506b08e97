//go:build linux

package capture

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// disk is a directory that is a file system of its own, of so many bytes (10m).
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room that a disk has.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "everything"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// A disk without room is found before the model is loaded.
func TestFullDisk(t *testing.T) {
	dir := disk(t, "1m")
	script := &enginetest.Script{}
	o := options(t, script)
	o.ProfileDir = dir
	_, err := Run(context.Background(), o)
	wantOneLine(t, err, dir, "only 1.0", "free some space")
	if script.Opened.Load() != 0 {
		t.Error("the engine was opened all the same")
	}
	if left := tree(t, dir); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// A disk that fills up in the middle of a capture: the manifest says so all the same, once, and whole traces are kept.
func TestDiskFillsUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		when  func(o *Options, script *enginetest.Script, full func())
		found []int
	}{
		{"generating", func(_ *Options, s *enginetest.Script, full func()) {
			s.Generate = func(_ context.Context, round int) error {
				if round == 1 {
					full()
				}
				return nil
			}
		}, []int{}},
		{"with a trace", func(_ *Options, s *enginetest.Script, full func()) {
			s.Trace = func(rank int) []byte {
				if rank == 1 {
					full()
				}
				return enginetest.Trace(rank, 2, 3)
			}
		}, []int{0}},
		{"with a trace, and an engine that says so too", func(_ *Options, s *enginetest.Script, full func()) {
			s.Diagnoses = []string{"a disk is full: free some space"}
			s.Trace = func(rank int) []byte {
				if rank == 1 {
					full()
				}
				return enginetest.Trace(rank, 2, 3)
			}
		}, []int{0}},
		{"after the traces", func(o *Options, _ *enginetest.Script, full func()) {
			o.Progress = func(p Progress) {
				if p.Stage == ondisk.StageVerify && p.N == 2 {
					full()
				}
			}
		}, []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := disk(t, "18m")
			script := &enginetest.Script{}
			o := options(t, script)
			o.ProfileDir = filepath.Join(dir, "profiles")
			c.when(&o, script, func() { fill(t, dir) })
			got, err := Run(context.Background(), o)
			wantOneLine(t, err, o.ProfileDir, "free some space")
			m := readBack(t, got)
			if m.Status != ondisk.Failed || !slices.Equal(m.Ranks.Found, c.found) {
				t.Errorf("status %s, found %v, want %v", m.Status, m.Ranks.Found, c.found)
			}
			for what, text := range map[string]string{"error": err.Error(), "manifest": m.Error} {
				if n := strings.Count(text, "no space left on device") + strings.Count(text, "disk is full"); n != 1 {
					t.Errorf("%s: said %d times: %s", what, n, text)
				}
			}
			if again, err := ondisk.OpenAll(got.Dir); err != nil || len(again) != 1 || len(m.WholeTraces(got.Dir)) != len(c.found) {
				t.Errorf("opened again: %+v, %v", again, err)
			}
			if _, err := os.Stat(filepath.Join(got.Dir, reserveName)); err == nil {
				t.Error("the room that was kept is not given back")
			}
		})
	}
}
