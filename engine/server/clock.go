package server

import (
	"sync"
	"time"
)

// clock is what a server's answers tell of its clock.
//
// Their dates have whole seconds, and may be old: uvicorn makes a new one each second when it has the time, and does not
// while a model is busy in its process. So one date proves nothing, and of all answers the one counts whose date is the
// nearest to ours.
type clock struct {
	mu    sync.Mutex
	told  bool
	least time.Duration // the server's clock less ours, by the answer that puts it nearest to 0
}

// see takes the date of an answer to a request sent at sent, which had come by received.
func (c *clock) see(date, sent, received time.Time) {
	var off time.Duration
	switch {
	case date.After(received):
		off = date.Sub(received)
	case date.Add(time.Second).Before(sent):
		off = date.Add(time.Second).Sub(sent)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told || off.Abs() < c.least.Abs() {
		c.told, c.least = true, off
	}
}

// skew is the server's clock less ours, as little as all answers allow; 0 if none told.
func (c *clock) skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.least
}
