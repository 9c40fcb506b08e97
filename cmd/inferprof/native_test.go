package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/sampling"
	"github.com/inferprof/inferprof/workload"
)

// countdown is a context that ends when it has been asked so often.
type countdown struct {
	context.Context
	left atomic.Int32
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Interrupted between two steps, the embedded engine's traces hold the steps that were made, and are whole.
func TestInterruptTheEmbeddedEngine(t *testing.T) {
	ctx := &countdown{Context: context.Background()}
	ctx.left.Store(12)
	params := sampling.Params{TopP: 1, MaxTokens: 64, IgnoreEOS: true}
	c, err := capture.Run(ctx, capture.Options{
		Engine:     "native",
		Config:     engine.Config{TensorParallelSize: 2, Profiler: engine.DefaultProfilerConfig()},
		Requests:   workload.Default(params),
		ProfileDir: t.TempDir(),
	})
	if !errors.Is(err, capture.ErrInterrupted) {
		t.Fatalf("error %v, want that it was interrupted", err)
	}
	if len(c.Traces) != 2 {
		t.Fatalf("traces %v, want 2", c.Traces)
	}
	steps := c.Manifest.Files[0].Steps
	for _, f := range c.Manifest.Files {
		if f.Verdict != ondisk.Whole || f.Steps != steps || steps < 1 || steps > 12 {
			t.Errorf("rank %d: %s, %d steps; want a whole trace of some", f.Rank, f.Verdict, f.Steps)
		}
	}
	for _, r := range c.Requests {
		if r.FinishReason != engine.FinishAborted || r.OutputTokens != steps {
			t.Errorf("request %s: %s after %d tokens, want abort after %d", r.ID, r.FinishReason, r.OutputTokens, steps)
		}
	}
}
