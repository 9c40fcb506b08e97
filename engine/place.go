package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/inferprof/inferprof/internal/atomicfile"
)

// Where traces appear. An engine does not collect its traces. It names the places that they appear in and says how many to
// expect; package capture/collect looks into the places, waits, reads and fetches.

// Export is what a part of an engine writes: the whole of it, or one server of several. Its ranks write a trace each.
type Export struct {
	Place Place
	Ranks int // traces to expect, at least 1
	// AtLeast: there may be more ranks than that. Whole traces tell of how many ranks their world is.
	AtLeast bool
	// Worlds is of how many engines the ranks are, each of which may count its own from 0; 0 if nobody knows.
	Worlds int
	// Scratch is the directory that its writers put unfinished files in, as it is reached from this machine; "": the temporary one.
	Scratch string
	// Since is when recording began, by the clock of those who write. Traces that end before it are of an earlier profile.
	// Zero: there can be none.
	Since time.Time
}

// Place is a directory that traces appear in: on this machine, or on another one. Two exports whose places are equal (==)
// write to the same one.
type Place interface {
	// List returns the files in the directory by name. One that is not there yet has none.
	List(ctx context.Context) (map[string]Entry, error)
	// Fetch puts a copy of a file under a path on this machine. The copy may share its storage with the file.
	Fetch(ctx context.Context, name, path string) error
	// At is where a file can be read on this machine without being fetched, and of "" the directory; "" if it cannot.
	At(name string) string
	// String is the directory, as people know it.
	String() string
}

// Entry is a file as a listing shows it.
type Entry struct {
	SizeBytes  int64
	ModifiedNs int64 // since 1970, by the clock of the machine that it lies on
}

// Directory is a place on this machine, or mounted here: an absolute path.
type Directory string

// String is the path.
func (d Directory) String() string { return string(d) }

// At is the file's path, and of "" the directory's.
func (d Directory) At(name string) string { return filepath.Join(string(d), name) }

// List returns what is in the directory, but for other directories.
func (d Directory) List(context.Context) (map[string]Entry, error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]Entry{}, nil
	}
	if err != nil {
		return nil, err
	}
	files := map[string]Entry{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // gone since
		}
		files[e.Name()] = Entry{info.Size(), info.ModTime().UnixNano()}
	}
	return files, nil
}

// Fetch links or copies. A second name costs nothing, however large the trace is; where one writer uses the same name
// again for its next trace, it would write into this one, so only names that hold a time are linked.
func (d Directory) Fetch(ctx context.Context, name, path string) error {
	if writtenOnce(name) && os.Link(d.At(name), path) == nil {
		return nil
	}
	return atomicfile.Copy(ctx, path, d.At(name))
}

// writtenOnce tells whether a name is of one profile alone: it holds a time, as vLLM's and SGLang's do.
func writtenOnce(name string) bool {
	digits := 0
	for _, r := range name {
		if r < '0' || r > '9' {
			digits = 0
			continue
		}
		if digits++; digits == len("1795422027") { // seconds since 1970, or finer
			return true
		}
	}
	return false
}

// Collected is what had come of a profile when nothing more was waited for.
type Collected struct {
	Complete  bool     // every expected trace is there and whole
	Ranks     []int    // of each of the Exports that are at least so many: what its whole traces tell; 0 if they don't
	Places    []Found  // each place once, in the order of the Exports
	Temporary []string // unfinished files of writers on this machine that nobody has open any more, by path
}

// Found is what a place held.
type Found struct {
	Place Place
	Err   error       // of the last look; nil if it went well
	Files []FoundFile // that came, or changed, after the profile had started, by name
}

// FoundFile is a file that may be a trace.
type FoundFile struct {
	Name      string
	SizeBytes int64
	Whole     bool   // it could be read to its end
	Steps     int    // of a whole one: engine iterations in it
	Earlier   bool   // it is of a profile that ended before this one began
	Kept      bool   // it is in the capture, whole or damaged
	Problem   string // why it could not be fetched or read; "" if it could, or nobody tried
}
