package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/profile"
	"github.com/inferprof/inferprof/report"
)

// reportFlags are what inferprof report is asked for.
type reportFlags struct {
	report.Options
	selected   selectionFlags
	categories categoriesFlag
	redact     redactFlag
	strict     bool
	output     string
}

func newReport(s *settings) *cobra.Command {
	f := &reportFlags{}
	cmd := &cobra.Command{
		Use:   "report PATH...",
		Short: "Where the time went in a capture or in traces",
		Long: `Reads captures, directories of traces and single traces (*.json, *.json.gz; "-" is standard input) and reports where the
time went: what is wrong with the traces, the answer in a few sentences, findings and what to try, busy and idle time,
categories, phases and kernels on one screen. --full has everything, --by one table, --format html a page with charts;
hta and tracelens are CSV with those tools' columns, all their tables if -o names a directory.

Traces named together are taken for the ranks of one profile. A damaged trace is read as far as it is good, and the
report says so; numbers that depend on what is missing carry a mark, †1.

Tables: ` + tableWords() + `.`,
		Example: "  inferprof report inferprof_profile\n" +
			"  inferprof report ./vllm_profile -o report.html\n" +
			"  inferprof report ./vllm_profile --step 3-9 --by kernel --top 20\n" +
			"  inferprof report ./vllm_profile --phase decode --format md\n" +
			"  inferprof report ./vllm_profile --format csv --by step -o steps.csv\n" +
			"  inferprof report rank0.pt.trace.json.gz rank1.pt.trace.json.gz",
		Args: atLeastOne("a capture, a directory of traces or a trace"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, s); err != nil {
				return err
			}
			return s.report(cmd.Context(), args, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	s.formatFlag(cmd, report.Formats()...)
	flags.StringVarP(&f.output, "output", "o", "", outputUsage)
	flags.BoolVar(&f.Full, "full", false, "every table and every row, rather than one screen")
	choiceVar(flags, &f.By, "by", "", "only this `table`, every row of it", report.Tables()...)
	flags.IntVar(&f.Top, "top", 0, "with --by, only the first so many rows (default all)")
	f.selected.define(cmd)
	f.categories.define(cmd)
	f.redact.define(cmd)
	flags.BoolVar(&f.strict, "strict", false, "a damaged trace or a missing rank is an error (exit code 3)")
	return cmd
}

// tableWords lists the tables of --by, a few to the line.
func tableWords() string {
	names := report.Tables()
	return strings.Join(names[:len(names)/2], ", ") + ",\n" + strings.Join(names[len(names)/2:], ", ")
}

// check finds what contradicts itself before anything is read, and takes the format from the name of the output.
func (f *reportFlags) check(cmd *cobra.Command, s *settings) error {
	if f.Top < 0 {
		return usagef("--top %d: must be 0 (every row) or more", f.Top)
	}
	if err := s.formatByName(cmd, f.output); err != nil {
		return err
	}
	if f.Top > 0 && f.By == "" && s.format != "csv" {
		return usagef("--top counts the rows of one table: name it with --by")
	}
	if tables := report.FormatTables(s.format); f.By != "" && !slices.Contains(tables, f.By) {
		if tables == nil {
			return usagef("--format %s is not of one table: leave --by out", s.format)
		}
		return usagef("--by %s: --format %s has %s", f.By, s.format, strings.Join(tables, ", "))
	}
	f.Quiet = s.quiet
	return nil
}

// outputUsage is what help says of -o.
const outputUsage = "write to this `file` rather than to standard output; its ending says the format"

// formatByName takes the format from the name of the output, unless --format says it, and refuses a page on a terminal.
func (s *settings) formatByName(cmd *cobra.Command, output string) error {
	if output != "" && !cmd.Flags().Changed("format") {
		if format := formatOf(output); format != "" {
			s.format = format
		}
	}
	if s.format == "html" && output == "" && isTerminal(cmd.OutOrStdout()) {
		return usagef("--format html is a page for a browser: name a file with -o %s.html", cmd.Name())
	}
	return nil
}

// formatOf is the format that a file's name asks for; "" if its ending says nothing.
func formatOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".html", ".htm":
		return "html"
	case ".json":
		return "json"
	case ".csv":
		return "csv"
	case ".md", ".markdown":
		return "md"
	}
	return ""
}

// reportSelectors are the flags of inferprof report.
var reportSelectors = selectorFlags{
	profile.BySteps: "--step", profile.ByPhase: "--phase", profile.ByRanks: "--rank", profile.ByDevices: "--device",
}

func (s *settings) report(ctx context.Context, paths []string, f *reportFlags, stdout, stderr io.Writer) error {
	line := s.newProgress(stderr)
	defer line.close()
	o := profileOptions(line)
	o.Strict = f.strict
	report.Prepare(s.format, &o.Rules)
	var err error
	if o.Rules.Categories, err = f.categories.read(); err != nil {
		return err
	}
	p, err := profile.Open(ctx, paths, o)
	if err != nil {
		return reportSelectors.reword(err)
	}
	result, err := p.Report(ctx, f.selected.selection())
	if err != nil {
		return reportSelectors.reword(err)
	}
	line.close()
	s.tellNotes(stderr, p.Notes())
	if !s.quiet && report.Files(s.format, result) != nil && result.Kind != analyze.KindGPU {
		fmt.Fprintf(stderr, "note: the traces have no GPU work, of which the tables of %s are\n", s.format)
	}
	f.redact.apply(result)
	if f.output == "" {
		return s.writeReport(stdout, result, f.Options)
	}
	if files := report.Files(s.format, result); files != nil && f.By == "" && isDirectory(f.output) {
		return writeFilesTo(f.output, files)
	}
	return writeOutput(f.output, func(w io.Writer) error { return s.writeReport(w, result, f.Options) })
}

// isDirectory tells names of directories: those that are there, and those that end as such.
func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir() || os.IsPathSeparator(path[len(path)-1])
}

// writeFilesTo writes the files of a format into a directory, which it makes if it is not there.
func writeFilesTo(dir string, files []report.File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := atomicfile.Write(filepath.Join(dir, f.Name), f.Write); err != nil {
			return err
		}
	}
	return nil
}

// writeOutput writes a file that appears when it is whole. What is there and no file, such as a pipe or /dev/stdout, is
// written to instead of being replaced.
func writeOutput(path string, write func(io.Writer) error) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return usagef("-o %s is a directory: name a file in it", path)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return usagef("-o %s: there is no directory %s", path, filepath.Dir(path))
	}
	return atomicfile.Write(path, write)
}

// writeReport renders a result in the format asked for.
func (s *settings) writeReport(w io.Writer, result *analyze.Result, o report.Options) error {
	o.Color, o.Width = s.colour(w), pageWidth(w)
	return report.Render(w, s.format, result, o)
}
