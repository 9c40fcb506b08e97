package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// cutFlags are what inferprof cut is asked for.
type cutFlags struct {
	output   string
	steps    stepRanges
	from, to time.Duration
	only     []string
	drop     []string
	ranks    []int
}

// cutFile is what inferprof cut prints of each trace as JSON.
type cutFile struct {
	Path         string `json:"path"`
	Source       string `json:"source"`
	Rank         int    `json:"rank"` // -1: an API server's trace
	Events       int    `json:"events"`
	SourceEvents int    `json:"source_events"`
	SizeBytes    int64  `json:"size_bytes"`
	SourceBytes  int64  `json:"source_bytes"` // 0 for standard input
	Damage       int    `json:"damage"`       // places of the source that could not be read as written

	trace *trace.Trace
	rows  *trace.Rows
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
			return s.cut(args, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
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
	if !cmd.Flags().Changed("to") {
		f.to = math.MaxInt64
	}
	return nil
}

func (s *settings) cut(paths []string, f *cutFlags, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	var sources, notes []string
	for _, path := range paths {
		c, err := ondisk.Open(path)
		if err != nil {
			return err
		}
		sources, notes = append(sources, c.Traces...), append(notes, c.Notes...)
	}
	sources, twice := ondisk.Distinct(sources)
	notes = append(notes, twice...)
	reader := newReader(source.Options{}, line, sources...)
	line.say("reading " + words.Counted(len(sources), "trace"))
	traces := make([][]*trace.Trace, len(sources))
	if err := reader.Start(sources, func(i int, ranks []*trace.Trace) { traces[i] = ranks })(); err != nil {
		return err
	}
	files, err := f.choose(slices.Concat(traces...))
	if err != nil {
		return err
	}
	line.say("writing " + words.Counted(len(files), "trace"))
	if err := f.write(files); err != nil {
		return err
	}
	line.close()
	if s.format == "json" {
		return writeJSON(stdout, struct {
			Files []*cutFile `json:"files"`
			Notes []string   `json:"notes"`
		}{files, append([]string{}, notes...)})
	}
	if s.quiet {
		return nil
	}
	for _, n := range notes {
		fmt.Fprintln(stderr, "note:", n)
	}
	return cutText(stdout, files)
}

// choose says what to keep of which trace.
func (f *cutFlags) choose(traces []*trace.Trace) ([]*cutFile, error) {
	if err := f.knownCategories(traces); err != nil {
		return nil, err
	}
	ranks := analyze.RankNumbers(analyze.Metas(traces))
	for _, r := range f.ranks {
		if !slices.Contains(ranks, r) {
			return nil, usagef("--ranks %d: there is no such rank: the traces are of %s", r, rankList(ranks))
		}
	}
	firstNs := earliest(traces)
	var files []*cutFile
	for i, t := range traces {
		if len(f.ranks) > 0 && !slices.Contains(f.ranks, ranks[i]) {
			continue
		}
		c := trace.Cut{Only: f.only, Drop: f.drop}
		switch {
		case len(f.steps) > 0:
			windows := analyze.StepWindows(t)
			if len(windows) == 0 && ranks[i] < 0 {
				continue // an API server has no steps
			}
			var err error
			if c.Windows, err = f.steps.windows(t.Meta.Path, windows); err != nil {
				return nil, err
			}
			c.ByLaunch = true
		case f.from > 0 || f.to < math.MaxInt64:
			c.Windows = []trace.Window{timeWindow(t, firstNs, f.from, f.to)}
		}
		file := &cutFile{Source: t.Meta.Path, Rank: ranks[i], SourceEvents: t.Events.Len(), Damage: len(t.Damage), trace: t, rows: c.Rows(t)}
		if info, err := os.Stat(t.Meta.Path); err == nil {
			file.SourceBytes = info.Size()
		}
		file.Events = file.rows.Len()
		files = append(files, file)
	}
	if !slices.ContainsFunc(files, (*cutFile).holdsWork) {
		return nil, fmt.Errorf("nothing is left: no event of %s is what was asked for", words.Counted(len(traces), "trace"))
	}
	return files, nil
}

// holdsWork says whether anything but the profiler's own window and marks, which every cut keeps, is in the cut.
func (c *cutFile) holdsWork() bool {
	e := &c.trace.Events
	for i := range e.Len() {
		if c.rows.Has(i) && e.Category(i) != trace.CategoryTrace && e.Category(i) != trace.CategoryNone {
			return true
		}
	}
	return false
}

// knownCategories refuses categories that no trace has.
func (f *cutFlags) knownCategories(traces []*trace.Trace) error {
	var known []string
	for _, t := range traces {
		for _, c := range t.Events.Categories() {
			if !slices.Contains(known, c) {
				known = append(known, c)
			}
		}
	}
	slices.Sort(known)
	for _, flag := range []struct {
		name  string
		given []string
	}{{"--only", f.only}, {"--drop", f.drop}} {
		for _, c := range flag.given {
			if !slices.Contains(known, c) {
				return usagef("%s %s: no event has this category%s (they have %s)", flag.name, c, didYouMean(c, "", known), strings.Join(known, ", "))
			}
		}
	}
	return nil
}

func rankList(ranks []int) string {
	var names []string
	for _, r := range slices.Sorted(slices.Values(ranks)) {
		if r >= 0 {
			names = append(names, fmt.Sprint(r))
		}
	}
	if len(names) == 1 {
		return "rank " + names[0]
	}
	return "ranks " + strings.Join(names, ", ")
}

// unixStartNs is when a trace's first event began, the profiler's own span and marks aside; false without any.
func unixStartNs(t *trace.Trace) (int64, bool) {
	first, any := int64(math.MaxInt64), false
	for i := range t.Events.Len() {
		if t.Events.Phase(i) == trace.PhaseComplete && t.Events.Category(i) != trace.CategoryTrace {
			first, any = min(first, t.Events.StartNs(i)), true
		}
	}
	return first + t.Meta.BaseTimeNanoseconds, any
}

// earliest is when the first event of all traces began, in Unix time.
func earliest(traces []*trace.Trace) int64 {
	first := int64(math.MaxInt64)
	for _, t := range traces {
		if at, ok := unixStartNs(t); ok {
			first = min(first, at)
		}
	}
	return first
}

// timeWindow is the window of t from one time to another after firstNs, which is Unix time.
func timeWindow(t *trace.Trace, firstNs int64, from, to time.Duration) trace.Window {
	w := trace.Window{FromNs: firstNs - t.Meta.BaseTimeNanoseconds + int64(from), ToNs: math.MaxInt64}
	if to < math.MaxInt64 {
		w.ToNs = firstNs - t.Meta.BaseTimeNanoseconds + int64(to)
	}
	return w
}

// write writes the files: one under the name asked for, or several into a directory of that name.
func (f *cutFlags) write(files []*cutFile) error {
	if isTraceName(f.output) {
		if len(files) > 1 {
			return usagef("-o %s is one file, and these are %d traces: name a directory, or one rank with --ranks", f.output, len(files))
		}
		return files[0].write(f.output)
	}
	if _, err := os.Lstat(f.output); err == nil {
		return fmt.Errorf("-o %s is there already: name a directory that is not, or a file that ends in .json or .json.gz", f.output)
	}
	parts := map[string]int{} // of a file into which several ranks were merged
	for _, file := range files {
		parts[file.Source]++
	}
	names, seen := make([]string, len(files)), map[string]bool{}
	for i, file := range files {
		names[i] = file.name()
		if parts[file.Source] > 1 {
			names[i] = fmt.Sprintf("rank%d-%s", file.Rank, names[i])
		}
		if seen[names[i]] {
			return fmt.Errorf("two of the traces are called %s: cut them one after the other", names[i])
		}
		seen[names[i]] = true
	}
	return atomicfile.WriteDir(f.output, func(dir string) error {
		for i, file := range files {
			if err := file.write(filepath.Join(dir, names[i])); err != nil {
				return err
			}
			file.Path = filepath.Join(f.output, names[i])
		}
		return nil
	})
}

func isTraceName(path string) bool {
	return strings.HasSuffix(strings.TrimSuffix(path, ".gz"), ".json")
}

// name is the source's own name, as far as it fits what is written.
func (c *cutFile) name() string {
	name := strings.TrimSuffix(filepath.Base(c.Source), ".zst")
	if !isTraceName(name) {
		return "trace.json.gz" // standard input
	}
	return name
}

func (c *cutFile) write(path string) error {
	if from, err := os.Stat(c.Source); err == nil {
		if to, err := os.Stat(path); err == nil && os.SameFile(from, to) {
			return fmt.Errorf("-o %s is the trace that is to be cut: name another file", path)
		}
	}
	if err := formats.WriteFile(path, c.trace, c.rows); err != nil {
		return err
	}
	c.Path = path
	if info, err := os.Stat(path); err == nil {
		c.SizeBytes = info.Size()
	}
	return nil
}

func cutText(w io.Writer, files []*cutFile) error {
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

// stepRanges are numbers of steps, as a flag.
type stepRanges []stepRange

type stepRange struct{ first, last int } // last -1: to the end

func (r *stepRanges) Type() string { return "numbers" }

func (r *stepRanges) String() string {
	var parts []string
	for _, s := range *r {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, ",")
}

func (s stepRange) String() string {
	switch {
	case s.last < 0:
		return fmt.Sprintf("%d-", s.first)
	case s.first == s.last:
		return fmt.Sprint(s.first)
	}
	return fmt.Sprintf("%d-%d", s.first, s.last)
}

// Set implements pflag.Value.
func (r *stepRanges) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		s, ok := parseStepRange(strings.TrimSpace(part))
		if !ok {
			return fmt.Errorf("must be numbers, such as 3, 10-12 or 40-")
		}
		*r = append(*r, s)
	}
	return nil
}

func parseStepRange(text string) (stepRange, bool) {
	first, last, isRange := strings.Cut(text, "-")
	a, ok := parseNatural(first)
	if !ok || !isRange {
		return stepRange{a, a}, ok
	}
	if last == "" {
		return stepRange{a, -1}, true
	}
	b, ok := parseNatural(last)
	return stepRange{a, b}, ok && b >= a
}

func parseNatural(text string) (int, bool) {
	v, err := strconv.ParseUint(text, 10, 31)
	return int(v), err == nil
}

// windows are the times of the steps, those of neighbours joined. steps are those of all steps of the trace at path.
func (r stepRanges) windows(path string, steps []trace.Window) ([]trace.Window, error) {
	if len(steps) == 0 {
		return nil, fmt.Errorf("%s has no steps: cut by time, with --from and --to", path)
	}
	ranges := slices.Clone(r)
	slices.SortFunc(ranges, func(a, b stepRange) int { return cmp.Compare(a.first, b.first) })
	var out []trace.Window
	for _, s := range ranges {
		last := s.last
		if last < 0 {
			last = len(steps) - 1
		}
		if s.first >= len(steps) || last >= len(steps) {
			return nil, usagef("--steps %s: %s has steps 0 to %d", s, path, len(steps)-1)
		}
		w := trace.Window{FromNs: steps[s.first].FromNs, ToNs: steps[last].ToNs}
		if n := len(out); n > 0 && w.FromNs <= out[n-1].ToNs {
			out[n-1].ToNs = max(out[n-1].ToNs, w.ToNs)
			continue
		}
		out = append(out, w)
	}
	return out, nil
}
