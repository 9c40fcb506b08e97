package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/profile"
	"github.com/inferprof/inferprof/report"
)

// compareFlags are the flags of inferprof compare, some of which inferprof sweep has too.
type compareFlags struct {
	gate          gateFlags
	baseline      string
	writeBaseline string
	output        string
	categories    categoriesFlag
	redact        redactFlag
	full          bool
}

// gateFlags ask for a check.
type gateFlags struct {
	failOver string
	metric   string
	percent  float64
}

// gateHelp says how a gate answers.
const gateHelp = `With --fail-over, the exit code is 0 if all of the interval is within the limit, 3 if all of it is beyond, and 1 if the
limit is inside, which no build should pass with: then it says how many captures a side would do. Of several sides the
worst counts.`

func (g *gateFlags) define(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.failOver, "fail-over", "",
		"by what `percentage` a side may be worse: exit code 3 where all of its interval is beyond, 1 where noise does not tell: 5%")
	cmd.Flags().StringVar(&g.metric, "metric", "decode-step",
		"what is judged, by `name`: "+strings.Join(compare.Metrics(), ", "))
}

// check reads the limit.
func (g *gateFlags) check(changed func(string) bool) error {
	if !compare.ValidMetric(g.metric) {
		return usagef("--metric %q: must be one of %s%s", g.metric, strings.Join(compare.Metrics(), ", "), didYouMean(g.metric, "", compare.Metrics()))
	}
	if g.failOver == "" {
		if changed("metric") {
			return usagef("--metric says what --fail-over is about: give --fail-over 5%% too")
		}
		return nil
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(g.failOver), "%")), 64)
	if err != nil || !(v >= 0 && v <= 1e6) {
		return usagef("--fail-over %q: must be a percentage of 0 or more, such as 5%%", g.failOver)
	}
	g.percent = v
	return nil
}

// judge puts the gate into the result, if there is one.
func (g *gateFlags) judge(r *compare.Result, sides []compare.Side) error {
	if g.failOver == "" {
		return nil
	}
	return r.Judge(sides, g.metric, g.percent)
}

// verdict is the gate's answer as an error: a gateError if a side fails, another one if a side cannot be judged.
func (g *gateFlags) verdict(r *compare.Result) error {
	if r.Gate == nil || r.Gate.Outcome == compare.OutcomePassed {
		return nil
	}
	text := "gate: there is nothing to judge"
	for _, j := range r.Gate.Judgements {
		if j.Outcome == r.Gate.Outcome {
			text = "gate: " + j.Sentence
			break
		}
	}
	if r.Gate.Failed {
		return &gateError{text}
	}
	return errors.New(text)
}

func newCompare(s *settings) *cobra.Command {
	f := &compareFlags{}
	cmd := &cobra.Command{
		Use:   "compare A B...",
		Short: "Is B faster than A, where, and can it be trusted?",
		Long: `Compares captures, directories of traces or single traces, the first of which is the baseline: decode steps of the same
batch, prompts of the same shape or per token, with the difference attributed to kinds of work and causes of idleness,
kernels matched across libraries, and an interval for every difference. What has no counterpart is left out and counted.

A side that is several captures of the same thing is named with commas (run1,run2,run3), or as a directory that holds
nothing but captures of one configuration: then the interval knows how much they differ.` + "\n\n" + gateHelp,
		Example: "  inferprof compare before after\n" +
			"  inferprof compare fp16/ awq/ gptq/\n" +
			"  inferprof compare base1,base2,base3 new1,new2,new3 --fail-over 5% --metric decode-step\n" +
			"  inferprof compare good/ --write-baseline perf.json\n" +
			"  inferprof compare --baseline perf.json new/ --fail-over 5% --format md",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s needs a baseline and something to compare with it, such as: %s", cmd.CommandPath(), firstExample(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.gate.check(cmd.Flags().Changed); err != nil {
				return err
			}
			if f.baseline == "" && len(args) == 1 && f.writeBaseline == "" {
				return usagef("compare %s with what? Name a second capture, or a baseline with --baseline", args[0])
			}
			if f.baseline == "" && len(args) == 1 && (f.gate.failOver != "" || f.output != "") {
				return usagef("--write-baseline alone compares nothing: leave --fail-over and --output out, or name a second capture")
			}
			if err := s.formatByName(cmd, f.output); err != nil {
				return err
			}
			return s.compare(cmd.Context(), args, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.gate.define(cmd)
	cmd.Flags().StringVar(&f.baseline, "baseline", "", "compare with this `file`, which --write-baseline wrote, in place of A")
	cmd.Flags().StringVar(&f.writeBaseline, "write-baseline", "", "write what comparing needs of the last side to this `file`, to keep in a repository")
	cmd.Flags().BoolVar(&f.full, "full", false, "every row of every table")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", outputUsage)
	f.categories.define(cmd)
	f.redact.define(cmd)
	s.formatFlag(cmd, report.CompareFormats()...)
	return cmd
}

// compare reads the sides, compares, renders, and judges last, so that whoever fails sees why.
func (s *settings) compare(ctx context.Context, paths []string, f *compareFlags, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	named, notes, err := openSides(f.baseline, paths)
	if err != nil {
		return err
	}
	o := profileOptions(line)
	if o.Rules.Categories, err = f.categories.read(); err != nil {
		return err
	}
	sides, err := profile.ReadSides(ctx, named, o)
	if err != nil {
		return err
	}
	line.close()
	s.tellNotes(stderr, notes)
	if f.writeBaseline != "" {
		last := &sides[len(sides)-1]
		if err := profile.WriteBaseline(f.writeBaseline, last); err != nil {
			return err
		}
		if !s.quiet {
			fmt.Fprintf(stderr, "note: wrote the baseline of %s to %s\n", last.Label, f.writeBaseline)
		}
		if len(sides) == 1 {
			return nil
		}
	}
	result, err := compare.Compare(sides)
	if err != nil && len(result.Pairs) == 1 {
		return fmt.Errorf("compare %s with %s: %w", sides[0].Label, sides[1].Label, err)
	}
	if judgeErr := f.gate.judge(result, sides); judgeErr != nil {
		return judgeErr
	}
	f.redact.apply(result, &sides)
	if renderErr := s.writeComparison(result, f.output, f.full, stdout); renderErr != nil {
		return renderErr
	}
	if err != nil {
		return err
	}
	return f.gate.verdict(result)
}

// writeComparison renders to standard output or to a file.
func (s *settings) writeComparison(r *compare.Result, output string, full bool, stdout io.Writer) error {
	o := report.Options{Full: full}
	if output == "" {
		o.Color, o.Width = s.colour(stdout), pageWidth(stdout)
		return report.RenderCompare(stdout, s.format, r, o)
	}
	return writeOutput(output, func(w io.Writer) error { return report.RenderCompare(w, s.format, r, o) })
}

// openSides opens a baseline, if there is one, and the sides at paths.
func openSides(baseline string, paths []string) (sides []*profile.Side, notes []ondisk.Note, err error) {
	if baseline != "" {
		side, err := profile.OpenBaseline(baseline)
		if err != nil {
			return nil, nil, err
		}
		sides = append(sides, side)
	}
	for _, path := range paths {
		side, err := profile.OpenSide(path)
		if err != nil {
			return nil, nil, err
		}
		sides, notes = append(sides, side), append(notes, side.Notes...)
	}
	return sides, notes, nil
}
