package server

import (
	"context"
	"fmt"
	"os"

	"github.com/inferprof/inferprof/engine"
)

// checkFlags looks at what was asked for, and at the places where traces will appear: better now than after the load.
func (e *Engine) checkFlags(ctx context.Context) error {
	for _, p := range e.places {
		if _, err := p.List(ctx); err != nil {
			return fmt.Errorf("traces of %s: %w", p, err)
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

// Preflight finds out whether the servers can write traces of this workload (room.go), and refuses where they can't.
func (e *Engine) Preflight(ctx context.Context, requests []engine.Request) error {
	temps := map[string]int64{} // what all servers need, by directory
	for _, at := range e.places {
		var all expected
		var users []*endpoint
		for _, p := range e.endpoints {
			if p.place != at {
				continue
			}
			x := e.expect(p, requests)
			all = all.and(x)
			users = append(users, p)
			if p.process == nil || x.tempBytes == 0 {
				continue
			}
			temp := p.process.temp()
			temps[temp.at] += x.tempBytes
			if err := p.checkTemp(temp, x, temps[temp.at]); err != nil {
				return err
			}
		}
		if err := e.checkPlace(ctx, at, users, all); err != nil {
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
