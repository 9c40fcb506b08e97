package server

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/words"
)

// checkFlags looks at what was asked for, and at the places where traces will appear: better now than after the load.
func (e *Engine) checkFlags(ctx context.Context) error {
	for _, p := range e.places {
		if _, err := p.List(ctx); err != nil {
			return fmt.Errorf("traces of %s: %w: name a directory that the server writes to with --trace-dir or --collect", p, words.WithoutPath(err))
		}
		if l, ok := p.(local); ok {
			if info, err := os.Stat(string(l.Directory)); err == nil && !info.IsDir() {
				return usagef("--trace-dir %s: is a file, not a directory", l)
			}
		}
	}
	c := e.config.Profiler
	if c.Phase != "" && c.Phase != "all" {
		return usagef("--phase %s: a server records every step: profile all of them; the report tells phases apart", c.Phase)
	}
	for _, p := range e.endpoints {
		if why := p.diesOfStart(); why != "" {
			return fmt.Errorf("server %s: %s", p.base, why)
		}
		if (c.MaxIterations > 0 && c.MaxIterations != maxSteps || c.DelayIterations > 0) && !p.dialect.bounded {
			e.warn("%s: the number of steps can't be bounded by the request, that takes %s", p.base, p.dialect.bodySince)
		}
		if c.DelayIterations > 0 && p.dialect.clientDir {
			e.warn("%s: %s has no delay: every step from the start on is recorded", p.base, p.dialect.Title)
		}
		for _, s := range []struct {
			asked bool
			name  string
		}{{c.WithStack, "with_stack"}, {c.RecordShapes, "record_shapes"}, {c.WithMemory, "with_memory"}, {c.WithFLOPs, "with_flops"}} {
			if s.asked && !p.dialect.switches(s.name) {
				e.warn("%s: %s can't be asked of it: what its profiles hold is in its own configuration", p.base, s.name)
			}
		}
	}
	return nil
}

// Preflight finds out whether somebody else is profiling the servers, and whether they can write traces of this workload.
func (e *Engine) Preflight(ctx context.Context, requests []engine.Request) error {
	if err := errors.Join(e.each(func(p *endpoint) error { return e.leaveAlone(ctx, p) })...); err != nil {
		return err
	}
	return e.checkRoom(ctx, requests)
}

// checkRoom finds out whether the servers can write traces of this workload (room.go), and refuses where they can't.
func (e *Engine) checkRoom(ctx context.Context, requests []engine.Request) error {
	var spaces spaces
	users, trials := make([][]*endpoint, len(e.places)), make([]trial, len(e.places))
	for i, at := range e.places {
		for _, p := range e.endpoints {
			if p.place == at {
				users[i] = append(users[i], p)
			}
		}
		if err := refused(users[i]); err != nil {
			return err
		}
		trials[i] = at.try(ctx)
		for _, p := range users[i] {
			spaces.addServer(p, e.expect(p, requests), trials[i])
		}
	}
	for _, s := range spaces { // before a trial's own complaint of a full disk, which knows no sizes
		warning, err := s.check()
		if err != nil {
			return err
		}
		if warning != "" {
			e.warn("%s", warning)
		}
	}
	for i := range e.places {
		if err := e.mayWrite(users[i], trials[i]); err != nil {
			return err
		}
	}
	for _, p := range e.endpoints {
		e.warnStacks(p)
		if dir, ok := p.writesElsewhere(); ok { // unless that is mounted here a second time
			e.warn("%s was told to write its traces to %s, and they are looked for in %s", p.base, dir, p.place)
		}
	}
	return nil
}

// refused tells whether a server's rights alone keep it from writing.
func refused(users []*endpoint) error {
	for _, p := range users {
		if s := p.tracesAt(); s.writable == no {
			return p.cannotWrite(s.dir, s.why)
		}
		if p.process == nil || p.dialect.Engine == "native" {
			continue
		}
		if temp := p.process.temp(); temp.writable == no {
			return fmt.Errorf("server %s: each trace is first written uncompressed to %s, and %s: "+
				"start it with TMPDIR=DIR of a directory that it may write to; nothing was started", p.base, temp.dir, temp.why)
		}
	}
	return nil
}

// addServer counts what a server will write, to where a trial was made and to its temporary files.
func (list *spaces) addServer(p *endpoint, x expected, t trial) {
	list.add(t.disk, t.free, use{by: p, x: x, dir: t.at})
	if p.process != nil {
		temp := p.process.temp()
		list.add(temp.disk, temp.free, use{by: p, x: x, dir: temp.dir, temp: true})
	} else if t.temp != "" {
		_, inside := p.place.(*kubectl) // its environment is that of the server's container
		list.add(t.tempDisk, t.tempFree, use{by: p, x: x, dir: t.temp, temp: true, guess: !inside})
	}
}
