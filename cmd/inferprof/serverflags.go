package main

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/server"
)

// serverFlags are the flags of a run on servers that are up already.
type serverFlags struct {
	engine.ServerConfig
}

func (f *serverFlags) define(set *pflag.FlagSet) {
	set.StringArrayVar(&f.URLs, "url", nil, "`address` of a running server, such as http://host:8000; again for each server of one deployment")
	set.StringArrayVar(&f.TraceDirs, "trace-dir", nil, "`directory` that the server writes its traces to, as seen from here (default: found out, if it runs on this machine)")
	set.StringArrayVar(&f.Collect, "collect", nil, "or the `place` to fetch them from: 'ssh host:dir' or 'kubectl namespace/pod:dir'")
	set.StringVar(&f.LoadURL, "load-url", "", "`address` to send requests to, if not --url: a router in front of them")
	set.StringVar(&f.APIKey, "api-key", "", "`key` of the server (default: INFERPROF_API_KEY, else VLLM_API_KEY)")
	set.IntVar(&f.Concurrency, "concurrency", 0, "most `requests` in flight (default: all at once)")
	set.Float64Var(&f.RequestRate, "request-rate", 0, "`requests` per second, arriving at random (Poisson) (default: all at once)")
	choiceVar(set, &f.StartAt, "start-at", engine.StartAtFirstRequest, "when to start the profiler: before the load, or in the middle of it", engine.StartAtFirstRequest, engine.StartAtSteadyState)
	set.BoolVar(&f.NoLoad, "no-load", false, "ask nothing: profile the traffic that there is")
	set.DurationVar(&f.Duration, "duration", 0, "with --no-load, for this `time`: 5s")
	set.DurationVar(&f.Patience, "patience", server.DefaultPatience, "`time` that a trace may be late after the stop while nothing moves")
	set.StringVar(&f.Dialect, "dialect", "auto", "`how` to speak to the server: "+strings.Join(server.Dialects(), ", "))
}

// notWithURL are the flags that say how to start an engine.
var notWithURL = []string{"engine", "python", "engine-arg", "enforce-eager", "load-format", "revision", "download-dir", "offline", "dtype", "quantization", "max-model-len", "max-num-seqs", "max-num-batched-tokens", "kv-cache-memory-bytes", "enable-prefix-caching", "slow-rank", "threads"}

// workloadFlags say what to ask.
var workloadFlags = []string{"prompt", "prompts", "random-input-len", "random-output-len", "num-prompts", "load-url", "concurrency", "request-rate", "start-at", "warmup"}

// config is what the flags say; nil if they name no server.
func (f *serverFlags) config(set *pflag.FlagSet) (*engine.ServerConfig, error) {
	if len(f.URLs) == 0 {
		for _, name := range []string{"trace-dir", "collect", "api-key", "load-url", "concurrency", "request-rate", "start-at", "no-load", "duration", "patience", "dialect"} {
			if set.Changed(name) {
				return nil, usagef("--%s is for running servers: name one with --url http://host:8000", name)
			}
		}
		return nil, nil
	}
	for _, name := range notWithURL {
		if set.Lookup(name) != nil && set.Changed(name) {
			return nil, usagef("--%s says how to start an engine, --url that it runs already: leave one of them out", name)
		}
	}
	c := f.ServerConfig
	switch {
	case c.Dialect == "auto":
		c.Dialect = ""
	case !slices.Contains(server.Dialects(), c.Dialect):
		return nil, usagef("--dialect %s: must be auto, %s%s", c.Dialect, strings.Join(server.Dialects(), ", "), didYouMean(c.Dialect, "", server.Dialects()))
	}
	c.APIKey = f.key()
	switch {
	case strings.ContainsAny(c.APIKey, "\r\n"):
		return nil, usagef("--api-key: has a line break in it")
	case set.Changed("concurrency") && c.Concurrency < 1:
		return nil, usagef("--concurrency %d: must be 1 or more", c.Concurrency)
	case set.Changed("request-rate") && !(c.RequestRate > 0 && c.RequestRate < 1e6):
		return nil, usagef("--request-rate %v: must be above 0", c.RequestRate)
	case set.Changed("patience") && c.Patience <= 0:
		return nil, usagef("--patience %v: must be above 0", c.Patience)
	case !c.NoLoad && set.Changed("duration"):
		return nil, usagef("--duration is for --no-load: a load lasts as long as its requests")
	case c.NoLoad && !set.Changed("duration"):
		return nil, usagef("--no-load needs --duration: how long to profile, such as 5s")
	case c.NoLoad && (c.Duration <= 0 || c.Duration > 24*time.Hour):
		return nil, usagef("--duration %v: must be above 0 and at most a day", c.Duration)
	}
	if c.NoLoad {
		for _, name := range workloadFlags {
			if set.Changed(name) {
				return nil, usagef("--no-load asks nothing of the server: leave --%s out", name)
			}
		}
	}
	return &c, nil
}

// key is the server's key: --api-key, else that of the environment.
func (f *serverFlags) key() string {
	return cmp.Or(f.APIKey, os.Getenv("INFERPROF_API_KEY"), os.Getenv("VLLM_API_KEY"))
}
