package profile

import (
	"path/filepath"
	"slices"
	"sync"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// graphCaptures are the traces that the engine wrote when it recorded its graphs, which lie beside those of a profile:
// they say which ops the kernels of a replay are. A rank's are read when the rank is analysed, and let go with it; those
// whose names tell no rank are read once and serve all.
type graphCaptures struct {
	ofRank map[int][]string // files; -1: of no rank by their names
	shared func() []*trace.Trace

	mu     sync.Mutex
	failed []string // what could not be read: a report does without
}

func findGraphCaptures(paths []string) *graphCaptures {
	g := &graphCaptures{ofRank: map[int][]string{}}
	g.shared = sync.OnceValue(func() []*trace.Trace { return g.read(g.ofRank[-1]) })
	seen := map[string]bool{}
	for _, path := range paths {
		dir := filepath.Dir(path)
		if path == stdin || seen[dir] {
			continue
		}
		seen[dir] = true
		for _, f := range formats.FindCaptureTraces(dir) {
			if !slices.Contains(paths, f) { // else it is what was asked about
				rank := formats.ParseFileName(f).Rank
				g.ofRank[rank] = append(g.ofRank[rank], f)
			}
		}
	}
	return g
}

// of reads what there is for a rank.
func (g *graphCaptures) of(rank int) []*trace.Trace {
	if rank < 0 {
		return nil // an API server replays no graphs
	}
	return slices.Concat(g.shared(), g.read(g.ofRank[rank]))
}

func (g *graphCaptures) read(files []string) []*trace.Trace {
	var out []*trace.Trace
	for _, f := range files {
		t, err := formats.ReadFile(f, source.Options{})
		if err != nil {
			g.mu.Lock()
			g.failed = append(g.failed, "graphs keep their kernels' names alone: "+err.Error())
			g.mu.Unlock()
			continue
		}
		out = append(out, t)
	}
	return out
}

// problems are what could not be read.
func (g *graphCaptures) problems() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.failed)
}
