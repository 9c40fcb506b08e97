package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/kineto"
)

// captureTraces reads what the engine wrote when it recorded its graphs, if that lies beside the traces: it says which
// ops the kernels of a replay are. A report does without where it can't be read.
func (s *settings) captureTraces(paths []string, line *progress) []*trace.Trace {
	seen := map[string]bool{}
	var files []string
	for _, path := range paths {
		if dir := filepath.Dir(path); path != "-" && !seen[dir] {
			seen[dir] = true
			for _, f := range kineto.FindCaptureTraces(dir) {
				if !slices.Contains(paths, f) { // else it is what was asked about
					files = append(files, f)
				}
			}
		}
	}
	if len(files) == 0 {
		return nil
	}
	line.say("reading " + counted(len(files), "trace") + " of graph captures")
	var out []*trace.Trace
	for _, f := range files {
		t, err := kineto.ReadFile(f, kineto.Options{})
		if err != nil {
			if !s.quiet {
				line.close()
				fmt.Fprintf(os.Stderr, "note: graphs keep their kernels' names alone: %v\n", err)
			}
			continue
		}
		out = append(out, t)
	}
	return out
}
