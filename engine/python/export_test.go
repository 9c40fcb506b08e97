package python

import (
	"testing"
	"time"
)

// SetSettleTime shortens how long a trace is waited for, until the test ends.
func SetSettleTime(t *testing.T, d time.Duration) {
	was := settleTime
	settleTime = d
	t.Cleanup(func() { settleTime = was })
}
