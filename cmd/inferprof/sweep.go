package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/profile"
	"github.com/inferprof/inferprof/report"
)

// sweepFlags are the flags of inferprof sweep.
type sweepFlags struct {
	gate   gateFlags
	sets   []string
	envs   []string
	repeat int
	dir    string
	output string
	full   bool
	fresh  bool
}

func newSweep(s *settings) *cobra.Command {
	f := &sweepFlags{}
	cmd := &cobra.Command{
		Use:   "sweep --set NAME=VALUE,VALUE... -- run [flags]",
		Short: "Run once per value, then compare",
		Long: `Runs inferprof run once per combination of values and repeat, each in a process of its own and into a capture of its own,
interleaved, so that a machine that slows down slows all of them alike; then compares each combination with the first. A
combination that fails is named, and the others go on. Interrupted, the same command continues where it was.`,
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
			sweep, err := newSweepPlan(f, args[1:])
			if err != nil {
				return err
			}
			return s.sweep(cmd.Context(), sweep, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringArrayVar(&f.sets, "set", nil, "a flag of run and its `NAME=VALUE,VALUE`…; given again, every combination is run")
	cmd.Flags().StringArrayVar(&f.envs, "env", nil, "an environment variable and its `NAME=VALUE,VALUE`…")
	cmd.Flags().IntVar(&f.repeat, "repeat", 1, "captures of each combination: from 2 on, intervals know how much captures differ")
	cmd.Flags().StringVar(&f.dir, "dir", "", "`directory` of the sweep (default: one in "+capture.DefaultDir+" named after what is swept)")
	cmd.Flags().BoolVar(&f.fresh, "fresh", false, "run everything anew; captures of an earlier sweep stay beside the new ones")
	f.gate.define(cmd)
	cmd.Flags().BoolVar(&f.full, "full", false, "every row of every table")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", outputUsage)
	s.formatFlag(cmd, report.CompareFormats()...)
	return cmd
}

// A sweep's directory holds one directory per cell, in that one capture per repeat, and sweep.json, which says what was
// asked for and what is done.

// sweepStateName is the file that a sweep is continued from.
const sweepStateName = "sweep.json"

// sweepVersion is the version of sweep.json that this build reads and writes.
const sweepVersion = 1

// sweepPlan is what is to be run, and how far it is.
type sweepPlan struct {
	Version int         `json:"schema_version"`
	Run     []string    `json:"run"`
	Repeat  int         `json:"repeat"`
	Cells   []sweepCell `json:"cells"`

	dir string
}

// sweepCell is one combination.
type sweepCell struct {
	Name string    `json:"name"`
	Dir  string    `json:"directory"` // in the sweep's
	Set  []string  `json:"set"`       // --quantization=awq
	Env  []string  `json:"env"`       // NAME=value
	Runs []runCell `json:"runs"`
}

// runCell is one repeat of a cell.
type runCell struct {
	Capture string `json:"capture,omitempty"` // its directory, in the sweep's; "" until it is complete
	Failure string `json:"failure,omitempty"`
}

// newSweepPlan makes the combinations and checks each of them against run's flags, so that a mistyped value is found
// before anything has run.
func newSweepPlan(f *sweepFlags, args []string) (*sweepPlan, error) {
	if len(f.sets)+len(f.envs) == 0 {
		return nil, usagef("sweep needs something to vary: --set quantization=none,awq, or --env NAME=a,b")
	}
	p := &sweepPlan{Version: sweepVersion, Run: args, Repeat: f.repeat, Cells: []sweepCell{{}}}
	for _, set := range f.sets {
		if err := p.vary(set, "--set", func(c *sweepCell, name, value string) { c.Set = append(c.Set, "--"+name+"="+value) }); err != nil {
			return nil, err
		}
	}
	for _, env := range f.envs {
		if err := p.vary(env, "--env", func(c *sweepCell, name, value string) { c.Env = append(c.Env, name+"="+value) }); err != nil {
			return nil, err
		}
	}
	if err := checkRun(args); err != nil {
		return nil, err
	}
	if len(p.Cells) == 1 && f.gate.failOver != "" {
		return nil, usagef("--fail-over compares combinations with the first one, and there is only one: give a second value")
	}
	names := map[string]int{}
	for i := range p.Cells {
		c := &p.Cells[i]
		c.Dir = cellDirectory(c.Name)
		if names[c.Dir]++; names[c.Dir] > 1 {
			c.Dir += fmt.Sprintf("-%d", names[c.Dir])
		}
		c.Runs = make([]runCell, f.repeat)
		for _, set := range c.Set {
			if err := checkRun(append(slices.Clone(args), set)); err != nil {
				return nil, fmt.Errorf("--set %s: %w", strings.TrimPrefix(set, "--"), err)
			}
		}
	}
	p.dir = f.dir
	if p.dir == "" {
		p.dir = filepath.Join(capture.DefaultDir, p.defaultName(f))
	}
	return p, nil
}

// vary multiplies the cells by the values of one NAME=VALUE,VALUE.
func (p *sweepPlan) vary(text, flag string, add func(c *sweepCell, name, value string)) error {
	name, list, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(strings.TrimPrefix(name, "--"))
	if flag == "--set" {
		name = strings.ReplaceAll(name, "_", "-")
	}
	if name == "tp" {
		name = "tensor-parallel-size"
	}
	if !ok || name == "" {
		return usagef("%s %q: must be NAME=VALUE,VALUE…, such as %s", flag, text, map[string]string{"--set": "quantization=none,awq", "--env": "OMP_NUM_THREADS=1,2"}[flag])
	}
	var cells []sweepCell
	values := strings.Split(list, ",")
	for i, v := range values {
		if slices.Contains(values[:i], v) {
			return usagef("%s %s: %q is there twice; use --repeat for several captures of the same", flag, name, v)
		}
	}
	for _, c := range p.Cells {
		for _, v := range values {
			next := sweepCell{Name: c.Name, Set: slices.Clone(c.Set), Env: slices.Clone(c.Env)}
			if next.Name != "" {
				next.Name += ", "
			}
			next.Name += name + "=" + v
			add(&next, name, v)
			cells = append(cells, next)
		}
	}
	const most = 1000
	if len(cells) > most {
		return usagef("%d combinations are too many: at most %d", len(cells), most)
	}
	p.Cells = cells
	return nil
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
		return usagef("--api-key would be kept in %s: put it into INFERPROF_API_KEY", sweepStateName)
	}
	for _, name := range []string{"capture-dir", "profile-dir"} {
		if flags.Changed(name) {
			return usagef("--%s is not for a sweep, which gives each capture a directory of its own: use the sweep's --dir", name)
		}
	}
	return nil
}

// defaultName is the same for the same sweep, so that it is found again.
func (p *sweepPlan) defaultName(f *sweepFlags) string {
	var names []string
	for _, set := range slices.Concat(f.sets, f.envs) {
		name, _, _ := strings.Cut(set, "=")
		names = append(names, name)
	}
	text, _ := json.Marshal([]any{f.sets, f.envs, p.Run}) // of strings: cannot fail
	sum := sha256.Sum256(text)
	return cellDirectory("sweep-"+strings.Join(names, "-")) + "-" + hex.EncodeToString(sum[:4])
}

// cellDirectory makes a name fit for a directory.
func cellDirectory(name string) string {
	const longest = 80
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._+=-", r):
			return r
		case r == ' ':
			return -1
		}
		return '_'
	}, name)
	if len(out) > longest {
		sum := sha256.Sum256([]byte(name))
		out = out[:longest-9] + "-" + hex.EncodeToString(sum[:4])
	}
	return strings.TrimLeft(out, ".")
}

// resume takes over what an earlier sweep of the same plan has done. More repeats than before are added to it.
func (p *sweepPlan) resume() error {
	path := filepath.Join(p.dir, sweepStateName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("continue the sweep in %s: %w", p.dir, words.WithoutPath(err))
	}
	var before sweepPlan
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("continue the sweep in %s: %s is damaged (%w): use another --dir, or --fresh", p.dir, sweepStateName, err)
	}
	same := before.Version == sweepVersion && slices.Equal(before.Run, p.Run) && slices.EqualFunc(before.Cells, p.Cells, func(a, b sweepCell) bool {
		return a.Name == b.Name && slices.Equal(a.Set, b.Set) && slices.Equal(a.Env, b.Env)
	})
	if !same {
		return usagef("%s holds another sweep: use another --dir, or --fresh to run this one there", p.dir)
	}
	for i := range p.Cells {
		for k := range p.Cells[i].Runs {
			if k < len(before.Cells[i].Runs) {
				if done := before.Cells[i].Runs[k].Capture; done != "" && filepath.IsLocal(done) && complete(filepath.Join(p.dir, done)) {
					p.Cells[i].Runs[k].Capture = done
				}
			}
		}
	}
	return nil
}

// complete says whether a capture is still there and whole.
func complete(dir string) bool {
	c, err := ondisk.Open(dir)
	return err == nil && c.Manifest != nil && c.Manifest.Status == ondisk.Complete && len(c.Traces) > 0
}

func (p *sweepPlan) save() error {
	return atomicfile.Write(filepath.Join(p.dir, sweepStateName), func(w io.Writer) error { return writeJSON(w, p) })
}

// pending is how many captures are still to be made.
func (p *sweepPlan) pending() (n int) {
	for _, c := range p.Cells {
		for _, r := range c.Runs {
			if r.Capture == "" {
				n++
			}
		}
	}
	return n
}

// sweep runs what is missing, then compares.
func (s *settings) sweep(ctx context.Context, p *sweepPlan, f *sweepFlags, stdout, stderr io.Writer) error {
	if !f.fresh {
		if err := p.resume(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(p.dir, 0o777); err != nil {
		return fmt.Errorf("sweep directory %s: %w: choose another one with --dir", p.dir, words.WithoutPath(err))
	}
	if done := len(p.Cells)*p.Repeat - p.pending(); done > 0 && !s.quiet {
		fmt.Fprintf(stderr, "note: %d of %s are in %s already; --fresh runs them anew\n", done, words.Counted(len(p.Cells)*p.Repeat, "capture"), p.dir)
	}
	if err := s.runCells(ctx, p, stderr); err != nil {
		return err
	}
	return s.reportSweep(ctx, p, f, stdout, stderr)
}

// runCells makes the captures that are missing, interleaved: every cell once, then every cell again in the opposite order,
// so that what drifts with time hits all alike. A cell that failed is not repeated.
func (s *settings) runCells(ctx context.Context, p *sweepPlan, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	ctx, release := interruptible(ctx, stderr, line.note)
	defer release()
	total, n := p.pending(), 0
	failed := map[int]bool{}
	for repeat := range p.Repeat {
		for k := range p.Cells {
			i := k
			if repeat%2 == 1 {
				i = len(p.Cells) - 1 - k
			}
			c := &p.Cells[i]
			r := &c.Runs[repeat]
			if r.Capture != "" {
				continue
			}
			n++
			if failed[i] {
				r.Failure = "not tried: it failed before"
				continue
			}
			what := fmt.Sprintf("%d of %d: %s", n, total, c.Name)
			if p.Repeat > 1 {
				what += fmt.Sprintf(", repeat %d of %d", repeat+1, p.Repeat)
			}
			line.say(what)
			start := time.Now()
			dir, err := runCell1(ctx, p, c, repeat)
			switch {
			case ctx.Err() != nil:
				if saveErr := p.save(); saveErr != nil {
					return saveErr
				}
				return fmt.Errorf("%w: %d of %s are missing; the same command continues with them", capture.ErrInterrupted, p.pending(), words.Counted(len(p.Cells)*p.Repeat, "capture"))
			case err != nil:
				failed[i] = true
				r.Failure = oneLine(err)
				line.note(fmt.Sprintf("✗ %s: %s", what, r.Failure))
			default:
				r.Capture, r.Failure = dir, ""
				line.note(fmt.Sprintf("✓ %s: %s", what, words.Duration(time.Since(start))))
			}
			if err := p.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// reportSweep prints the cells and compares those that have captures with the first of them.
func (s *settings) reportSweep(ctx context.Context, p *sweepPlan, f *sweepFlags, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	cells, sides, err := p.read(ctx, profileOptions(line))
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
		return fmt.Errorf("sweep: every cell failed; the first, %s: %s (its output is in %s)", cells[0].Name, cells[0].Failure, filepath.Join(p.dir, p.Cells[0].Dir))
	}
	var result *compare.Result
	var compareErr error
	if len(sides) > 1 {
		result, compareErr = compare.Compare(sides)
		if cells[0].Letter != "" { // without its baseline a gate has nothing to judge by; that the cell failed is the error
			f.gate.judge(result, sides)
		}
	}
	render := func(w io.Writer) error { return s.writeSweep(w, p, cells, result, f) }
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
		return fmt.Errorf("sweep: %d of %s failed: %s (what they said is beside their captures in %s)", len(failures), words.Counted(len(p.Cells), "cell"), strings.Join(failures, "; "), p.dir)
	}
	return compareErr
}

// read reads the captures of the cells: a side of the comparison for each that has any.
func (p *sweepPlan) read(ctx context.Context, o profile.Options) ([]report.SweepCell, []compare.Side, error) {
	cells := make([]report.SweepCell, len(p.Cells))
	var named []*profile.Side
	var of []int // the cell of each side
	for i, c := range p.Cells {
		cells[i].Name = c.Name
		side := &profile.Side{Label: c.Name}
		for _, r := range c.Runs {
			if r.Capture == "" {
				cells[i].Failure = cmp.Or(cells[i].Failure, r.Failure, "not run")
				continue
			}
			opened, err := ondisk.Open(filepath.Join(p.dir, r.Capture))
			if err != nil {
				return nil, nil, err
			}
			side.Captures = append(side.Captures, opened)
		}
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
	Directory  string             `json:"directory"`
	Cells      []report.SweepCell `json:"cells"`
	Comparison *compare.Result    `json:"comparison,omitempty"`
}

func (s *settings) writeSweep(w io.Writer, p *sweepPlan, cells []report.SweepCell, result *compare.Result, f *sweepFlags) error {
	o := report.Options{Full: f.full}
	if f.output == "" {
		o.Color, o.Width = s.colour(w), pageWidth(w)
	}
	var err error
	switch s.format {
	case "json":
		return writeJSON(w, sweepResult{p.dir, cells, result})
	case "html":
		return report.SweepHTML(w, cells, result)
	case "csv":
		return report.SweepCSV(w, cells, result)
	case "text":
		err = report.SweepText(w, cells, o)
	case "md":
		err = report.SweepMarkdown(w, cells)
	}
	if err != nil || result == nil {
		return err
	}
	return report.RenderCompare(w, s.format, result, o)
}

// failureOf is the reason that a run gave, the last line of what it said, without our own name before it.
func failureOf(said []byte, err error) error {
	lines := strings.Split(strings.TrimSpace(string(bytes.ToValidUTF8(said, []byte("?")))), "\n")
	last := strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "inferprof: ")
	if last == "" {
		return err
	}
	return errors.New(last)
}
