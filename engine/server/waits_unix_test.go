//go:build unix

package server

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// What a program leaves running may hold its output open: neither its end nor an interrupt waits for that.
func TestRunLeavesChildren(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	hold, err := os.OpenFile(fifo, os.O_RDWR, 0) // whoever reads it waits until this is closed
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	for _, c := range []struct {
		script      string
		interrupted bool
	}{
		{"cat " + fifo + " & echo done", false},
		{"cat " + fifo + " & echo done; wait", true},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, &out, &out, "sh", "-c", c.script) }()
		if c.interrupted {
			cancel()
		}
		select {
		case err := <-ended:
			if (err != nil) != c.interrupted || !c.interrupted && out.String() != "done\n" {
				t.Errorf("%s: %v, %q", c.script, err, out.String())
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: goes on", c.script)
		}
		cancel()
	}
}
