package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/server"
	"github.com/inferprof/inferprof/sampling"
)

// runFlags are the flags of inferprof run. Those that vLLM has keep vLLM's names and, for sampling, the values of its
// profiling example.
type runFlags struct {
	*settings

	engine   string
	config   engine.Config
	python   pythonFlags
	params   sampling.Params
	logprobs int

	server serverFlags

	prompts     []string
	promptsFile string
	random      randomFlags

	profilerConfig profilerJSON
	profiler       engine.ProfilerConfig // what single flags say
	profileDir     string
	captureDir     string
	warmup         warmupRounds
	overhead       int
	phase          string
	noReport       bool
	categories     categoriesFlag
	redact         redactFlag
}

// randomFlags ask for prompts of random tokens.
type randomFlags struct{ inputLen, outputLen, numPrompts int }

// define adds the flags to cmd, in groups that its help keeps.
func (f *runFlags) define(cmd *cobra.Command) {
	var groups []flagGroup
	group := func(title string, define func(*pflag.FlagSet)) {
		set := pflag.NewFlagSet(title, pflag.ContinueOnError)
		set.SortFlags = false
		define(set)
		cmd.Flags().AddFlagSet(set)
		groups = append(groups, flagGroup{title, set})
	}
	group("Engine", f.defineEngine)
	group("Running servers", f.server.define)
	group("Engines in Python (vllm, transformers)", f.definePython)
	group("Workload", f.defineWorkload)
	group("Sampling", f.defineSampling)
	group("Profile", f.defineProfile)
	helpInGroups(cmd, groups) // what is added later comes under Output
}

func (f *runFlags) defineEngine(set *pflag.FlagSet) {
	set.StringVar(&f.engine, "engine", "native", "the engine to run, by `name`: native is the embedded one, vllm and transformers run in your Python")
	defineModel(set, &f.config)
	defineScheduling(set, &f.config, false) // what a warm-up round computed would be missing in the profile
}

// defineModel adds the flags that say which model runs and how: vLLM's engine arguments.
func defineModel(set *pflag.FlagSet, c *engine.Config) {
	set.StringVar(&c.Model, "model", "demo", "demo, a Hugging Face folder, a `name` on the hub (facebook/opt-125m), or with --load-format dummy a shape: opt-125m, llama-1b, mistral-7b")
	set.StringVar(&c.Revision, "revision", "", "branch, tag or `commit` of a model of the hub (default: main)")
	set.StringVar(&c.DownloadDir, "download-dir", "", "`directory` that models are downloaded to (default: Hugging Face's cache)")
	set.BoolVar(&c.Offline, "offline", false, "download nothing, as with HF_HUB_OFFLINE=1")
	set.IntVar(&c.TensorParallelSize, "tensor-parallel-size", 1, "`ranks` to split the model over; -tp for short")
	set.StringVar(&c.Dtype, "dtype", "auto", "`type` of the weights: auto (16 bits, the model's), bfloat16, float16, float32 (4-bit weights then are exact, too)")
	set.StringVar(&c.Quantization, "quantization", "", "`method` of 4-bit weights: awq, gptq, none (default: the model's; the embedded engine rounds others as it loads them)")
	choiceVar(set, &c.LoadFormat, "load-format", "auto", "where the weights come from; dummy makes random ones", "auto", "safetensors", "dummy")
	set.IntVar(&c.MaxModelLen, "max-model-len", 0, "longest prompt and output together, in `tokens` (default: the model's)")
	set.Uint64Var(&c.Seed, "seed", 0, "seed `number` of all sampling")
	set.IntVar(&c.Threads, "threads", 0, "`threads` of each rank (default: all processors, shared by the ranks)")
}

func (f *runFlags) defineWorkload(set *pflag.FlagSet) {
	set.StringArrayVar(&f.prompts, "prompt", nil, "a prompt's `text`; may be given again (default: four examples)")
	set.StringVar(&f.promptsFile, "prompts", "", "`file` of prompts: text, one a line, or JSON lines (*.jsonl)")
	set.IntVar(&f.random.inputLen, "random-input-len", 32, "prompts of so many random `tokens`")
	set.IntVar(&f.random.outputLen, "random-output-len", 16, "with outputs of exactly so many `tokens`")
	set.IntVar(&f.random.numPrompts, "num-prompts", 4, "and so many `prompts`")
}

func (f *runFlags) defineSampling(set *pflag.FlagSet) {
	p := &f.params
	set.Float64Var(&p.Temperature, "temperature", 0.8, "0 is greedy")
	set.Float64Var(&p.TopP, "top-p", 0.95, "draw from the likeliest tokens that add up to this `probability`")
	set.IntVar(&p.TopK, "top-k", 0, "draw from so many of the likeliest `tokens`; 0: all")
	set.Float64Var(&p.MinP, "min-p", 0, "drop tokens less likely than this `share` of the likeliest")
	set.IntVar(&p.MaxTokens, "max-tokens", 16, "longest output, in `tokens`")
	set.IntVar(&p.MinTokens, "min-tokens", 0, "nothing ends an output before it has so many `tokens`")
	set.IntVar(&p.N, "n", 1, "`outputs` to each prompt")
	set.BoolVar(&p.IgnoreEOS, "ignore-eos", false, "go on after the end of the text")
	set.StringArrayVar(&p.Stop, "stop", nil, "`text` that ends an output; may be given again")
	set.Int32SliceVar(&p.StopTokenIDs, "stop-token-ids", nil, "`ids` of tokens that end an output, with commas between them")
	set.Lookup("stop-token-ids").DefValue = "" // not []
	set.IntVar(&f.logprobs, "logprobs", 0, "compute the log-probabilities of each token that is chosen and of so many of the likeliest `tokens`, for requests.jsonl")
	set.Float64Var(&p.RepetitionPenalty, "repetition-penalty", 1, "above 1: `factor` against tokens of prompt and output")
	set.Float64Var(&p.PresencePenalty, "presence-penalty", 0, "`penalty` for tokens that are in the output, -2 to 2")
	set.Float64Var(&p.FrequencyPenalty, "frequency-penalty", 0, "`penalty` for each time that a token is in the output, -2 to 2")
}

func (f *runFlags) defineProfile(set *pflag.FlagSet) {
	p := &f.profiler
	*p = engine.DefaultProfilerConfig()
	set.StringVar(&f.profileDir, "profile-dir", capture.DefaultDir, "`directory` in which the capture gets its own")
	set.StringVar(&f.captureDir, "capture-dir", "", "this very `directory` for the capture; empty or not there yet")
	f.warmup.n = 1
	set.Var(&f.warmup, "warmup", "`rounds` of the workload before the profile begins; auto: until two took equally long, at most 10")
	set.IntVar(&f.overhead, "measure-overhead", 0, "so many `pairs` of rounds without and with the profiler, to say what it costs")
	choiceVar(set, &f.phase, "phase", "all", "steps to record; prefill generates one token per prompt", "all", "prefill", "decode")
	set.BoolVar(&p.RecordShapes, "record-shapes", p.RecordShapes, "record the shapes and types of each op's inputs")
	set.BoolVar(&p.WithMemory, "with-memory", p.WithMemory, "record allocations and KV-cache blocks")
	set.BoolVar(&p.WithFLOPs, "with-flops", p.WithFLOPs, "record each op's FLOPs")
	set.BoolVar(&p.WithStack, "with-stack", p.WithStack, "record where in the model each op is")
	set.IntVar(&p.DelayIterations, "delay-iterations", 0, "`steps` to let pass before recording")
	set.IntVar(&p.MaxIterations, "max-iterations", 0, "most `steps` to record; 0: all")
	set.Var(&f.profilerConfig, "profiler-config", "vLLM's, as `JSON`: '{\"profiler\":\"torch\",\"torch_profiler_dir\":\"./vllm_profile\"}'")
	set.BoolVar(&f.noReport, "no-report", false, "capture only")
}

// options turns the flags into what to capture.
func (f *runFlags) options(set *pflag.FlagSet) (capture.Options, error) {
	err := f.takePython()
	if err != nil {
		return capture.Options{}, err
	}
	if f.config.Profiler, err = f.profilerSettings(set); err != nil {
		return capture.Options{}, err
	}
	if err := f.takeServer(set); err != nil {
		return capture.Options{}, err
	}
	o := capture.Options{
		Engine: f.engine, Config: f.config, Warmup: f.warmup.n, WarmupAuto: f.warmup.auto, MeasureOverhead: f.overhead,
		ProfileDir: f.profileDir, Dir: f.captureDir,
	}
	if err := f.checkNumbers(set); err != nil {
		return o, err
	}
	if err := f.checkDirectories(set); err != nil {
		return o, err
	}
	if o.Config.Unloaded() {
		o.Warmup, o.WarmupAuto, o.Source = 0, false, fmt.Sprintf("the traffic that there was, for %v", o.Config.Server.Duration)
		return o, nil
	}
	o.Requests, o.Source, err = f.requests(set)
	return o, err
}

// takeServer makes the running servers, if some are named, the engine.
func (f *runFlags) takeServer(set *pflag.FlagSet) error {
	c, err := f.server.config(set)
	if err != nil || c == nil {
		return err
	}
	if f.config.Profiler.Dir != "" {
		return usagef("torch_profiler_dir in --profiler-config: a running server has its own: say with --trace-dir where that is")
	}
	f.engine, f.config.Server = server.Name, c
	if !set.Changed("model") {
		f.config.Model = "" // the server's
	}
	return nil
}

// profilerSettings starts from --profiler-config and lets single flags say otherwise.
func (f *runFlags) profilerSettings(set *pflag.FlagSet) (engine.ProfilerConfig, error) {
	name := f.engine
	if len(f.server.URLs) > 0 {
		name = server.Name
	}
	c := engine.ProfilerDefaults(name)
	if f.server.NoLoad {
		c.MaxIterations = 0 // --duration is the bound
	}
	if set.Changed("profiler-config") {
		var err error
		if c, err = engine.ParseProfilerConfig(f.profilerConfig.text, c); err != nil {
			return c, err
		}
	}
	for flag, apply := range map[string]func(){
		"record-shapes":    func() { c.RecordShapes = f.profiler.RecordShapes },
		"with-memory":      func() { c.WithMemory = f.profiler.WithMemory },
		"with-flops":       func() { c.WithFLOPs = f.profiler.WithFLOPs },
		"with-stack":       func() { c.WithStack = f.profiler.WithStack },
		"delay-iterations": func() { c.DelayIterations = f.profiler.DelayIterations },
		"max-iterations":   func() { c.MaxIterations = f.profiler.MaxIterations },
	} {
		if set.Changed(flag) {
			apply()
		}
	}
	c.Phase = f.phase
	return c, c.Validate()
}

// checkNumbers refuses numbers that make no sense for any engine, in the words of the flag.
func (f *runFlags) checkNumbers(set *pflag.FlagSet) error {
	if err := checkLeast(set, modelNumbers); err != nil {
		return err
	}
	err := checkLeast(set, []leastNumber{{"n", 1}, {"random-input-len", 1}, {"random-output-len", 1}, {"num-prompts", 1}})
	if err != nil {
		return err
	}
	return f.takeSampling(set)
}

// warmupRounds is how often to warm up, as a flag: a number, or auto.
type warmupRounds struct {
	n    int
	auto bool
}

func (w *warmupRounds) Type() string { return "rounds" }

func (w *warmupRounds) String() string {
	if w.auto {
		return "auto"
	}
	return strconv.Itoa(w.n)
}

// Set implements pflag.Value.
func (w *warmupRounds) Set(text string) error {
	if text == "auto" {
		*w = warmupRounds{auto: true}
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("must be 0 or more, or auto%s", didYouMean(text, "", []string{"auto"}))
	}
	*w = warmupRounds{n: n}
	return nil
}

// modelNumbers are the least values of defineModel's flags.
var modelNumbers = []leastNumber{
	{"tensor-parallel-size", 1}, {"pipeline-parallel-size", 1}, {"data-parallel-size", 1}, {"max-model-len", 1}, {"max-num-seqs", 1},
	{"max-num-batched-tokens", 1}, {"threads", 1},
}

// leastNumber is how small the number of a flag may be.
type leastNumber struct {
	flag  string
	least int
}

// checkLeast refuses flags that are given and less than they may be: of several, the first in the list.
func checkLeast(set *pflag.FlagSet, numbers []leastNumber) error {
	for _, c := range numbers {
		if n, err := set.GetInt(c.flag); err == nil && set.Changed(c.flag) && n < c.least {
			return usagef("--%s %d: must be %d or more", c.flag, n, c.least)
		}
	}
	return nil
}

// flagSpelling turns an error that begins with a parameter's name into one that begins with the flag's.
func flagSpelling(err error) string {
	name, rest, found := strings.Cut(err.Error(), " ")
	if !found {
		return err.Error()
	}
	return strings.ReplaceAll(name, "_", "-") + " " + rest
}

// checkDirectories refuses two answers to the question where the traces go.
func (f *runFlags) checkDirectories(set *pflag.FlagSet) error {
	var given []string
	for _, name := range []string{"profile-dir", "capture-dir"} {
		if set.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if f.config.Profiler.Dir != "" {
		given = append(given, "torch_profiler_dir in --profiler-config")
	}
	if len(given) > 1 {
		return usagef("%s and %s both say where the traces go: give one of them", given[0], given[1])
	}
	return nil
}

// flagGroup is a part of a verb's flags that its help shows under a title.
type flagGroup struct {
	title string
	set   *pflag.FlagSet
}

// helpInGroups makes cmd's help list its flags by group.
func helpInGroups(cmd *cobra.Command, groups []flagGroup) {
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		w := cmd.OutOrStderr()
		fmt.Fprintf(w, "Usage:\n  %s [flags]\n\nExamples:\n%s\n", cmd.CommandPath(), cmd.Example)
		for _, g := range groups {
			fmt.Fprintf(w, "\n%s:\n%s", g.title, g.set.FlagUsages())
		}
		output := pflag.NewFlagSet("Output", pflag.ContinueOnError)
		output.SortFlags = false
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !slices.ContainsFunc(groups, func(g flagGroup) bool { return g.set.Lookup(f.Name) != nil }) {
				output.AddFlag(f)
			}
		})
		fmt.Fprintf(w, "\nOutput:\n%s", output.FlagUsages())
		return nil
	})
}
