// Package python runs engines that live in the user's Python: vLLM, and Hugging Face transformers with PyTorch's
// profiler. It installs nothing. A driver that is embedded in this package (driver/) runs in a child process and does
// what it is told, a line of JSON at a time (protocol.go); the traces are written by the engine itself.
//
// A child process can go wrong in more ways than a package: it may not find its modules or its GPU, run out of memory, be
// killed, hang, or leave workers behind. process.go sees to it that none outlives us, and diagnose.go says what went
// wrong in the words of somebody who has seen it before.
package python

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// The names that the engines are registered as.
const (
	VLLM         = "vllm"
	Transformers = "transformers"
)

func init() {
	for _, name := range []string{VLLM, Transformers} {
		engine.RegisterProfiler(name, func(ctx context.Context, c engine.Config) (engine.Engine, error) {
			return Open(ctx, name, c)
		}, profilerDefaults())
	}
}

// maxSteps is how many steps a profile has unless somebody says otherwise. A workload that goes on for longer repeats
// itself, and its traces grow to gigabytes.
const maxSteps = 256

// profilerDefaults are those that do no harm. PyTorch's profiler makes inference slower by what it records: stacks are
// the main cause of giant traces and endless stops, and with shapes it holds on to tensors.
func profilerDefaults() engine.ProfilerConfig {
	return engine.ProfilerConfig{Profiler: "torch", UseGzip: true, MaxIterations: maxSteps}
}

// settleTime is how long an engine that runs may be silent before a trace is given up. PyTorch may need a while between
// the end of a profile and the first byte of its trace.
var settleTime = 10 * time.Second

// Engine is an engine in a child process.
type Engine struct {
	name      string
	config    engine.Config
	child     *child
	info      engine.Info
	profiling atomic.Bool
	stopped   atomic.Pointer[stopped] // what came of the last stop; nil: there is no answer
	report    atomic.Pointer[func(string)]

	// A stop may be waited for on one goroutine while another closes the engine.
	unanswered atomic.Bool // the last command was given up, or is waited for
	failed     atomic.Bool // an answer was an error: what is missing will hardly come
	hurried    atomic.Bool // somebody has interrupted a call
	lost       atomic.Bool // there was no answer, and there will be none: processes of the engine have ended
}

// stopped is what a stop returned, and whether that is that a process of the engine died in it.
type stopped struct {
	err  error
	died bool
}

// Open starts the engine and loads the model. When ctx ends, the child is ended too.
func Open(ctx context.Context, name string, c engine.Config) (*Engine, error) {
	o, err := openingOf(name, c)
	if err != nil {
		return nil, err
	}
	interpreter, err := Find(c.Python)
	if err != nil {
		return nil, err
	}
	child, err := start(interpreter, name, c)
	if err != nil {
		return nil, err
	}
	e := &Engine{name: name, config: c, child: child}
	var info engine.Info
	if err := e.call(ctx, "open", map[string]any{"config": o}, &info, stopAtOnce); err != nil {
		child.close(0)
		return nil, err
	}
	child.family.opened()
	e.info = info
	e.info.Engine, e.info.Model = name, c.Model
	e.info.Ranks = max(e.info.Ranks, 1)
	return e, nil
}

// Info tells what runs.
func (e *Engine) Info() engine.Info { return e.info }

// Report sets the function that is told what goes on inside long calls.
func (e *Engine) Report(tell func(text string)) { e.report.Store(&tell) }

// Generate answers the requests. When ctx ends, it returns those that are finished by the engine's next step, or none if that
// takes longer than a second.
func (e *Engine) Generate(ctx context.Context, requests []engine.Request) ([]engine.Output, error) {
	asked := make([]request, len(requests))
	var outputs []engine.Output
	first := make([]int, len(requests)+1) // where each request's answers begin
	now := time.Now()
	for i, r := range requests {
		asked[i] = request{ID: r.ID, Prompt: r.Prompt, PromptTokenIDs: r.PromptTokenIDs, Params: r.Params}
		for k := range r.Params.Answers() {
			outputs = append(outputs, engine.Output{ID: r.ID, Index: k, Prompt: r.Prompt, PromptTokenIDs: r.PromptTokenIDs, Arrival: now, Finish: engine.FinishAborted})
		}
		first[i+1] = len(outputs)
	}
	var answer struct {
		Outputs []struct {
			Index  int    `json:"index"`  // of the request
			Answer int    `json:"answer"` // of the request's
			Output output `json:"output"`
		} `json:"outputs"`
		Aborted bool `json:"aborted"`
	}
	err := e.call(ctx, "generate", map[string]any{"requests": asked}, &answer, abortFirst)
	if err != nil {
		return outputs, err
	}
	for _, o := range answer.Outputs {
		if o.Index < 0 || o.Index >= len(requests) || o.Answer < 0 || first[o.Index]+o.Answer >= first[o.Index+1] {
			return outputs, fmt.Errorf("%s gave answer %d to request %d of %d", e.name, o.Answer+1, o.Index+1, len(requests))
		}
		outputs[first[o.Index]+o.Answer] = o.Output.engine(requests[o.Index], o.Answer)
	}
	if answer.Aborted {
		if err := ctx.Err(); err != nil {
			return outputs, err
		}
		return outputs, errors.New("generation was aborted")
	}
	return outputs, nil
}

// StartProfile begins recording on every rank. One that is interrupted may have begun.
func (e *Engine) StartProfile(ctx context.Context) error {
	if e.profiling.Load() {
		return engine.ErrProfiling
	}
	e.stopped.Store(nil)
	err := e.call(ctx, "start_profile", nil, nil, stopAtOnce)
	e.profiling.Store(err == nil || ctx.Err() != nil)
	return err
}

// StopProfile ends recording. Most engines have written their traces when it returns. The child answers one command after
// the other: that all traces are whole is no reason to leave it (engine.ErrEnough), the end of ctx otherwise is.
func (e *Engine) StopProfile(ctx context.Context) error {
	s := e.stop(ctx)
	e.stopped.Store(&s)
	return s.err
}

func (e *Engine) stop(ctx context.Context) stopped {
	if !e.profiling.Load() {
		return stopped{err: engine.ErrNotProfiling}
	}
	e.profiling.Store(false)
	switch {
	case e.child.dead(): // the call that it ended in says how
		return stopped{err: fmt.Errorf("%s has ended", e.name)}
	case e.lost.Load():
		return stopped{err: fmt.Errorf("%s does not answer any more", e.name)}
	}
	told := e.child.isNamed()
	err := e.call(ctx, "stop_profile", nil, nil, stopAtOnce)
	switch {
	case err == nil || ctx.Err() != nil && !errors.Is(context.Cause(ctx), engine.ErrEnough):
	case told:
		err = fmt.Errorf("%s can't without the process that ended", e.name)
	}
	return stopped{err, err != nil && !told && e.child.isNamed()}
}

// Conclude says what was wrong with the stop. That a process died in it harmed nothing if every trace is whole all the same, whichever
// was seen first: it is a warning then.
func (e *Engine) Conclude(_ context.Context, all engine.Collected) error {
	s := e.stopped.Load()
	switch {
	case s == nil:
		return nil
	case s.died && all.Complete:
		e.child.unname()
		return nil
	}
	return s.err
}

// Exports are the traces of the ranks, in torch_profiler_dir, under names that the engine chooses.
func (e *Engine) Exports() []engine.Export {
	return []engine.Export{{Place: engine.Directory(e.config.Profiler.Dir), Ranks: e.info.Ranks, Worlds: max(e.config.DataParallelSize, 1)}}
}

// SettleTime is how long a trace may be silent: long while the engine is well, short when it has failed, and not at all
// when no process of it is left.
func (e *Engine) SettleTime(context.Context) time.Duration {
	switch {
	case !e.child.groupAlive():
		return 0
	case e.failed.Load() || e.child.dead():
		return min(2*time.Second, settleTime)
	}
	return settleTime
}

// Close ends the child and every process that it started. A profile that is still being recorded is stopped first. A child
// whose answer nobody waited for, or that waits for the dead, is not asked to end: it would not hear it.
func (e *Engine) Close() error {
	var err error
	if e.profiling.Load() && !e.unanswered.Load() && !e.child.dead() {
		err = e.StopProfile(context.Background())
	}
	patience := shutdownTime
	switch {
	case e.unanswered.Load() || e.lost.Load():
		patience = 0
	case e.hurried.Load() || e.child.isNamed():
		patience = hurriedTime
	}
	e.child.close(patience)
	return err
}

// Diagnose says what the log knows of what went wrong.
func (e *Engine) Diagnose() []string { return e.child.untold() }

// Warnings are what no answer tells: what is in the log, where vLLM only logs that its profiler cannot start or stop, and that a
// process of the engine has ended, unless an error says so.
func (e *Engine) Warnings() []string {
	log := e.child.log(logBytes)
	found := warningsIn(log)
	if e.child.family.look() && !e.child.isNamed() {
		if text := deathText(e.child.family.deaths(log)); text != "" {
			found = append(found, "during the capture, "+text)
		}
	}
	return found
}
