package capture

import (
	"context"
	"errors"
	"time"

	"github.com/inferprof/inferprof/capture/collect"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
)

// profile is the part between start and stop, whatever happens in it. A start that was interrupted may have begun.
func (s *session) profile(ctx context.Context, e engine.Engine) error {
	collection, err := s.start(ctx, e)
	if collection == nil {
		return err
	}
	s.began = true
	if err != nil {
		s.end(ctx, e, collection, true)
		s.began = !errors.Is(s.collected.Err, engine.ErrNotProfiling) // it was not sent
		return err
	}
	defer s.end(ctx, e, collection, false)
	start := time.Now()
	err = s.call(Progress{Stage: ondisk.StageGenerate}, func() (err error) {
		s.outputs, err = e.Generate(ctx, s.Requests)
		return err
	})
	s.manifest.Throughput = throughput(s.outputs, time.Since(start))
	if err == nil {
		s.finishOverhead(s.lastCall())
	}
	return err
}

// start starts a profile. What it returns, unless nil, ends it, also if the start was interrupted.
func (s *session) start(ctx context.Context, e engine.Engine) (c *collect.Collection, err error) {
	err = s.call(Progress{Stage: ondisk.StageStart}, func() error {
		begun, err := collect.Begin(ctx, e, s.Config.Profiler.Dir, s.tell)
		if err != nil {
			return err
		}
		// From here on a profiler may be left on if this process is killed: the manifest says where and since when.
		s.describe(e)
		now := time.Now()
		s.manifest.RecordingSince = &now
		if err := s.manifest.Write(s.dir.path); err != nil {
			return directoryError(s.dir.path, err)
		}
		c = begun
		return e.StartProfile(ctx)
	})
	if err != nil && ctx.Err() == nil {
		return nil, s.blame(err)
	}
	return c, err
}

// hardlyBegun is how long the end of a profile is waited for whose start was interrupted: what collecting leaves of the second
// that an interrupt may take.
const hardlyBegun = time.Second - 2*collect.LastMoment

// end ends a profile when the workload is over. A stop writes the traces: it may take long, and it is not cut short because the
// workload was; but whoever interrupts it, gives up, or has interrupted the start already, does not wait for it.
func (s *session) end(ctx context.Context, e engine.Engine, c *collect.Collection, startInterrupted bool) {
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	if startInterrupted {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, hardlyBegun)
		defer cancel()
	}
	s.stop(ctx, e, c)
}

// stop ends a profile and takes what comes of it until ctx ends, or somebody gives up.
func (s *session) stop(ctx context.Context, e engine.Engine, c *collect.Collection) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.GiveUp:
			cancel()
		case <-waiting.Done():
		}
	}()
	s.begin(Progress{Stage: ondisk.StageStop})
	sent := time.Now()
	s.collected = c.Stop(waiting)
	s.ended(sent, s.collected.StopTook, s.collected.Err)
	s.describe(e)
	if !s.collected.Abandoned {
		s.manifest.RecordingSince = nil
	}
	s.engine = e
	s.rester, _ = e.(engine.Rester)
}
