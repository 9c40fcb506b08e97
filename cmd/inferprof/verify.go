package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/profile"
)

func newVerify(s *settings) *cobra.Command {
	strict, quick := false, false
	cmd := &cobra.Command{
		Use:   "verify PATH...",
		Short: "Are these traces whole, and do they make sense?",
		Long: `Reads every trace of the captures, directories and files named ("-" is standard input), to its last byte, and says whether
it is whole: checksums, closed JSON, no damage, and for a capture every rank and the very bytes that were captured. Of a
directory of captures it verifies all of them.

Then it says what makes the numbers doubtful, as a report does, and what was looked at: ranks that are missing, GPU work
whose launch is not there, graph replays that lack kernels, events that are there twice, steps without a mark, and so on.
Files that are named together are one profile; each directory is one by itself.

Exits with 0 if everything is whole and nothing is wrong, and with 1 if anything is not whole or there is an error; with
--strict with 3 then, and if there is a warning.`,
		Example: "  inferprof verify inferprof_profile\n" +
			"  inferprof verify --quiet ./vllm_profile && echo whole\n" +
			"  inferprof verify --strict ./vllm_profile",
		Args: atLeastOne("a capture, a directory of traces or a trace"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strict && quick {
				return usagef("--strict asks what --quick leaves out: give one of them")
			}
			v, err := s.verify(cmd.Context(), cmd.ErrOrStderr(), args, quick || s.quiet && !strict)
			if err != nil {
				return err
			}
			switch {
			case s.format == "json":
				err = writeJSON(cmd.OutOrStdout(), v)
			case !s.quiet:
				err = verificationText(cmd.OutOrStdout(), v)
			}
			if err == nil {
				err = verificationFailure(v, strict)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "anything that is not whole, and any warning, is an error (exit code 3)")
	cmd.Flags().BoolVar(&quick, "quick", false, "only say what is whole, not what makes sense")
	s.formatFlag(cmd, "text", "json")
	return cmd
}

// verify looks at every trace at paths; unless quick, also at what the events say.
func (s *settings) verify(ctx context.Context, stderr io.Writer, paths []string, quick bool) (*profile.Verification, error) {
	line := s.newProgress(stderr)
	defer line.close()
	if quick {
		return profile.VerifyFiles(ctx, paths, profileOptions(line))
	}
	return profile.Verify(ctx, paths, profileOptions(line))
}

func verificationText(w io.Writer, v *profile.Verification) error {
	for _, n := range v.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	if err := fileTable(w, v.Files); err != nil {
		return err
	}
	for _, p := range v.Problems {
		if p.ID == analyze.ProblemDamaged { // the file's line says it
			continue
		}
		who := ""
		if p.Rank != analyze.AllRanks && !p.NamesRank() {
			who = fmt.Sprintf("rank %d: ", p.Rank)
		}
		fmt.Fprintf(w, "%s: %s%s\n", p.Severity, who, p.Text)
	}
	events := func(c analyze.Check) bool { return c.ID == analyze.CheckFile } // the file's line says it
	if m := analyze.CheckedOf(slices.DeleteFunc(slices.Clone(v.Checks), events)); !m.IsZero() {
		if m.ID != analyze.SaidNotChecked {
			fmt.Fprint(w, "checked: ")
		}
		fmt.Fprintln(w, m.Text())
	}
	return nil
}

// verificationFailure counts what is not whole and, if strict, what is doubtful; nil if there is nothing.
func verificationFailure(v *profile.Verification, strict bool) error {
	bad, missing, other := 0, 0, 0
	for _, f := range v.Files {
		if f.Verdict != ondisk.Whole {
			bad++
		}
		switch f.Verdict {
		case ondisk.Missing:
			missing++
		case ondisk.NoTrace:
			other++
		}
	}
	text := fmt.Sprintf("%d of %s are not whole", bad, words.Counted(len(v.Files), "trace"))
	switch {
	case bad == missing:
		text = "traces are missing"
	case bad == other:
		text = "the file is no trace"
		if len(v.Files) > 1 {
			text = fmt.Sprintf("of %d files %d are no traces", len(v.Files), other)
		}
	case len(v.Files) == 1:
		text = "the trace is not whole"
	case bad == 1:
		text = fmt.Sprintf("1 of %d traces is not whole", len(v.Files))
	}
	switch {
	case bad > 0 && !strict:
		return errors.New(text)
	case bad > 0:
		return &gateError{text}
	}
	if wrong := v.Wrong(); len(wrong) > 0 && !strict {
		return errors.New("the traces are whole, and something is wrong: " + wrong[0].Text)
	}
	if doubts := v.Doubts(); strict && len(doubts) > 0 {
		return &gateError{"the traces are whole, and doubtful: " + doubts[0].Text}
	}
	return nil
}

// fileTable prints one line per trace: its name, and its directory's if there are several.
func fileTable(w io.Writer, files []ondisk.File) error {
	name := filepath.Base
	for _, f := range files {
		if filepath.Dir(f.Path) != filepath.Dir(files[0].Path) {
			name = func(path string) string { return filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path)) }
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range files {
		fmt.Fprintf(t, "  %s\t%s", f.Verdict, name(f.Path))
		if f.Verdict == ondisk.Whole {
			fmt.Fprintf(t, "\t%s\t%s", words.Size(f.SizeBytes), words.Counted(f.Events, "event"))
			if f.Steps > 0 {
				fmt.Fprintf(t, "\t%s", words.Counted(f.Steps, "step"))
			}
		} else {
			fmt.Fprintf(t, "\t%s", f.Problem)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
