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
	var collection *collect.Collection
	err := s.call(Progress{Stage: ondisk.StageStart}, func() (err error) {
		collection, err = s.start(ctx, e)
		return err
	})
	if err != nil && (ctx.Err() == nil || collection == nil) {
		return s.blame(err)
	}
	s.began = true
	if err != nil {
		s.stop(ctx, e, collection, true)
		s.began = !errors.Is(s.collected.Err, engine.ErrNotProfiling) // it was not sent
		return err
	}
	defer s.stop(ctx, e, collection, false)
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

// start starts a profile. What it returns, unless nil, stops it, also if the start was interrupted.
func (s *session) start(ctx context.Context, e engine.Engine) (*collect.Collection, error) {
	c, err := collect.Begin(ctx, e, s.Config.Profiler.Dir, func(text string) { s.progress(Progress{Stage: s.stage, Item: text}) })
	if err != nil {
		return nil, err
	}
	// From here on a profiler may be left on if this process is killed: the manifest says where and since when.
	s.describe(e)
	now := time.Now()
	s.manifest.RecordingSince = &now
	if err := s.manifest.Write(s.dir.path); err != nil {
		return nil, directoryError(s.dir.path, err)
	}
	return c, e.StartProfile(ctx)
}

// lastMoment is how long the end of a profile is waited for whose start was interrupted.
const lastMoment = 800 * time.Millisecond

// stop ends a profile and takes what comes of it. A stop writes the traces: it may take long, and it is not cut short because
// the workload was; but whoever interrupts it, gives up, or has interrupted the start already, does not wait for it.
func (s *session) stop(ctx context.Context, e engine.Engine, c *collect.Collection, hardlyBegun bool) {
	waiting := ctx
	if ctx.Err() != nil {
		waiting = context.WithoutCancel(ctx)
	}
	waiting, cancel := context.WithCancel(waiting)
	defer cancel()
	if hardlyBegun {
		waiting, cancel = context.WithTimeout(waiting, lastMoment)
		defer cancel()
	}
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
