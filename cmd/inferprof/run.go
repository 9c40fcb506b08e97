package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
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
			return s.run(cmd.Context(), o, f.noReport, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.define(cmd)
	s.formatFlag(cmd, "text", "json") // of a run, not of its report alone
	return cmd
}

// run captures, reports and prints.
func (s *settings) run(ctx context.Context, o capture.Options, noReport bool, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	ctx, release := interruptible(ctx, stderr, line.note)
	defer release()

	o.Progress = line.stage
	c, err := capture.Run(ctx, o)
	if err != nil {
		line.close()
		return s.withTraces(c, err)
	}
	var result *analyze.Result
	if !noReport {
		p := profile.Of([]*ondisk.Capture{c}, profileOptions(line))
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
	if s.format == "json" {
		return writeRunJSON(stdout, c, result)
	}
	return s.writeRunText(stdout, c, result)
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
