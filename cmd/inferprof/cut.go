package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/profile"
)

// cutFlags are what inferprof cut is asked for.
type cutFlags struct {
	output   string
	steps    ranges
	from, to time.Duration
	only     []string
	drop     []string
	ranks    []int
}

func newCut(s *settings) *cobra.Command {
	f := &cutFlags{}
	cmd := &cobra.Command{
		Use:   "cut PATH... -o OUTPUT",
		Short: "A smaller trace: some steps, some time, some categories, some ranks",
		Long: `Writes the part of a profile that matters as a trace that every viewer opens: steps by their number in the report, a window
of time, categories, ranks. What is asked for is kept whole: a launch with its kernels and their op, both ends of an
arrow, and the spans that reach into the window. Every event keeps its very text.

One trace goes into a file (*.json or *.json.gz), several go into a new directory. Either appears when it is whole.`,
		Example: "  inferprof cut trace.pt.trace.json.gz --steps 10-12 -o small.json.gz\n" +
			"  inferprof cut ./vllm_profile --ranks 0,3 --drop python_function -o small\n" +
			"  inferprof cut ./vllm_profile --from 1.5s --to 1.7s -o window",
		Args: atLeastOne("a capture, a directory of traces or a trace"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return s.cut(cmd.Context(), args, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.output, "output", "o", "", "the `file` (*.json, *.json.gz) or directory to write")
	flags.Var(&f.steps, "steps", "only these steps, by their number in the report: 3, 10-12, 40-, or several of these with commas")
	flags.DurationVar(&f.from, "from", 0, "only from this `time` on, since the first event: 1.5s, 200ms")
	flags.DurationVar(&f.to, "to", 0, "only to before this `time`")
	flags.StringSliceVar(&f.only, "only", nil, "only these `categories`: kernel, cpu_op, cuda_runtime …")
	flags.StringSliceVar(&f.drop, "drop", nil, "not these `categories`: python_function …")
	flags.IntSliceVar(&f.ranks, "ranks", nil, "only these `ranks`")
	s.formatFlag(cmd, "text", "json")
	return cmd
}

// check finds what contradicts itself before anything is read.
func (f *cutFlags) check(cmd *cobra.Command) error {
	timed := cmd.Flags().Changed("from") || cmd.Flags().Changed("to")
	switch {
	case f.output == "":
		return usagef("say where to write with -o: a file that ends in .json or .json.gz, or a directory")
	case len(f.steps) == 0 && !timed && len(f.only) == 0 && len(f.drop) == 0 && len(f.ranks) == 0:
		return usagef("say what to keep: --steps, --from and --to, --only, --drop or --ranks")
	case len(f.steps) > 0 && timed:
		return usagef("--steps and --from/--to both choose a time: give one of them")
	case f.from < 0 || f.to < 0:
		return usagef("--from and --to count from the first event: must be 0 or more")
	case cmd.Flags().Changed("to") && f.to <= f.from:
		return usagef("--to %s: must be later than --from, which is %s", f.to, f.from)
	}
	return nil
}

// keep is what to keep, as package profile says it.
func (f *cutFlags) keep() profile.Cut {
	return profile.Cut{Steps: f.steps, FromNs: int64(f.from), ToNs: int64(f.to), Only: f.only, Drop: f.drop, Ranks: f.ranks}
}

// cutSelectors are the flags of inferprof cut.
var cutSelectors = selectorFlags{profile.BySteps: "--steps", profile.ByRanks: "--ranks", profile.ByOnly: "--only", profile.ByDrop: "--drop"}

func (s *settings) cut(ctx context.Context, paths []string, f *cutFlags, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	p, err := profile.Open(ctx, paths, profileOptions(line))
	if err != nil {
		return err
	}
	files, err := p.Cut(ctx, f.output, f.keep())
	if err != nil {
		return cutSelectors.reword(err)
	}
	line.close()
	if s.format == "json" {
		return writeJSON(stdout, struct {
			Files []*profile.CutFile `json:"files"`
			Notes []string           `json:"notes"`
		}{files, ondisk.Texts(p.Notes())})
	}
	if s.quiet {
		return nil
	}
	s.tellNotes(stderr, p.Notes())
	return cutText(stdout, files)
}

func cutText(w io.Writer, files []*profile.CutFile) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range files {
		fmt.Fprintf(t, "%s\t%s of %s\t%s", c.Path, words.Grouped(int64(c.Events)), words.Counted(c.SourceEvents, "event"), words.Size(c.SizeBytes))
		if c.SourceBytes > 0 {
			fmt.Fprintf(t, " of %s", words.Size(c.SourceBytes))
		}
		if c.Damage > 0 {
			fmt.Fprintf(t, "\tthe source is damaged in %s", words.Counted(c.Damage, "place"))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
