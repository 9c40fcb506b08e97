package profile

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// layCapture makes a complete capture of one rank that began at a minute.
func layCapture(t *testing.T, dir, model string, minute, steps int) {
	t.Helper()
	m := &ondisk.Manifest{SchemaVersion: ondisk.SchemaVersion, ID: filepath.Base(dir), Status: ondisk.Complete,
		StartedAt: time.Unix(1_795_000_000+60*int64(minute), 0), Files: []ondisk.File{{Path: "rank0.1.pt.trace.json"}}}
	m.Config.Model = model
	lay(t, filepath.Join(dir, "rank0.1.pt.trace.json"), enginetest.Trace(0, 1, steps))
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSide(t *testing.T) {
	repeats, others := t.TempDir(), t.TempDir()
	for i := range 3 {
		layCapture(t, filepath.Join(repeats, fmt.Sprintf("c%d", i)), "opt", i, 3+i)
		layCapture(t, filepath.Join(others, fmt.Sprintf("c%d", i)), fmt.Sprintf("opt%d", i), i, 3+i)
	}
	one := filepath.Join(repeats, "c0")
	file := filepath.Join(one, "rank0.1.pt.trace.json")
	for _, c := range []struct {
		name, path, label string
		captures          int
		note              ondisk.NoteKind // one of the notes; "" for none of those tested
	}{
		{"a capture", one, "c0", 1, ""},
		{"a trace", file, "rank0.1", 1, ""},
		{"captures of one thing", repeats, filepath.Base(repeats), 3, NoteRepeats},
		{"captures of several things", others, "c2", 1, ondisk.NoteNewest},
		{"by name", one + "," + filepath.Join(repeats, "c1"), "c0 and 1 more", 2, ""},
		{"one twice", one + "," + filepath.Join(one, ondisk.ManifestName), "c0", 1, ondisk.NoteTwice},
		{"standard input", "-", "standard input", 1, ""},
	} {
		s, err := OpenSide(c.path)
		if err != nil {
			t.Fatal(err)
		}
		told := slices.ContainsFunc(s.Notes, func(n ondisk.Note) bool { return n.Kind == c.note })
		if s.Label != c.label || len(s.Captures) != c.captures || c.note != "" && !told {
			t.Errorf("%s: %q of %d captures, notes %q", c.name, s.Label, len(s.Captures), s.Notes)
		}
	}
	if _, err := OpenSide(one + ",absent"); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("one of two is not there: %v", err)
	}
}

// TestReadSides: sides keep their order and get labels apart, and a side that was kept as a baseline is the side again.
func TestReadSides(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "x"), filepath.Join(t.TempDir(), "x")
	layCapture(t, a, "opt", 0, 9)
	layCapture(t, b, "opt", 1, 5)
	read := func(sides ...*Side) []compare.Side {
		t.Helper()
		out, err := ReadSides(context.Background(), sides, Options{MemoryBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	named := func(path string) *Side {
		t.Helper()
		s, err := OpenSide(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	two := read(named(a), named(b))
	if two[0].Label != "x" || two[1].Label != "x (2)" {
		t.Errorf("labels %q and %q", two[0].Label, two[1].Label)
	}
	if again := read(named(b), named(a)); !reflect.DeepEqual(again[0].Runs, two[1].Runs) || !reflect.DeepEqual(again[1].Runs, two[0].Runs) {
		t.Error("the other way round they are other sides")
	}
	baseline := filepath.Join(t.TempDir(), "perf.json")
	if err := WriteBaseline(baseline, &two[0]); err != nil {
		t.Fatal(err)
	}
	kept, err := OpenBaseline(baseline)
	if err != nil {
		t.Fatal(err)
	}
	result, err := compare.Compare(read(kept, named(a)))
	if err != nil || len(result.Pairs) != 1 {
		t.Fatalf("a side with its own baseline: %v", err)
	}
	if _, err := OpenBaseline(filepath.Join(a, ondisk.ManifestName)); err == nil || !strings.Contains(err.Error(), "read baseline") {
		t.Errorf("no baseline: %v", err)
	}
}
