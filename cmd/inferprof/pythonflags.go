package main

import (
	"encoding/json"
	"strings"

	"github.com/spf13/pflag"
)

// pythonFlags are those of engines that run in the user's Python.
type pythonFlags struct {
	python     string
	engineArgs []string // name=value
}

func (f *runFlags) definePython(set *pflag.FlagSet) {
	c := &f.config
	set.StringVar(&f.python.python, "python", "", "`interpreter` or virtual environment with vLLM in it (default: the active one, or python3)")
	set.StringArrayVar(&f.python.engineArgs, "engine-arg", nil, "an engine argument as `name=value`, such as gpu_memory_utilization=0.5; may be given again")
	set.IntVar(&c.PipelineParallelSize, "pipeline-parallel-size", 0, "`stages` to split the model's layers over")
	set.IntVar(&c.DataParallelSize, "data-parallel-size", 0, "`copies` of the model")
	set.BoolVar(&c.EnforceEager, "enforce-eager", false, "no CUDA graphs and no compilation: each kernel has its op, at another speed")
}

// take puts the flags into the configuration.
func (f *runFlags) takePython() error {
	f.config.Python = f.python.python
	for _, text := range f.python.engineArgs {
		name, value, ok := strings.Cut(strings.TrimLeft(text, "-"), "=")
		name = strings.ReplaceAll(strings.TrimSpace(name), "-", "_")
		if !ok || name == "" {
			return usagef("--engine-arg %s: must be name=value, such as gpu_memory_utilization=0.5", text)
		}
		if f.config.EngineArgs == nil {
			f.config.EngineArgs = map[string]any{}
		}
		f.config.EngineArgs[name] = argumentValue(value)
	}
	return nil
}

// argumentValue reads a value as JSON if it is that: a number, true, null, a list, an object. Python's words for three of
// them are understood too. All else is text.
func argumentValue(text string) any {
	switch text {
	case "True":
		return true
	case "False":
		return false
	case "None":
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // as it was written
	var v any
	if d.Decode(&v) != nil || d.More() {
		return text
	}
	return v
}
