package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/dirlock"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/words"
)

// DefaultDir is where captures go unless told otherwise.
const DefaultDir = "inferprof_profile"

// minFreeBytes is the least room to start with. Traces of a short run take a few megabytes; one that starts with less
// than this would only find out after the model was loaded and the workload done.
const minFreeBytes = 16 << 20

// directory is a capture's own, from the moment it is made.
type directory struct {
	path   string   // the manifest's
	traces string   // where the engine writes; path itself, or torch_profiler_dir
	made   []string // the directories that were made for it, outermost first
}

// makeDirectory makes the directory that o asks for: o.Dir itself, or a new one in o.ProfileDir or in
// torch_profiler_dir. It never takes one that is there, empty ones named by o.Dir aside.
func makeDirectory(o *Options, at time.Time) (*directory, error) {
	d := &directory{}
	err := d.make(o, at)
	if err != nil {
		d.remove()
		return nil, err
	}
	return d, nil
}

func (d *directory) make(o *Options, at time.Time) error {
	parent := o.ProfileDir
	switch {
	case o.Config.Profiler.Dir != "":
		parent = o.Config.Profiler.Dir
	case o.Dir != "":
		return d.makeNamed(o.Dir)
	case parent == "":
		parent = DefaultDir
	}
	if err := d.mkdirAll(parent); err != nil {
		return directoryError(parent, err)
	}
	name := directoryName(o.Config, at)
	for n := 1; ; n++ {
		path := filepath.Join(parent, name)
		if n > 1 {
			path += "-" + strconv.Itoa(n)
		}
		err := os.Mkdir(path, 0o777)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return directoryError(parent, err)
		}
		d.path, d.traces = path, path
		d.made = append(d.made, path)
		break
	}
	if o.Config.Profiler.Dir != "" {
		d.traces = parent
	}
	return checkRoom(d.traces)
}

// lock keeps others off: prune off the capture, and a second capture off a directory of traces that several have in turn,
// since new traces are told by not having been there before.
func (d *directory) lock() (unlock func(), err error) {
	own, err := dirlock.Lock(d.path)
	if err != nil {
		return nil, directoryError(d.path, err)
	}
	if d.traces == d.path {
		return own, nil
	}
	shared, err := dirlock.Lock(d.traces)
	if err != nil {
		own()
		if errors.Is(err, dirlock.ErrInUse) {
			return nil, fmt.Errorf("profile directory %s: another capture is being made there, and whose traces are whose could not be told: wait for its end, or choose another torch_profiler_dir", d.traces)
		}
		return nil, directoryError(d.traces, err)
	}
	return func() { shared(); own() }, nil
}

// makeNamed makes the directory that somebody named for this capture alone.
func (d *directory) makeNamed(path string) error {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := d.mkdirAll(path); err != nil {
			return directoryError(path, err)
		}
	case err != nil:
		return directoryError(path, err)
	case len(entries) > 0:
		what := "is not empty"
		if _, err := os.Stat(filepath.Join(path, ondisk.ManifestName)); err == nil {
			what = "already holds a capture"
		}
		return fmt.Errorf("capture directory %s %s: name one that is not there yet, or remove it first", path, what)
	}
	d.path, d.traces = path, path
	return checkRoom(path)
}

// mkdirAll is os.MkdirAll that remembers what it made.
func (d *directory) mkdirAll(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return syscall.ENOTDIR
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if parent := filepath.Dir(path); parent != path {
		if err := d.mkdirAll(parent); err != nil {
			return err
		}
	}
	err = os.Mkdir(path, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return nil // somebody else just made it
	}
	if err == nil {
		d.made = append(d.made, path)
	}
	return err
}

// remove takes away the directories that were made, as far as they are empty.
func (d *directory) remove() {
	for _, path := range slices.Backward(d.made) {
		if os.Remove(path) != nil {
			return // somebody put something there; it is his
		}
	}
}

// directoryName is the name of a new capture: when, of what, and split over how many.
func directoryName(c engine.Config, at time.Time) string {
	what := c.Model
	if what == "" && c.Server != nil && len(c.Server.URLs) > 0 {
		what = c.Server.URLs[0] // the model's name is not known yet
		if _, address, ok := strings.Cut(what, "://"); ok {
			what = address
		}
		what = strings.ReplaceAll(strings.TrimRight(what, "/"), "/", "_")
	}
	name := at.Format("20060102-150405") + "-" + modelName(what)
	if c.TensorParallelSize > 1 {
		name += "-tp" + strconv.Itoa(c.TensorParallelSize)
	}
	return name
}

// modelName makes a model's name or path fit for a file name: facebook/opt-125m is opt-125m.
func modelName(model string) string {
	base := filepath.Base(filepath.Clean(strings.TrimRight(model, `/\`)))
	if model == "" || base == "." || base == ".." || base == string(filepath.Separator) {
		return "model"
	}
	const longest = 64
	if len(base) > longest {
		base = base[:longest]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._+-", r):
			return r
		}
		return '_'
	}, base)
}

// checkRoom fails where hardly anything can be written any more.
func checkRoom(dir string) error {
	free, ok := host.FreeBytes(dir)
	if ok && free < minFreeBytes {
		return fmt.Errorf("profile directory %s: only %s free, at least %s are needed: free some space, or choose another disk with --profile-dir",
			dir, words.Size(free), words.Size(minFreeBytes))
	}
	return nil
}

// directoryError says what to do about a directory that cannot be made or written.
func directoryError(dir string, err error) error {
	remedy := "choose another one with --profile-dir"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		remedy = "free some space, or choose another disk with --profile-dir"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		remedy = "choose one that you may write to with --profile-dir"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		remedy = "a file stands in its way; remove that, or choose another directory with --profile-dir"
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return fmt.Errorf("profile directory %s: %w: %s", dir, err, remedy)
}
