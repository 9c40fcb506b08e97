package native

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/engine"
)

// TestMain keeps what is measured out of the user's cache.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"XDG_CACHE_HOME", "HOME"} {
		if err := os.Setenv(name, dir); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// Peaks are measured once, kept, and told in each trace.
func TestPeaks(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	first := cpuPeaks(1)
	if !(first.FLOPsPerS > 1e8) || !(first.BytesPerS > 1e8) {
		t.Fatalf("peaks %+v", first)
	}
	if again := cpuPeaks(1); *again != *first {
		t.Errorf("measured again: %+v after %+v", again, first)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, filepath.FromSlash(peaksFile))
	if err := os.WriteFile(path, []byte(`{"x":{"flops_per_s":-1,"bytes_per_s":1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if known := readPeaks(path); len(known) != 0 {
		t.Errorf("peaks that cannot be are kept: %v", known)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, engine.Config{Threads: 1, Profiler: everything(t.TempDir())})
	start(t, e)
	generate(t, e, prompts(1, 2)...)
	var info engine.Info
	for _, x := range stop(t, e) {
		if err := json.Unmarshal([]byte(x.Meta.Other["inferprof_engine"]), &info); err != nil {
			t.Fatal(err)
		}
		if info.Peaks == nil || *info.Peaks != *cpuPeaks(1) {
			t.Errorf("the trace has peaks %+v", info.Peaks)
		}
	}
}
