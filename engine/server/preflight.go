package server

import (
	"context"
	"fmt"
	"os"
)

// preflight looks at the places where traces will appear: better now than after the load.
func (e *Engine) preflight(ctx context.Context) error {
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
