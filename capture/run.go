package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/inferprof/inferprof/capture/collect"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/version"
)

// Options says what to capture. Engine, Config.Model and Requests are needed.
type Options struct {
	Engine   string           // the engine's registered name
	Config   engine.Config    // Profiler.Dir, if set, is vLLM's torch_profiler_dir: traces go right there
	Requests []engine.Request // the workload: warm-up rounds and the profiled one alike
	Source   string           // where the requests came from, for the manifest
	Warmup   int              // rounds before the profile begins

	WarmupAuto bool // in place of Warmup: until two rounds, one after the other, took equally long

	MeasureOverhead int // pairs of rounds without and with the profiler, to compare; 0: none

	ProfileDir string // the capture gets a new directory in it; "" is DefaultDir
	Dir        string // or this very directory, which must be empty or not there

	GiveUp <-chan struct{} // when it is closed, traces that are still being written are not waited for any more; may be nil

	// Progress is called at the beginning of each stage, and when there is something new in one; may be nil. It is called from
	// several goroutines, one at a time, and not after Run has returned: it must not wait for another call.
	Progress func(Progress)
}

// notEnded is the error of a capture that is being made, and of one whose maker was killed.
const notEnded = "inferprof ended before the capture did"

// ErrInterrupted is in the error of a Run whose context ended before the workload did.
var ErrInterrupted = errors.New("interrupted")

// Run opens the engine, records one profile of the workload, checks every trace that comes of it and writes the
// manifest. When the context ends, it stops the profiler, keeps the traces that are whole, and returns the capture
// together with an error that wraps ErrInterrupted. A context that ends while the profiler is being stopped ends that wait, too,
// as GiveUp does.
//
// Every other error after the profile began comes with the capture too, its status Failed, for what it is still worth.
// Before that the capture is nil, and nothing is kept but the log of an engine that is a process of its own.
//
// The engine may still be busy with the end of the profile when Run returns; Record tells.
func Run(ctx context.Context, o Options) (*ondisk.Capture, error) {
	r, err := Record(ctx, o)
	if r == nil {
		return nil, err
	}
	r.Close()
	return r.Capture, err
}

// Record is Run for those who want to know when the engine is free again. A capture that it returns must be closed.
func Record(ctx context.Context, o Options) (*Recorded, error) {
	s, err := preflight(o)
	if err != nil {
		return nil, err
	}
	defer s.hush()
	err = s.record(ctx)
	if s.began {
		c, err := s.finish(ctx, err)
		return &Recorded{c, s}, err
	}
	defer s.unlock()
	if ctx.Err() == nil && s.hasLog() {
		return nil, s.keepLog(err)
	}
	s.discard()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w before the profile began: nothing was kept", ErrInterrupted)
	}
	return nil, err
}

// session is a Run on its way.
type session struct {
	Options
	dir      *directory
	unlock   func() // of dir, which is not to be pruned meanwhile
	manifest *ondisk.Manifest

	began     bool            // recording may have begun: from here on files are kept
	outputs   []engine.Output // of the profiled round
	collected collect.Result  // what came of the profile
	stage     ondisk.Stage    // the call that goes on; written under telling
	engine    engine.Engine   // of the profile, once that has ended
	rester    engine.Rester   // the same, if it may be busy with the end of the profile; else nil
	diagnoses []string        // what the engine says of what went wrong

	telling sync.Mutex // held while Progress is called
}

// preflight finds what would go wrong before anything expensive happens, and makes the capture's directory.
func preflight(o Options) (*session, error) {
	switch {
	case len(o.Requests) == 0 && !o.Config.Unloaded():
		return nil, &engine.UsageError{Text: "nothing to generate: give at least one prompt"}
	case o.MeasureOverhead < 0:
		return nil, &engine.UsageError{Text: fmt.Sprintf("%d pairs of rounds to measure the overhead: must be 0 or more", o.MeasureOverhead)}
	case o.MeasureOverhead > 0 && o.Config.Unloaded():
		return nil, &engine.UsageError{Text: "the overhead can only be measured on a workload of our own"}
	case o.Warmup < 0:
		return nil, &engine.UsageError{Text: fmt.Sprintf("%d warm-up rounds: must be 0 or more", o.Warmup)}
	}
	for i, r := range o.Requests {
		if r.Prompt == "" && len(r.PromptTokenIDs) == 0 {
			return nil, &engine.UsageError{Text: fmt.Sprintf("prompt %d of %d is empty: give at least one word", i+1, len(o.Requests))}
		}
	}
	if err := o.Config.Profiler.Validate(); err != nil {
		return nil, err
	}
	now := time.Now()
	dir, err := makeDirectory(&o, now)
	if err != nil {
		return nil, err
	}
	traces, err := filepath.Abs(dir.traces)
	if err != nil {
		return nil, err
	}
	o.Config.Profiler.Profiler, o.Config.Profiler.Dir = "torch", traces
	if o.Config.LogPath, err = filepath.Abs(filepath.Join(dir.path, ondisk.LogName)); err != nil {
		return nil, err
	}
	s := &session{Options: o, dir: dir}
	if s.unlock, err = dir.lock(); err != nil {
		dir.remove()
		return nil, err
	}
	s.manifest = &ondisk.Manifest{
		SchemaVersion: ondisk.SchemaVersion,
		ID:            filepath.Base(dir.path),
		Status:        ondisk.Interrupted,
		Error:         notEnded,
		StartedAt:     now,
		Inferprof:     ThisTool(),
		Host:          thisHost(),
		Engine:        engine.Info{Engine: o.Engine, Model: o.Config.Model},
		Config:        o.Config,
		Phase:         phase(o.Config.Profiler),
		Workload:      ondisk.Workload{Source: o.Source, Requests: len(o.Requests)},
		Calls:         []ondisk.Call{},
		Ranks:         ondisk.Ranks{Found: []int{}, Missing: []int{}},
		Files:         []ondisk.File{},
		Warnings:      []string{},
	}
	// This first manifest tells the truth if the process is killed, and proves that the directory can be written.
	if err = s.manifest.Write(dir.path); err == nil {
		_, err = os.ReadDir(dir.traces) // as the collector will, after the model is loaded
	}
	if err != nil {
		s.discard()
		s.unlock()
		return nil, directoryError(dir.traces, err)
	}
	dir.reserve()
	return s, nil
}

// ThisTool is the inferprof that is running.
func ThisTool() ondisk.Tool {
	return ondisk.Tool{Version: version.String(), Commit: version.Commit(), Go: runtime.Version()}
}

func thisHost() ondisk.Host {
	return ondisk.Host{Name: host.Name(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: host.CPU(), CPUs: runtime.GOMAXPROCS(0)}
}

func phase(c engine.ProfilerConfig) string {
	if c.Phase == "" {
		return "all"
	}
	return c.Phase
}

// record drives the engine from open to stop.
func (s *session) record(ctx context.Context) (err error) {
	var e engine.Engine
	err = s.call(Progress{Stage: ondisk.StageOpen}, func() (err error) {
		config := s.Config
		config.Report = s.tell
		e, err = engine.Open(ctx, s.Engine, config)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := e.Close(); closeErr != nil {
			s.warn("close the engine: %v", closeErr)
		}
		if d, ok := e.(engine.Diagnoser); ok {
			s.diagnoses = d.Diagnose()
		}
	}()
	s.describe(e)
	if r, ok := e.(engine.Reporter); ok {
		r.Report(s.tell)
	}
	defer s.takeWarnings(e)

	if p, ok := e.(engine.Preflighter); ok {
		if err := p.Preflight(ctx, s.Requests); err != nil {
			return s.blame(err)
		}
	}
	if err := s.warmUp(ctx, e); err != nil {
		return err
	}
	if p, ok := e.(engine.Preparer); ok {
		if err := s.call(Progress{Stage: ondisk.StagePrepare}, func() error { return p.Prepare(ctx, s.Requests) }); err != nil {
			return err
		}
	}
	if err := s.measureOverhead(ctx, e); err != nil {
		return err
	}
	return s.profile(ctx, e)
}

// describe takes over what the engine says of itself. A server's ranks may be known only when its traces are there.
func (s *session) describe(e engine.Engine) {
	s.manifest.Engine = e.Info()
	s.manifest.Ranks.Expected = s.manifest.Engine.Ranks
}

func (s *session) takeWarnings(e engine.Engine) {
	if w, ok := e.(engine.Warner); ok {
		s.manifest.Warnings = append(s.manifest.Warnings, w.Warnings()...)
	}
}

// call makes one call of the engine and writes down when, how long and with what error.
func (s *session) call(p Progress, f func() error) error {
	s.begin(p)
	sent := time.Now()
	err := f()
	s.ended(sent, time.Since(sent), err)
	return err
}

// begin begins a call of the engine.
func (s *session) begin(p Progress) {
	s.telling.Lock()
	s.stage = p.Stage
	s.telling.Unlock()
	s.progress(p)
}

// ended writes a call down.
func (s *session) ended(sent time.Time, took time.Duration, err error) {
	c := ondisk.Call{Stage: s.stage, StartedAt: sent, DurationNs: took.Nanoseconds()}
	if err != nil {
		c.Error = oneLine(err)
	}
	s.manifest.Calls = append(s.manifest.Calls, c)
}

func (s *session) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.manifest.Warnings, text) {
		s.manifest.Warnings = append(s.manifest.Warnings, text)
	}
}

// hasLog reports whether the engine has said anything.
func (s *session) hasLog() bool {
	info, err := os.Stat(s.Config.LogPath)
	return err == nil && info.Size() > 0
}

// keepLog leaves what an engine said before it failed, with a manifest that tells why there is nothing else.
func (s *session) keepLog(err error) error {
	s.manifest.Status, s.manifest.Error = ondisk.Failed, oneLine(err)
	s.manifest.RecordingSince = nil // the engine has ended
	s.dir.release()
	if writeErr := s.manifest.Write(s.dir.path); writeErr != nil {
		return errors.Join(err, directoryError(s.dir.path, writeErr))
	}
	return fmt.Errorf("%w (its log: %s)", err, filepath.Join(s.dir.path, ondisk.LogName))
}

// discard takes everything away again that was made for a capture that recorded nothing.
func (s *session) discard() {
	s.dir.release()
	for _, name := range []string{ondisk.LogName, ondisk.ManifestName} {
		_ = os.Remove(filepath.Join(s.dir.path, name))
	}
	s.dir.remove()
}
