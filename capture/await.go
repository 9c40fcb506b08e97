package capture

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
)

// Waiting for traces. That a stop was answered does not mean that there are files: an engine may export on another
// thread, compress for minutes, or stop by itself when its last step is done. What counts is that every expected rank has
// a new file which can be read to its end.
//
// A trace under way cannot be told from one that will never be finished by looking once. PyTorch writes a compressed trace
// in two phases: as plain text into a file of the temporary directory, then, compressing, into its final name, which is
// there from the beginning. So the new traces and the new temporary files are looked at every pollEvery. As long as
// something appears or grows there is nothing to do but wait; a file that has not changed since the last look is read (and all are
// at the first look, since most engines are done by then); and when nothing has changed for as long as the engine says
// that it may be silent, what is missing will not come.
//
// Each verdict is kept with the size and time of the file that it is about, so that a large trace is read once.

// pollEvery is how often the traces are looked at. It bounds how much later than the last byte the verdict comes.
const pollEvery = 100 * time.Millisecond

// state is what a look at a file saw of it.
type state struct {
	size    int64
	changed int64 // modification time, in ns
}

func stateOf(path string) (state, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return state{}, false
	}
	return state{info.Size(), info.ModTime().UnixNano()}, true
}

// verdict is what reading a trace showed, and of which state of it.
type verdict struct {
	state
	file      ondisk.File
	gpuEvents int
}

// check reads a trace, unless the engine or this session has done so already and it has not changed.
func (s *session) check(path string) verdict {
	if s.checked != nil {
		if v, rank, ok := s.checked.Checked(path); ok {
			f := ondisk.FileOf(v)
			f.Rank = rank
			return verdict{file: f, gpuEvents: v.GPUEvents}
		}
	}
	now, ok := stateOf(path)
	if was, known := s.verdicts[path]; ok && known && was.state == now {
		return was
	}
	f, v := ondisk.CheckTrace(path)
	f.Rank = s.rankOf(path, f.Rank)
	if s.verdicts == nil {
		s.verdicts = map[string]verdict{}
	}
	s.verdicts[path] = verdict{now, f, v.GPUEvents}
	return s.verdicts[path]
}

// await waits until every expected rank has a whole trace, or none is to be expected any more. The end of ctx ends it.
func (s *session) await(ctx context.Context, e engine.Engine) {
	exporter, ok := e.(engine.Exporter)
	if !ok || len(s.traces) >= s.manifest.Ranks.Expected {
		return // the engine said that they are written
	}
	var seen map[string]state
	quietSince := time.Now()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		whole, now := s.look(seen)
		if whole >= s.manifest.Ranks.Expected {
			return
		}
		s.tellGrowth(fmt.Sprintf("%d of %d ranks whole", whole, s.manifest.Ranks.Expected))
		grew := !maps.Equal(seen, now)
		seen = now
		if grew {
			quietSince = time.Now()
		}
		if time.Since(quietSince) >= exporter.SettleTime() {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look takes one look at the new traces and temporary files, and says how many ranks have a whole trace. seen is what the
// last look saw, nil before the first.
func (s *session) look(seen map[string]state) (whole int, now map[string]state) {
	now = map[string]state{}
	ranks := map[int]bool{}
	for _, path := range s.newTraces() {
		st, ok := stateOf(path)
		if !ok {
			continue
		}
		now[path] = st
		if seen == nil || seen[path] == st {
			if f := s.check(path).file; f.Verdict == ondisk.Whole && (f.Rank >= 0 || s.manifest.Ranks.Expected == 1) {
				ranks[f.Rank] = true
			}
		}
	}
	for _, path := range s.temporary.new() {
		if st, ok := stateOf(path); ok {
			now[path] = st
		}
	}
	return len(ranks), now
}

// watchStop tells about the growth of the traces while a stop is being waited for. The function returned ends it.
func (s *session) watchStop(e engine.Engine) (end func()) {
	if _, tells := e.(engine.Reporter); tells || s.Progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				s.tellGrowth("")
			}
		}
	}()
	return func() { close(done); <-ended }
}

// temporary are the files of the temporary directory that were there before a capture began.
type temporary struct {
	dir    string
	before map[string]bool
}

func temporaryNow() temporary {
	t := temporary{dir: os.TempDir(), before: map[string]bool{}}
	for _, path := range t.list() {
		t.before[path] = true
	}
	return t
}

// new lists the files that came since and are named as PyTorch names an export on its way: tmp….json, tmp….json.tmp.
func (t temporary) new() []string {
	var paths []string
	for _, path := range t.list() {
		if !t.before[path] {
			paths = append(paths, path)
		}
	}
	return paths
}

func (t temporary) list() []string {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".tmp")
		if strings.HasPrefix(name, "tmp") && strings.HasSuffix(name, ".json") && !e.IsDir() {
			paths = append(paths, filepath.Join(t.dir, e.Name()))
		}
	}
	return paths
}
