package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteDir makes a directory at path that holds what the function puts into the one that it is given: whole, or not
// there. It fails with fs.ErrExist if something is at path. If the function or the disk fails, nothing stays.
func WriteDir(path string, fill func(dir string) error) error {
	path = filepath.Clean(path)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return fmt.Errorf("make directory %s: %w", path, cause(err))
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*"+Suffix)
	if err != nil {
		return fmt.Errorf("make directory %s: %w", path, cause(err))
	}
	if err := fill(temp); err != nil {
		_ = os.RemoveAll(temp) // the first error is the one to tell
		return err
	}
	err = os.Chmod(temp, 0o755) // MkdirTemp's 0700 would keep everybody else out
	if err == nil {
		err = syncDir(temp)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.RemoveAll(temp)
		return fmt.Errorf("make directory %s: %w", path, cause(err))
	}
	return syncDir(filepath.Dir(path))
}
