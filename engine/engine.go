// Package engine says what an inference engine is to inferprof: something that is configured the way vLLM is,
// generates text for requests, and can be told to start and stop profiling. Each engine (the embedded one in
// engine/native, vLLM and transformers in engine/python, servers in engine/server) registers itself under a name; package
// capture drives whichever is asked for.
//
// An engine collects no traces: it names the places that they appear in (place.go), and package capture/collect looks.
package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/sampling"
)

// Engine is one running engine: a model on one or more ranks. Its methods are called from one goroutine at a time.
type Engine interface {
	// Info tells what runs.
	Info() Info
	// Generate answers all requests and returns their outputs in the requests' order; a request with Params.N above 1
	// has so many outputs, one after another. When ctx ends first it returns what is finished or begun so far, with
	// FinishAborted, and ctx's error.
	Generate(ctx context.Context, requests []Request) ([]Output, error)
	// StartProfile begins recording on every rank. It fails with ErrProfiling if a profile is being recorded.
	StartProfile(ctx context.Context) error
	// StopProfile ends recording, and returns when the engine says that it has. That is no word about the traces: they
	// appear in the places of Exports, before it returns or after. The end of ctx may end the wait for what the engine says
	// (Rester), and never the stop. It fails with ErrNotProfiling if no profile is being recorded.
	StopProfile(ctx context.Context) error
	// Exports are what the engine writes: where its traces appear, and how many. Once a profile has started they are final.
	Exports() []Export
	// Close frees the engine. It stops a profile that is still being recorded; what it has written stays.
	Close() error
}

// ErrEnough is the cause of a context's end (context.Cause) where StopProfile need not be waited for since every trace is
// whole: an engine that can't be left to itself may go on with it.
var ErrEnough = errors.New("every trace is whole")

// Info is what an engine says of itself.
type Info struct {
	Engine             string `json:"engine"`               // the registered name
	Version            string `json:"version"`              // the engine's own
	Model              string `json:"model" redact:"model"` // as asked for
	Revision           string `json:"revision,omitempty"`   // the commit of a model of the hub
	Architecture       string `json:"architecture"`
	Parameters         int64  `json:"parameters"`
	WeightBytes        int64  `json:"weight_bytes"`
	Dtype              string `json:"dtype"`
	Quantization       string `json:"quantization,omitempty"`      // awq, gptq …, in the engine's words, as configured; whether kernels work so is another matter
	QuantizedOnLoad    bool   `json:"quantized_on_load,omitempty"` // the engine rounded the weights itself
	Activations        string `json:"activations,omitempty"`       // int8: rounded to that where weights are quantized; bfloat16: where weights are that
	TensorParallelSize int    `json:"tensor_parallel_size"`
	Ranks              int    `json:"ranks"` // traces to expect
	MaxModelLen        int    `json:"max_model_len"`
	ThreadsPerRank     int    `json:"threads_per_rank,omitempty"`
	Kernels            string `json:"kernels,omitempty"` // the active kernel set: avx512, avx2, neon, portable
	Device             string `json:"device"`            // CPU or GPU name
	Peaks              *Peaks `json:"peaks,omitempty"`   // what a rank's device can do at best, if the engine measured it
	GPUs               int    `json:"gpus,omitempty"`    // that the ranks compute on; 0 on a CPU

	Endpoints []Endpoint `json:"endpoints,omitempty"` // of engines that run already
}

// Endpoint is one server of a deployment, and what its profiler was asked and answered.
type Endpoint struct {
	URL     string `json:"url"`
	Dialect string `json:"dialect"`
	Version string `json:"version"`
	Ranks   int    `json:"ranks"`
	Traces  string `json:"traces,omitempty"` // where its traces appear, as people know the place
	// The calls: when sent, by our clock, and how long the answer took; zero if there was none.
	StartSentAt  time.Time `json:"start_sent_at"`
	StartReplyNs int64     `json:"start_reply_ns"`
	StopSentAt   time.Time `json:"stop_sent_at"`
	StopReplyNs  int64     `json:"stop_reply_ns"`
}

// Peaks are the roofline of one rank's device, measured on it: float32 arithmetic (two operations to a multiply-add), and
// reading of memory.
type Peaks struct {
	FLOPsPerS float64 `json:"flops_per_s"`
	BytesPerS float64 `json:"bytes_per_s"`
}

// Request is one prompt and how to continue it.
type Request struct {
	ID             string
	Prompt         string
	PromptTokenIDs []int32 // used instead of Prompt if not nil
	Params         sampling.Params
	CacheSalt      string // only requests of the same salt share cached prefixes
}

// Finish says why an output ended. The words are those of vLLM's finish_reason.
type Finish string

// Reasons to end an output.
const (
	FinishStop    Finish = "stop"   // end-of-sequence token or a stop string
	FinishLength  Finish = "length" // max_tokens or the context is full
	FinishAborted Finish = "abort"  // the caller gave up
	FinishError   Finish = "error"  // the engine failed
)

// Output is one answer to a Request.
type Output struct {
	ID             string
	Index          int // of the request's Params.N answers, from 0
	Prompt         string
	PromptTokenIDs []int32
	Text           string
	TokenIDs       []int32
	Finish         Finish
	StopReason     string                   // the stop string that was met, if one was
	StopToken      *int32                   // or the one of Params.StopTokenIDs
	Logprobs       []sampling.PlaceLogprobs // by token, if asked for
	Error          string                   // with FinishError: what the engine said

	// Lengths where an engine tells no ids; 0 where it does.
	PromptCount, OutputCount int

	Arrival    time.Time // when the engine got the request, or it was sent
	Scheduled  time.Time // when its first step began; zero if it had none, or the engine does not tell
	FirstToken time.Time // zero if there was none
	LastToken  time.Time
	Gaps       []time.Duration // between one arrival of tokens and the next, where tokens are streamed
}

// PromptTokens is the prompt's length in tokens.
func (o *Output) PromptTokens() int { return max(len(o.PromptTokenIDs), o.PromptCount) }

// OutputTokens is the output's length in tokens.
func (o *Output) OutputTokens() int { return max(len(o.TokenIDs), o.OutputCount) }

// TTFT is the time to the first token; 0 if there was none.
func (o *Output) TTFT() time.Duration {
	if o.FirstToken.IsZero() {
		return 0
	}
	return o.FirstToken.Sub(o.Arrival)
}

// TPOT is the mean time per output token after the first; 0 with fewer than two tokens.
func (o *Output) TPOT() time.Duration {
	if o.OutputTokens() < 2 {
		return 0
	}
	return o.LastToken.Sub(o.FirstToken) / time.Duration(o.OutputTokens()-1)
}

// Opener makes an engine.
type Opener func(ctx context.Context, c Config) (Engine, error)

// registration is what is known of an engine before it is opened.
type registration struct {
	open     Opener
	profiler ProfilerConfig
}

var registry = map[string]registration{}

// Register makes an engine known under a name. It is called from the engines' package initialisation.
func Register(name string, open Opener) { RegisterProfiler(name, open, DefaultProfilerConfig()) }

// RegisterProfiler is Register for an engine whose profiler is best used with other defaults than
// DefaultProfilerConfig's.
func RegisterProfiler(name string, open Opener, defaults ProfilerConfig) {
	if _, dup := registry[name]; dup {
		panic("engine: registered twice: " + name)
	}
	registry[name] = registration{open, defaults}
}

// ProfilerDefaults is what the profiler of the named engine is configured with unless somebody says otherwise.
func ProfilerDefaults(name string) ProfilerConfig {
	if r, ok := registry[name]; ok {
		return r.profiler
	}
	return DefaultProfilerConfig()
}

// Names lists the registered engines.
func Names() []string {
	var names []string
	for n := range registry {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Open makes the engine that is registered under name.
func Open(ctx context.Context, name string, c Config) (Engine, error) {
	r, ok := registry[name]
	if !ok {
		return nil, usagef("unknown engine %q: this build has %s", name, strings.Join(Names(), ", "))
	}
	return r.open(ctx, c)
}
