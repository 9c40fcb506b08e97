package profile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace/formats"
)

// Side is one side of a comparison before it is read: a capture, or several of the same thing, whose differences say how
// far one may be trusted; or a baseline, which is kept from a side that was read before.
type Side struct {
	Path     string // that it was named by; "" if it was not
	Label    string
	Captures []*ondisk.Capture
	Baseline *compare.Side // instead of captures
	Notes    []ondisk.Note // what to know before trusting it
}

// NoteRepeats is a note of OpenSide: a directory's captures are taken for repeats of one thing.
const NoteRepeats ondisk.NoteKind = "repeats"

// OpenSide finds the captures of one side: those named with commas, those of a directory that holds several of one
// configuration and nothing else, or the one that ondisk.Open finds. It reads no trace.
func OpenSide(path string) (*Side, error) {
	s := &Side{Path: path}
	if err := s.find(); err != nil {
		return nil, err
	}
	s.Label = sideLabel(path, s.Captures)
	for _, c := range s.Captures {
		for _, n := range c.Notes {
			if n.Kind != ondisk.NoteNotTraces { // what lies beside traces is no news here
				s.Notes = append(s.Notes, n)
			}
		}
	}
	return s, nil
}

func (s *Side) find() error {
	if _, err := os.Stat(s.Path); err != nil && strings.Contains(s.Path, ",") {
		return s.findEach(strings.Split(s.Path, ","))
	}
	c, err := ondisk.Open(s.Path)
	if err != nil {
		return err
	}
	s.Captures = []*ondisk.Capture{c}
	if info, err := os.Stat(s.Path); err == nil && info.IsDir() && c.Manifest != nil && c.Dir != s.Path {
		if several := repeats(s.Path); len(several) > 1 {
			s.Captures = several
			text := fmt.Sprintf("%s holds %d captures of one configuration: they are one side", s.Path, len(several))
			s.Notes = append(s.Notes, ondisk.Note{Kind: NoteRepeats, Text: text})
		}
	}
	return nil
}

// findEach opens captures that are named one by one, each of which counts once: it is no repeat of itself.
func (s *Side) findEach(paths []string) error {
	for _, path := range paths {
		c, err := ondisk.Open(path)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(s.Captures, func(other *ondisk.Capture) bool { return sameTraces(c, other) }) {
			text := path + " is named twice on one side: it counts once"
			s.Notes = append(s.Notes, ondisk.Note{Kind: ondisk.NoteTwice, Text: text})
			continue
		}
		s.Captures = append(s.Captures, c)
	}
	return nil
}

// OpenBaseline reads a baseline that WriteBaseline wrote.
func OpenBaseline(path string) (*Side, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", path, words.WithoutPath(err))
	}
	side, err := compare.ParseBaseline(text)
	if err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", path, err)
	}
	return &Side{Path: path, Label: side.Label, Baseline: side}, nil
}

// WriteBaseline keeps what comparing needs of a side in a file, which appears when it is whole.
func WriteBaseline(path string, side *compare.Side) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return compare.WriteBaseline(w, side) })
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	return nil
}

// ReadSides reads the traces of sides, all within one memory budget, and keeps the steps of each. Sides of the same label
// get numbers. Of Options.Rules, Categories alone is looked at. The end of ctx ends it soon, in the middle of a trace too.
func ReadSides(ctx context.Context, sides []*Side, o Options) ([]compare.Side, error) {
	var files []string
	for _, s := range sides {
		for _, c := range s.Captures {
			files = append(files, c.Traces...)
		}
	}
	if first := slices.Index(files, stdin); first >= 0 && slices.Contains(files[first+1:], stdin) {
		return nil, ErrReadOnce
	}
	r := o.newReading(files)
	defer r.done()
	waits := make([][]func() (*compare.Run, error), len(sides))
	for i, s := range sides {
		if s.Baseline == nil {
			r.tell(Event{Kind: Reading, Path: s.name(), Of: s.traces()})
		}
		for _, c := range s.Captures {
			waits[i] = append(waits[i], r.startRun(ctx, c))
		}
	}
	read := make([]compare.Side, len(sides))
	var failed error
	for i, s := range sides {
		if s.Baseline != nil {
			read[i] = *s.Baseline
			continue
		}
		read[i].Label = s.Label
		for _, wait := range waits[i] {
			run, err := wait() // all of them, whatever happens: r is theirs
			switch {
			case err == nil:
				read[i].Runs = append(read[i].Runs, *run)
			case failed == nil:
				failed = err
			}
		}
	}
	if failed != nil {
		return nil, failed
	}
	labelApart(read)
	return read, nil
}

// name is what a side is called while it is read.
func (s *Side) name() string {
	if s.Path != "" {
		return s.Path
	}
	return s.Label
}

// traces is how many traces a side has.
func (s *Side) traces() (n int) {
	for _, c := range s.Captures {
		n += len(c.Traces)
	}
	return n
}

func sideLabel(path string, captures []*ondisk.Capture) string {
	if path == "-" {
		return "standard input"
	}
	if len(captures) == 1 && captures[0].Manifest != nil && filepath.Clean(path) != filepath.Clean(captures[0].Dir) {
		return captures[0].Manifest.ID // the newest of a directory
	}
	first, _, several := strings.Cut(path, ",")
	name := filepath.Base(filepath.Clean(first))
	if name == "." || name == ".." {
		if absolute, err := filepath.Abs(first); err == nil {
			name = filepath.Base(absolute)
		}
	}
	name = formats.Title(name)
	if several && len(captures) > 1 {
		name += fmt.Sprintf(" and %d more", len(captures)-1)
	}
	return name
}

// labelApart gives sides of the same name their number.
func labelApart(sides []compare.Side) {
	seen := map[string]int{}
	for i := range sides {
		label := sides[i].Label
		if seen[label]++; seen[label] > 1 {
			sides[i].Label = fmt.Sprintf("%s (%d)", label, seen[label])
		}
	}
}

// configurationOf is what makes two captures runs of the same thing: all of the configuration but where traces go.
func configurationOf(m *ondisk.Manifest) string {
	c := m.Config
	c.Profiler.Dir = ""
	text, err := json.Marshal(struct {
		Engine   string
		Config   any
		Workload ondisk.Workload
		Phase    string
	}{m.Engine.Engine, c, m.Workload, m.Phase})
	if err != nil {
		return m.ID
	}
	return string(text)
}

// sameTraces tells whether two captures are of the same files.
func sameTraces(a, b *ondisk.Capture) bool {
	return slices.EqualFunc(a.Traces, b.Traces, func(x, y string) bool {
		if x == y {
			return true
		}
		i, errI := os.Stat(x)
		j, errJ := os.Stat(y)
		return errI == nil && errJ == nil && os.SameFile(i, j)
	})
}

// repeats are the complete captures in a directory, if there are several and all are of one configuration; nil otherwise.
func repeats(dir string) []*ondisk.Capture {
	all, err := ondisk.OpenAll(dir)
	if err != nil {
		return nil
	}
	var whole []*ondisk.Capture
	for _, c := range all {
		switch {
		case c.Manifest == nil:
			return nil
		case c.Manifest.Status != ondisk.Complete || len(c.Traces) == 0: // what an interrupted sweep left
		case len(whole) > 0 && configurationOf(c.Manifest) != configurationOf(whole[0].Manifest):
			return nil
		default:
			whole = append(whole, c)
		}
	}
	return whole
}
