//go:build linux

package atomicfile

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// On a full disk the old file stays, and nothing else.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "a.json")
	write := func(text string) error {
		return Write(path, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	}
	if err := write("old"); err != nil {
		t.Fatal(err)
	}
	err := write(strings.Repeat("new", 1<<20))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want no space left, naming %s", err, path)
	}
	if got := read(t, path); got != "old" {
		t.Errorf("the file holds %d bytes, want the old 3", len(got))
	}
	wantOnly(t, dir, "a.json")
}
