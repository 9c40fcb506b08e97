package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestCopy(t *testing.T) {
	for _, size := range []int{0, 5, pieceBytes, pieceBytes + 3} {
		dir := t.TempDir()
		from, path := filepath.Join(dir, "from"), filepath.Join(dir, "a.json")
		want := bytes.Repeat([]byte("0123456"), size/7+1)[:size]
		if err := os.WriteFile(from, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Copy(t.Context(), path, from); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes copied of %d, %v", len(got), size, err)
		}
		wantOnly(t, dir, "a.json", "from")
	}
	if err := Copy(t.Context(), filepath.Join(t.TempDir(), "a"), "none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// hung gives its bytes when it is released.
type hung struct{ released <-chan struct{} }

func (h hung) Read([]byte) (int, error) { <-h.released; return 0, io.EOF }
func (hung) Close() error               { return nil }

// A copy ends when its context does, also one that hangs, and leaves nothing, late or not.
func TestCopyIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	synctest.Test(t, func(t *testing.T) {
		was, release := open, make(chan struct{})
		open = func(string) (io.ReadCloser, error) { return hung{release}, nil }
		defer func() { open = was }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := Copy(ctx, path, "from")
		if took := time.Since(began); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v", took, err)
		}
		close(release)
		synctest.Wait()
	})
	wantOnly(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Copy(ctx, path, "from"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantOnly(t, dir)
}
