//go:build linux

package capture

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/inferprof/inferprof/engine/enginetest"
)

// A disk without room is found before the model is loaded.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	script := &enginetest.Script{}
	o := options(t, script)
	o.ProfileDir = dir
	_, err := Run(context.Background(), o)
	wantOneLine(t, err, dir, "only 1.0 MiB free", "free some space")
	if script.Opened.Load() != 0 {
		t.Error("the engine was opened all the same")
	}
	if left := tree(t, dir); left != "" {
		t.Errorf("left behind: %s", left)
	}
}
