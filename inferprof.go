// Package inferprof profiles LLM inference from Go, in the way vLLM's profiling example does it from Python: make an
// LLM, start the profiler, generate, stop the profiler, and look at the traces.
//
//	llm, err := inferprof.New(ctx, inferprof.Options{Profiler: inferprof.TorchProfiler("./vllm_profile")})
//	…
//	defer llm.Close()
//	err = llm.StartProfile(ctx)
//	outputs, err := llm.Generate(ctx, prompts, params)
//	traces, err := llm.StopProfile(ctx)
//
// The traces are those of PyTorch's profiler. What was recorded, here or by another engine, is read again as the command
// line does it: Open, Report, Compare, Verify, and Profile's methods for parts of it.
//
//	p, err := inferprof.Open(ctx, "./vllm_profile")
//	result, err := p.Report(ctx, inferprof.Selection{Phase: "decode"})
//	err = inferprof.Render(os.Stdout, "text", result, inferprof.RenderOptions{})
//
// Package capture records with warm-up, verification and a manifest, as the command inferprof run does.
package inferprof

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/native"
	"github.com/inferprof/inferprof/sampling"
)

// Options say what to run: the names are those of vLLM's engine arguments. The zero Options run the demo model that is
// part of this package on one rank, with no profiler configured.
type Options = engine.Config

// SamplingParams say how to continue a prompt, as vLLM's do. Start from DefaultSamplingParams.
type SamplingParams = sampling.Params

// ProfilerConfig says what is recorded and where the traces go. Start from TorchProfiler.
type ProfilerConfig = engine.ProfilerConfig

// Output is the answer to one prompt.
type Output = engine.Output

// What StartProfile and StopProfile say when it is not their turn.
var (
	ErrProfiling    = engine.ErrProfiling
	ErrNotProfiling = engine.ErrNotProfiling
	ErrNoProfiler   = errors.New("profiling is not enabled: set Options.Profiler, for example to TorchProfiler(\"./vllm_profile\")")
	ErrClosed       = errors.New("this LLM is closed")
)

// DefaultSamplingParams are vLLM's: temperature 1, all tokens, 16 of them.
func DefaultSamplingParams() SamplingParams { return sampling.Default() }

// TorchProfiler is vLLM's {"profiler":"torch","torch_profiler_dir":dir}: compressed traces of every step go into dir, with
// shapes, memory and FLOPs, and without stacks.
func TorchProfiler(dir string) ProfilerConfig {
	c := engine.DefaultProfilerConfig()
	c.Dir = dir
	return c
}

// LLM is a model that is ready to generate. Its methods may be called from several goroutines; they run one after the
// other.
type LLM struct {
	mu       sync.Mutex
	engine   *native.Engine // nil once closed
	profiler ProfilerConfig
}

// New loads a model.
func New(ctx context.Context, o Options) (*LLM, error) {
	if o.Profiler.Dir != "" {
		dir, err := o.Profiler.AbsDir()
		if err != nil {
			return nil, err
		}
		o.Profiler.Dir = dir // as vLLM does: where the program goes later does not move it
	}
	e, err := native.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return &LLM{engine: e, profiler: o.Profiler}, nil
}

// Generate continues every prompt with the same parameters and returns the outputs in the prompts' order. When ctx ends
// first it returns what there is so far, and ctx's error.
func (l *LLM) Generate(ctx context.Context, prompts []string, p SamplingParams) ([]Output, error) {
	requests := make([]engine.Request, len(prompts))
	for i, prompt := range prompts {
		requests[i] = engine.Request{ID: strconv.Itoa(i), Prompt: prompt, Params: p}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return nil, ErrClosed
	}
	return l.engine.Generate(ctx, requests)
}

// StartProfile begins recording on every rank. While a profile is being recorded it fails with ErrProfiling and changes
// nothing.
func (l *LLM) StartProfile(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.engine == nil:
		return ErrClosed
	case l.profiler.Profiler == "" || l.profiler.Dir == "":
		return ErrNoProfiler
	}
	return l.engine.StartProfile(ctx)
}

// StopProfile ends recording and returns the traces, one per rank. They are whole when it returns: there is nothing to
// wait for. Without a profile to stop it fails with ErrNotProfiling. Another profile may be started afterwards; its
// traces go beside these.
func (l *LLM) StopProfile(ctx context.Context) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return nil, ErrClosed
	}
	return l.engine.WriteProfile(ctx)
}

// Close frees the model. A profile that is still being recorded is stopped and its traces are written. Closing again
// does nothing.
func (l *LLM) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return nil
	}
	err := l.engine.Close()
	l.engine = nil
	return err
}
