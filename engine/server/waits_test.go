package server

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// interruptedAfter is a context that somebody interrupts after so long by the bubble's clock.
func interruptedAfter(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(d, cancel)
	return ctx
}

// deaf is a directory on another machine that does not answer.
type deaf struct{ ssh }

func (*deaf) try(ctx context.Context) trial {
	<-ctx.Done()
	return trial{err: ctx.Err(), free: -1}
}

// Why a trace stayed away is not asked of a machine any longer than somebody waits.
func TestConcludeIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := &deaf{ssh{"node1", "/x"}}
		p := &endpoint{client: &client{base: "http://s"}, dialect: dialectNamed("sglang"), place: at}
		e := &Engine{endpoints: []*endpoint{p}, doors: []*endpoint{p}}
		ctx := interruptedAfter(t, 3*time.Second)
		began := time.Now()
		err := e.Conclude(ctx, engine.Collected{Ranks: []int{0}, Places: []engine.Found{{Place: at}}})
		if took := time.Since(began); took != 3*time.Second || err == nil {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// Nor is a trial waited for on a mount that hangs, and never for long.
func TestTrialOnAHungMount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		was, hung := writeTrial, make(chan struct{})
		writeTrial = func(string) error { <-hung; return nil }
		defer func() { close(hung); synctest.Wait(); writeTrial = was }()
		l := local{engine.Directory(filepath.Join(t.TempDir(), "x")), "/x"}
		began := time.Now()
		got := l.try(interruptedAfter(t, 3*time.Second))
		if took := time.Since(began); took != 3*time.Second || !errors.Is(got.err, context.Canceled) || got.free >= 0 {
			t.Errorf("after %v: %+v", took, got)
		}
		if got := l.try(t.Context()); time.Since(began) != 3*time.Second+trialTimeout || !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("%+v", got)
		}
	})
}
