package native

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/llm/tensor"
)

// What this CPU can do at best, so that a report can say how far an op is from it. It is measured with the first profile
// and then kept in the user's cache directory, by CPU, kernel set and threads: measuring takes some tenths of a second,
// and a figure that changed from run to run would make reports differ that should not. Deleting the file measures anew.

// peaksFile holds them, under the user's cache directory.
const peaksFile = "inferprof/cpu-peaks.json"

// cpuPeaks are those of so many threads.
func cpuPeaks(threads int) *engine.Peaks {
	key := fmt.Sprintf("%s, %d processors, %s kernels, %d threads", host.CPU(), runtime.NumCPU(), tensor.KernelSet(), threads)
	path := ""
	if dir, err := os.UserCacheDir(); err == nil {
		path = filepath.Join(dir, filepath.FromSlash(peaksFile))
	}
	known := readPeaks(path)
	p, ok := known[key]
	if !ok {
		pool := tensor.NewPool(threads)
		defer pool.Close()
		m := tensor.MeasurePeaks(pool)
		p = engine.Peaks{FLOPsPerS: m.FLOPs, BytesPerS: m.Bytes}
		known[key] = p
		writePeaks(path, known)
	}
	return &p
}

// readPeaks reads the file; nothing if it cannot be read or makes no sense.
func readPeaks(path string) map[string]engine.Peaks {
	known := map[string]engine.Peaks{}
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &known) != nil || known == nil {
		return map[string]engine.Peaks{}
	}
	for key, p := range known {
		if !(p.FLOPsPerS > 0) || !(p.BytesPerS > 0) {
			delete(known, key)
		}
	}
	return known
}

// writePeaks keeps the file. Where that cannot be done, the next profile measures again.
func writePeaks(path string, known map[string]engine.Peaks) {
	text, err := json.MarshalIndent(known, "", "  ")
	if path == "" || err != nil || os.MkdirAll(filepath.Dir(path), 0o755) != nil {
		return
	}
	_ = atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}
