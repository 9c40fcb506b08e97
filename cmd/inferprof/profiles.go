package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/profile"
)

// What the verbs that read profiles have in common: how package profile reads for a process of its own, how its events,
// notes and errors are told to people, and the flags that select a part.

// profileOptions read within the memory that there is, and tell what happens on line.
func profileOptions(line *progress) profile.Options {
	return profile.Options{BoundGarbage: true, Progress: line.reading}
}

// reading tells what happens to a profile.
func (p *progress) reading(e profile.Event) {
	switch e.Kind {
	case profile.Reading:
		what := e.Path
		if what == "" {
			what = words.Counted(e.Of, "trace")
		}
		p.say("reading " + what)
	case profile.Read:
		p.detail(fmt.Sprintf("%d of %d", e.N, e.Of))
	case profile.TooLarge:
		p.note(fmt.Sprintf("note: %s may take %s of memory, and %s is free: cut it first (inferprof cut)",
			e.Path, words.Size(e.NeedBytes), words.Size(e.FreeBytes)))
	case profile.Verifying:
		p.verifying(e.N, e.Of, e.Path)
	case profile.Checking:
		p.say("looking at " + words.Counted(e.Of, "trace"))
	case profile.Writing:
		p.say("writing " + words.Counted(e.Of, "trace"))
	}
}

// tellNotes writes notes to w, a line each, unless --quiet.
func (s *settings) tellNotes(w io.Writer, notes []ondisk.Note) {
	if s.quiet {
		return
	}
	for _, n := range notes {
		fmt.Fprintln(w, "note:", n)
	}
}

// categoriesFlag names a file of rules that say which kernels and ops are what.
type categoriesFlag struct{ path string }

func (f *categoriesFlag) define(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.path, "categories", "", "file kernels and ops by the rules in this `file` before inferprof's own, a category and a pattern a line")
}

// read reads the file; nil if none is named.
func (f *categoriesFlag) read() (*analyze.CategoryRules, error) {
	if f.path == "" {
		return nil, nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("--categories: %w", err)
	}
	defer file.Close()
	rules, err := analyze.ReadCategories(f.path, file)
	if err != nil {
		return nil, fmt.Errorf("--categories: %w", err)
	}
	return rules, nil
}

// selectionFlags leave only part of a profile's work: some steps, a phase, some ranks, some devices.
type selectionFlags struct {
	steps, ranks, devices ranges
	phase                 string
}

// define adds the flags to a verb. Each goes by its plural too, as inferprof cut has it.
func (f *selectionFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&f.steps, "step", "only these steps, by their number in the report: 3, 3-9, 40- or 1,5-7")
	choiceVar(flags, &f.phase, "phase", "", "only steps of this phase", profile.Phases()...)
	flags.Var(&f.ranks, "rank", "only these ranks: 0 or 0-3")
	flags.Var(&f.devices, "device", "only the GPU work of these devices, by their number in the traces")
	for name, value := range map[string]*ranges{"steps": &f.steps, "ranks": &f.ranks, "devices": &f.devices} {
		flags.Var(value, name, "")
		if err := flags.MarkHidden(name); err != nil {
			panic(err) // only if there is no such flag
		}
	}
}

func (f *selectionFlags) selection() profile.Selection {
	return profile.Selection{Steps: f.steps, Phase: f.phase, Ranks: f.ranks, Devices: f.devices}
}

// selectorFlags are the flags of a verb by what they select.
type selectorFlags map[profile.Selector]string

// reword puts an error of package profile into the words of a command line with these flags, and into a type that says
// the exit code.
func (flags selectorFlags) reword(err error) error {
	if e, ok := errors.AsType[*profile.StrictError](err); ok {
		return &gateError{e.Error()}
	}
	if e, ok := errors.AsType[*profile.SelectionError](err); ok {
		hint := didYouMean(e.Asked, "", e.Known)
		if flag := flags[e.By]; flag != "" {
			return usagef("%s %s: %s%s%s", flag, e.Asked, e.Problem, hint, e.KnownText())
		}
		return usagef("%s%s%s", e.Problem, hint, e.KnownText())
	}
	if e, ok := errors.AsType[*profile.NoStepsError](err); ok {
		return fmt.Errorf("%w, with --from and --to", e)
	}
	if e, ok := errors.AsType[*profile.OutputError](err); ok && e.Problem == profile.OutputOneFile {
		return usagef("-o %v with --ranks", e)
	} else if ok {
		return fmt.Errorf("-o %w", e)
	}
	return err
}
