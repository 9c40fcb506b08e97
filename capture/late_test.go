package capture

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// forever is how long an engine may be silent whose traces come in the end.
const forever = time.Hour

// write writes a file as a test that cannot go on without it.
func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Traces that come after the stop was answered, one of them in pieces: empty, half, whole.
func TestRunWaitsForLateTraces(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "late")
	text := gzipped(t, enginetest.Trace(0, 2, 3))
	growing := filepath.Join(dir, "rank0.1.pt.trace.json.gz")
	steps := []func(){
		func() { write(t, growing, nil) },
		func() {},
		func() { write(t, growing, text[:len(text)/2]) },
		func() {}, // the same half is seen twice, and is still not the end
		func() {},
		func() { write(t, filepath.Join(dir, "rank1.2.pt.trace.json"), enginetest.Trace(1, 2, 3)) },
		func() { write(t, growing, text) },
	}
	script := &enginetest.Script{Late: true, Diagnoses: []string{"a port was taken: choose another"}, Settle: func(call int) time.Duration {
		if call < len(steps) {
			steps[call]()
		}
		return forever
	}}
	o := options(t, script)
	o.Dir = dir
	var told []string
	o.Progress = func(p Progress) {
		if p.Stage == ondisk.StageStop && p.Item != "" {
			told = append(told, p.Item)
		}
	}
	c, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ondisk.Ranks{Expected: 2, Found: []int{0, 1}, Missing: []int{}}, c.Manifest.Ranks); diff != "" {
		t.Errorf("ranks (-want +got):\n%s", diff)
	}
	if len(c.Manifest.Warnings) > 0 {
		t.Errorf("what a log says of a capture that is complete is no warning: %q", c.Manifest.Warnings)
	}
	if !slices.ContainsFunc(told, func(text string) bool { return strings.HasPrefix(text, "1 of 2 ranks whole; rank 0: ") }) {
		t.Errorf("progress told %q", told)
	}
}

// A rank that stays away ends the wait when nothing has grown for as long as the engine may be silent.
func TestRunGivesUpOnALostRank(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(dir string)
		want  string
	}{
		{"nothing", func(string) {}, "no trace of rank 0, 1 was written"},
		{"one of two", func(dir string) {
			write(t, filepath.Join(dir, "rank0.1.pt.trace.json"), enginetest.Trace(0, 2, 3))
		}, "no trace of rank 1 was written"},
		{"an empty file", func(dir string) {
			write(t, filepath.Join(dir, "rank0.1.pt.trace.json"), enginetest.Trace(0, 2, 3))
			write(t, filepath.Join(dir, "rank1.1.pt.trace.json.gz"), nil)
		}, "rank1.1.pt.trace.json.gz is damaged"},
		{"half a gzip", func(dir string) {
			text := gzipped(t, enginetest.Trace(1, 2, 30))
			write(t, filepath.Join(dir, "rank0.1.pt.trace.json"), enginetest.Trace(0, 2, 3))
			write(t, filepath.Join(dir, "rank1.1.pt.trace.json.gz"), text[:len(text)/2])
		}, "rank1.1.pt.trace.json.gz is damaged: truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "lost")
			script := &enginetest.Script{Late: true, Diagnoses: []string{"rank 1 ran out of memory: use a smaller model"}}
			script.Settle = func(call int) time.Duration {
				if call == 0 {
					c.write(dir)
				}
				return time.Millisecond
			}
			o := options(t, script)
			o.Dir = dir
			got, err := Run(context.Background(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "use a smaller model") {
				t.Fatalf("%v, want %q and the engine's diagnosis", err, c.want)
			}
			if got.Manifest.Status != ondisk.Failed {
				t.Errorf("status %s", got.Manifest.Status)
			}
		})
	}
}

// The log of an engine that could not be opened is worth keeping; a directory without one is not.
func TestRunKeepsTheLogOfAFailedStart(t *testing.T) {
	boom := errors.New("boom")
	o := options(t, &enginetest.Script{OpenErr: boom, Log: "Traceback: boom\n"})
	c, err := Run(context.Background(), o)
	if c != nil || !errors.Is(err, boom) {
		t.Fatalf("%v, %v", c, err)
	}
	logs, _ := filepath.Glob(filepath.Join(o.ProfileDir, "*", ondisk.LogName))
	if len(logs) != 1 || !strings.Contains(err.Error(), logs[0]) {
		t.Fatalf("logs %v; %v should name one", logs, err)
	}
	m, err := ondisk.ReadManifest(filepath.Dir(logs[0]))
	if err != nil || m.Status != ondisk.Failed || m.Error != "boom" {
		t.Errorf("manifest %+v, %v", m, err)
	}
}
