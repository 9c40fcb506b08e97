package ondisk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// CheckTrace reads one trace to its end. Its name tells the rank before its content does: several engines of one
// deployment each count their own ranks from 0. When ctx ends it returns soon; what it says then counts for nothing.
func CheckTrace(ctx context.Context, path string) (File, source.Verification) {
	v, err := formats.VerifyContext(ctx, path)
	f := FileOf(v)
	f.Rank = formats.ParseFileName(path).Rank
	if f.Rank < 0 {
		f.Rank = v.Rank
	}
	if err != nil {
		f.Verdict, f.Problem = Damaged, strings.TrimPrefix(err.Error(), path+": ")
		if other, ok := errors.AsType[*source.NotTraceError](err); ok && other.Other {
			f.Verdict = NoTrace
		}
		if info, err := os.Stat(path); err == nil {
			if f.SizeBytes = info.Size(); f.SizeBytes == 0 {
				f.Problem = "it is empty: its writer died or failed before the first byte"
			}
		}
	}
	return f, v
}

// FileOf is what a look at a trace found, but for its path and rank.
func FileOf(v source.Verification) File {
	f := File{Verdict: Whole, SizeBytes: v.Bytes, SHA256: v.SHA256, Events: v.Events, Steps: v.Steps}
	if !v.Whole {
		f.Verdict, f.Problem = Damaged, damageText(v)
	}
	return f
}

// Verify reads every trace of c to its end and says what it found: also about traces that the manifest lists and that
// are gone or no longer what they were, and about ranks that there is none of. Paths are as in c.Traces. Of a capture whose
// ranks nobody counted, which was killed early, it is never said that nothing is missing.
//
// begin, if it is not nil, is told of each trace before it is read: the n-th of so many, counted from 1. The end of ctx
// ends it soon, in the middle of a trace too.
func (c *Capture) Verify(ctx context.Context, begin func(n, of int, path string)) ([]File, error) {
	recorded, files := c.recorded()
	world := 0 // the largest that a whole trace says it is part of
	for i, path := range c.Traces {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if begin != nil {
			begin(i+1, len(c.Traces), path)
		}
		f, v := CheckTrace(ctx, path)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.Path = path
		if was, ok := recorded[path]; ok {
			f.Rank = was.Rank
			if f.Verdict == Whole && f.SHA256 != was.SHA256 {
				f.Verdict, f.Problem = Damaged, "it has changed since it was captured: its SHA-256 differs from the manifest's"
			}
		}
		if f.Verdict == Whole {
			world = max(world, v.WorldSize)
		}
		files = append(files, f)
	}
	if c.Manifest != nil {
		files = append(files, c.absent(files, world)...)
	}
	return files, nil
}

// recorded is what the manifest says of traces, by path, and those of them that are gone.
func (c *Capture) recorded() (recorded map[string]File, gone []File) {
	recorded = map[string]File{}
	if c.Manifest == nil {
		return recorded, nil
	}
	for _, f := range c.Manifest.Files {
		path := filepath.Join(c.Dir, filepath.FromSlash(f.Path))
		recorded[path] = f
		if !slices.Contains(c.Traces, path) {
			gone = append(gone, File{Path: path, Rank: f.Rank, Verdict: Missing, Problem: "it was there when it was captured"})
		}
	}
	return recorded, gone
}

// mostAbsent is how many ranks without a trace are told one by one: a manifest may say anything.
const mostAbsent = 256

// FirstRank is the lowest of the ranks that a capture expects, given those that it has. It is 0 unless the capture is of one
// node of several, whose ranks are numbered through: the second node of eight ranks each has those from 8 to 15.
func FirstRank(has map[int]bool, expected int) int {
	if len(has) == 0 || expected < 1 {
		return 0
	}
	lowest := slices.Min(slices.Collect(maps.Keys(has)))
	return max(0, lowest-lowest%expected)
}

// absent are the ranks of the manifest that none of files is of. Where inferprof was killed, the number that it knew of may
// be too small: then the world that traces say they are part of counts too, and where it knew of none nothing proves that
// there were no others.
func (c *Capture) absent(files []File, world int) []File {
	m := c.Manifest
	if len(files) == 0 && m.Ranks.Expected < 1 {
		return []File{{Path: c.Dir, Rank: -1, Verdict: Missing, Problem: fmt.Sprintf("the capture is %s: %s", m.Status, m.Error)}}
	}
	expected, there := m.Ranks.Expected, ranksOf(files, len(m.Files) > 0)
	if len(m.Files) == 0 {
		expected = max(expected, world)
	}
	var absent []File
	add := func(rank int, format string, args ...any) {
		absent = append(absent, File{Path: c.Dir, Rank: rank, Verdict: Missing, Problem: fmt.Sprintf(format, args...)})
	}
	rank := FirstRank(there, expected)
	end := rank + expected
	for ; rank < end && len(absent) < mostAbsent; rank++ {
		if !there[rank] {
			add(rank, "there is no trace of rank %d", rank)
		}
	}
	if rank < end {
		add(-1, "nor of most ranks from %d to %d", rank, end-1)
	}
	switch {
	case m.Ranks.Expected > 0:
	case len(there) == 0:
		add(-1, "there is no trace of a rank")
	default:
		add(-1, "of how many more ranks there should be one is not known")
	}
	return absent
}

// ranksOf are the ranks that files are of. Those of which nothing tells, unless somebody has numbered them already, have
// the ranks that are left; that of an API server has none.
func ranksOf(files []File, numbered bool) map[int]bool {
	ranks, untold := map[int]bool{}, 0
	for _, f := range files {
		switch {
		case f.Rank >= 0:
			ranks[f.Rank] = true
		case !numbered && !formats.ParseFileName(f.Path).FrontEnd:
			untold++
		}
	}
	for rank := 0; untold > 0; rank++ {
		if !ranks[rank] {
			ranks[rank] = true
			untold--
		}
	}
	return ranks
}

// damageText says in a few words what keeps a trace from being whole. That something is missing says more than the scrap
// of an event before the gap.
func damageText(v source.Verification) string {
	switch {
	case v.Whole:
		return ""
	case len(v.Damage) == 0:
		return "it ends before it is closed"
	}
	worst := slices.IndexFunc(v.Damage, func(d trace.Damage) bool {
		return d.Kind == source.DamageTruncated || d.Kind == source.DamageCRC || d.Kind == source.DamageInput
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

// WholeTraces are the paths of the whole traces of a manifest in dir, in the manifest's order.
func (m *Manifest) WholeTraces(dir string) []string {
	var paths []string
	for _, f := range m.Files {
		if f.Verdict == Whole {
			paths = append(paths, filepath.Join(dir, filepath.FromSlash(f.Path)))
		}
	}
	return paths
}

// OfRank tells whether f is the whole trace of a rank, and not an API server's.
func (f *File) OfRank() bool { return f.Verdict == Whole && !formats.ParseFileName(f.Path).FrontEnd }

// Stepless tells whether there are whole traces of ranks, and not one of them has a step.
func (m *Manifest) Stepless() bool {
	ranks := 0
	for i := range m.Files {
		if f := &m.Files[i]; f.OfRank() {
			ranks++
			if f.Steps > 0 {
				return false
			}
		}
	}
	return ranks > 0
}
