package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/report"
	"github.com/inferprof/inferprof/trace"
)

// selection are the flags that leave only part of a profile's work: some steps, a phase, some ranks, some devices.
type selection struct {
	steps, ranks, devices stepRanges
	phase                 string

	format string // whose rules the analysis goes by
}

// define adds the flags to a verb. Each goes by its plural too, as inferprof cut has it.
func (f *selection) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&f.steps, "step", "only these steps, by their number in the report: 3, 3-9, 40- or 1,5-7")
	choiceVar(flags, &f.phase, "phase", "", "only steps of this phase",
		string(trace.StepPrefill), string(trace.StepDecode), string(trace.StepMixed))
	flags.Var(&f.ranks, "rank", "only these ranks: 0 or 0-3")
	flags.Var(&f.devices, "device", "only the GPU work of these devices, by their number in the traces")
	for name, value := range map[string]*stepRanges{"steps": &f.steps, "ranks": &f.ranks, "devices": &f.devices} {
		flags.Var(value, name, "")
		if err := flags.MarkHidden(name); err != nil {
			panic(err) // only if there is no such flag
		}
	}
}

// options are what the flags ask of an analysis. Which ranks there are is known later (ranksAmong).
func (f *selection) options() analyze.Options {
	o := analyze.Options{Phase: f.phase}
	report.Prepare(f.format, &o)
	o.Steps, o.Devices = f.steps.ranges(), f.devices.ranges()
	return o
}

// ranges are the numbers as an analysis takes them; nil for none.
func (r stepRanges) ranges() []analyze.Range {
	var out []analyze.Range
	for _, s := range r {
		last := s.last
		if last < 0 {
			last = math.MaxInt
		}
		out = append(out, analyze.Range{From: s.first, To: last})
	}
	return out
}

// likely says whether a trace that claims a rank, -1 if it claims none, is likely to be asked for.
func (f *selection) likely(rank int) bool { return f.ranks == nil || rank < 0 || f.ranks.contain(rank) }

// ranksAmong are the ranks asked for of those that there are, in which API servers are -1; nil: all.
func (f *selection) ranksAmong(numbers []int) ([]int, error) {
	if f.ranks == nil {
		return nil, nil
	}
	there := slices.DeleteFunc(slices.Clone(numbers), func(n int) bool { return n < 0 })
	slices.Sort(there)
	there = slices.Compact(there)
	asked := slices.DeleteFunc(slices.Clone(there), func(n int) bool { return !f.ranks.contain(n) })
	if len(asked) == 0 {
		return nil, usagef("--rank %s: the traces are of %s", f.ranks.String(), rankNames(there))
	}
	return asked, nil
}

func (r stepRanges) contain(n int) bool {
	return slices.ContainsFunc(r, func(s stepRange) bool { return s.first <= n && (s.last < 0 || n <= s.last) })
}

func rankNames(ranks []int) string {
	switch len(ranks) {
	case 0:
		return "no rank"
	case 1:
		return "rank " + strconv.Itoa(ranks[0])
	}
	names := make([]string, len(ranks))
	for i, r := range ranks {
		names[i] = strconv.Itoa(r)
	}
	return "ranks " + strings.Join(names, ", ")
}

// nothing is the error of a selection that leaves no work.
func (f *selection) nothing(r *analyze.Result) error {
	for _, p := range r.Problems {
		if p.ID == "nothing_selected" {
			return usagef("%s", p.Text)
		}
	}
	return nil
}
