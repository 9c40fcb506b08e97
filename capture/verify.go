package capture

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/trace/formats"
)

// verify reads back every trace of the session and compares the ranks that have a whole one with those expected.
func (s *session) verify() {
	paths := s.newTraces()
	m := s.manifest
	have := map[int]bool{}
	for i, path := range paths {
		s.progress(Progress{Stage: ondisk.StageVerify, N: i + 1, Of: len(paths), Item: filepath.Base(path)})
		check := s.check(path)
		f := check.file
		f.Path = manifestPath(s.dir.path, path)
		if f.Rank < 0 && len(paths) == 1 && m.Ranks.Expected == 1 {
			f.Rank = 0 // whose else
		}
		m.Files = append(m.Files, f)
		if f.Verdict != ondisk.Whole {
			continue
		}
		if c := m.Config.Profiler; formats.ParseFileName(path).FrontEnd {
			continue // an API server's: it runs no step, and is no rank
		} else if f.Events == 0 || f.Steps == 0 && (c.DelayIterations > 0 || m.Phase != "all") {
			s.warn("%s holds no step: nothing of the phase asked for ran between start and stop, or delay_iterations was longer than the run",
				filepath.Base(path))
		}
		if m.Engine.GPUs > 0 && f.Events > 0 && check.gpuEvents == 0 {
			s.warn("%s holds no GPU event: another profiler (nsys, DCGM) may hold the GPU's counters, the activities leave CUDA out, or nothing ran on the GPU",
				filepath.Base(path))
		}
		have[f.Rank] = true
	}
	for _, path := range s.temporary.new() {
		if strings.HasSuffix(path, ".tmp") || len(m.Files) < m.Ranks.Expected {
			s.warn("%s is what is left of a trace whose writer ended before it was done: it may be deleted", path)
		}
	}
	for rank := range m.Ranks.Expected {
		if have[rank] {
			m.Ranks.Found = append(m.Ranks.Found, rank)
		} else {
			m.Ranks.Missing = append(m.Ranks.Missing, rank)
		}
	}
}

// rankOf is the rank of a trace among all ranks of the capture. Data-parallel engines each count their own from 0.
func (s *session) rankOf(path string, rank int) int {
	replicas := max(s.Config.DataParallelSize, 1)
	each := s.manifest.Ranks.Expected / replicas
	if n := formats.ParseFileName(path); n.DP > 0 && rank >= 0 && rank < each {
		return n.DP*each + rank
	}
	return rank
}

// newTraces lists the traces of this profile by rank: those that the engine named, and, if it named fewer than there are
// ranks, whatever else is new.
func (s *session) newTraces() []string {
	paths := slices.Clone(s.traces)
	if len(paths) < s.manifest.Ranks.Expected {
		now, err := ondisk.TraceNames(s.dir.traces)
		if err != nil {
			s.warn("list %s: %v", s.dir.traces, err)
		}
		for name := range now {
			path := filepath.Join(s.Config.Profiler.Dir, name) // dir.traces made absolute
			if !s.before[name] && !slices.ContainsFunc(paths, func(p string) bool { return filepath.Base(p) == name }) {
				paths = append(paths, path)
			}
		}
	}
	ondisk.SortByRank(paths)
	return paths
}

// manifestPath is path as a manifest in dir names it.
func manifestPath(dir, path string) string {
	base, err := filepath.Abs(dir)
	if err != nil {
		return filepath.ToSlash(path)
	}
	rel, err := filepath.Rel(base, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}
