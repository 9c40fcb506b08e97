package capture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/inferprof/inferprof/capture/collect"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/dirlock"
	"github.com/inferprof/inferprof/internal/words"
)

// What an inferprof leaves that is killed while a profile is being recorded: the traces of the ranks where their writers put
// them, as far as they are written, and with servers a profiler that is on, and takes time and memory from whoever uses them.
// The first manifest says where, and since when. Recovering ends the profiler and brings the traces.

// RecoverOptions say what to recover.
type RecoverOptions struct {
	Dir    string // of the capture
	Engine string // the registered name of the engine of servers
	APIKey string // of theirs
	GiveUp <-chan struct{}

	Progress func(Progress) // as in Options
}

// Recover ends a profile that a killed inferprof has left, brings its traces and verifies them. The capture says that it
// was interrupted, whatever came of it; the error says if a trace is not whole.
func Recover(ctx context.Context, o RecoverOptions) (*ondisk.Capture, error) {
	m, err := ondisk.ReadManifest(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("recover %s: no capture in it (%s): name the directory of one", o.Dir, ondisk.ManifestName)
	}
	if err != nil {
		return nil, err
	}
	if m.RecordingSince == nil {
		return nil, fmt.Errorf("recover %s: it is %s, and left no profiler on: there is nothing to recover", o.Dir, m.Status)
	}
	unlock, err := dirlock.Lock(o.Dir)
	if errors.Is(err, dirlock.ErrInUse) {
		return nil, fmt.Errorf("recover %s: it is being made just now: interrupt whoever does", o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("recover %s: %w", o.Dir, words.WithoutPath(err))
	}
	defer unlock()
	s, err := resumed(m, o)
	if err != nil {
		return nil, err
	}
	defer s.hush()
	since := *m.RecordingSince
	if err := s.resume(ctx, o.Engine, since); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w before anything was ended or brought: the same command begins anew", ErrInterrupted)
		}
		return nil, fmt.Errorf("recover %s: %w", o.Dir, err)
	}
	return s.recovered(ctx, since)
}

// resumed is the session of a capture whose maker was killed.
func resumed(m *ondisk.Manifest, o RecoverOptions) (*session, error) {
	path, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	traces := path // both may have been moved
	if filepath.Base(m.Config.Profiler.Dir) != m.ID {
		traces = filepath.Dir(path) // torch_profiler_dir
	}
	config := m.Config
	config.Profiler.Dir = traces
	if config.Server != nil {
		server := *config.Server
		server.APIKey = o.APIKey
		config.Server = &server
	}
	m.Files, m.Warnings = []ondisk.File{}, append([]string{}, m.Warnings...)
	m.Ranks.Found, m.Ranks.Missing = []int{}, []int{}
	return &session{Options: Options{Config: config, Progress: o.Progress, GiveUp: o.GiveUp}, dir: &directory{path: o.Dir, traces: traces}, manifest: m, began: true}, nil
}

// resume ends the profile and collects what came of it.
func (s *session) resume(ctx context.Context, name string, since time.Time) error {
	e := engine.Engine(leftBehind{s.manifest.Engine, s.Config})
	if s.Config.Server != nil {
		config := s.Config
		config.Resume, config.ResumeAt = &s.manifest.Engine, since
		err := s.call(Progress{Stage: ondisk.StageOpen}, func() (err error) {
			e, err = engine.Open(ctx, name, config)
			return err
		})
		if err != nil {
			return err
		}
	}
	resumer, _ := e.(engine.Resumer)
	defer func() {
		s.takeWarnings(e)
		if resumer != nil {
			resumer.Disown(false) // what is not stopped by now is not to be stopped by the end of this process
		}
		if err := e.Close(); err != nil {
			s.warn("close the engine: %v", err)
		}
	}()
	if r, ok := e.(engine.Reporter); ok {
		r.Report(s.tell)
	}
	c, err := collect.Resume(ctx, e, s.Config.Profiler.Dir, since, s.tell)
	if err != nil {
		return err
	}
	if resumer != nil {
		if complete, steps := c.Complete(ctx); complete {
			bound := s.Config.Profiler.MaxIterations
			resumer.Disown(bound > 0 && steps >= bound)
		}
	}
	if err := ctx.Err(); err != nil {
		return err // whether the profile has ended could not be seen
	}
	s.stop(ctx, e, c)
	return nil
}

// recovered says what came of it, in the manifest too.
func (s *session) recovered(ctx context.Context, since time.Time) (*ondisk.Capture, error) {
	m := s.manifest
	s.verify()
	problem := s.problem(nil, nil)
	m.Status, m.Error = ondisk.Interrupted, sentence("inferprof ended before its profile did, which was begun at "+
		since.Local().Format(time.TimeOnly)+" and collected later", problem)
	c := &ondisk.Capture{Dir: s.dir.path, Manifest: m, Traces: m.WholeTraces(s.dir.path)}
	s.dir.release()
	if err := m.Write(s.dir.path); err != nil {
		return c, directoryError(s.dir.path, err)
	}
	switch {
	case s.collected.Abandoned:
		return c, fmt.Errorf("%w: %s", ErrInterrupted, sentence("traces that were still being written were not waited for", s.kept(), s.recovery()))
	case problem != "":
		return c, fmt.Errorf("recover %s: %s", s.dir.path, sentence(problem, s.kept()))
	}
	if ctx.Err() != nil {
		return c, fmt.Errorf("%w after everything was recovered: it is in %s", ErrInterrupted, s.dir.path)
	}
	return c, nil
}

// recovery says how what is left can be had later, where it can: engines that we start end with us.
func (s *session) recovery() string {
	if s.Config.Server == nil {
		return ""
	}
	return "bring the rest with: inferprof recover " + s.dir.path
}

// blame adds to the error of a start that was refused which inferprof may have left the profiler on.
func (s *session) blame(err error) error {
	if !errors.Is(err, engine.ErrProfiling) || s.Config.Server == nil {
		return err
	}
	for _, left := range ondisk.Left(filepath.Dir(s.dir.path)) {
		for _, p := range s.manifest.Engine.Endpoints {
			if left.Of(p.URL) {
				return fmt.Errorf("%w; it may be that of a capture whose inferprof ended first, which is ended with: inferprof recover %s", err, left.Shown())
			}
		}
	}
	return err
}

// leftBehind stands for an engine that ended with the inferprof that had started it: its traces may lie there.
type leftBehind struct {
	info   engine.Info
	config engine.Config
}

func (l leftBehind) Info() engine.Info { return l.info }

func (leftBehind) Generate(context.Context, []engine.Request) ([]engine.Output, error) {
	return nil, errors.New("the engine has ended")
}
func (leftBehind) StartProfile(context.Context) error { return errors.New("the engine has ended") }
func (leftBehind) StopProfile(context.Context) error  { return nil }
func (leftBehind) Close() error                       { return nil }

// Exports are what the engine would have written.
func (l leftBehind) Exports() []engine.Export {
	return []engine.Export{{Place: engine.Directory(l.config.Profiler.Dir), Ranks: max(l.info.Ranks, 1), AtLeast: l.info.Ranks == 0}}
}
