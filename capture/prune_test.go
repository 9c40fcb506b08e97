package capture

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/dirlock"
)

var pruneNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// layCapture makes a capture of about size bytes that began so long ago.
func layCapture(t *testing.T, dir, name string, age time.Duration, size int) string {
	t.Helper()
	path := filepath.Join(dir, name)
	m := &ondisk.Manifest{SchemaVersion: ondisk.SchemaVersion, ID: name, Status: ondisk.Complete, StartedAt: pruneNow.Add(-age),
		Files: []ondisk.File{{Path: "rank0.1.pt.trace.json", SizeBytes: int64(size), Verdict: ondisk.Whole}}}
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(path); err != nil {
		t.Fatal(err)
	}
	lay(t, filepath.Join(path, "rank0.1.pt.trace.json"), size)
	lay(t, filepath.Join(path, ondisk.RequestsName), 10)
	lay(t, filepath.Join(path, ".capture.json-123"+".tmp"), 10)
	return path
}

func lay(t *testing.T, path string, size int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rule(change func(*PruneOptions)) PruneOptions {
	o := PruneOptions{Keep: -1, MaxTotalBytes: -1, Now: pruneNow}
	change(&o)
	return o
}

func TestPruneRules(t *testing.T) {
	for _, c := range []struct {
		name string
		o    PruneOptions
		want []string // what stays, the newest first
	}{
		{"no rule", rule(func(*PruneOptions) {}), []string{"e", "d", "c", "b", "a"}},
		{"keep", rule(func(o *PruneOptions) { o.Keep = 2 }), []string{"e", "d"}},
		{"keep none", rule(func(o *PruneOptions) { o.Keep = 0 }), nil},
		{"age", rule(func(o *PruneOptions) { o.OlderThan = 60 * time.Hour }), []string{"e", "d", "c"}},
		{"size", rule(func(o *PruneOptions) { o.MaxTotalBytes = 250_000 }), []string{"e", "d"}},
		{"any rule", rule(func(o *PruneOptions) { o.OlderThan, o.Keep = 60*time.Hour, 4 }), []string{"e", "d", "c"}},
	} {
		for _, dry := range []bool{true, false} {
			dir := t.TempDir()
			for i, name := range []string{"a", "b", "c", "d", "e"} {
				layCapture(t, dir, name, time.Duration(4-i)*24*time.Hour, 100_000)
			}
			c.o.DryRun = dry
			all, err := Prune(dir, c.o)
			if err != nil || len(all) != 5 {
				t.Fatalf("%s: %v, %v", c.name, all, err)
			}
			var stay []string
			for _, p := range all {
				_, err := os.Stat(p.Directory)
				if there := err == nil; there != (dry || !p.Removed) {
					t.Errorf("%s, dry run %t: %s: removed %t, there %t", c.name, dry, p.Directory, p.Removed, there)
				}
				if !p.Removed {
					stay = append(stay, filepath.Base(p.Directory))
				}
				if p.SizeBytes < 100_000 || p.SizeBytes > 110_000 {
					t.Errorf("%s: %d bytes", p.Directory, p.SizeBytes)
				}
			}
			if diff := cmp.Diff(c.want, stay); diff != "" {
				t.Errorf("%s (-want +kept):\n%s", c.name, diff)
			}
		}
	}
}

// Only what is provably a capture goes, and of that only its own files.
func TestPruneLeavesTheRest(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	everything := rule(func(o *PruneOptions) { o.Keep = 0 })

	mixed := layCapture(t, dir, "mixed", time.Hour, 100)
	lay(t, filepath.Join(mixed, "notes.txt"), 5)
	lay(t, filepath.Join(mixed, "sub", "rank0.1.pt.trace.json"), 5)
	lay(t, filepath.Join(dir, "photos", "a.jpg"), 5)
	lay(t, filepath.Join(dir, "traces and more", "rank0.1.pt.trace.json"), 5)
	lay(t, filepath.Join(dir, "traces and more", "thesis.tex"), 5)
	lay(t, filepath.Join(dir, "traces", "rank0.1.pt.trace.json.gz"), 5)
	lay(t, filepath.Join(dir, "rank0.2.pt.trace.json"), 5)
	lay(t, filepath.Join(dir, "foreign", ondisk.ManifestName), 5) // not a manifest of ours
	lay(t, filepath.Join(dir, "foreign", "rank0.1.pt.trace.json"), 5)
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	linked := layCapture(t, outside, "elsewhere", time.Hour, 100)
	if err := os.Symlink(linked, filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	inside := layCapture(t, dir, "inside", time.Hour, 100)
	target := filepath.Join(outside, "precious.trace.json")
	lay(t, target, 5)
	if err := os.Symlink(target, filepath.Join(inside, "rank1.1.pt.trace.json")); err != nil {
		t.Fatal(err)
	}

	all, err := Prune(dir, everything)
	if err != nil {
		t.Fatal(err)
	}
	stays := map[string][]string{}
	for _, p := range all {
		stays[filepath.Base(p.Directory)] = p.Stays
	}
	want := map[string][]string{"mixed": {"notes.txt", "sub"}, "inside": {"rank1.1.pt.trace.json"}, "traces": nil}
	if diff := cmp.Diff(want, stays); diff != "" {
		t.Errorf("said to stay (-want +got):\n%s", diff)
	}
	for path, there := range map[string]bool{
		"mixed/notes.txt": true, "mixed/sub/rank0.1.pt.trace.json": true, "mixed/capture.json": false, "mixed/rank0.1.pt.trace.json": false,
		"photos/a.jpg": true, "traces and more/rank0.1.pt.trace.json": true, "traces": false, "rank0.2.pt.trace.json": true,
		"foreign/rank0.1.pt.trace.json": true, "empty": true, "link": true, "inside/rank1.1.pt.trace.json": true, "inside/rank0.1.pt.trace.json": false,
	} {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(path))); (err == nil) != there {
			t.Errorf("%s: there %t, want %t", path, err == nil, there)
		}
	}
	for _, path := range []string{filepath.Join(linked, ondisk.ManifestName), target} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("outside of the directory: %v", err)
		}
	}
	if _, err := Prune(filepath.Join(dir, "link"), everything); err == nil || !strings.Contains(err.Error(), "links are not followed") {
		t.Errorf("a link: %v", err)
	}
}

// With torch_profiler_dir the traces lie above the manifest. Those of other profiles there stay.
func TestPruneTracesAbove(t *testing.T) {
	dir := t.TempDir()
	path := layCapture(t, dir, "20261124-100000-m", time.Hour, 100)
	m := &ondisk.Manifest{SchemaVersion: ondisk.SchemaVersion, StartedAt: pruneNow, Status: ondisk.Complete, Files: []ondisk.File{
		{Path: "../rank0.5.pt.trace.json", SizeBytes: 7}, {Path: "../rank1.5.pt.trace.json", SizeBytes: 7}}}
	if err := m.Write(path); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"rank0.5.pt.trace.json": 7, "rank1.5.pt.trace.json": 8, "rank0.6.pt.trace.json": 7} {
		lay(t, filepath.Join(dir, name), size)
	}
	if _, err := Prune(dir, rule(func(o *PruneOptions) { o.Keep = 0 })); err != nil {
		t.Fatal(err)
	}
	var left []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if !slices.Equal(left, []string{"rank0.6.pt.trace.json", "rank1.5.pt.trace.json"}) { // the second has changed since
		t.Errorf("left: %v", left)
	}
}

// Tables of ops go with the capture beside which they lie. Of those in a shared directory only what was written between the
// capture's start and its stop goes, and only with that process's trace.
func TestPruneTables(t *testing.T) {
	dir := t.TempDir()
	own := layCapture(t, dir, "own", time.Hour, 100)
	for _, name := range []string{"rank0.profiler_out.txt", "profiler_out_1.txt", "my_profiler_out.txt"} {
		lay(t, filepath.Join(own, name), 5)
	}
	start := pruneNow.Add(-time.Hour)
	shared := filepath.Join(dir, "shared")
	if err := os.Mkdir(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	m := &ondisk.Manifest{SchemaVersion: ondisk.SchemaVersion, StartedAt: start, Status: ondisk.Complete,
		Files: []ondisk.File{{Path: "../a_rank0.5.pt.trace.json", SizeBytes: 7}, {Path: "../a_rank1.5.pt.trace.json", SizeBytes: 7}},
		Calls: []ondisk.Call{
			{Stage: ondisk.StageStart, StartedAt: start.Add(time.Minute)},
			{Stage: ondisk.StageStop, StartedAt: start.Add(2 * time.Minute), DurationNs: time.Minute.Nanoseconds()},
		}}
	if err := m.Write(shared); err != nil {
		t.Fatal(err)
	}
	lay(t, filepath.Join(dir, "a_rank0.5.pt.trace.json"), 7)
	lay(t, filepath.Join(dir, "a_rank1.5.pt.trace.json"), 8) // not the one that was captured
	for name, after := range map[string]time.Duration{       // the start of the capture
		"profiler_out_0.txt":       150 * time.Second,
		"profiler_out_1.txt":       30 * time.Second, // before the profile
		"profiler_out_2.txt":       time.Hour,        // of a later one
		"a_rank0.profiler_out.txt": 179 * time.Second,
		"a_rank1.profiler_out.txt": 150 * time.Second, // of a trace that stays
		"b_rank0.profiler_out.txt": 150 * time.Second, // of somebody else's
		"notes.txt":                150 * time.Second,
	} {
		path := filepath.Join(dir, name)
		lay(t, path, 5)
		if err := os.Chtimes(path, start.Add(after), start.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Prune(dir, rule(func(o *PruneOptions) { o.Keep = 0 }))
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, p := range all {
		stays, above := []string{"my_profiler_out.txt"}, []string(nil)
		if p.Directory == shared {
			stays, above = nil, []string{"a_rank1.5.pt.trace.json"}
		}
		if !slices.Equal(p.Stays, stays) || !slices.Equal(p.StaysAbove, above) {
			t.Errorf("%s: said to stay: %q and %q, want %q and %q", p.Directory, p.Stays, p.StaysAbove, stays, above)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	want := []string{"a_rank1.5.pt.trace.json", "a_rank1.profiler_out.txt", "b_rank0.profiler_out.txt", "notes.txt", "own",
		"profiler_out_1.txt", "profiler_out_2.txt"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// A capture that is being made is not old.
func TestPruneInUse(t *testing.T) {
	if !dirlock.Supported() {
		t.Skip("no locks here")
	}
	dir := t.TempDir()
	path := layCapture(t, dir, "busy", time.Hour, 100)
	release, err := dirlock.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Prune(dir, rule(func(o *PruneOptions) { o.Keep = 0 }))
	if err != nil || len(all) != 1 || all[0].Removed || !strings.Contains(all[0].Reason, "in use") {
		t.Errorf("%v, %+v", err, all)
	}
	release()
	if all, err = Prune(dir, rule(func(o *PruneOptions) { o.Keep = 0 })); err != nil || !all[0].Removed {
		t.Errorf("%v, %+v", err, all)
	}
}

// A capture that was half removed when something ended is recognised, and goes the next time.
func TestPruneAgain(t *testing.T) {
	dir := t.TempDir()
	path := layCapture(t, dir, "half", time.Hour, 100)
	if err := os.Remove(filepath.Join(path, "rank0.1.pt.trace.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := Prune(dir, rule(func(o *PruneOptions) { o.Keep = 0 })); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it is still there")
	}
}

func FuzzPruneManifest(f *testing.F) {
	f.Add(`{"schema_version":1,"files":[{"path":"../x.trace.json","size_bytes":3},{"path":"y"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		outer := t.TempDir()
		dir := filepath.Join(outer, "captures")
		for _, keep := range []string{filepath.Join(outer, "x.trace.json"), filepath.Join(dir, "c", "notes.txt")} {
			lay(t, keep, 3)
		}
		if err := os.WriteFile(filepath.Join(dir, "c", ondisk.ManifestName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _ = Prune(dir, rule(func(o *PruneOptions) { o.Keep = 0 }))
		if _, err := os.Stat(filepath.Join(outer, "x.trace.json")); err != nil {
			t.Error(fmt.Errorf("a file two directories up is gone: %w", err))
		}
	})
}
