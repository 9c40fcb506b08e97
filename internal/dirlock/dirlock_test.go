package dirlock

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	release, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); Supported() && !errors.Is(err, ErrInUse) {
		t.Errorf("a second lock: %v", err)
	}
	release()
	if release, err = Lock(dir); err != nil {
		t.Fatal(err)
	}
	release()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := Lock(filepath.Join(dir, "none")); Supported() && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// A lock that is given back is free at once, also while other goroutines start processes.
func TestLockWhileChildrenStart(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ended, started := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(started)
		for {
			select {
			case <-ended:
				return
			default:
				if err := exec.Command(self, "-test.run=^$").Run(); err != nil {
					started <- err
					return
				}
			}
		}
	}()
	for range 20_000 {
		release, err := Lock(dir)
		if err != nil {
			t.Error(err)
			break
		}
		release()
	}
	close(ended)
	if err := <-started; err != nil {
		t.Skip("no child can be started: ", err)
	}
}
