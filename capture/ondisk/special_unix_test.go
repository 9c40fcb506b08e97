//go:build unix

package ondisk

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/inferprof/inferprof/engine/enginetest"
)

// TestSpecialFiles: a directory is opened whatever else lies in it. A pipe that is named as a trace is not waited for.
func TestSpecialFiles(t *testing.T) {
	dir := put(t, map[string]string{"rank0.1.pt.trace.json": string(enginetest.Trace(0, 1, 1)), "sub/x.txt": ""})
	for _, name := range []string{"pipe.json", "rank1.1.pt.trace.json"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o666); err != nil {
			t.Skip("this file system has no pipes: ", err)
		}
	}
	for name, target := range map[string]string{
		"link.json": "rank0.1.pt.trace.json", "directory.trace.json": "sub", "loop.json": "loop.json", "rank2.1.pt.trace.json": "gone",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range c.Traces {
		names = append(names, filepath.Base(path))
	}
	// A link to nothing counts if it is named as a trace: leaving it out would hide that something is missing.
	if want := []string{"rank0.1.pt.trace.json", "rank2.1.pt.trace.json", "link.json"}; !slices.Equal(names, want) {
		t.Errorf("traces %v, want %v", names, want)
	}
	want := "not traces, left out: directory.trace.json, loop.json, pipe.json, rank1.1.pt.trace.json"
	if len(c.Notes) != 1 || c.Notes[0].Kind != NoteNotTraces || c.Notes[0].Text != want {
		t.Errorf("notes %q, want %q", c.Notes, want)
	}
}
