package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/kineto"
)

// verify reads back every trace of the session and compares the ranks that have a whole one with those expected.
func (s *session) verify() {
	paths := s.newTraces()
	m := s.manifest
	have := map[int]bool{}
	for i, path := range paths {
		s.progress(Progress{Stage: StageVerify, N: i + 1, Of: len(paths), Item: filepath.Base(path)})
		check := s.check(path)
		f := check.file
		f.Path = manifestPath(s.dir.path, path)
		if f.Rank < 0 && len(paths) == 1 && m.Ranks.Expected == 1 {
			f.Rank = 0 // whose else
		}
		m.Files = append(m.Files, f)
		if f.Verdict != Whole {
			continue
		}
		if c := m.Config.Profiler; trace.ParseFileName(path).FrontEnd {
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
	if n := trace.ParseFileName(path); n.DP > 0 && rank >= 0 && rank < each {
		return n.DP*each + rank
	}
	return rank
}

// newTraces lists the traces of this profile by rank: those that the engine named, and, if it named fewer than there are
// ranks, whatever else is new.
func (s *session) newTraces() []string {
	paths := slices.Clone(s.traces)
	if len(paths) < s.manifest.Ranks.Expected {
		now, err := traceNames(s.dir.traces)
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
	sortByRank(paths)
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

// checkTrace reads one trace to its end. Its name tells the rank before its content does: several engines of one
// deployment each count their own ranks from 0.
func checkTrace(path string) (File, kineto.Verification) {
	v, err := kineto.Verify(path)
	f := fileOf(v)
	f.Rank = trace.ParseFileName(path).Rank
	if f.Rank < 0 {
		f.Rank = v.Rank
	}
	if err != nil {
		f.Verdict, f.Problem = Damaged, err.Error()
		if info, err := os.Stat(path); err == nil {
			f.SizeBytes = info.Size()
		}
	}
	return f, v
}

// fileOf is what a look at a trace found.
func fileOf(v kineto.Verification) File {
	f := File{Verdict: Whole, SizeBytes: v.Bytes, SHA256: v.SHA256, Events: v.Events, Steps: v.Steps}
	if !v.Whole {
		f.Verdict, f.Problem = Damaged, damageText(v)
	}
	return f
}

// Verify reads every trace of c to its end and says what it found: also about traces that the manifest lists and that
// are gone or no longer what they were, and about ranks that never wrote one. Paths are as in c.Traces.
func (c *Capture) Verify(progress func(Progress)) []File {
	recorded := map[string]File{}
	var files []File
	if c.Manifest != nil {
		for _, f := range c.Manifest.Files {
			path := filepath.Join(c.Dir, filepath.FromSlash(f.Path))
			recorded[path] = f
			if !slices.Contains(c.Traces, path) {
				files = append(files, File{Path: path, Rank: f.Rank, Verdict: Missing, Problem: "it was there when it was captured"})
			}
		}
	}
	for i, path := range c.Traces {
		if progress != nil {
			progress(Progress{Stage: StageVerify, N: i + 1, Of: len(c.Traces), Item: filepath.Base(path)})
		}
		f, _ := checkTrace(path)
		f.Path = path
		if was, ok := recorded[path]; ok {
			f.Rank = was.Rank
			if f.Verdict == Whole && f.SHA256 != was.SHA256 {
				f.Verdict, f.Problem = Damaged, "it has changed since it was captured: its SHA-256 differs from the manifest's"
			}
		}
		files = append(files, f)
	}
	if c.Manifest != nil {
		for _, rank := range c.Manifest.Ranks.Missing {
			if !slices.ContainsFunc(files, func(f File) bool { return f.Rank == rank }) {
				files = append(files, File{Path: c.Dir, Rank: rank, Verdict: Missing, Problem: fmt.Sprintf("rank %d wrote no trace", rank)})
			}
		}
		if len(files) == 0 {
			files = append(files, File{Path: c.Dir, Rank: -1, Verdict: Missing, Problem: fmt.Sprintf("the capture is %s: %s", c.Manifest.Status, c.Manifest.Error)})
		}
	}
	return files
}

// damageText says in a few words what keeps a trace from being whole. That something is missing says more than the scrap
// of an event before the gap.
func damageText(v kineto.Verification) string {
	switch {
	case v.Whole:
		return ""
	case len(v.Damage) == 0:
		return "it ends before it is closed"
	}
	worst := slices.IndexFunc(v.Damage, func(d trace.Damage) bool {
		return d.Kind == kineto.DamageTruncated || d.Kind == kineto.DamageCRC || d.Kind == kineto.DamageInput
	})
	d := v.Damage[max(worst, 0)]
	text := fmt.Sprintf("%s at byte %d", d.Kind, d.Offset)
	switch more := len(v.Damage) - 1; {
	case more == 1:
		text += ", damaged in another place too"
	case more > 1:
		text += fmt.Sprintf(", damaged in %d other places too", more)
	}
	return text
}

// wholeTraces are the paths of the whole traces of a manifest in dir.
func (m *Manifest) wholeTraces(dir string) []string {
	var paths []string
	for _, f := range m.Files {
		if f.Verdict == Whole {
			paths = append(paths, filepath.Join(dir, filepath.FromSlash(f.Path)))
		}
	}
	return paths
}
