package ondisk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// CheckTrace reads one trace to its end. Its name tells the rank before its content does: several engines of one
// deployment each count their own ranks from 0.
func CheckTrace(path string) (File, source.Verification) {
	return checkTrace(context.Background(), path)
}

// checkTrace is CheckTrace until ctx ends; what it says then counts for nothing.
func checkTrace(ctx context.Context, path string) (File, source.Verification) {
	v, err := formats.VerifyContext(ctx, path)
	f := FileOf(v)
	f.Rank = formats.ParseFileName(path).Rank
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

// FileOf is what a look at a trace found, but for its path and rank.
func FileOf(v source.Verification) File {
	f := File{Verdict: Whole, SizeBytes: v.Bytes, SHA256: v.SHA256, Events: v.Events, Steps: v.Steps}
	if !v.Whole {
		f.Verdict, f.Problem = Damaged, damageText(v)
	}
	return f
}

// Verify reads every trace of c to its end and says what it found: also about traces that the manifest lists and that
// are gone or no longer what they were, and about ranks that never wrote one. Paths are as in c.Traces.
//
// begin, if it is not nil, is told of each trace before it is read: the n-th of so many, counted from 1. The end of ctx
// ends it soon, in the middle of a trace too.
func (c *Capture) Verify(ctx context.Context, begin func(n, of int, path string)) ([]File, error) {
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
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if begin != nil {
			begin(i+1, len(c.Traces), path)
		}
		f, _ := checkTrace(ctx, path)
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
		files = append(files, f)
	}
	if c.Manifest != nil {
		for _, rank := range c.Manifest.Ranks.Missing {
			if !slices.ContainsFunc(files, func(f File) bool { return f.Rank == rank }) {
				files = append(files, File{Path: c.Dir, Rank: rank, Verdict: Missing, Problem: fmt.Sprintf("rank %d wrote no trace", rank)})
			}
		}
		if len(files) == 0 {
			problem := fmt.Sprintf("the capture is %s: %s", c.Manifest.Status, c.Manifest.Error)
			files = append(files, File{Path: c.Dir, Rank: -1, Verdict: Missing, Problem: problem})
		}
	}
	return files, nil
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
