package python

import (
	"testing"
	"time"
)

// SetPatience shortens how long an engine is given to say why it does not answer, and how long a process must have been
// there to be the engine's, until the test ends.
func SetPatience(t *testing.T, d time.Duration) {
	wasGrace, wasLasting := graceTime, lasting
	graceTime, lasting = d, d
	t.Cleanup(func() { graceTime, lasting = wasGrace, wasLasting })
}

// SetAbortTime shortens how long an interrupted generate may take to end, until the test ends.
func SetAbortTime(t *testing.T, d time.Duration) {
	was := abortTime
	abortTime = d
	t.Cleanup(func() { abortTime = was })
}

// SetSettleTime shortens how long a trace is waited for, until the test ends.
func SetSettleTime(t *testing.T, d time.Duration) {
	was := settleTime
	settleTime = d
	t.Cleanup(func() { settleTime = was })
}

// SetShutdownTime makes an engine that does not end by itself be waited for so long, until the test ends.
func SetShutdownTime(t *testing.T, d time.Duration) {
	was := shutdownTime
	shutdownTime = d
	t.Cleanup(func() { shutdownTime = was })
}

// SetWaits makes everything that is waited for with a bound take so long, but for the end of a generate, until the test ends.
func SetWaits(t *testing.T, d time.Duration) {
	for _, wait := range []*time.Duration{&graceTime, &settleTime, &shutdownTime, &hurriedTime} {
		was := *wait
		*wait = d
		t.Cleanup(func() { *wait = was })
	}
}
