package capture

import (
	"path/filepath"
	"strings"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/words"
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
		if formats.ParseFileName(name).FrontEnd {
			continue // an API server's: it runs no step, and is no rank
		}
		if m.Engine.GPUs > 0 && f.Events > 0 && f.GPUEvents == 0 {
			s.warn("%s holds no GPU event: another profiler (nsys, DCGM) may hold the GPU's counters, "+
				"the activities leave CUDA out, or nothing ran on the GPU", name)
		}
		have[f.Rank] = true
	}
	s.warnOfSteps()
	for _, path := range s.collected.Temporary {
		if strings.HasSuffix(path, ".tmp") || len(m.Files) < m.Ranks.Expected {
			s.warn("%s is what is left of a trace whose writer ended before it was done: it may be deleted, unless somebody who can't be seen from here is writing it", path)
		}
	}
	first := ondisk.FirstRank(have, m.Ranks.Expected)
	for rank := first; rank < first+m.Ranks.Expected; rank++ {
		if have[rank] {
			m.Ranks.Found = append(m.Ranks.Found, rank)
		} else {
			m.Ranks.Missing = append(m.Ranks.Missing, rank)
		}
	}
}

// warnOfSteps says of a profile without steps why that may be: its traces are whole, and say nothing about an engine's work. A rank
// alone without any is told by its name.
func (s *session) warnOfSteps() {
	m := s.manifest
	c := m.Config.Profiler
	bounded := c.DelayIterations > 0 || m.Phase != "all"
	const (
		noStep = "no step ran while the profile was recorded, as far as its traces tell: "
		late   = "nothing of the phase asked for ran between start and stop, or delay_iterations was longer than the run"
	)
	switch stepless := m.Stepless(); {
	case stepless && m.Config.Unloaded():
		s.warn(noStep+"nobody asked the server for anything in those %v, and --no-load asks for nothing: "+
			"profile while there is traffic, or leave --no-load out", m.Config.Server.Duration)
		return
	case stepless && bounded:
		s.warn(noStep + late)
		return
	case stepless && s.answered() == 0:
		s.warn(noStep + "no request was answered")
		return
	case stepless:
		s.warn(noStep+"%s answered, but not then, or this engine does not mark its steps",
			words.Plural(s.answered(), "request was", "requests were"))
		return
	}
	for _, f := range m.Files {
		if f.OfRank() && (f.Events == 0 || f.Steps == 0 && bounded) {
			s.warn("%s holds no step: %s", filepath.Base(f.Path), late)
		}
	}
}

// answered is how many requests of the profiled round got an answer.
func (s *session) answered() (n int) {
	for i := range s.outputs {
		if o := &s.outputs[i]; o.Index == 0 && o.Finish != engine.FinishError {
			n++
		}
	}
	return n
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
