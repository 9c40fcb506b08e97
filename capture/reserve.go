package capture

import (
	"crypto/rand"
	"io"
	"os"
	"path/filepath"

	"github.com/inferprof/inferprof/internal/atomicfile"
)

// Room for the verdict. A disk that fills up in the middle of a capture, most often with its own traces, has no room for the
// manifest that would say so either: what stays on it is the first one, of a capture that inferprof did not end. So some of the
// room is taken at the beginning, by a file that goes just before the last manifest is written. What it holds cannot be
// compressed, which some file systems would do. Where it cannot be written, the capture does without.

// reserveName is that of a temporary file, which prune knows and readers leave alone.
const reserveName = ".reserve" + atomicfile.Suffix

// reserveBytes are enough for the manifest of a thousand ranks.
const reserveBytes = 512 << 10

func (d *directory) reserve() {
	f, err := os.Create(filepath.Join(d.path, reserveName))
	if err != nil {
		return
	}
	_, err = io.CopyN(f, rand.Reader, reserveBytes)
	if closeErr := f.Close(); err != nil || closeErr != nil {
		d.release()
	}
}

func (d *directory) release() { _ = os.Remove(filepath.Join(d.path, reserveName)) }
