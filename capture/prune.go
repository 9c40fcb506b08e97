package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/internal/dirlock"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace/formats"
)

// Removing old captures.
//
// What is removed must be provably a capture: a directory with a manifest that can be read, or one with traces and nothing
// else. Of a directory with a manifest only what a capture consists of is removed (the manifest, requests, log, traces, tables of
// ops, and temporary files of a writer that was killed); if something else lies in it, that and the directory stay.
//
// Of the directory above, which others use too, the traces that the manifest names go if they still have the size that it says,
// and with them the tables that were written between the capture's start and its stop: only one capture at a time is made there.
// A later profile writes its tables under the same names; what has another time is not ours.
//
// Links are never followed, and a capture that is being made, or pruned by somebody else, is locked and left alone.
//
// The manifest goes last, so that a capture that is half removed can still be recognised, and removed by the next run.

// PruneOptions say which captures may go: those that any of the rules names.
type PruneOptions struct {
	Keep          int           // all but the newest so many; negative: no such rule
	OlderThan     time.Duration // those that began longer ago; 0: no such rule
	MaxTotalBytes int64         // the oldest, until the rest takes no more than this; negative: no such rule
	DryRun        bool          // remove nothing
	Now           time.Time
}

// Pruned is one capture, and what became of it.
type Pruned struct {
	Directory string    `json:"directory"`
	StartedAt time.Time `json:"started_at"`
	SizeBytes int64     `json:"size_bytes"`
	Removed   bool      `json:"removed"`          // or, with DryRun, would be
	Reason    string    `json:"reason,omitempty"` // why, or why not although a rule says so

	Stays      []string `json:"stays,omitempty"`       // names of what in its directory is not the capture's; that then stays too
	StaysAbove []string `json:"stays_above,omitempty"` // of traces in the directory above that are not what the manifest says any more

	files      []string // of it, the manifest last
	above      []string // traces and tables in the directory above
	unfinished bool     // the manifest says that its maker has not ended
}

// Prune removes captures in dir and returns all there are, the newest first. The error is the first that kept something
// from being removed; the others are tried all the same.
func Prune(dir string, o PruneOptions) ([]*Pruned, error) {
	if info, err := os.Lstat(dir); err != nil {
		return nil, fmt.Errorf("prune %s: %w", dir, words.WithoutPath(err))
	} else if !info.IsDir() {
		return nil, fmt.Errorf("prune %s: not a directory (links are not followed): name the directory that holds captures", dir)
	}
	all, err := findCaptures(dir)
	if err != nil {
		return nil, err
	}
	o.choose(all)
	var failed error
	for _, p := range all {
		if !p.Removed {
			continue
		}
		if err := p.remove(&o); err != nil {
			p.Removed, p.Reason = false, err.Error()
			if !errors.Is(err, dirlock.ErrInUse) && failed == nil {
				failed = fmt.Errorf("prune %s: %w", p.Directory, err)
			}
		}
	}
	return all, failed
}

// choose marks what the rules name. all is sorted, the newest first.
func (o *PruneOptions) choose(all []*Pruned) {
	total := int64(0)
	for i, p := range all {
		total += p.SizeBytes
		switch age := o.Now.Sub(p.StartedAt); {
		case o.Keep >= 0 && i >= o.Keep:
			p.Removed, p.Reason = true, fmt.Sprintf("not one of the newest %d", o.Keep)
		case o.OlderThan > 0 && age > o.OlderThan:
			p.Removed, p.Reason = true, "too old"
		case o.MaxTotalBytes >= 0 && total > o.MaxTotalBytes:
			p.Removed, p.Reason = true, "with the newer ones, too large"
		}
		if p.Removed {
			total -= p.SizeBytes // what goes takes no room from the older ones
		}
	}
}

// findCaptures lists what is provably a capture in dir, the newest first.
func findCaptures(dir string) ([]*Pruned, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("prune %s: %w", dir, words.WithoutPath(err))
	}
	var all []*Pruned
	for _, e := range entries {
		if !e.IsDir() { // nor a link to one
			continue
		}
		if p := recognise(filepath.Join(dir, e.Name())); p != nil {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *Pruned) int {
		if c := b.StartedAt.Compare(a.StartedAt); c != 0 {
			return c
		}
		return strings.Compare(b.Directory, a.Directory)
	})
	return all, nil
}

// recognise takes a look at a directory; nil if it is no capture.
func recognise(path string) *Pruned {
	m, err := ondisk.ReadManifest(path)
	hasManifest := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil // a manifest that can't be read proves nothing
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	p := &Pruned{Directory: path}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil
		}
		name := e.Name()
		ours := info.Mode().IsRegular() && (formats.NamedAsTrace(name) || hasManifest && ofCapture(m, name))
		switch {
		case !ours && !hasManifest:
			return nil // something else than traces
		case !ours:
			p.Stays = append(p.Stays, name)
			continue
		case name == ondisk.ManifestName:
			continue // it goes last
		}
		p.files = append(p.files, name)
		p.SizeBytes += info.Size()
		if info.ModTime().After(p.StartedAt) {
			p.StartedAt = info.ModTime()
		}
	}
	if !hasManifest {
		if len(p.files) == 0 {
			return nil
		}
		return p
	}
	p.StartedAt, p.unfinished = m.StartedAt, m.Status == ondisk.Interrupted && m.Error == notEnded
	p.files = append(p.files, ondisk.ManifestName)
	if info, err := os.Lstat(filepath.Join(path, ondisk.ManifestName)); err == nil {
		p.SizeBytes += info.Size()
	}
	p.lookAbove(m)
	return p
}

// lookAbove finds what is the capture's in the directory above, where a shared torch_profiler_dir has the traces.
func (p *Pruned) lookAbove(m *ondisk.Manifest) {
	above := filepath.Dir(p.Directory)
	for _, f := range m.Files {
		name, isAbove := strings.CutPrefix(f.Path, "../")
		if !isAbove {
			continue
		}
		info, err := os.Lstat(filepath.Join(above, name))
		switch {
		case err != nil:
		case info.Mode().IsRegular() && info.Size() == f.SizeBytes:
			p.above = append(p.above, name)
			p.SizeBytes += f.SizeBytes
		default:
			p.StaysAbove = append(p.StaysAbove, name)
		}
	}
	from, to := recording(m)
	if len(p.above) == 0 || to.IsZero() {
		return
	}
	traces := slices.Clone(p.above)
	entries, _ := os.ReadDir(above) // what cannot be read stays
	for _, e := range entries {
		writer, ok := formats.NamedAsTable(e.Name())
		if !ok || writer != "" && !slices.ContainsFunc(traces, func(name string) bool { return strings.HasPrefix(name, writer+".") }) {
			continue
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && info.ModTime().After(from) && !info.ModTime().After(to) {
			p.above = append(p.above, e.Name())
			p.SizeBytes += info.Size()
		}
	}
}

// recording is when a profile began, and when its end was done with; zero if the manifest does not say.
func recording(m *ondisk.Manifest) (from, to time.Time) {
	for _, c := range m.Calls {
		switch c.Stage {
		case ondisk.StageStart:
			from = c.StartedAt
		case ondisk.StageStop:
			to = c.StartedAt.Add(time.Duration(c.DurationNs))
		}
	}
	if from.IsZero() {
		to = from
	}
	return from, to
}

// ofCapture tells whether a file beside a manifest belongs to the capture.
func ofCapture(m *ondisk.Manifest, name string) bool {
	switch name {
	case ondisk.ManifestName, ondisk.RequestsName, ondisk.LogName:
		return true
	}
	if strings.HasPrefix(name, ".") && strings.HasSuffix(name, atomicfile.Suffix) {
		return true
	}
	if _, table := formats.NamedAsTable(name); table {
		return true
	}
	return slices.ContainsFunc(m.Files, func(f ondisk.File) bool { return f.Path == name })
}

// longestCapture is how long an unfinished capture is taken for one that is being made where there are no locks to tell.
const longestCapture = 24 * time.Hour

// remove takes a capture away, unless it is in use.
func (p *Pruned) remove(o *PruneOptions) error {
	if p.unfinished && !dirlock.Supported() && o.Now.Sub(p.StartedAt) < longestCapture {
		return dirlock.ErrInUse
	}
	release, err := dirlock.Lock(p.Directory)
	if err != nil {
		return err
	}
	defer release()
	if o.DryRun {
		return nil
	}
	if err := removeIn(filepath.Dir(p.Directory), p.above); err != nil {
		return err
	}
	if err := removeIn(p.Directory, p.files); err != nil {
		return err
	}
	_ = os.Remove(p.Directory) // it stays if something else lies in it
	return nil
}

// removeIn removes files of one directory. Nothing outside of it can be reached, whatever has become of the names since
// they were read.
func removeIn(dir string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range names {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, words.WithoutPath(err))
		}
	}
	return nil
}
