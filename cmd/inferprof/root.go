package main

import (
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	_ "github.com/inferprof/inferprof/engine/native" // the embedded engine
	_ "github.com/inferprof/inferprof/engine/python" // vLLM and transformers
)

// settings are the flags that every verb has.
type settings struct {
	format  string
	quiet   bool
	noColor bool
}

func newRoot() *cobra.Command {
	s := &settings{}
	root := &cobra.Command{
		Use:   "inferprof",
		Short: "Where does the time go in LLM inference?",
		Long: `inferprof profiles LLM inference end to end. It runs a model in its embedded engine, records every op of every rank,
and reports where the time went; it reads the traces of vLLM, SGLang and any other PyTorch profile as well.`,
		Example: `  inferprof run                                   profile the built-in demo model and report
  inferprof run --model ./opt-125m -tp 2          profile a Hugging Face folder on two ranks
  inferprof report ./vllm_profile                 report on traces that vLLM wrote`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetGlobalNormalizationFunc(normalizeFlag)
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.BoolVarP(&s.quiet, "quiet", "q", false, "print nothing but the result")
	flags.BoolVar(&s.noColor, "no-color", false, "no colours, as with NO_COLOR set")
	root.AddCommand(
		newRun(s),
		newRecover(s),
		newReport(s),
		newCompare(s),
		newSweep(s),
		newServe(s),
		newVerify(s),
		newCut(s),
		newGenerate(s),
		newPrune(s),
		newDoctor(s),
		newVersion(s),
	)
	for _, verb := range root.Commands() {
		completeFlags(verb)
	}
	return root
}

// normalizeFlag is a flag's name as we have it.
func normalizeFlag(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	name = strings.ReplaceAll(name, "_", "-") // vLLM takes both
	if name == "max-concurrency" {            // as vllm bench serve has it
		name = "concurrency"
	}
	return pflag.NormalizedName(name)
}

// formatFlag gives a verb --format. Reports take what package report renders, other verbs text or JSON.
func (s *settings) formatFlag(cmd *cobra.Command, formats ...string) {
	choiceVar(cmd.Flags(), &s.format, "format", formats[0], "what to print on standard output", formats...)
}

// colour says whether what is written to f may be coloured.
func (s *settings) colour(f any) bool {
	return !s.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}

func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && (isatty.IsTerminal(file.Fd()) || isatty.IsCygwinTerminal(file.Fd()))
}

// leastWidth and mostWidth bound how wide a page is made for a terminal: tables need the one, sentences bear no more than
// the other.
const leastWidth, mostWidth = 80, 132

// pageWidth is how many columns a page for f has; 0, the usual, if f is no terminal or does not say how wide it is.
func pageWidth(f any) int {
	if !isTerminal(f) {
		return 0
	}
	return widthFor(columnsOf(f.(*os.File).Fd()))
}

func widthFor(columns int) int {
	if columns <= 0 {
		return 0
	}
	return min(max(columns, leastWidth), mostWidth)
}

// twoLetters are vLLM's short flags of more than one letter.
var twoLetters = map[string]string{"-tp": "--tensor-parallel-size", "-pp": "--pipeline-parallel-size", "-dp": "--data-parallel-size"}

// vllmSpelling turns what vLLM's flags have and pflag's have not into what pflag can read: a two-letter -tp, a --no-, and
// the parts of a configuration with dots, --profiler-config.torch_profiler_dir=DIR, which become JSON.
func vllmSpelling(args []string) []string {
	out := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(out, args[i:]...)
		}
		if long, ok := twoLetters[a[:min(3, len(a))]]; ok {
			switch rest := a[3:]; {
			case rest == "" || rest[0] == '=':
				a = long + rest
			case rest[0] >= '0' && rest[0] <= '9':
				a = long + "=" + rest
			}
		}
		if strings.ReplaceAll(a, "_", "-") == "--no-enable-prefix-caching" {
			a = "--enable-prefix-caching=false"
		}
		if part, ok := cutDotted(a); ok {
			name, value, attached := strings.Cut(part, "=")
			if !attached && i+1 < len(args) {
				i++
				value = args[i]
			}
			a = "--profiler-config=" + profilerPart(strings.ReplaceAll(name, "-", "_"), value)
		}
		out = append(out, a)
	}
	return out
}

func cutDotted(arg string) (part string, ok bool) {
	for _, name := range []string{"--profiler-config.", "--profiler_config."} {
		if part, ok := strings.CutPrefix(arg, name); ok {
			return part, true
		}
	}
	return "", false
}
