package collect

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/processes"
)

// scratch are the temporary files of writers on this machine: that they grow is why there is no trace yet. PyTorch writes a
// compressed trace as tmp….json in the temporary directory first, and that, as any other, as ….json.tmp.
type scratch struct {
	dirs   []string // for temporary files, where a new export has a new name
	before map[string]engine.Entry
	seen   map[string]temporary // the new ones, by path
}

// temporary is such a file, as it was when it was last there.
type temporary struct {
	engine.Entry
	growth growth
}

// begin notes what is there before the profile.
func (s *scratch) begin(exports []export, places []*place) {
	s.seen = map[string]temporary{}
	for _, x := range exports {
		if dir := filepath.Clean(cmp.Or(x.Scratch, os.TempDir())); x.place.local() && !slices.Contains(s.dirs, dir) {
			s.dirs = append(s.dirs, dir)
		}
	}
	s.before = s.list(places)
}

// look tells whether something has appeared or grown.
func (s *scratch) look(places []*place) (moved bool) {
	for path, now := range s.list(places) {
		if was, old := s.before[path]; old && (was == now || slices.Contains(s.dirs, filepath.Dir(path))) {
			continue // it is somebody else's
		}
		t, known := s.seen[path]
		if known && t.Entry == now {
			continue
		}
		s.seen[path], moved = temporary{now, t.growth.next(now.SizeBytes, time.Now())}, true
	}
	return moved
}

// left are those that are still there.
func (s *scratch) left() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.seen)), func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	})
}

// abandoned are those that are still there and that nobody is writing: others write into the temporary directory, too.
func (s *scratch) abandoned() []string { return slices.DeleteFunc(s.left(), processes.HasOpen) }

// list are the temporary files in the temporary directory and in the places that are on this machine, if any are.
func (s *scratch) list(places []*place) map[string]engine.Entry {
	files := map[string]engine.Entry{}
	add := func(dir string, named func(string) bool) {
		entries, _ := os.ReadDir(dir) // what cannot be read has none
		for _, e := range entries {
			if !named(e.Name()) {
				continue
			}
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
				files[filepath.Join(dir, e.Name())] = engine.Entry{SizeBytes: info.Size(), ModifiedNs: info.ModTime().UnixNano()}
			}
		}
	}
	for _, p := range places {
		if p.local() {
			add(p.At(""), func(name string) bool { return strings.HasSuffix(name, ".json.tmp") && !strings.HasPrefix(name, ".") })
		}
	}
	for _, dir := range s.dirs {
		add(dir, func(name string) bool {
			return strings.HasPrefix(name, "tmp") && strings.HasSuffix(strings.TrimSuffix(name, ".tmp"), ".json")
		})
	}
	return files
}
