package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/server"
)

// Wrong usage is told in one line that says what would be right, not by a page of help.

func usagef(format string, args ...any) error {
	return &engine.UsageError{Text: fmt.Sprintf(format, args...)}
}

// flagError rewords what pflag says.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := e.GetSpecifiedName()
		dashes := "--"
		if e.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		hint := didYouMean(name, "--", flagNames(cmd))
		if hint == "" && dashes == "--" && cmd.Flags().Lookup("engine-arg") != nil {
			hint = fmt.Sprintf("; an argument of vLLM's own goes as --engine-arg %s=VALUE", strings.ReplaceAll(name, "-", "_"))
		}
		return usagef("unknown flag %s%s%s (see %s --help)", dashes, name, hint, cmd.CommandPath())
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		_, usage := pflag.UnquoteUsage(e.GetFlag())
		return usagef("--%s needs a value: %s", e.GetFlag().Name, usage)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := e.GetFlag()
		reason := e.Unwrap().Error()
		if what, ok := valueKinds[f.Value.Type()]; ok {
			reason = "must be " + what
		}
		return usagef("--%s %s: %s", f.Name, strconv.Quote(e.GetValue()), reason)
	}
	return &engine.UsageError{Text: err.Error()}
}

// valueKinds says what a flag of a pflag type takes.
var valueKinds = map[string]string{
	"int":      "a whole number",
	"uint64":   "a whole number, 0 or more",
	"float64":  "a number",
	"bool":     "true or false",
	"duration": "a time such as 1.5s or 200ms",
	"intSlice": "whole numbers with commas between them",

	"int32Slice": "whole numbers with commas between them",
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

func unknownVerb(root *cobra.Command, verb string) error {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usagef("unknown command %q%s (see inferprof --help)", verb, didYouMean(verb, "inferprof ", names))
}

// exactlyOne is the Args of a verb that takes one thing.
func exactlyOne(what, example string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return usagef("%s takes one %s, such as: %s", cmd.CommandPath(), what, example)
		}
		return nil
	}
}

// atLeastOne is the Args of a verb that takes paths.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s needs %s, such as: %s", cmd.CommandPath(), what, firstExample(cmd))
		}
		return nil
	}
}

// none is the Args of a verb that takes flags alone.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument %q, only flags (see %s --help)", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

func firstExample(cmd *cobra.Command) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	command, _, _ := strings.Cut(line, "  ")
	return command
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   *string
	allowed []string
}

func choiceVar(flags *pflag.FlagSet, value *string, name, def, usage string, allowed ...string) {
	*value = def
	flags.Var(&choice{value, allowed}, name, usage)
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return strings.Join(c.allowed, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		last := len(c.allowed) - 1
		return fmt.Errorf("must be %s or %s%s", strings.Join(c.allowed[:last], ", "), c.allowed[last], didYouMean(s, "", c.allowed))
	}
	*c.value = s
	return nil
}

// flagWords are values of flags that take others, too.
var flagWords = map[string][]string{
	"engine":       {"native", "vllm", "transformers"},
	"dtype":        {"auto", "bfloat16", "float16", "float32"},
	"quantization": {"none", "awq", "gptq"},
	"warmup":       {"auto"},
	"dialect":      append([]string{"auto"}, server.Dialects()...),
	"metric":       slices.DeleteFunc(compare.Metrics(), func(name string) bool { return name == "kernel:NAME" }),
}

// completeFlags lets the shell complete the values of a verb's flags: words, and names of directories.
func completeFlags(verb *cobra.Command) {
	verb.Flags().VisitAll(func(f *pflag.Flag) {
		words := flagWords[f.Name]
		if c, ok := f.Value.(*choice); ok {
			words = c.allowed
		}
		complete := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
		if name, _ := pflag.UnquoteUsage(f); words == nil && name == "directory" {
			complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		} else if words == nil {
			return
		}
		if err := verb.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
			panic(err) // only if registered twice
		}
	})
}

// didYouMean is ": did you mean X?" for the nearest of the names, or nothing if none is near.
func didYouMean(given, prefix string, names []string) string {
	best, distance := "", min(len(given)/3+2, len(given)) // of one letter no other is near
	for _, name := range names {
		if d := editDistance(given, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s%s?", prefix, best)
}

// editDistance is Levenshtein's: the fewest letters to add, drop or change that make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1) // distances of a's beginning to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
