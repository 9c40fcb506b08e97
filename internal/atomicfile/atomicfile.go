// Package atomicfile writes files that are either whole or not there: to a temporary name in the same directory,
// synced, and renamed. A process that dies half-way leaves a file that ends in .tmp and never one under the final name.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Suffix ends the name of a file that is being written.
const Suffix = ".tmp"

const bufferBytes = 256 << 10

// Write makes path hold what the function writes, replacing a file that is there. If the function or the disk fails,
// path is as it was before and no temporary file stays. The error names path, and wraps its cause.
func Write(path string, write func(io.Writer) error) error {
	temp, err := writeTemp(path, write)
	if err == nil {
		err = putInPlace(temp, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	return nil
}

// putInPlace gives a temporary file that is whole its final name. On an error there is no such file.
func putInPlace(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		_ = os.Remove(temp) // the rename's error is the one to tell
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeTemp writes and syncs a new file beside path and returns its name. On an error there is no such file.
func writeTemp(path string, write func(io.Writer) error) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*"+Suffix)
	if err != nil {
		return "", err
	}
	b := bufio.NewWriterSize(f, bufferBytes)
	err = write(b)
	if err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644) // CreateTemp's 0600 would hide the file from whoever else reads the directory
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncDir makes a rename in dir survive a crash of the machine.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be opened for that there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// cause takes the temporary file's name, which tells nobody anything, off an error.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	if linkErr, ok := errors.AsType[*os.LinkError](err); ok {
		return linkErr.Err
	}
	return err
}
