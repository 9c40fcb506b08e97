package profile

import (
	"os"
	"runtime/debug"
	"sync"

	"github.com/inferprof/inferprof/trace/formats"
)

// garbageBytes is how much garbage there may be beside a trace before it is collected, and leastGCPercent the least part of
// the heap that it may be. Traces are large arrays without pointers, which cost the collector nothing to look at, so that
// collecting often is cheap and saves a third of the peak; but each time costs something, however small the heap.
const (
	garbageBytes   = 48e6
	leastGCPercent = 10
)

// garbage is the process's collector as long as somebody has bounded it: how many have, and what it was set to before.
var garbage struct {
	mu     sync.Mutex
	users  int
	before int
}

// boundGarbage has the collector run as often as suits the traces at paths, until the function that it returns is called.
// Of several at the same time the last one's traces count.
func boundGarbage(paths []string) (release func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	largest := int64(1)
	for _, path := range paths {
		largest = max(largest, formats.MemoryEstimate(path))
	}
	garbage.mu.Lock()
	defer garbage.mu.Unlock()
	was := debug.SetGCPercent(int(max(leastGCPercent, min(100, 100*garbageBytes/largest))))
	if garbage.users++; garbage.users == 1 {
		garbage.before = was
	}
	return func() {
		garbage.mu.Lock()
		defer garbage.mu.Unlock()
		if garbage.users--; garbage.users == 0 {
			debug.SetGCPercent(garbage.before)
		}
	}
}
