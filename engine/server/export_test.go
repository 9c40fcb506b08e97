package server

import (
	"testing"
	"time"
)

// SetStartHeld shortens how long the answer to a start is waited for, until the test ends.
func SetStartHeld(t *testing.T, d time.Duration) {
	was := startHeld
	startHeld = d
	t.Cleanup(func() { startHeld = was })
}

// Poisson is when requests are sent.
var Poisson = poisson
