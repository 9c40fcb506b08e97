package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/serve"
)

// serveFlags are the flags of inferprof serve, under vLLM's names.
type serveFlags struct {
	*settings

	config          engine.Config
	options         serve.Options
	host            string
	port            int
	shutdownTimeout time.Duration
	profilerConfig  profilerJSON
}

func newServe(s *settings) *cobra.Command {
	f := &serveFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a model over HTTP as vLLM's server does, with its profiler",
		Long: `Serves the embedded engine: OpenAI's completions route, streamed or not, and vLLM's routes for models, health, version,
metrics and, with --profiler-config, for starting and stopping the profiler. Ctrl-C lets running requests end; a second
one ends at once.`,
		Example: `  inferprof serve
  inferprof serve --model ./opt-125m -tp 2 --port 8001
  inferprof serve --profiler-config '{"profiler":"torch","torch_profiler_dir":"./vllm_profile"}'
  curl http://127.0.0.1:8000/v1/completions -d '{"prompt":"The capital of France is","max_tokens":8,"temperature":0}'
  curl -X POST http://127.0.0.1:8000/start_profile`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd.Flags()); err != nil {
				return err
			}
			return f.serve(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	var groups []flagGroup
	for _, g := range []struct {
		title  string
		define func(*pflag.FlagSet)
	}{
		{"Server", f.defineServer},
		{"Engine", func(set *pflag.FlagSet) {
			defineModel(set, &f.config)
			defineScheduling(set, &f.config, true)
		}},
	} {
		set := pflag.NewFlagSet(g.title, pflag.ContinueOnError)
		set.SortFlags = false
		g.define(set)
		cmd.Flags().AddFlagSet(set)
		groups = append(groups, flagGroup{g.title, set})
	}
	helpInGroups(cmd, groups)
	return cmd
}

func (f *serveFlags) defineServer(set *pflag.FlagSet) {
	set.StringVar(&f.host, "host", "127.0.0.1", "`address` to listen on; 0.0.0.0 lets other machines in")
	set.IntVar(&f.port, "port", 8000, "`port` to listen on; 0: any that is free")
	set.StringVar(&f.options.ModelName, "served-model-name", "", "the model's `name` in requests (default: --model)")
	set.StringVar(&f.options.APIKey, "api-key", "", "`key` that /v1 routes ask for as a bearer token")
	set.Var(&f.profilerConfig, "profiler-config", "vLLM's, as `JSON`: '{\"profiler\":\"torch\",\"torch_profiler_dir\":\"./vllm_profile\"}'")
	set.DurationVar(&f.shutdownTimeout, "shutdown-timeout", 30*time.Second, "`time` that running requests get to end in")
}

func (f *serveFlags) check(set *pflag.FlagSet) error {
	if err := checkLeast(set, modelNumbers); err != nil {
		return err
	}
	if f.port < 0 || f.port > 65535 {
		return usagef("--port %d: must be from 0 to 65535", f.port)
	}
	if f.shutdownTimeout < 0 {
		return usagef("--shutdown-timeout %v: must be 0 or more", f.shutdownTimeout)
	}
	if !set.Changed("profiler-config") {
		return nil
	}
	c, err := engine.ParseProfilerConfig(f.profilerConfig.text, engine.DefaultProfilerConfig())
	if err == nil {
		err = c.CheckExtra()
	}
	if err != nil {
		return err
	}
	if c.Dir == "" {
		return usagef("--profiler-config: torch_profiler_dir is missing: it says where the traces go")
	}
	if c.Dir, err = c.AbsDir(); err != nil {
		return err
	}
	f.config.Profiler = c
	return nil
}

// serve runs the server until it is interrupted.
func (f *serveFlags) serve(ctx context.Context, stdout, stderr io.Writer) error {
	line := f.newProgress(stderr)
	defer line.close()
	ctx, release := interruptible(ctx, stderr, func() {
		if !f.quiet {
			fmt.Fprintln(stderr, "stopping: running requests may end (again to end at once)")
		}
	}, nil)
	defer release()
	line.say("loading the model")
	f.config.Report = line.detail

	// The port first: a port that is taken should not cost the loading of a model.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(f.host, strconv.Itoa(f.port)))
	if err != nil {
		return fmt.Errorf("listen: %w; choose another --port or --host", err)
	}
	s, err := serve.New(ctx, f.config, f.options)
	if err != nil {
		_ = listener.Close()
		return err
	}
	line.close()
	f.announce(stdout, stderr, s, listener.Addr())
	return errors.Join(f.listen(ctx, s, listener), s.Close())
}

// announce says where the server is to be found and what it serves.
func (f *serveFlags) announce(stdout, stderr io.Writer, s *serve.Server, address net.Addr) {
	fmt.Fprintf(stdout, "http://%s\n", address)
	if f.quiet {
		return
	}
	info := s.Info()
	fmt.Fprintf(stderr, "serving %s (%s, %s, %s kernels) on http://%s\n", s.ModelName(), info.Architecture, words.Counted(info.Ranks, "rank"), info.Kernels, address)
	if f.config.Profiler.Dir == "" {
		fmt.Fprintln(stderr, "profiling is off: --profiler-config turns /start_profile and /stop_profile on")
	} else {
		fmt.Fprintf(stderr, "traces go to %s\n", f.config.Profiler.Dir)
	}
	for _, w := range s.Warnings() {
		fmt.Fprintln(stderr, w)
	}
	if tcp, ok := address.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && f.options.APIKey == "" {
		fmt.Fprintln(stderr, "other machines can reach this server, and it asks nobody for a key: see --host and --api-key")
	}
}

// listen serves until ctx ends, then lets running requests end, for as long as they may.
func (f *serveFlags) listen(ctx context.Context, s *serve.Server, listener net.Listener) error {
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 30 * time.Second,
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(requests, f.shutdownTimeout)
	defer cancel()
	err := server.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		abort()
		_ = server.Close()
		return fmt.Errorf("%w: requests that took longer than --shutdown-timeout %v were aborted", capture.ErrInterrupted, f.shutdownTimeout)
	}
	return err
}
