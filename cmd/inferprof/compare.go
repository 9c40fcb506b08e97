package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/report"
	"github.com/inferprof/inferprof/trace/source"
)

// compareFlags are the flags of inferprof compare, some of which inferprof sweep has too.
type compareFlags struct {
	gate          gateFlags
	baseline      string
	writeBaseline string
	output        string
	full          bool
}

// gateFlags ask for a check.
type gateFlags struct {
	failOver string
	metric   string
	percent  float64
}

func (g *gateFlags) define(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.failOver, "fail-over", "", "fail (exit code 3) where the metric is worse than this `percentage`, interval and all: 5%")
	cmd.Flags().StringVar(&g.metric, "metric", "decode-step", "what --fail-over is about, by `name`: "+strings.Join(compare.Metrics(), ", "))
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
func (g *gateFlags) judge(r *compare.Result, sides []compare.Side) {
	if g.failOver != "" {
		r.Judge(sides, g.metric, g.percent)
	}
}

// verdict is the gate's answer as an error: a gateError if a side fails, another one if a side cannot be judged.
func (g *gateFlags) verdict(r *compare.Result) error {
	if r.Gate == nil {
		return nil
	}
	for _, j := range r.Gate.Judgements {
		if j.Failed {
			return &gateError{"gate: " + j.Sentence}
		}
	}
	for _, j := range r.Gate.Judgements {
		if j.Unjudged != "" {
			return errors.New("gate: " + j.Sentence)
		}
	}
	return nil
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
nothing but captures of one configuration: then the interval knows how much they differ.`,
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
			return s.compare(args, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.gate.define(cmd)
	cmd.Flags().StringVar(&f.baseline, "baseline", "", "compare with this `file`, which --write-baseline wrote, in place of A")
	cmd.Flags().StringVar(&f.writeBaseline, "write-baseline", "", "write what comparing needs of the last side to this `file`, to keep in a repository")
	cmd.Flags().BoolVar(&f.full, "full", false, "every row of every table")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", outputUsage)
	s.formatFlag(cmd, report.CompareFormats()...)
	return cmd
}

// compare reads the sides, compares, renders, and judges last, so that whoever fails sees why.
func (s *settings) compare(paths []string, f *compareFlags, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	var sides []compare.Side
	var notes []string
	if f.baseline != "" {
		side, err := readBaseline(f.baseline)
		if err != nil {
			return err
		}
		sides = append(sides, *side)
	}
	reader := newReader(source.Options{}, line)
	var waits []func() (*compare.Side, error)
	for _, path := range paths {
		line.say("reading " + path)
		wait, n, err := startSide(reader, path)
		if err != nil {
			return err
		}
		waits = append(waits, wait)
		notes = append(notes, n...)
	}
	for _, wait := range waits {
		side, err := wait()
		if err != nil {
			return err
		}
		sides = append(sides, *side)
	}
	labelApart(sides)
	line.close()
	if !s.quiet {
		for _, n := range notes {
			fmt.Fprintln(stderr, "note:", n)
		}
	}
	if f.writeBaseline != "" {
		last := &sides[len(sides)-1]
		if err := atomicfile.Write(f.writeBaseline, func(w io.Writer) error { return compare.WriteBaseline(w, last) }); err != nil {
			return fmt.Errorf("baseline: %w", err)
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
	f.gate.judge(result, sides)
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

func readBaseline(path string) (*compare.Side, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", path, words.WithoutPath(err))
	}
	side, err := compare.ParseBaseline(text)
	if err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", path, err)
	}
	return side, nil
}

// openSide finds the captures of one side: those named with commas, those of a directory that holds several of one
// configuration, or the one that Open finds.
func openSide(path string) (captures []*ondisk.Capture, notes []string, err error) {
	if _, statErr := os.Stat(path); statErr != nil && strings.Contains(path, ",") {
		for one := range strings.SplitSeq(path, ",") {
			c, err := ondisk.Open(one)
			if err != nil {
				return nil, nil, err
			}
			if slices.ContainsFunc(captures, func(other *ondisk.Capture) bool { return sameTraces(c, other) }) {
				notes = append(notes, fmt.Sprintf("%s is named twice on one side: it counts once", one)) // it is no repeat of itself
				continue
			}
			captures = append(captures, c)
		}
		return captures, notes, nil
	}
	c, err := ondisk.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() && c.Manifest != nil && c.Dir != path {
		if several := repeats(path); len(several) > 1 {
			return several, []string{fmt.Sprintf("%s holds %d captures of one configuration: they are one side", path, len(several))}, nil
		}
	}
	return []*ondisk.Capture{c}, nil, nil
}

// sameTraces tells whether two captures are of the same files.
func sameTraces(a, b *ondisk.Capture) bool {
	return slices.EqualFunc(a.Traces, b.Traces, func(x, y string) bool {
		if x == y {
			return true
		}
		i, errI := os.Stat(x)
		j, errJ := os.Stat(y)
		return errI == nil && errJ == nil && os.SameFile(i, j)
	})
}

// repeats are the complete captures in a directory, if there are several and all are of one configuration; nil otherwise.
func repeats(dir string) []*ondisk.Capture {
	all, err := ondisk.OpenAll(dir)
	if err != nil {
		return nil
	}
	var whole []*ondisk.Capture
	for _, c := range all {
		switch {
		case c.Manifest == nil:
			return nil
		case c.Manifest.Status != ondisk.Complete || len(c.Traces) == 0: // what an interrupted sweep left
		case len(whole) > 0 && configurationOf(c.Manifest) != configurationOf(whole[0].Manifest):
			return nil
		default:
			whole = append(whole, c)
		}
	}
	return whole
}
