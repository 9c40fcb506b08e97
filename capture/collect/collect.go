// Package collect waits for the traces of a profile, wherever they appear, reads each to its end and brings it into the
// capture. It does so for every engine alike: an engine only names its places (engine.Export).
//
// That a stop was answered does not mean that there are files. A trace may appear before the answer, with it, or minutes
// after it: engines export on other threads, compress for minutes, or stop by themselves when their last step is done. It
// may appear under its final name with no bytes and grow, stop growing for a while, or stay cut off for good: PyTorch
// writes a compressed trace as plain text into a file of the temporary directory first, and then, compressing, into its
// final name, which is there from the beginning. A trace under way cannot be told from one that will never be finished by
// looking once.
//
// So a profile is over when every expected rank has a new trace that could be read to its last byte; and the only thing
// that is ever waited for is something that moves: the answer of a stop, a file that appears or grows, a temporary file of
// a writer. When nothing has moved for as long as the engine says that it may be silent (engine.Settler), what is missing
// will not come. A stop has no time limit: writing takes what it takes.
//
//	collect.go    a Collection: Begin before the start, Stop for the rest
//	look.go       one look at the places: what is new, what has changed, what can be read by now
//	bring.go      from a place into the capture
//	number.go     which rank a trace is of, and how many there must be
//	growth.go     telling how far they are
//	temporary.go  what writers on this machine have not finished
//
// Which files are new is told by comparing with a listing from before the start: names that were not there, and those
// whose size or time has changed. A late trace of somebody's earlier profile is new, too; it ends before the start, which
// its own events tell (engine.Export.Since).
//
// Reading a growing file again and again would cost more than it tells. It is tried once it has kept its size from one
// look to the next, or when the stop has just been answered, since most engines are done by then; and after a failure not
// before it has changed, and been quiet for as long as the last try took. What a file showed is kept with the size and
// time that it is about, so that a large trace is read once.
package collect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// How often places are looked at. It bounds how much later than the last byte the verdict comes.
const (
	localEvery  = 50 * time.Millisecond
	remoteEvery = time.Second // a listing over the network
)

// tellEvery is how often progress is told, unless another trace is whole.
const tellEvery = 100 * time.Millisecond

// graceForAnswer is how long a stop may stay without an answer when all traces are whole: the verdict does not wait for the
// table that an engine prints after them.
const graceForAnswer = 100 * time.Millisecond

// Collection is one wait for the traces of a profile. Its methods are called from one goroutine.
type Collection struct {
	engine  engine.Engine
	into    string
	tell    func(text string)
	exports []export
	places  []*place
	scratch scratch

	abandoned bool // ctx ended before everything was there
	resumed   bool // another process may have brought traces already

	open  bool      // the stop is not answered yet
	moved time.Time // when something moved last

	told        int // whole traces, when progress was told last
	nextTelling time.Time
}

// export is what a part of the engine writes, and what its traces have told of it.
type export struct {
	engine.Export
	place   *place
	learned bool // whole traces have told how many ranks a world has
}

// Result is what came of a profile.
type Result struct {
	Files     []File        // by rank; those that are no rank's last
	Temporary []string      // unfinished files of writers on this machine that nobody has open any more, by path
	StopTook  time.Duration // until StopProfile returned
	Err       error         // of the stop, or what the engine says is wrong
	NoRoom    bool          // there was no room for traces that lie elsewhere; Err says so
	Abandoned bool          // ctx ended before everything was there: what is not whole was not waited for
}

// Begin notes what is in e's places before a profile starts. Traces that appear elsewhere than in the directory into go
// there, an absolute path. tell, unless nil, is told how far the traces are, in a few words.
func Begin(ctx context.Context, e engine.Engine, into string, tell func(text string)) (*Collection, error) {
	c := &Collection{engine: e, into: into, tell: tell}
	c.expect(e.Exports())
	for _, p := range c.places {
		before, err := p.List(ctx)
		if err != nil {
			return nil, fmt.Errorf("traces of %s: %w", p, err)
		}
		p.before = before
	}
	c.scratch.begin(c.exports, c.places)
	return c, nil
}

// Resume is Begin for a profile that another process has started, at since by the clock of whoever writes its traces: files
// that were last written before that are none of it.
func Resume(ctx context.Context, e engine.Engine, into string, since time.Time, tell func(text string)) (*Collection, error) {
	c, err := Begin(ctx, e, into, tell)
	if err != nil {
		return nil, err
	}
	c.resumed = true
	for _, p := range c.places {
		maps.DeleteFunc(p.before, func(_ string, f engine.Entry) bool { return f.ModifiedNs >= since.Add(-slack).UnixNano() })
	}
	return c, nil
}

// Complete looks whether every expected rank has a whole trace already, before the profile is stopped, and of how many steps.
func (c *Collection) Complete(ctx context.Context) (complete bool, steps int) {
	c.look(ctx, true)
	for _, p := range c.places {
		for _, f := range p.files {
			if f.whole && f.ofRank() {
				steps = max(steps, f.v.Steps)
			}
		}
	}
	return c.complete(), steps
}

// expect takes over what the engine says of its exports.
func (c *Collection) expect(exports []engine.Export) {
	c.exports = nil
	for _, x := range exports {
		c.exports = append(c.exports, export{Export: x, place: c.placeOf(x.Place)})
	}
}

// placeOf is what is known of a place.
func (c *Collection) placeOf(at engine.Place) *place {
	for _, p := range c.places {
		if p.Place == at {
			return p
		}
	}
	p := &place{Place: at, before: map[string]engine.Entry{}, files: map[string]*file{}}
	c.places = append(c.places, p)
	return p
}

// Stop ends the profile and waits until every expected rank has a whole trace, or none is to be expected any more. When ctx
// ends it makes do, at once, with what has been read by then.
func (c *Collection) Stop(ctx context.Context) Result {
	c.expect(c.engine.Exports())
	stopping, end := context.WithCancelCause(ctx)
	defer end(nil)
	giveUp := func() { end(engine.ErrEnough) }
	answers := make(chan answer, 1)
	c.open, c.moved = true, time.Now()
	c.nextTelling = c.moved.Add(tellEvery)
	go func() {
		sent := time.Now()
		err := c.engine.StopProfile(stopping)
		answers <- answer{err, time.Since(sent)}
	}()
	a := c.wait(ctx, answers, giveUp)
	return c.end(ctx, a)
}

// LastMoment is how long the stop may still take to return when ctx has ended, and how long may then be done with what there is.
const LastMoment = 300 * time.Millisecond

// answer is what StopProfile returned, and after how long.
type answer struct {
	err  error
	took time.Duration
}

// wait looks at the places until nothing more is to come. The stop is answered when it returns: one that may be left to
// itself is given up.
func (c *Collection) wait(ctx context.Context, answers <-chan answer, giveUp func()) (a answer) {
	looking := time.NewTimer(localEvery) // and not a Ticker: after a look that took long, files get their time to change
	defer looking.Stop()
	for {
		answered := false
		select {
		case a = <-answers:
			if ctx.Err() != nil {
				return a
			}
			c.open, answered = false, true
		case <-looking.C:
			if len(answers) > 0 {
				continue // that comes first
			}
		case <-ctx.Done():
			return c.lastAnswer(answers)
		}
		at := time.Now()
		if answered {
			c.moved = at
		}
		c.look(ctx, answered)
		switch {
		case c.complete() && !c.open:
			return a
		case c.complete() && at.Sub(c.moved) > graceForAnswer:
			giveUp()
			select {
			case a = <-answers:
			case <-ctx.Done(): // of an engine that can't be left to itself
			}
			return a
		}
		c.tellProgress()
		if !c.open && errors.Is(a.err, engine.ErrNotProfiling) {
			return a // nothing was recorded, of which traces could come
		}
		if !c.open && max(at.Sub(c.moved), 0) >= c.settleTime(ctx) {
			return a
		}
		looking.Reset(localEvery)
	}
}

// lastAnswer is what StopProfile returns to an end of its context, if it does.
func (c *Collection) lastAnswer(answers <-chan answer) (a answer) {
	if !c.open {
		return a
	}
	select {
	case a = <-answers:
	case <-time.After(LastMoment):
	}
	return a
}

func (c *Collection) settleTime(ctx context.Context) time.Duration {
	if s, ok := c.engine.(engine.Settler); ok {
		return s.SettleTime(ctx)
	}
	return 0
}
