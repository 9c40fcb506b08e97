package python

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/inferprof/inferprof/engine"
)

// opening is what the driver opens an engine with.
type opening struct {
	Arguments     map[string]any `json:"arguments"`      // of vLLM's LLM, under its own names
	Profiler      map[string]any `json:"profiler"`       // the profiler's settings, as vLLM's profiler_config
	ProfilerGiven []string       `json:"profiler_given"` // those that somebody asked for; the others are ours
	Phase         string         `json:"phase"`          // all, prefill or decode
}

// openingOf puts a configuration into the engine's words. What is as the engine has it by itself is left out, so that its
// own defaults count.
func openingOf(name string, c engine.Config) (opening, error) {
	var o opening
	switch {
	case c.Model == "" || c.Model == "demo":
		return o, usagef("--engine %s needs a model: name a Hugging Face folder, or a name on the hub, with --model", name)
	case c.Profiler.Dir == "":
		return o, usagef("no directory to write traces to: set torch_profiler_dir")
	case name == VLLM && c.Threads > 0:
		return o, usagef("--threads: vLLM takes no number of threads: set VLLM_CPU_OMP_THREADS_BIND, or OMP_NUM_THREADS")
	case name == Transformers && (c.PipelineParallelSize > 1 || c.DataParallelSize > 1):
		return o, usagef("transformers runs on the ranks of --tensor-parallel-size alone, without pipeline or data parallelism")
	}
	if err := c.Profiler.Validate(); err != nil {
		return o, err
	}
	o.Arguments = map[string]any{"model": c.Model}
	for key, value := range map[string]any{
		"tensor_parallel_size": c.TensorParallelSize, "pipeline_parallel_size": c.PipelineParallelSize, "data_parallel_size": c.DataParallelSize,
		"max_model_len": c.MaxModelLen, "max_num_seqs": c.MaxNumSeqs, "max_num_batched_tokens": c.MaxNumBatchedTokens,
	} {
		if value.(int) > 0 {
			o.Arguments[key] = value
		}
	}
	for key, value := range map[string]string{"dtype": c.Dtype, "quantization": c.Quantization, "load_format": c.LoadFormat} {
		if value != "" && value != "auto" && value != "none" {
			o.Arguments[key] = value
		}
	}
	if c.EnforceEager {
		o.Arguments["enforce_eager"] = true
	}
	if c.KVCacheMemoryBytes > 0 {
		o.Arguments["kv_cache_memory_bytes"] = c.KVCacheMemoryBytes
	}
	if name == VLLM {
		// vLLM would begin where the warm-up's prompts end: the prefill would be missing in the profile.
		o.Arguments["enable_prefix_caching"] = c.EnablePrefixCaching
	}
	if c.Seed != 0 {
		o.Arguments["seed"] = c.Seed
	}
	if name == Transformers && c.Threads > 0 {
		o.Arguments["threads"] = c.Threads
	}
	maps.Copy(o.Arguments, c.EngineArgs)
	var err error
	o.Profiler, o.ProfilerGiven, err = profilerSettings(c.Profiler)
	o.Phase = c.Profiler.Phase
	return o, err
}

// profilerSettings are the profiler's settings, and the names of those that are not as we would have them.
func profilerSettings(p engine.ProfilerConfig) (settings map[string]any, given []string, err error) {
	if settings, err = asMap(p); err != nil {
		return nil, nil, err
	}
	defaults, err := asMap(profilerDefaults())
	if err != nil {
		return nil, nil, err
	}
	given = []string{}
	for key, value := range settings {
		if value != defaults[key] && key != "torch_profiler_dir" {
			given = append(given, key)
		}
	}
	// The table is made of the trace, and better; the front end's trace is empty, or ends the server.
	settings["torch_profiler_dump_cuda_time_total"], settings["ignore_frontend"] = false, true
	for key, value := range p.Extra {
		settings[key] = value
		given = append(given, key)
	}
	slices.Sort(given)
	return settings, given, nil
}

// asMap are the fields of p that have a name in JSON.
func asMap(p engine.ProfilerConfig) (map[string]any, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(text, &m)
}
