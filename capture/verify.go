package capture

import (
	"path/filepath"
	"strings"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/trace/formats"
)

// verify compares the ranks that have a whole trace with those expected.
func (s *session) verify() {
	m, files := s.manifest, s.collected.Files
	have := map[int]bool{}
	for i, f := range files {
		name := filepath.Base(f.Path)
		s.progress(Progress{Stage: ondisk.StageVerify, N: i + 1, Of: len(files), Item: name})
		f.Path = manifestPath(s.dir.path, f.Path)
		m.Files = append(m.Files, f.File)
		if f.Verdict != ondisk.Whole {
			continue
		}
		if c := m.Config.Profiler; formats.ParseFileName(name).FrontEnd {
			continue // an API server's: it runs no step, and is no rank
		} else if f.Events == 0 || f.Steps == 0 && (c.DelayIterations > 0 || m.Phase != "all") {
			s.warn("%s holds no step: nothing of the phase asked for ran between start and stop, or delay_iterations was longer than the run", name)
		}
		if m.Engine.GPUs > 0 && f.Events > 0 && f.GPUEvents == 0 {
			s.warn("%s holds no GPU event: another profiler (nsys, DCGM) may hold the GPU's counters, "+
				"the activities leave CUDA out, or nothing ran on the GPU", name)
		}
		have[f.Rank] = true
	}
	for _, path := range s.collected.Temporary {
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
