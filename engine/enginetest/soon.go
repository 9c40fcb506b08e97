package enginetest

import (
	"testing"
	"time"
)

// EndsSoon runs what is interrupted, and fails if that goes on for so long after the interrupt that something else must have ended
// it, or nothing does: every other wait is a minute, or for ever.
func EndsSoon(t *testing.T, interrupted <-chan struct{}, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); run() }()
	select {
	case <-interrupted:
	case <-done:
		t.Error("not interrupted")
		return
	}
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("goes on after the interrupt")
	}
}
