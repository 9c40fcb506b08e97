package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// settings are what a server was told of its profiler: by its command line and environment where those can be read, or by
// /server_info. What nobody said is nil, or "": it is the engine's default, or not known (known).
type settings struct {
	Dir           string `json:"torch_profiler_dir"`
	WithStack     *bool  `json:"torch_profiler_with_stack"`
	RecordShapes  *bool  `json:"torch_profiler_record_shapes"`
	WithMemory    *bool  `json:"torch_profiler_with_memory"`
	UseGzip       *bool  `json:"torch_profiler_use_gzip"`
	IgnoreFront   *bool  `json:"ignore_frontend"`
	MaxIterations *int   `json:"max_iterations"`

	// ranks is how many write a trace, by the sizes of its parallelism on the command line; 0 if that says nothing of them.
	ranks int
	// known: where the settings are was seen, so that what is missing in them has its default. Those of a configuration
	// file (--config) were not.
	known bool
}

// profilerConfig is the name of vLLM's flag, which inferprof serve has too.
const profilerConfig = "--profiler-config"

// settingsOf reads a server's command line and environment: vLLM's --profiler-config as JSON or with dots, else the
// variables of vLLM before 0.13 and of SGLang. A flag that is given again has its last value, as in the servers.
func settingsOf(args, environ []string) settings {
	var s settings
	given := map[string]json.RawMessage{}
	sizes := map[string]int{}
	for i, a := range args {
		name, value, attached := strings.Cut(a, "=")
		if !attached && i+1 < len(args) {
			value = args[i+1]
		}
		name = strings.ReplaceAll(name, "_", "-")
		key, dotted := strings.CutPrefix(name, profilerConfig+".")
		if kind, ok := parallel[name]; ok {
			if n, err := strconv.Atoi(value); err == nil && n > 0 && n <= mostRanks {
				sizes[kind] = n
			}
		}
		switch {
		case name == profilerConfig:
			var c map[string]json.RawMessage
			if json.Unmarshal([]byte(value), &c) == nil {
				s.known = true
				maps.Copy(given, c)
			}
		case dotted && value != "":
			s.known = true
			given[strings.ReplaceAll(key, "-", "_")] = word(value)
		}
	}
	for key, value := range given {
		s.set(key, value)
	}
	for _, n := range sizes {
		s.ranks = min(max(s.ranks, 1)*n, mostRanks)
	}
	s.fill(environ)
	return s
}

// parallel are vLLM's flags of how many ranks there are: those of one kind are the same.
var parallel = map[string]string{
	"--tensor-parallel-size": "tp", "-tp": "tp", "--pipeline-parallel-size": "pp", "-pp": "pp", "--data-parallel-size": "dp", "-dp": "dp",
}

// mostRanks is more than write to one directory; larger numbers are none.
const mostRanks = 1 << 16

// word is the value of a flag with dots as JSON: a number or a truth value as it is, anything else a string.
func word(value string) json.RawMessage {
	if lower := strings.ToLower(value); lower == "true" || lower == "false" {
		return json.RawMessage(lower)
	}
	if json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	quoted, _ := json.Marshal(value) // a string always can
	return quoted
}

// set takes one value, unless it is none of the settings, or not of their kind. Each is decoded by itself, so that one
// that is odd does not take the others with it.
func (s *settings) set(key string, value json.RawMessage) {
	next := *s
	if json.Unmarshal(fmt.Appendf(nil, "{%q:%s}", key, value), &next) == nil {
		*s = next
	}
}

// variables are those of the environment that say the same; vLLM had them up to 0.12 and heeded them for a while after.
var variables = map[string]string{
	"VLLM_TORCH_PROFILER_DIR":                 "torch_profiler_dir",
	"VLLM_TORCH_PROFILER_WITH_STACK":          "torch_profiler_with_stack",
	"VLLM_TORCH_PROFILER_RECORD_SHAPES":       "torch_profiler_record_shapes",
	"VLLM_TORCH_PROFILER_WITH_PROFILE_MEMORY": "torch_profiler_with_memory",
	"VLLM_TORCH_PROFILER_USE_GZIP":            "torch_profiler_use_gzip",
	"VLLM_TORCH_PROFILER_DISABLE_ASYNC_LLM":   "ignore_frontend",
	"VLLM_PROFILER_MAX_ITERS":                 "max_iterations",
	"SGLANG_TORCH_PROFILER_DIR":               "torch_profiler_dir",
}

// fill takes from an environment what the command line has not said.
func (s *settings) fill(environ []string) {
	found := map[string]json.RawMessage{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		key := variables[name]
		if key == "" || value == "" {
			continue
		}
		switch key {
		case "torch_profiler_dir":
			s.known = true
			found[key], _ = json.Marshal(value)
		case "max_iterations":
			found[key] = json.RawMessage(value)
		default: // vLLM: anything but "0" is on
			found[key] = json.RawMessage(strconv.FormatBool(value != "0"))
		}
	}
	said := *s
	for key, value := range found {
		s.set(key, value)
	}
	s.over(said)
}

// over gives what other says the last word.
func (s *settings) over(other settings) {
	if other.Dir != "" {
		s.Dir = other.Dir
	}
	for _, p := range []struct{ to, from **bool }{
		{&s.WithStack, &other.WithStack}, {&s.RecordShapes, &other.RecordShapes}, {&s.WithMemory, &other.WithMemory},
		{&s.UseGzip, &other.UseGzip}, {&s.IgnoreFront, &other.IgnoreFront},
	} {
		if *p.from != nil {
			*p.to = *p.from
		}
	}
	if other.MaxIterations != nil {
		s.MaxIterations = other.MaxIterations
	}
	s.ranks, s.known = max(s.ranks, other.ranks), s.known || other.known
}

// settingsOfInfo reads /server_info of a vLLM in development mode: the configuration as it is in effect, and the
// environment.
func settingsOfInfo(info map[string]any) settings {
	var s settings
	if env, ok := info["vllm_env"].(map[string]any); ok {
		var environ []string
		for _, name := range slices.Sorted(maps.Keys(env)) {
			switch v := env[name].(type) {
			case string:
				environ = append(environ, name+"="+v)
			case bool:
				environ = append(environ, name+"="+map[bool]string{true: "1", false: "0"}[v])
			case float64:
				environ = append(environ, name+"="+strconv.Itoa(int(v)))
			}
		}
		s.fill(environ)
	}
	config, _ := info["vllm_config"].(map[string]any)
	profiler, ok := config["profiler_config"].(map[string]any)
	if !ok {
		return s
	}
	var effective settings
	for key, value := range profiler {
		if text, err := json.Marshal(value); err == nil && string(text) != "null" {
			effective.set(key, text)
		}
	}
	effective.known = true
	s.over(effective)
	return s
}
