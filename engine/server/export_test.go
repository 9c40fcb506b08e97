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

// SetTimeouts shortens how long the first answers of a server are waited for, and after how long it is said what is waited for,
// until the test ends.
func SetTimeouts(t *testing.T, probe, tell time.Duration) {
	wasProbe, wasTell := probeTimeout, tellAfter
	probeTimeout, tellAfter = probe, tell
	t.Cleanup(func() { probeTimeout, tellAfter = wasProbe, wasTell })
}

// Poisson is when requests are sent.
var Poisson = poisson
