package server

import (
	"context"
	"errors"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/processes"
)

// resume takes over a profile that another process has started and not ended. Servers that don't answer are dead for all
// that is known: their traces may be there all the same.
func resume(ctx context.Context, c engine.Config) (*Engine, error) {
	e := &Engine{config: c, server: *c.Server, timing: usualTiming}
	if e.server.Patience == 0 {
		e.server.Patience = DefaultPatience
	}
	for _, known := range c.Resume.Endpoints {
		cl, err := newClient(known.URL, e.server.APIKey)
		if err != nil {
			return nil, err
		}
		p := &endpoint{client: cl, facts: &facts{}, dialect: dialectNamed(known.Dialect), ranks: known.Ranks, engines: 1,
			startedProfile: true, started: c.ResumeAt}
		if p.dialect == nil {
			return nil, usagef("%s was spoken to as %q, which this inferprof doesn't know: use the one that made the capture", known.URL, known.Dialect)
		}
		e.endpoints = append(e.endpoints, p)
	}
	if len(e.endpoints) == 0 {
		return nil, usagef("the manifest names no server")
	}
	e.doors = e.endpoints
	if err := errors.Join(e.each(func(p *endpoint) error { return e.meetAgain(ctx, p) })...); err != nil {
		return nil, err
	}
	given, err := placesOf(c)
	if err != nil {
		return nil, err
	}
	if err := e.setPlaces(given); err != nil {
		return nil, err
	}
	if err := e.lockPlaces(); err != nil {
		return nil, err // whoever makes a capture there records: that is not to be ended
	}
	e.info = *c.Resume
	return e, ctx.Err()
}

// placesOf is where the traces of a profile that is taken over were to appear.
func placesOf(c engine.Config) ([]place, error) {
	if len(c.Server.Collect) > 0 {
		return givenPlaces(c.Server)
	}
	var list []place
	for _, known := range c.Resume.Endpoints { // as it was from wherever that inferprof was started
		l, err := newLocal(known.Traces)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// meetAgain asks a server that was known what it is now. One that has been started since records nothing of ours.
func (e *Engine) meetAgain(ctx context.Context, p *endpoint) error {
	f, err := e.patientProbe(ctx, p.client)
	if errors.Is(err, errRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	p.facts = f
	p.find()
	n := f.engines(p.dialect)
	p.ranks, p.engines = f.ranks(), max(n, 1)
	p.counted = p.ranks > 0 || n > 0
	if p.process == nil {
		return nil
	}
	p.vitals.family = familyOf(p.process.pid)
	if q, ok := processes.ByPID(p.process.pid); ok && q.StartedAt().After(p.started.Add(time.Second)) {
		p.startedProfile = false
	}
	return nil
}

// Disown is told that every trace of the profile that was taken over is whole: it has ended, and what is recorded now is
// somebody else's. endedItself: by its bound; then some servers take it to go on, and nobody else can have started one.
func (e *Engine) Disown(endedItself bool) {
	for _, p := range e.endpoints {
		p.startedProfile = p.startedProfile && endedItself && p.dialect.keepsSession
	}
}
