package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/engine/server"
)

func newRecover(s *settings) *cobra.Command {
	f := serverFlags{}
	cmd := &cobra.Command{
		Use:   "recover CAPTURE",
		Short: "End a profile that a killed inferprof has left on, and bring its traces",
		Long: `Takes a capture whose inferprof was killed, or did not wait for its traces. Ends the profile on the servers that it was
recorded on, if it is still on, waits for the traces of every rank, brings and verifies them. What the capture has already
stays as it is.`,
		Example: `  inferprof recover inferprof_profile/20261130-101500-opt-125m`,
		Args:    exactlyOne("capture", "inferprof recover inferprof_profile/20261130-101500-opt-125m"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := capture.RecoverOptions{Dir: args[0], Engine: server.Name, APIKey: f.key()}
			return s.recover(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&f.APIKey, "api-key", "", "`key` of the server (default: INFERPROF_API_KEY, else VLLM_API_KEY)")
	return cmd
}

func (s *settings) recover(ctx context.Context, o capture.RecoverOptions, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	giveUp := make(chan struct{})
	ctx, release := interruptible(ctx, stderr, func() {
		line.note("interrupted: ending with what there is; the same command begins anew")
	}, func() { close(giveUp) })
	defer release()
	line.opening = "asking the servers"
	o.Progress, o.GiveUp = line.stage, giveUp
	c, err := capture.Recover(ctx, o)
	line.close()
	if err != nil {
		return s.withTraces(c, err)
	}
	if s.quiet {
		fmt.Fprintln(stdout, c.Dir)
		return nil
	}
	fmt.Fprintf(stdout, "recovered %s: the trace of every rank is whole, and its profile is not recorded any more\n", c.Dir)
	if err := fileTable(stdout, c.Manifest.Files); err != nil {
		return err
	}
	for _, w := range c.Manifest.Warnings {
		fmt.Fprintf(stdout, "warning: %s\n", w)
	}
	fmt.Fprintf(stdout, "see them with: inferprof report %s\n", c.Dir)
	return nil
}
