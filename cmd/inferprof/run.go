package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/server"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/profile"
)

func newRun(s *settings) *cobra.Command {
	f := &runFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Profile a workload on an engine and report",
		Long: `Loads a model, runs a workload between start and stop of the profiler, checks the trace of every rank, and reports where
the time went. Without flags that is the built-in demo model with four prompts. With --url it profiles servers that are up
already: vLLM, SGLang, TensorRT-LLM and others with routes that start and stop a profiler.`,
		Example: `  inferprof run
  inferprof run --model ./opt-125m --tensor-parallel-size 2 --prompt "The capital of France is"
  inferprof run --model llama-1b --load-format dummy --random-input-len 128 --random-output-len 32 --num-prompts 8
  inferprof run --url http://localhost:8000 --trace-dir /data/vllm_profile --random-input-len 512 --num-prompts 64 --concurrency 16
  inferprof run --phase decode --max-tokens 64 --with-memory --no-report
  inferprof run --profiler-config '{"profiler":"torch","torch_profiler_dir":"./vllm_profile"}'`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options(cmd.Flags())
			if err != nil {
				return err
			}
			if f.noReport && f.categories.path != "" {
				return usagef("--categories is for the report of a run, which --no-report leaves out: give one of them")
			}
			rules, err := f.categories.read()
			if err != nil {
				return err
			}
			return s.run(cmd.Context(), o, runReport{none: f.noReport, categories: rules, redact: f.redact}, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.define(cmd)
	f.categories.define(cmd)
	f.redact.define(cmd)
	s.formatFlag(cmd, "text", "json") // of a run, not of its report alone
	return cmd
}

// runReport is what is asked of the report that a run ends with.
type runReport struct {
	none       bool
	categories *analyze.CategoryRules // nil: inferprof's own
	redact     redactFlag
}

// run captures, reports and prints.
func (s *settings) run(ctx context.Context, o capture.Options, asked runReport, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	giveUp := make(chan struct{})
	ctx, release := interruptible(ctx, stderr, line.interrupted, func() { close(giveUp) })
	defer release()

	if o.Config.Server != nil {
		line.opening = "asking " + strings.Join(o.Config.Server.URLs, ", ")
	}
	offerRecovery(o, line.note)
	o.Progress, o.GiveUp = line.stage, giveUp
	c, err := capture.Record(ctx, o)
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		line.close()
		if c == nil {
			return err
		}
		return s.withTraces(c.Capture, err)
	}
	var result *analyze.Result
	if !asked.none {
		po := profileOptions(line)
		po.Rules.Categories = asked.categories
		p := profile.Of([]*ondisk.Capture{c.Capture}, po)
		result, err = p.Report(ctx, profile.Selection{})
		line.close()
		s.tellNotes(stderr, p.Notes())
	}
	line.close()
	if ctx.Err() != nil {
		return fmt.Errorf("%w after the capture was complete: it is in %s", capture.ErrInterrupted, c.Dir)
	}
	if err != nil {
		return fmt.Errorf("report on %s: %w", c.Dir, err)
	}
	shown := asked.redact.ofCapture(c.Capture)
	asked.redact.apply(shown, result)
	if s.format == "json" {
		err = writeRunJSON(stdout, shown, result)
	} else {
		err = s.writeRunText(stdout, shown, result)
	}
	if err != nil {
		return err
	}
	return s.rest(ctx, c, stderr)
}

// rest waits until the engine is free again, which is after the verdict, and says so.
func (s *settings) rest(ctx context.Context, c *capture.Recorded, stderr io.Writer) error {
	soon, cancel := context.WithTimeout(ctx, tellAfter)
	defer cancel()
	if err := c.Rest(soon); err == nil || soon.Err() == nil {
		return err
	}
	busy := strings.Join(c.Busy(), ", ")
	line := s.newProgress(stderr)
	defer line.close()
	line.note(fmt.Sprintf("note: %s is still busy with the end of its profile, and answers no request meanwhile; the capture is complete (Ctrl-C leaves it)", busy))
	line.say("waiting until " + busy + " answers again")
	err := c.Rest(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("%w after the capture was complete: it is in %s; %s is still busy", capture.ErrInterrupted, c.Dir, busy)
	}
	if err != nil {
		return err
	}
	for _, p := range c.Manifest.Engine.Endpoints {
		if p.StopReplyNs > 0 {
			line.note(fmt.Sprintf("note: %s answers again, %s after it was told to stop", p.URL, words.Duration(time.Duration(p.StopReplyNs))))
		}
	}
	return nil
}

// offerRecovery tells of captures whose inferprof was killed, and which may have left the profiler of one of the servers on.
func offerRecovery(o capture.Options, note func(string)) {
	if o.Config.Server == nil {
		return
	}
	dir := cmp.Or(o.ProfileDir, capture.DefaultDir)
	if o.Dir != "" {
		dir = filepath.Dir(o.Dir)
	}
	for _, left := range ondisk.Left(dir) {
		if slices.ContainsFunc(o.Config.Server.URLs, func(url string) bool { return left.Of(server.Address(url)) }) {
			note(fmt.Sprintf("note: the inferprof that made %s ended before its profile did, which may still be recorded: end it and bring its traces with: inferprof recover %s", left.Shown(), left.Shown()))
		}
	}
}

// withTraces adds to an error what to do with the traces that a capture has all the same.
func (s *settings) withTraces(c *ondisk.Capture, err error) error {
	if c == nil || len(c.Traces) == 0 {
		return err
	}
	if _, usage := errors.AsType[*engine.UsageError](err); usage {
		return err
	}
	return fmt.Errorf("%w; see them with: inferprof report %s", err, c.Dir)
}
