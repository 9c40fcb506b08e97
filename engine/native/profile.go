package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/llm"
	"github.com/inferprof/inferprof/llm/schedule"
	"github.com/inferprof/inferprof/trace/formats"
)

// profile is one recording, from StartProfile to StopProfile. It decides step by step what is recorded; nothing is
// written before StopProfile, so that no step waits for a disk.
type profile struct {
	config    engine.ProfilerConfig
	recorders []*recorder // by rank
	peaks     *engine.Peaks
	counters  []counters // by recorded step
	matching  int        // steps of the wanted phase so far
	recorded  int

	began, ended time.Duration // of recording, by the engine's clock
}

// counters are the scheduler's state in one step.
type counters struct {
	at                  time.Duration
	running, waiting    int     // requests
	kvUsage             float64 // share of blocks
	context, generation int     // tokens in the step
	stats               schedule.Stats
}

func (p *profile) count(c counters) { p.counters = append(p.counters, c) }

// admits tells whether a step is to be recorded. A nil profile admits nothing; a step with prefill and decode in it
// belongs to no single phase.
func (p *profile) admits(step *schedule.Step) bool {
	switch {
	case p == nil:
		return false
	case p.config.Phase == "prefill" && step.Generation.Sequences > 0, p.config.Phase == "decode" && step.Context.Sequences > 0:
		return false
	}
	p.matching++
	if p.matching <= p.config.DelayIterations || p.config.MaxIterations > 0 && p.recorded >= p.config.MaxIterations {
		return false
	}
	p.recorded++
	return true
}

// complete tells whether all steps that were asked for are recorded.
func (p *profile) complete() bool {
	return p != nil && p.config.MaxIterations > 0 && p.recorded >= p.config.MaxIterations
}

// StartProfile begins recording on every rank.
func (e *Engine) StartProfile(context.Context) error { return e.startProfile(e.config.Profiler) }

func (e *Engine) startProfile(c engine.ProfilerConfig) error {
	if e.profile != nil {
		return engine.ErrProfiling // first: whoever asks with a bound that can't be learns whether a profile is being recorded
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Dir == "" {
		return usagef("no directory to write traces to: set torch_profiler_dir")
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("profile directory: %w; choose one that can be written", err)
	}
	p := &profile{config: c, peaks: cpuPeaks(e.config.Threads)}
	for range e.ranks {
		p.recorders = append(p.recorders, newRecorder(p.config.WithStack))
	}
	p.began = llm.Now()
	e.profile = p
	return nil
}

// StopProfile writes what was recorded.
func (e *Engine) StopProfile(ctx context.Context) error {
	_, err := e.WriteProfile(ctx)
	return err
}

// WriteProfile is StopProfile for those who want to know the files: one trace per rank, under the names that vLLM gives
// them. When it returns, every file it names is whole. If some cannot be written the others are kept, and the error names
// the first that failed.
func (e *Engine) WriteProfile(context.Context) ([]string, error) {
	if e.profile == nil {
		return nil, engine.ErrNotProfiling
	}
	return e.writeProfile(e.detachProfile())
}

// Exports are the traces of the ranks.
func (e *Engine) Exports() []engine.Export {
	return []engine.Export{{Place: engine.Directory(e.config.Profiler.Dir), Ranks: len(e.ranks)}}
}

// detachProfile ends recording.
func (e *Engine) detachProfile() *profile {
	p := e.profile
	e.profile, p.ended = nil, llm.Now()
	for _, r := range e.ranks {
		r.shard.SetRecorder(nil)
	}
	return p
}

// writeProfile writes a profile that has ended. It changes nothing of the engine: steps may go on beside it.
func (e *Engine) writeProfile(p *profile) ([]string, error) {
	var files []string
	var errs []error
	for i := range p.recorders {
		name := fmt.Sprintf("dp0_pp0_tp%d_dcp0_ep0_rank%d.%d.pt.trace.json", i, i, time.Now().UnixNano())
		if p.config.Prefix != "" {
			name = p.config.Prefix + "_" + name
		}
		if p.config.UseGzip {
			name += ".gz"
		}
		path := filepath.Join(p.config.Dir, name)
		if err := formats.WriteFile(path, e.buildTrace(i, p), nil); err != nil {
			errs = append(errs, fmt.Errorf("write the trace of rank %d: %w", i, err))
			continue
		}
		files = append(files, path)
	}
	return files, errors.Join(errs...)
}
