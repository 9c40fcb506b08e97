package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/profile"
	"github.com/inferprof/inferprof/report"
	"github.com/inferprof/inferprof/sweep"
)

// sweepFlags are the flags of inferprof sweep.
type sweepFlags struct {
	gate       gateFlags
	categories categoriesFlag
	redact     redactFlag
	sets       []string
	envs       []string
	repeat     int
	dir        string
	output     string
	full       bool
	fresh      bool
}

func newSweep(s *settings) *cobra.Command {
	f := &sweepFlags{}
	cmd := &cobra.Command{
		Use:   "sweep --set NAME=VALUE,VALUE... -- run [flags]",
		Short: "Run once per value, then compare",
		Long: `Runs inferprof run once per combination of values and repeat, each in a process of its own and into a capture of its own,
interleaved, so that a machine that slows down slows all of them alike; then compares each combination with the first. A
combination that fails is named, and the others go on. Interrupted, the same command continues where it was.` + "\n\n" + gateHelp,
		Example: "  inferprof sweep --set quantization=none,awq -- run\n" +
			"  inferprof sweep --set tensor-parallel-size=1,2 --repeat 3 -- run --model ./opt-125m --max-tokens 64\n" +
			"  inferprof sweep --env OMP_NUM_THREADS=1,2 -- run --engine vllm --model facebook/opt-125m\n" +
			"  inferprof sweep --set quantization=none,awq --repeat 3 --fail-over 5% --metric tokens-per-s -- run",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] != "run" {
				return usagef("%s needs what to run after --, such as: %s", "inferprof sweep", firstExample(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.gate.check(cmd.Flags().Changed); err != nil {
				return err
			}
			if f.repeat < 1 {
				return usagef("--repeat %d: must be 1 or more", f.repeat)
			}
			if err := s.formatByName(cmd, f.output); err != nil {
				return err
			}
			p, err := sweepPlan(f, args[1:])
			if err != nil {
				return err
			}
			rules, err := f.categories.read()
			if err != nil {
				return err
			}
			return s.sweep(cmd.Context(), p, f, rules, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringArrayVar(&f.sets, "set", nil, "a flag of run and its `NAME=VALUE,VALUE`…; given again, every combination is run")
	cmd.Flags().StringArrayVar(&f.envs, "env", nil, "an environment variable and its `NAME=VALUE,VALUE`…")
	cmd.Flags().IntVar(&f.repeat, "repeat", 1, "captures of each combination: from 2 on, intervals know how much captures differ")
	cmd.Flags().StringVar(&f.dir, "dir", "", "`directory` of the sweep (default: one in "+capture.DefaultDir+" named after what is swept)")
	cmd.Flags().BoolVar(&f.fresh, "fresh", false, "run everything anew; captures of an earlier sweep stay beside the new ones")
	f.gate.define(cmd)
	f.categories.define(cmd)
	f.redact.define(cmd)
	cmd.Flags().BoolVar(&f.full, "full", false, "every row of every table")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", outputUsage)
	s.formatFlag(cmd, report.CompareFormats()...)
	return cmd
}

// sweepPlan makes the combinations and checks each of them against run's flags, so that a mistyped value is found before
// anything has run.
func sweepPlan(f *sweepFlags, args []string) (*sweep.Plan, error) {
	if len(f.sets)+len(f.envs) == 0 {
		return nil, usagef("sweep needs something to vary: --set quantization=none,awq, or --env NAME=a,b")
	}
	var vary []sweep.Variable
	for _, given := range []struct {
		flag, example string
		texts         []string
	}{{"--set", "quantization=none,awq", f.sets}, {"--env", "OMP_NUM_THREADS=1,2", f.envs}} {
		for _, text := range given.texts {
			v, err := parseVariable(text, given.flag, given.example)
			if err != nil {
				return nil, err
			}
			vary = append(vary, v)
		}
	}
	p, err := sweep.New(args, f.repeat, vary...)
	if err != nil {
		return nil, err
	}
	if err := checkRun(args); err != nil {
		return nil, err
	}
	if len(p.Cells) == 1 && f.gate.failOver != "" {
		return nil, usagef("--fail-over compares combinations with the first one, and there is only one: give a second value")
	}
	for _, c := range p.Cells {
		for _, set := range c.Set {
			if err := checkRun(append(slices.Clone(args), set)); err != nil {
				return nil, fmt.Errorf("--set %s: %w", strings.TrimPrefix(set, "--"), err)
			}
		}
	}
	p.Dir = f.dir
	if p.Dir == "" {
		p.Dir = filepath.Join(capture.DefaultDir, sweep.DefaultName(f.sets, f.envs, args))
	}
	return p, nil
}

// parseVariable reads NAME=VALUE,VALUE.
func parseVariable(text, flag, example string) (sweep.Variable, error) {
	name, list, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(strings.TrimPrefix(name, "--"))
	if flag == "--set" {
		name = strings.ReplaceAll(name, "_", "-")
	}
	if name == "tp" {
		name = "tensor-parallel-size"
	}
	v := sweep.Variable{Name: name, Env: flag == "--env", Values: strings.Split(list, ",")}
	if !ok || name == "" {
		return v, usagef("%s %q: must be NAME=VALUE,VALUE…, such as %s", flag, text, example)
	}
	for i, value := range v.Values {
		if slices.Contains(v.Values[:i], value) {
			return v, usagef("%s %s: %q is there twice; use --repeat for several captures of the same", flag, name, value)
		}
	}
	return v, nil
}

// checkRun checks a command line of run, as far as flags go.
func checkRun(args []string) error {
	cmd := newRun(&settings{})
	cmd.SetFlagErrorFunc(flagError)
	root := &cobra.Command{Use: "inferprof"} // for the errors' words
	root.AddCommand(cmd)
	flags := cmd.Flags()
	flags.SetNormalizeFunc(normalizeFlag)
	flags.BoolP("quiet", "q", false, "")
	flags.Bool("no-color", false, "")
	if err := cmd.ParseFlags(vllmSpelling(args)); err != nil {
		return flagError(cmd, err)
	}
	if rest := flags.Args(); len(rest) > 0 {
		return none(cmd, rest)
	}
	if flags.Changed("api-key") {
		return usagef("--api-key would be kept in %s: put it into INFERPROF_API_KEY", sweep.StateName)
	}
	if flags.Changed("categories") {
		return usagef("--categories is for what a sweep compares: give it to the sweep, before --")
	}
	for _, name := range []string{"capture-dir", "profile-dir"} {
		if flags.Changed(name) {
			return usagef("--%s is not for a sweep, which gives each capture a directory of its own: use the sweep's --dir", name)
		}
	}
	return nil
}

// sweep runs what is missing, then compares, by rules before our own if there are any.
func (s *settings) sweep(ctx context.Context, p *sweep.Plan, f *sweepFlags, rules *analyze.CategoryRules, stdout, stderr io.Writer) error {
	if !f.fresh {
		switch err := p.Resume(); {
		case errors.Is(err, sweep.ErrOther):
			return usagef("%v: use another --dir, or --fresh to run this one there", err)
		case errors.Is(err, sweep.ErrDamaged):
			return fmt.Errorf("%w: use another --dir, or --fresh", err)
		case err != nil:
			return err
		}
	}
	if err := os.MkdirAll(p.Dir, 0o777); err != nil {
		return fmt.Errorf("sweep directory %s: %w: choose another one with --dir", p.Dir, words.WithoutPath(err))
	}
	if done := p.Captures() - p.Pending(); done > 0 && !s.quiet {
		fmt.Fprintf(stderr, "note: %d of %s are in %s already; --fresh runs them anew\n", done, words.Counted(p.Captures(), "capture"), p.Dir)
	}
	if err := s.makeCaptures(ctx, p, stderr); err != nil {
		return err
	}
	return s.reportSweep(ctx, p, f, rules, stdout, stderr)
}

// makeCaptures makes the captures that are missing, until somebody interrupts it.
func (s *settings) makeCaptures(ctx context.Context, p *sweep.Plan, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	ctx, release := interruptible(ctx, stderr, func() {
		line.note("interrupted: ending the run that goes on, which stops its profiler (again: at once)")
	}, nil)
	defer release()
	err := p.Make(ctx, runnerOf(p), func(e sweep.Event) {
		what := fmt.Sprintf("%d of %d: %s", e.N, e.Of, e.Cell.Name)
		if p.Repeat > 1 {
			what += fmt.Sprintf(", repeat %d of %d", e.Repeat+1, p.Repeat)
		}
		switch {
		case !e.Done:
			line.say(what)
		case e.Err != nil:
			line.note(fmt.Sprintf("✗ %s: %s", what, words.OneLine(e.Err)))
		default:
			line.note(fmt.Sprintf("✓ %s: %s", what, words.Duration(e.Took)))
		}
	})
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %d of %s are missing; the same command continues with them",
			capture.ErrInterrupted, p.Pending(), words.Counted(p.Captures(), "capture"))
	}
	return err
}

// reportSweep prints the cells and compares those that have captures with the first of them.
func (s *settings) reportSweep(ctx context.Context, p *sweep.Plan, f *sweepFlags, rules *analyze.CategoryRules, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	o := profileOptions(line)
	o.Rules.Categories = rules
	cells, sides, err := readCells(ctx, p, o)
	if err != nil {
		return err
	}
	var failures []string
	for _, c := range cells {
		if c.Failure != "" {
			failures = append(failures, c.Name)
		}
	}
	line.close()
	if len(sides) == 0 {
		return fmt.Errorf("sweep: every cell failed; the first, %s: %s (its output is in %s)", cells[0].Name, cells[0].Failure, filepath.Join(p.Dir, p.Cells[0].Dir))
	}
	var result *compare.Result
	var compareErr error
	if len(sides) > 1 {
		result, compareErr = compare.Compare(sides)
		if cells[0].Letter != "" { // without its baseline a gate has nothing to judge by; that the cell failed is the error
			if err := f.gate.judge(result, sides); err != nil {
				return err
			}
		}
	}
	dir := p.Dir
	f.redact.apply(&cells, result, &sides, &dir)
	render := func(w io.Writer) error { return s.writeSweep(w, dir, cells, result, f) }
	if f.output != "" {
		err = writeOutput(f.output, render)
	} else {
		err = render(stdout)
	}
	if err != nil {
		return err
	}
	if result != nil {
		if err := f.gate.verdict(result); err != nil {
			return err
		}
	}
	if len(failures) > 0 {
		return fmt.Errorf("sweep: %d of %s failed: %s (what they said is beside their captures in %s)", len(failures), words.Counted(len(p.Cells), "cell"), strings.Join(failures, "; "), p.Dir)
	}
	return compareErr
}

// readCells reads the captures of the cells: a side of the comparison for each that has any.
func readCells(ctx context.Context, p *sweep.Plan, o profile.Options) ([]report.SweepCell, []compare.Side, error) {
	all, err := p.Sides()
	if err != nil {
		return nil, nil, err
	}
	cells := make([]report.SweepCell, len(p.Cells))
	var named []*profile.Side
	var of []int // the cell of each side
	for i, side := range all {
		cells[i].Name, cells[i].Failure = side.Label, p.Cells[i].Failure()
		if len(side.Captures) > 0 {
			named, of = append(named, side), append(of, i)
		}
	}
	sides, err := profile.ReadSides(ctx, named, o)
	if err != nil {
		return nil, nil, err
	}
	for k := range sides {
		figures := compare.FiguresOf(&sides[k])
		cell := &cells[of[k]]
		cell.Letter, cell.Figures = compare.Letter(k), &figures
	}
	return cells, sides, nil
}

// sweepResult is what inferprof sweep prints as JSON.
type sweepResult struct {
	Directory  string             `json:"directory" redact:"path"`
	Cells      []report.SweepCell `json:"cells"`
	Comparison *compare.Result    `json:"comparison,omitempty"`
}

func (s *settings) writeSweep(w io.Writer, dir string, cells []report.SweepCell, result *compare.Result, f *sweepFlags) error {
	o := report.Options{Full: f.full}
	if f.output == "" {
		o.Color, o.Width = s.colour(w), pageWidth(w)
	}
	switch s.format {
	case "json":
		return writeJSON(w, sweepResult{dir, cells, result})
	case "html":
		return report.SweepHTML(w, cells, result)
	case "csv":
		return report.SweepCSV(w, cells, result)
	case "md":
		return report.SweepMarkdown(w, cells, result, o)
	}
	return report.SweepText(w, cells, result, o)
}
