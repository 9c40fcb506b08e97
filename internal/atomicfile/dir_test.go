package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteDir(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "d")
	put := func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600) }
	wrong := errors.New("wrong")
	if err := WriteDir(path, func(dir string) error { _ = put(dir); return wrong }); !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(base); len(left) != 0 {
		t.Errorf("after a failure there is %v", left)
	}
	if err := WriteDir(path+"/", put); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(path, "a")); err != nil || string(b) != "x" {
		t.Errorf("read %q, %v", b, err)
	}
	if err := WriteDir(path, func(string) error { t.Error("called for a directory that is there"); return nil }); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(base); len(left) != 1 {
		t.Errorf("there is %v", left)
	}
}
