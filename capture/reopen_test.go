package capture

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// A directory of captures stands for its newest one.
func TestOpenNewestCapture(t *testing.T) {
	o := options(t, &enginetest.Script{})
	var last *ondisk.Capture
	for range 3 {
		var err error
		if last, err = Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		o.Engine = (&enginetest.Script{}).Register()
	}
	c, err := ondisk.Open(o.ProfileDir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(last.Traces, c.Traces); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0].Text, "3 captures: reading the newest, "+filepath.Base(last.Dir)) {
		t.Errorf("notes %q", c.Notes)
	}
	killed := filepath.Join(o.ProfileDir, "29991231-235959-killed")
	if err := os.Mkdir(killed, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := (&ondisk.Manifest{SchemaVersion: 1, Status: ondisk.Interrupted, Error: "ended before"}).Write(killed); err != nil {
		t.Fatal(err)
	}
	if c, err := ondisk.Open(o.ProfileDir); err != nil || c.Dir != last.Dir || !strings.Contains(strings.Join(ondisk.Texts(c.Notes), "\n"), "newer, but left out: open "+killed) {
		t.Errorf("with a newer one that was killed: %+v, %v", c, err)
	}
	all, err := ondisk.OpenAll(o.ProfileDir)
	if err != nil || len(all) != 4 {
		t.Fatalf("all captures: %v, %v; want 4", all, err)
	}
	if files := verified(t, all[3]); len(files) != 1 || files[0].Verdict != ondisk.Missing || !strings.Contains(files[0].Problem, "interrupted: ended before") {
		t.Errorf("the killed one: %+v", files)
	}
	if c, err = ondisk.Open(filepath.Join(last.Dir, ondisk.ManifestName)); err != nil || len(c.Traces) != 2 || c.Manifest.ID != last.Manifest.ID {
		t.Errorf("by its manifest: %+v, %v", c, err)
	}
}

// What happened to a capture's files since is told.
func TestOpenTellsChanges(t *testing.T) {
	o := options(t, &enginetest.Script{})
	made, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(made.Traces[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(made.Traces[1], 100); err != nil {
		t.Fatal(err)
	}
	c, err := ondisk.Open(made.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Traces) != 1 || len(c.Notes) != 2 ||
		!strings.Contains(c.Notes[0].Text, "not there any more") || !strings.Contains(c.Notes[1].Text, "100 bytes") {
		t.Errorf("traces %v, notes %q", c.Traces, c.Notes)
	}
	var verdicts []ondisk.Verdict
	for _, f := range verified(t, c) {
		verdicts = append(verdicts, f.Verdict)
	}
	if diff := cmp.Diff([]ondisk.Verdict{ondisk.Missing, ondisk.Damaged}, verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestVerify(t *testing.T) {
	o := options(t, &enginetest.Script{Trace: func(rank int) []byte {
		if rank == 0 {
			return enginetest.Trace(0, 2, 3)
		}
		return nil
	}})
	made, err := Run(context.Background(), o)
	if err == nil {
		t.Fatal("a capture without rank 1 is complete")
	}
	again, err := ondisk.Open(made.Dir)
	if err != nil {
		t.Fatal(err)
	}
	files := verified(t, again)
	if len(files) != 2 || files[0].Verdict != ondisk.Whole || files[0].Events != 6 || files[1].Verdict != ondisk.Missing || files[1].Rank != 1 {
		t.Errorf("files %+v, want rank 0 whole and rank 1 missing", files)
	}
	// A whole trace, but not the one that was captured.
	if err := os.WriteFile(made.Traces[0], enginetest.Trace(0, 2, 4), 0o666); err != nil {
		t.Fatal(err)
	}
	if f := verified(t, again)[0]; f.Verdict != ondisk.Damaged || !strings.Contains(f.Problem, "changed since") {
		t.Errorf("a trace that was replaced: %+v", f)
	}
}

func verified(t *testing.T, c *ondisk.Capture) []ondisk.File {
	t.Helper()
	files, err := c.Verify(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return files
}
