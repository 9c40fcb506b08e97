package profile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/trace/formats"
)

// writeCut writes the files: one under the name asked for, or several into a directory of that name.
func writeCut(ctx context.Context, output string, files []*CutFile) error {
	if err := checkOutput(output, len(files)); err != nil {
		return err
	}
	if formats.NamesFile(output) {
		return files[0].write(output)
	}
	names, err := cutNames(files)
	if err != nil {
		return err
	}
	return atomicfile.WriteDir(output, func(dir string) error {
		for i, file := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := file.write(filepath.Join(dir, names[i])); err != nil {
				return err
			}
			file.Path = filepath.Join(output, names[i])
		}
		return nil
	})
}

// checkOutput finds what is wrong with the name for so many traces.
func checkOutput(output string, traces int) error {
	if formats.NamesFile(output) {
		if traces > 1 {
			return &OutputError{Path: output, Problem: OutputOneFile, Traces: traces}
		}
		return nil
	}
	if _, err := os.Lstat(output); err == nil {
		return &OutputError{Path: output, Problem: OutputExists, Traces: traces}
	}
	return nil
}

// cutNames are what to call the files in a directory: as their sources, with the rank before it where one source has
// several.
func cutNames(files []*CutFile) ([]string, error) {
	parts := map[string]int{} // of a file into which several ranks were merged
	for _, file := range files {
		parts[file.Source]++
	}
	names, seen := make([]string, len(files)), map[string]bool{}
	for i, file := range files {
		names[i] = file.name()
		if parts[file.Source] > 1 {
			names[i] = fmt.Sprintf("rank%d-%s", file.Rank, names[i])
		}
		if seen[names[i]] {
			return nil, fmt.Errorf("two of the traces are called %s: cut them one after the other", names[i])
		}
		seen[names[i]] = true
	}
	return names, nil
}

// name is the source's own name, as far as it fits what is written.
func (c *CutFile) name() string {
	name := strings.TrimSuffix(filepath.Base(c.Source), ".zst")
	if !formats.NamesFile(name) {
		return "trace.json.gz" // standard input
	}
	return name
}

func (c *CutFile) write(path string) error {
	if from, err := os.Stat(c.Source); err == nil {
		if to, err := os.Stat(path); err == nil && os.SameFile(from, to) {
			return &OutputError{Path: path, Problem: OutputIsSource, Traces: 1}
		}
	}
	if err := formats.WriteFile(path, c.trace, c.rows); err != nil {
		return err
	}
	c.Path, c.trace, c.rows = path, nil, nil // nobody needs them any more
	if info, err := os.Stat(path); err == nil {
		c.SizeBytes = info.Size()
	}
	return nil
}
