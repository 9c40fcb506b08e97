package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestWrittenOnce(t *testing.T) {
	for name, want := range map[string]bool{"rank0.1795536134753873994.pt.trace.json.gz": true, "1795422027.48-TP-0.trace.json.gz": true, "trace-rank-0.json": false, "trace.json": false} {
		if writtenOnce(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}

// A directory that is not there is empty; a copy of what a writer may write again is one of its own.
func TestDirectory(t *testing.T) {
	ctx := context.Background()
	d := Directory(filepath.Join(t.TempDir(), "traces"))
	if files, err := d.List(ctx); err != nil || len(files) > 0 {
		t.Errorf("not there: %v, %v", files, err)
	}
	once, again := "rank0.1795536134753873994.pt.trace.json", "trace-rank-0.json"
	if err := os.MkdirAll(filepath.Join(string(d), "below"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{once, again} {
		if err := os.WriteFile(d.At(name), []byte("trace"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	files, err := d.List(ctx)
	if err != nil || len(files) != 2 || files[once].SizeBytes != 5 || files[once].ModifiedNs == 0 {
		t.Errorf("listed %v, %v", files, err)
	}
	for _, name := range []string{once, again} {
		into := filepath.Join(t.TempDir(), name)
		if err := d.Fetch(ctx, name, into); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.At(name), []byte("another"), 0o666); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(into); err != nil || name == again && string(text) != "trace" {
			t.Errorf("%s: fetched %q, %v", name, text, err)
		}
	}
	interrupted, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.Fetch(interrupted, again, filepath.Join(t.TempDir(), again)); !errors.Is(err, context.Canceled) {
		t.Errorf("a copy that nobody waits for: %v", err)
	}
	if err := d.Fetch(ctx, "none", filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was fetched")
	}
}
