package server

import (
	"context"
	"time"

	"github.com/inferprof/inferprof/engine"
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
	given, err := givenPlaces(&e.server)
	if err != nil {
		return nil, err
	}
	if len(given) == 0 {
		for _, known := range c.Resume.Endpoints {
			l, err := newLocal(known.Traces)
			if err != nil {
				return nil, err
			}
			given = append(given, l)
		}
	}
	e.each(func(p *endpoint) error {
		limited, cancel := context.WithTimeout(ctx, resumeTimeout)
		defer cancel()
		if f, err := probe(limited, p.client); err == nil {
			p.facts = f
			p.find()
			n := f.engines(p.dialect)
			p.ranks, p.engines = f.ranks(), max(n, 1)
			p.counted = p.ranks > 0 || n > 0
		}
		return nil
	})
	if err := e.setPlaces(given); err != nil {
		return nil, err
	}
	e.info = *c.Resume
	return e, ctx.Err()
}

// resumeTimeout is how long a server may take to say what it is, whose profile is ended anyhow.
const resumeTimeout = 10 * time.Second

// Disown is told that the profile that was taken over had ended by itself: nothing is to be stopped.
func (e *Engine) Disown() {
	for _, p := range e.endpoints {
		p.startedProfile = false
	}
}
