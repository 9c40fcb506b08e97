package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

	Progress func(Progress) // called at the beginning of each stage, and when there is something new in one; may be nil
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
	stage     ondisk.Stage    // the call that goes on
	engine    engine.Engine   // of the profile, once that has ended
	rester    engine.Rester   // the same, if it may be busy with the end of the profile; else nil
	diagnoses []string        // what the engine says of what went wrong
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
		config.Report = func(text string) { s.progress(Progress{Stage: ondisk.StageOpen, Item: text}) }
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
		r.Report(func(text string) { s.progress(Progress{Stage: s.stage, Item: text}) })
	}
	defer s.takeWarnings(e)

	if p, ok := e.(engine.Preflighter); ok {
		if err := p.Preflight(ctx, s.Requests); err != nil {
			return err
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
	defer s.stop(ctx, e, collection, err != nil)
	if err != nil {
		return err
	}
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
	s.stage = p.Stage
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

func (s *session) progress(p Progress) {
	if s.Progress != nil {
		s.Progress(p)
	}
}

func (s *session) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.manifest.Warnings, text) {
		s.manifest.Warnings = append(s.manifest.Warnings, text)
	}
}

// finish checks what came of a profile, and says so in the manifest.
func (s *session) finish(ctx context.Context, generateErr error) (*ondisk.Capture, error) {
	m := s.manifest
	s.verify()
	c := &ondisk.Capture{Dir: s.dir.path, Manifest: m, Traces: m.WholeTraces(s.dir.path), Requests: records(s.Requests, s.outputs)}
	problem := s.problem(generateErr, ondisk.WriteRequests(s.dir.path, c.Requests))
	var err error
	switch {
	case ctx.Err() != nil && s.collected.Abandoned:
		m.Status, m.Error = ondisk.Interrupted, sentence("stopped before its traces were written", problem)
		err = fmt.Errorf("%w: %s", ErrInterrupted, sentence("traces that were still being written were not waited for", s.kept(), s.recovery(), problem))
	case generateErr != nil && ctx.Err() != nil:
		m.Status, m.Error = ondisk.Interrupted, sentence("stopped before the workload was done", problem)
		err = fmt.Errorf("%w: the profiler was stopped; %s", ErrInterrupted, sentence(s.kept(), problem))
	case generateErr != nil:
		m.Status, m.Error = ondisk.Failed, sentence(oneLine(generateErr), problem)
		err = fmt.Errorf("generate: %w; %s", generateErr, sentence(s.kept(), problem))
	case problem != "":
		m.Status, m.Error = ondisk.Failed, problem
		err = fmt.Errorf("capture %s: %s", s.dir.path, problem)
	default:
		m.Status, m.Error = ondisk.Complete, ""
	}
	s.dir.release()
	switch writeErr := m.Write(s.dir.path); {
	case writeErr == nil:
		return c, err
	case err == nil:
		return c, directoryError(s.dir.path, writeErr)
	case host.IsFull(writeErr) && host.IsFull(err): // once is enough
		return c, fmt.Errorf("%w; nor could the manifest be written", err)
	default:
		return c, fmt.Errorf("%w; %w", err, directoryError(s.dir.path, writeErr))
	}
}

// sentence joins what is not empty.
func sentence(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// oneLine is an error's text without line breaks, which errors of several ranks have between them.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// kept says in words which traces there are.
func (s *session) kept() string {
	whole := len(s.manifest.Ranks.Found)
	switch {
	case whole == 0 && s.lostRanks() != "" && !s.collected.Abandoned:
		return "" // the problem says of which ranks
	case whole == 0:
		return "no trace is whole"
	}
	return fmt.Sprintf("%d of %d traces are whole and kept in %s", whole, max(whole, s.manifest.Ranks.Expected), s.dir.path)
}

// problem says what keeps a capture from being complete, "" if nothing does, beyond what ended the workload.
func (s *session) problem(generateErr, requestsErr error) string {
	var problems []string
	if stopErr := s.collected.Err; stopErr != nil && (generateErr == nil || stopErr.Error() != generateErr.Error()) {
		problems = append(problems, "stop the profile: "+oneLine(s.stopError()))
	}
	if requestsErr != nil && !(host.IsFull(requestsErr) && host.IsFull(s.collected.Err)) {
		problems = append(problems, directoryError(s.dir.path, requestsErr).Error())
	}
	for _, f := range s.manifest.Files {
		if f.Verdict != ondisk.Whole {
			problems = append(problems, fmt.Sprintf("%s is damaged: %s", filepath.Base(f.Path), f.Problem))
		}
	}
	if lost := s.lostRanks(); len(lost) > 0 && !s.collected.Abandoned && !s.collected.NoRoom {
		problems = append(problems, fmt.Sprintf("no trace of rank %s was written", lost))
	}
	if len(problems) > 0 { // else whatever a log says harmed nothing; what is to be known all the same is a warning already
		for _, d := range s.diagnoses {
			if !host.IsFull(errors.New(d)) || !host.IsFull(s.collected.Err) && !host.IsFull(requestsErr) {
				problems = append(problems, d)
			}
		}
	}
	return strings.Join(problems, "; ")
}

// stopError says what to do about a disk that the traces could not be written to, and leaves other errors as they are.
func (s *session) stopError() error {
	if _, ok := errors.AsType[syscall.Errno](s.collected.Err); ok && s.Config.Server == nil {
		return directoryError(s.dir.traces, s.collected.Err)
	}
	return s.collected.Err
}

// hasLog reports whether the engine has said anything.
func (s *session) hasLog() bool {
	info, err := os.Stat(s.Config.LogPath)
	return err == nil && info.Size() > 0
}

// keepLog leaves what an engine said before it failed, with a manifest that tells why there is nothing else.
func (s *session) keepLog(err error) error {
	s.manifest.Status, s.manifest.Error = ondisk.Failed, oneLine(err)
	s.dir.release()
	if writeErr := s.manifest.Write(s.dir.path); writeErr != nil {
		return errors.Join(err, directoryError(s.dir.path, writeErr))
	}
	return fmt.Errorf("%w (its log: %s)", err, filepath.Join(s.dir.path, ondisk.LogName))
}

// lostRanks lists the ranks that have no trace at all, not even a damaged one.
func (s *session) lostRanks() string {
	var lost []string
	for _, rank := range s.manifest.Ranks.Missing {
		if !slices.ContainsFunc(s.manifest.Files, func(f ondisk.File) bool { return f.Rank == rank }) {
			lost = append(lost, strconv.Itoa(rank))
		}
	}
	return strings.Join(lost, ", ")
}

// discard takes everything away again that was made for a capture that recorded nothing.
func (s *session) discard() {
	s.dir.release()
	for _, name := range []string{ondisk.LogName, ondisk.ManifestName} {
		_ = os.Remove(filepath.Join(s.dir.path, name))
	}
	s.dir.remove()
}
