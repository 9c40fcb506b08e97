package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// garbageBytes is how much garbage there may be beside a trace before it is collected, and leastGCPercent the least part of
// the heap that it may be. Traces are large arrays without pointers, which cost the collector nothing to look at, so that
// collecting often is cheap and saves a third of the peak; but each time costs something, however small the heap.
const (
	garbageBytes   = 48e6
	leastGCPercent = 10
)

// boundGarbage has the collector run as often as suits the traces at paths.
func boundGarbage(paths []string) {
	if os.Getenv("GOGC") != "" {
		return
	}
	largest := int64(1)
	for _, path := range paths {
		largest = max(largest, formats.MemoryEstimate(path))
	}
	debug.SetGCPercent(max(leastGCPercent, min(100, int(100*garbageBytes/largest))))
}

// newReader returns a reader that keeps to the memory that there is, and says so where one of the paths takes more.
func newReader(o source.Options, line *progress, paths ...string) *formats.Reader {
	boundGarbage(paths)
	available, known := host.AvailableMemory()
	if !known {
		return formats.NewReader(o, 0)
	}
	for _, path := range paths {
		if need := formats.MemoryEstimate(path); need > available {
			line.note(fmt.Sprintf("note: %s may take %s of memory, and %s is free: cut it first (inferprof cut)", path, words.Size(need), words.Size(available)))
		}
	}
	return formats.NewReader(o, available)
}
