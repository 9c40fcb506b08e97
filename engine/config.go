package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Config is what an engine is started with. The names are vLLM's engine arguments.
type Config struct {
	Model                string         `json:"model" redact:"model"`
	TensorParallelSize   int            `json:"tensor_parallel_size"`
	PipelineParallelSize int            `json:"pipeline_parallel_size,omitempty"`     // 0: 1
	DataParallelSize     int            `json:"data_parallel_size,omitempty"`         // 0: 1
	Revision             string         `json:"revision,omitempty"`                   // of a model of the hub: branch, tag or commit; "": main
	DownloadDir          string         `json:"download_dir,omitempty" redact:"path"` // the hub's cache; "": Hugging Face's
	Offline              bool           `json:"offline,omitempty"`                    // nothing may be downloaded
	Dtype                string         `json:"dtype"`                                // auto, float32, bfloat16, float16
	Quantization         string         `json:"quantization"`                         // awq, gptq …; "" or none: as the model says
	LoadFormat           string         `json:"load_format"`                          // auto, dummy
	MaxModelLen          int            `json:"max_model_len"`                        // 0: the model's
	MaxNumSeqs           int            `json:"max_num_seqs"`                         // 0: the engine's default
	MaxNumBatchedTokens  int            `json:"max_num_batched_tokens"`               // 0: the engine's default
	KVCacheMemoryBytes   int64          `json:"kv_cache_memory_bytes,omitempty"`      // per rank; 0: the engine's default
	EnablePrefixCaching  bool           `json:"enable_prefix_caching,omitempty"`      // begin where an earlier prompt has been
	EnforceEager         bool           `json:"enforce_eager,omitempty"`              // no CUDA graphs, no compilation
	Seed                 uint64         `json:"seed"`
	Threads              int            `json:"threads"` // per rank; 0: as many as there are cores
	Profiler             ProfilerConfig `json:"profiler_config"`
	Server               *ServerConfig  `json:"server,omitempty"` // of engines that run already; nil otherwise

	// EngineArgs are further arguments for an engine that is not ours, under its own names; the embedded engine refuses
	// them.
	EngineArgs map[string]any `json:"engine_args,omitempty"`
	// Python is the interpreter that an engine in Python runs in, or a virtual environment; "" looks for one.
	Python string `json:"python,omitempty" redact:"path"`
	// LogPath is where an engine that is a process of its own keeps what it prints; "" keeps nothing.
	LogPath string `json:"-"`

	// Report is told in a few words what goes on while the engine is opened, such as "model.safetensors, 41 of 251 MB". It
	// may be called from any goroutine.
	Report func(text string) `json:"-"`

	// Resume is what an engine said of itself whose profile another process has started, and not ended: opening takes it over,
	// recording since ResumeAt. Only for engines that run already.
	Resume   *Info     `json:"-"`
	ResumeAt time.Time `json:"-"`

	// SlowRank makes one rank of the embedded engine late by SlowBy in every step, to see whether a report finds it.
	SlowRank int           `json:"slow_rank,omitempty"`
	SlowBy   time.Duration `json:"slow_by_ns,omitempty"` // 0: none is late
}

// Ranks is how many ranks, and so traces, the parallel sizes ask for.
func (c Config) Ranks() int {
	return max(c.TensorParallelSize, 1) * max(c.PipelineParallelSize, 1) * max(c.DataParallelSize, 1)
}

// ProfilerConfig is vLLM's profiler_config: the same names and meaning; defaults are DefaultProfilerConfig's.
type ProfilerConfig struct {
	Profiler        string `json:"profiler"`                         // torch
	Dir             string `json:"torch_profiler_dir" redact:"path"` // where the traces go
	WithStack       bool   `json:"torch_profiler_with_stack"`        // module hierarchy, in the embedded engine
	WithFLOPs       bool   `json:"torch_profiler_with_flops"`
	UseGzip         bool   `json:"torch_profiler_use_gzip"` // default true
	RecordShapes    bool   `json:"torch_profiler_record_shapes"`
	WithMemory      bool   `json:"torch_profiler_with_memory"`
	DelayIterations int    `json:"delay_iterations"` // steps to let pass after StartProfile before recording
	MaxIterations   int    `json:"max_iterations"`   // steps to record; 0: until StopProfile

	// Extra are the other keys of --profiler-config, as JSON: those of vLLM that not every engine has. An engine takes
	// them or says in a UsageError, when it is opened, that it does not know them.
	Extra map[string]json.RawMessage `json:"-"`

	// Phase restricts recording to the steps of one phase: prefill or decode; "" or all records every step. It is
	// ours, not vLLM's, and engines that cannot do it say so in a UsageError when they are opened.
	Phase string `json:"-"`
	// Prefix goes before the traces' names, as vLLM's profile_prefix does.
	Prefix string `json:"-"`
}

// DefaultProfilerConfig is what a capture uses unless told otherwise: what is cheap to record and makes a report better.
// Stacks are not cheap; vLLM's own default for them is the main cause of its giant traces.
func DefaultProfilerConfig() ProfilerConfig {
	return ProfilerConfig{Profiler: "torch", UseGzip: true, RecordShapes: true, WithMemory: true, WithFLOPs: true}
}

// ParseProfilerConfig reads the JSON of --profiler-config over base. Keys that are not those of ProfilerConfig go into
// Extra: whether they exist is for the engine to say. vLLM's schedule (wait, warmup, active) is put into DelayIterations
// and MaxIterations, since vLLM itself writes no second profile with a schedule.
func ParseProfilerConfig(text string, base ProfilerConfig) (ProfilerConfig, error) {
	c := struct {
		*ProfilerConfig
		Wait   int `json:"wait_iterations"`
		Warmup int `json:"warmup_iterations"`
		Active int `json:"active_iterations"`
	}{ProfilerConfig: &base, Active: 5}
	d := json.NewDecoder(strings.NewReader(text))
	err := d.Decode(&c)
	if err == nil && d.More() {
		err = errors.New("there is text after the JSON object")
	}
	var keys map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal([]byte(text), &keys)
	}
	if err != nil {
		return base, usagef("--profiler-config: %v; it takes JSON such as %s", err, `'{"profiler":"torch","torch_profiler_dir":"./vllm_profile"}'`)
	}
	for key, value := range keys {
		if !slices.ContainsFunc(profilerKeys, func(k string) bool { return strings.EqualFold(k, key) }) {
			if base.Extra == nil {
				base.Extra = map[string]json.RawMessage{}
			}
			base.Extra[key] = value
		}
	}
	if err := base.Validate(); err != nil {
		return base, err
	}
	switch {
	case c.Wait < 0 || c.Warmup < 0 || c.Active < 1 || max(c.Wait, c.Warmup, c.Active) > maxIterations:
		return base, usagef("--profiler-config: wait_iterations and warmup_iterations must be 0 or more, active_iterations 1 or more, and all at most %d", maxIterations)
	case c.Wait+c.Warmup > 0:
		base.DelayIterations += c.Wait + c.Warmup
		if base.MaxIterations == 0 || c.Active < base.MaxIterations {
			base.MaxIterations = c.Active
		}
	}
	return base, base.Validate()
}

// profilerKeys are the keys that ParseProfilerConfig takes itself.
var profilerKeys = func() []string {
	keys := []string{"wait_iterations", "warmup_iterations", "active_iterations"}
	for field := range reflect.TypeFor[ProfilerConfig]().Fields() {
		if name := field.Tag.Get("json"); name != "-" {
			keys = append(keys, name)
		}
	}
	return keys
}()

// CheckExtra refuses what in Extra an engine cannot do that has the fields of ProfilerConfig and no more: keys that
// vLLM does not know, as vLLM refuses them, and switches that are on. Some ask for nothing that such an engine would do
// otherwise: a table in the log, which the report replaces, or a front end that does not trace itself.
func (c ProfilerConfig) CheckExtra() error {
	for _, key := range slices.Sorted(maps.Keys(c.Extra)) {
		switch on := string(c.Extra[key]) != "false"; key {
		case "torch_profiler_dump_cuda_time_total", "ignore_frontend":
			if value := string(c.Extra[key]); value != "true" && value != "false" {
				return usagef("--profiler-config: %s %s: must be true or false", key, value)
			}
		case "capture_torch_profiler", "detailed_trace_annotation":
			if on {
				return usagef("--profiler-config: %s is not supported by this engine", key)
			}
		default:
			return usagef("--profiler-config: unknown field %q", key)
		}
	}
	return nil
}

// maxIterations bounds counts of iterations, so that their sums are counts too. No run has so many.
const maxIterations = 1 << 28

// Validate says what is wrong with a configuration, as a UsageError.
func (c ProfilerConfig) Validate() error {
	switch {
	case c.Profiler != "" && c.Profiler != "torch":
		return usagef("profiler %q: only \"torch\" (Chrome traces in PyTorch's format) is supported", c.Profiler)
	case strings.Contains(c.Dir, "://"):
		return usagef("torch_profiler_dir %q: a local directory is needed; copy the traces from there afterwards", c.Dir)
	case c.Phase != "" && c.Phase != "all" && c.Phase != "prefill" && c.Phase != "decode":
		return usagef("phase %q: must be prefill, decode or all", c.Phase)
	case strings.ContainsAny(c.Prefix, `/\:*?"<>|`) || strings.ContainsFunc(c.Prefix, unicode.IsControl) || strings.HasPrefix(c.Prefix, ".") || len(c.Prefix) > 100:
		return usagef("profile_prefix %q: it begins file names: use at most 100 letters, digits, - and _", c.Prefix)
	case c.DelayIterations < 0 || c.DelayIterations > maxIterations:
		return usagef("delay_iterations %d: must be from 0 to %d", c.DelayIterations, maxIterations)
	case c.MaxIterations < 0 || c.MaxIterations > maxIterations:
		return usagef("max_iterations %d: must be from 0 to %d", c.MaxIterations, maxIterations)
	}
	return nil
}

// AbsDir is Dir made absolute.
func (c ProfilerConfig) AbsDir() (string, error) { return filepath.Abs(c.Dir) }

// UsageError is an error of whoever asked: a flag or value that cannot be. Its exit code is 2.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

func usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// What StartProfile and StopProfile say when it is not their turn.
var (
	ErrProfiling    = errors.New("a profile is being recorded already: stop it before starting another")
	ErrNotProfiling = errors.New("no profile is being recorded: start one first")
)
