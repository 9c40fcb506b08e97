package ondisk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace/formats"
)

// Capture is one capture, or a set of traces that somebody else made.
type Capture struct {
	Dir      string    `redact:"path"` // where the manifest is, or the traces are
	Manifest *Manifest // nil if there is none
	Traces   []string  // the files to read, by rank
	Notes    []Note    // what to know before trusting them

	Requests []RequestRecord // what was asked and answered; only in a capture that Run just made
}

// Open finds the capture or the traces at path, which may be
//
//   - a directory with a capture.json, or that file;
//   - any directory of traces (*.json, *.json.gz, *.json.zst), whoever wrote them; of several profiles in it the newest
//     counts;
//   - a directory of captures, or of directories of traces, of which the newest counts;
//   - a trace, "-" being standard input.
//
// It reads no trace. What a reader should know before he trusts the traces is in Capture.Notes.
func Open(path string) (*Capture, error) {
	c, err := openNamed(path)
	if err == nil && c == nil {
		return openDirectory(path)
	}
	if err == nil && len(c.Traces) == 0 {
		return nil, c.empty()
	}
	return c, err
}

// OpenAll is Open for those who want everything at path: of a directory of captures all of them, and of a directory of
// traces those of older profiles too. Captures without a trace are among them.
func OpenAll(path string) ([]*Capture, error) {
	c, err := openNamed(path)
	if err != nil {
		return nil, err
	}
	if c != nil {
		return []*Capture{c}, nil
	}
	traces, others, err := listTraces(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, words.WithoutPath(err))
	}
	manifests, err := manifestsBelow(path)
	if err != nil {
		return nil, err
	}
	var all []*Capture
	for _, dir := range manifests {
		c, err := openCapture(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
		traces = slices.DeleteFunc(traces, func(t string) bool { return slices.Contains(c.Traces, t) })
	}
	traces = append(traces, others.aside...)
	others.aside = nil
	if len(traces) > 0 {
		c := &Capture{Dir: path, Traces: traces}
		c.noteOthers(others)
		all = append(all, c)
	}
	if len(all) == 0 {
		below, err := directoriesBelow(path)
		if err != nil {
			return nil, err
		}
		for _, dir := range below {
			c, err := OpenAll(dir)
			if err != nil {
				return nil, err
			}
			all = append(all, c...)
		}
	}
	if len(all) == 0 {
		return nil, nothingIn(path, others)
	}
	return all, nil
}

// openNamed takes what somebody named, unless that is a directory without a manifest: then it returns nil.
func openNamed(path string) (*Capture, error) {
	if path == "-" {
		return &Capture{Dir: ".", Traces: []string{path}}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open %s: %w: name a trace, or a directory that traces or captures are in", path, words.WithoutPath(err))
		}
		return nil, fmt.Errorf("open %s: %w", path, words.WithoutPath(err))
	}
	switch {
	case !info.IsDir() && filepath.Base(path) == ManifestName:
		return openCapture(filepath.Dir(path))
	case !info.IsDir():
		return &Capture{Dir: filepath.Dir(path), Traces: []string{path}}, nil
	}
	c, err := openCapture(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return c, err
}

// openCapture reads the capture in dir. Without a manifest there it fails with fs.ErrNotExist.
func openCapture(dir string) (*Capture, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	c := &Capture{Dir: dir, Manifest: m}
	if m.Status != Complete {
		c.note(NoteStatus, "this capture is %s: %s", m.Status, m.Error)
	}
	if m.Ranks.Expected < 1 {
		c.note(NoteRanks, "how many ranks this capture has is not known: nothing proves that its traces are all there were")
	}
	if m.Stepless() {
		c.note(NoteNoStep, "no step ran while this capture was recorded, as far as its traces tell")
	}
	for _, f := range m.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		info, err := os.Stat(path)
		if err != nil {
			c.note(NoteGone, "%s is in the manifest and not there any more", path)
			continue
		}
		if info.Size() != f.SizeBytes {
			c.note(NoteChanged, "%s has %d bytes, %d when it was captured", path, info.Size(), f.SizeBytes)
		}
		c.Traces = append(c.Traces, path)
	}
	if len(m.Files) == 0 {
		// Killed before the manifest was finished: whatever is here is all there is to go by.
		if c.Traces, _, err = listTraces(dir); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// empty is the error of a capture without traces where some are needed.
func (c *Capture) empty() error {
	err := fmt.Errorf("open %s: the capture is %s and holds no trace (%s)", c.Dir, c.Manifest.Status, c.Manifest.Error)
	if c.Manifest.RecordingSince != nil && c.Manifest.Config.Server != nil { // other engines end with us
		err = fmt.Errorf("%w; its profile may still be recorded: end it and bring its traces with: inferprof recover %s", err, c.Dir)
	}
	return err
}

// openDirectory takes a directory without a manifest.
func openDirectory(dir string) (*Capture, error) {
	traces, others, err := listTraces(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, words.WithoutPath(err))
	}
	if len(traces) == 0 {
		return openNewest(dir, others)
	}
	newest, older := newestProfile(traces)
	c := captureOf(dir, newest)
	if c == nil {
		c = &Capture{Dir: dir, Traces: newest}
	}
	if older > 0 {
		c.note(NoteOlder, "%s holds more than one profile: reading the newest, leaving out %d older traces (name files to choose others)",
			dir, older)
	}
	c.noteOthers(others)
	return c, nil
}

// captureOf finds the capture whose traces these are, among the directories in dir: with torch_profiler_dir the traces lie
// in dir itself and the manifest below it. It is nil if there is none.
func captureOf(dir string, traces []string) *Capture {
	manifests, err := manifestsBelow(dir)
	if err != nil {
		return nil
	}
	for _, path := range manifests {
		c, err := openCapture(path)
		if err == nil && slices.Equal(c.Traces, traces) {
			return c
		}
	}
	return nil
}

// manifestsBelow lists the directories in dir that have a manifest, by name.
func manifestsBelow(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, words.WithoutPath(err))
	}
	var found []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(path, ManifestName)); err == nil {
			found = append(found, path)
		}
	}
	return found, nil
}

// openNewest takes the newest of the captures in dir, which holds no traces of its own.
func openNewest(dir string, o others) (*Capture, error) {
	manifests, err := manifestsBelow(dir)
	if err != nil {
		return nil, err
	}
	var newest *Capture
	captures := 0
	failed := map[string]error{} // by directory
	for _, path := range manifests {
		c, err := openCapture(path)
		if err == nil && len(c.Traces) == 0 {
			err = c.empty()
		}
		if err != nil {
			failed[path] = err
			continue
		}
		captures++
		if newest == nil || c.Manifest.StartedAt.After(newest.Manifest.StartedAt) {
			newest = c
		}
	}
	unusable := slices.Sorted(maps.Keys(failed))
	if newest == nil && len(unusable) > 0 {
		return nil, failed[last(unusable)]
	}
	if newest == nil {
		return openNewestBelow(dir, o)
	}
	for _, path := range unusable {
		if path > newest.Dir { // names begin with the time
			newest.note(NoteUnusable, "newer, but left out: %v", failed[path])
		}
	}
	if captures > 1 {
		newest.note(NoteNewest, "%s holds %d captures: reading the newest, %s", dir, captures, filepath.Base(newest.Dir))
	}
	return newest, nil
}

// openNewestBelow takes the newest of the directories of traces in dir, which holds neither traces nor captures: SGLang
// makes a directory for each profile in the one it is given.
func openNewestBelow(dir string, o others) (*Capture, error) {
	below, err := directoriesBelow(dir)
	if err != nil {
		return nil, err
	}
	if len(below) == 0 {
		return nil, nothingIn(dir, o)
	}
	newest := slices.MaxFunc(below, func(a, b string) int {
		return cmp.Or(newestFile(a).Compare(newestFile(b)), cmp.Compare(a, b))
	})
	c, err := openDirectory(newest)
	if err == nil && len(below) > 1 {
		c.note(NoteNewest, "%s holds %d directories of traces: reading the newest, %s", dir, len(below), filepath.Base(newest))
	}
	return c, err
}

// directoriesBelow lists the directories in dir that hold traces, by name.
func directoriesBelow(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, words.WithoutPath(err))
	}
	var found []string
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if traces, _, err := listTraces(path); err == nil && len(traces) > 0 {
			found = append(found, path)
		}
	}
	return found, nil
}

// newestFile is when the newest file in dir was written.
func newestFile(dir string) (at time.Time) {
	entries, _ := os.ReadDir(dir) // what cannot be read is old
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().After(at) {
			at = info.ModTime()
		}
	}
	return at
}

// nothingIn says that there is nothing to read in dir, and what there is instead.
func nothingIn(dir string, o others) error {
	const levels = 3 // a directory of sweeps holds sweeps, cells and then captures
	if below := captureBelow(dir, levels); below != "" {
		return fmt.Errorf("open %s: no trace and no capture in it, but further down, as in a sweep: name one of those, such as %s", dir, below)
	}
	if names := slices.Concat(o.json, o.unfinished); len(names) > 0 {
		hint := ""
		if len(o.json) > 0 {
			hint = " (name a file to see what it is: " + filepath.Join(dir, o.json[0]) + ")"
		}
		return fmt.Errorf("open %s: no trace and no capture in it, only %s%s", dir, strings.Join(names, ", "), hint)
	}
	return fmt.Errorf("open %s: no trace (%s) and no capture in it", dir, strings.Join(formats.Patterns(), ", "))
}

// captureBelow is some directory with a manifest, so many levels below dir at most; "" if there is none.
func captureBelow(dir string, levels int) string {
	entries, _ := os.ReadDir(dir) // what cannot be read has none
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(path, ManifestName)); err == nil {
			return path
		}
		if e.IsDir() && levels > 1 {
			if found := captureBelow(path, levels-1); found != "" {
				return found
			}
		}
	}
	return ""
}

// others are the names of files beside traces that somebody may miss among them.
type others struct {
	json       []string // named as JSON, and no trace
	unfinished []string // temporary files of a writer
	aside      []string // paths of traces that are no rank's, such as merged copies
}

// listTraces lists dir's traces by rank.
func listTraces(dir string) (traces []string, o others, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, o, err
	}
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(dir, name)
		switch {
		case e.IsDir():
		case formats.NamedAsUnfinished(name):
			o.unfinished = append(o.unfinished, name)
		case !formats.MayBeTrace(name), name == ManifestName:
		case isSpecial(path):
			o.json = append(o.json, name)
		case formats.NamedAsTrace(name), formats.LooksLikeTrace(path):
			traces = append(traces, path)
		default:
			o.json = append(o.json, name)
		}
	}
	traces, o.aside = setAside(traces)
	sortByRank(traces)
	return traces, o, nil
}

// isSpecial tells pipes, devices and the like, which may have nobody at their other end, and links to directories. What is
// not there, such as a link's target, is not known to be one.
func isSpecial(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular()
}

// setAside takes out what is no rank's trace of the run: SGLang's copy of all ranks in one file, and the traces of graph
// captures at a server's start, which show graphs being recorded. Where there is nothing else, they are what is wanted.
func setAside(traces []string) (kept, aside []string) {
	for _, path := range traces {
		if n := formats.ParseFileName(path); n.Merged || n.Capture {
			aside = append(aside, path)
		} else {
			kept = append(kept, path)
		}
	}
	if len(kept) == 0 {
		return traces, nil
	}
	return kept, aside
}

// noteOthers tells of the files that were left out.
func (c *Capture) noteOthers(o others) {
	if len(o.unfinished) > 0 {
		c.note(NoteUnfinished, "unfinished, left out: %s (its writer is still at work, or died)", strings.Join(o.unfinished, ", "))
	}
	if len(o.aside) > 0 {
		var names []string
		for _, path := range o.aside {
			names = append(names, filepath.Base(path))
		}
		c.note(NoteAside, "left out: %s (merged copies of other traces, or graphs being captured: name them to read them)",
			strings.Join(names, ", "))
	}
	if len(o.json) > 0 {
		c.note(NoteNotTraces, "not traces, left out: %s", strings.Join(o.json, ", "))
	}
}

func (c *Capture) note(kind NoteKind, format string, args ...any) {
	c.Notes = append(c.Notes, Note{kind, fmt.Sprintf(format, args...)})
}
