package formats

import (
	"os"
	"path/filepath"
)

// captureFolders are where engines put the traces of graphs being recorded, beside those of serving.
var captureFolders = []string{"capture_traces", "graph_capture_profile"}

// FindCaptureTraces lists the traces of graph captures that belong to the traces in dir: what engines write when they
// record their graphs (vLLM's and SGLang's capture_traces), in folders of their own or in dir itself. Most directories
// have none.
func FindCaptureTraces(dir string) []string {
	var paths []string
	for _, folder := range captureFolders {
		paths = append(paths, tracesIn(filepath.Join(dir, folder), LooksLikeTrace)...)
	}
	return append(paths, tracesIn(dir, func(path string) bool { return ParseFileName(path).Capture && LooksLikeTrace(path) })...)
}

// tracesIn lists the files of a directory that are traces, by name; none if it can't be read.
func tracesIn(dir string, isTrace func(path string) bool) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() && MayBeTrace(e.Name()) && isTrace(path) {
			paths = append(paths, path)
		}
	}
	return paths
}
