package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// Waiting for an answer. There is no time limit: loading a model and writing a trace may take an hour. What ends a wait is
// the answer; the end of the child, or of a process that the answer depends on (family.go); or the caller, whose wait for
// the engine's next step has a bound of a second. A child that was left without its answer being heard goes on: its next
// command is carried out when it is done with this one, and late answers are told by their numbers.

// onCancel is what a call does when its context ends before the answer is there.
type onCancel int

const (
	stopAtOnce onCancel = iota // returns
	abortFirst                 // asks for an early end, and gives the answer abortTime to come
)

// abortTime is how long an interrupted generate may go on until the engine's next step: nobody waits in front of a terminal
// that does not react.
var abortTime = time.Second

// graceTime is how long an engine may take to say itself why one of its processes ended: its words tell more. While it is
// being opened it does, after it has ended the others, which takes it longer. Of a kill it knows no more than we do.
var graceTime = 3 * time.Second

func grace(op string, killed bool) time.Duration {
	switch {
	case killed:
		return graceTime / 3
	case op == "open":
		return 4 * graceTime
	}
	return graceTime
}

// call sends a command and waits for its answer, which goes into result.
func (e *Engine) call(ctx context.Context, op string, more map[string]any, result any, cancelled onCancel) error {
	c := e.child
	c.calls++
	command := map[string]any{"id": c.calls, "op": op}
	maps.Copy(command, more)
	e.unanswered.Store(true)
	if c.send(command) != nil {
		<-c.exited // nobody reads: it is ending
		return e.fail(c.endError(op))
	}
	looking := time.NewTicker(lookEvery)
	defer looking.Stop()
	var tooLate, given <-chan time.Time // no more of the engine's words, and no answer to an abort
	done, told := ctx.Done(), time.Now()
	for {
		select {
		case a, ok := <-c.answers:
			switch {
			case !ok:
				<-c.exited
				return e.fail(c.endError(op))
			case a.ID != c.calls:
				continue // to a command that was given up
			}
			e.unanswered.Store(false)
			return e.take(op, a, result)
		case <-looking.C:
			switch {
			case tooLate != nil:
			case c.family.look():
				deaths := c.family.deaths(c.log(logBytes))
				tooLate = time.After(grace(op, killed(deaths)))
				e.tell(op, deathText(deaths))
			case op == "open" && time.Since(told) >= time.Second:
				told = time.Now()
				e.tell(op, lastLine(c.log(lineBytes))) // loading has no other words for how far it is
			}
		case <-tooLate:
			if deaths := c.family.deaths(c.log(logBytes)); len(deaths) > 0 {
				e.lost.Store(true)
				return e.fail(c.lossError(op, deaths))
			}
			tooLate = nil // they were none of the engine's
		case <-done:
			enough := errors.Is(context.Cause(ctx), engine.ErrEnough)
			if !enough {
				e.hurried.Store(true)
			}
			switch {
			case enough: // it may go on
			case cancelled == stopAtOnce:
				return ctx.Err()
			case c.send(map[string]any{"op": "abort"}) != nil:
				<-c.exited
			default:
				given = time.After(abortTime)
			}
			done = nil
		case <-given:
			return ctx.Err()
		}
	}
}

// take takes an answer.
func (e *Engine) take(op string, a answer, result any) error {
	if a.Error != nil {
		return e.fail(e.child.failureError(op, a.Error))
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return e.fail(fmt.Errorf("%s: the driver's answer to %s: %w", e.name, op, err))
	}
	return nil
}

// tell says what goes on inside a call.
func (e *Engine) tell(op, text string) {
	tell := e.report.Load()
	if op == "open" {
		tell = &e.config.Report
	}
	if tell != nil && *tell != nil && text != "" {
		(*tell)(text)
	}
}

func (e *Engine) fail(err error) error {
	e.failed.Store(true)
	return err
}
