package server

import (
	"encoding/json"
	"strings"
)

// dirOf finds the trace directory in a server's command line and environment, "" if neither names one: vLLM's
// --profiler-config as JSON or with dots (as inferprof serve has it), or the variables of vLLM before 0.13 and of SGLang.
func dirOf(args, environ []string) string {
	for i, a := range args {
		name, value, attached := strings.Cut(a, "=")
		if !attached && i+1 < len(args) {
			value = args[i+1]
		}
		switch strings.ReplaceAll(name, "_", "-") {
		case "--profiler-config":
			var c struct {
				Dir string `json:"torch_profiler_dir"`
			}
			if json.Unmarshal([]byte(value), &c) == nil && c.Dir != "" {
				return c.Dir
			}
		case "--profiler-config.torch-profiler-dir":
			if value != "" {
				return value
			}
		}
	}
	for _, e := range environ {
		for _, name := range []string{"VLLM_TORCH_PROFILER_DIR=", "SGLANG_TORCH_PROFILER_DIR="} {
			if dir, ok := strings.CutPrefix(e, name); ok && dir != "" {
				return dir
			}
		}
	}
	return ""
}
