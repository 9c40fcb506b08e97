package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/workload"
)

var randomFlagNames = []string{"random-input-len", "random-output-len", "num-prompts"}

func (f *runFlags) isRandom(set *pflag.FlagSet) bool {
	return slices.ContainsFunc(randomFlagNames, set.Changed)
}

// takeSampling completes what the sampling flags say. Random prompts are answered at full length, and greedily unless
// asked otherwise.
func (f *runFlags) takeSampling(set *pflag.FlagSet) error {
	p := &f.params
	if set.Changed("logprobs") {
		p.Logprobs = &f.logprobs
	}
	if f.isRandom(set) {
		if set.Changed("max-tokens") {
			return usagef("--max-tokens: outputs to random prompts are exactly --random-output-len tokens long: give that")
		}
		p.MaxTokens, p.IgnoreEOS = f.random.outputLen, true
		if !set.Changed("temperature") {
			p.Temperature, p.TopP = 0, 1
		}
	}
	if err := p.Validate(); err != nil {
		return usagef("--%s", flagSpelling(err))
	}
	return nil
}

// requests makes the workload that the flags ask for, and says in words what it is.
func (f *runFlags) requests(set *pflag.FlagSet) ([]engine.Request, string, error) {
	random := f.isRandom(set)
	sources := 0
	for _, given := range []bool{len(f.prompts) > 0, f.promptsFile != "", random} {
		if given {
			sources++
		}
	}
	if sources > 1 {
		return nil, "", usagef("--prompt, --prompts and the --random flags each say what to ask: give one of them")
	}
	requests, source, err := f.workload(random)
	if err != nil {
		return nil, "", err
	}
	if random {
		for i := range requests {
			requests[i].Params = f.params
		}
	}
	return requests, source, f.fitPhase(set, requests)
}

func (f *runFlags) workload(random bool) ([]engine.Request, string, error) {
	switch {
	case len(f.prompts) > 0:
		return workload.FromPrompts(f.prompts, f.params), "--prompt", nil
	case f.promptsFile != "":
		requests, err := workload.FromFile(f.promptsFile, f.params)
		return requests, f.promptsFile, err
	case random:
		r := f.random
		return workload.Random(r.numPrompts, r.inputLen, r.outputLen, workload.AnyVocab, f.config.Seed),
			fmt.Sprintf("random tokens: %d prompts of %d, outputs of %d", r.numPrompts, r.inputLen, r.outputLen), nil
	}
	return workload.Default(f.params), "vLLM's four example prompts", nil
}

// fitPhase makes requests fit the phase to record: one token each is the work of prefill alone, and the first token of
// each belongs to it.
func (f *runFlags) fitPhase(set *pflag.FlagSet, requests []engine.Request) error {
	switch f.phase {
	case "prefill":
		for _, name := range []string{"max-tokens", "random-output-len"} {
			if n, err := set.GetInt(name); err == nil && set.Changed(name) && n != 1 {
				return usagef("--phase prefill generates one token per prompt: leave --%s out", name)
			}
		}
		for i := range requests {
			requests[i].Params.MaxTokens = 1
		}
	case "decode":
		for _, r := range requests {
			if r.Params.MaxTokens > 1 {
				return nil
			}
		}
		return usagef("--phase decode needs outputs of two tokens or more: the first comes from prefill")
	}
	return nil
}
