package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/inferprof/inferprof/analyze"
)

// BaselineVersion is the version of baseline files that this build writes, and the only one that it reads. In version 1 first
// and outlying steps were in no number, and what is divided was the mean of the others.
const BaselineVersion = 2

// baseline is a side, to be kept where its traces are not: in a repository, for the next commit to be compared with.
type baseline struct {
	Kind    string `json:"kind"` // baselineKind: tells the file from other JSON
	Version int    `json:"schema_version"`
	Side    Side   `json:"side"`
}

const baselineKind = "inferprof baseline"

// mostKept is how many steps of a shape a baseline keeps the times of. The sums are of all.
const mostKept = 300

// numbers are lists of numbers that MarshalIndent has spread over lines.
var numbers = regexp.MustCompile(`\[\s+(-?[\d.e+]+(?:,\s+-?[\d.e+]+)*)\s+\]`)

var spaces = regexp.MustCompile(`\s+`)

// WriteBaseline writes a side, one number list a line, so that a repository shows what changed.
func WriteBaseline(w io.Writer, s *Side) error {
	b := baseline{Kind: baselineKind, Version: BaselineVersion, Side: Side{Label: s.Label}}
	for _, r := range s.Runs {
		groups := make([]Group, len(r.Groups))
		for i, g := range r.Groups {
			g.TotalNs, g.BusyNs, g.CommNs = thinned(g.TotalNs), thinned(g.BusyNs), thinned(g.CommNs)
			g.Steps = len(r.Groups[i].TotalNs)
			groups[i] = g
		}
		r.Groups = groups
		b.Side.Runs = append(b.Side.Runs, r)
	}
	text, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return fmt.Errorf("write baseline: %w", err)
	}
	text = numbers.ReplaceAllFunc(text, func(list []byte) []byte { return spaces.ReplaceAll(list, nil) })
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write baseline: %w", err)
	}
	return nil
}

func thinned(v []int64) []int64 {
	if len(v) <= mostKept {
		return v
	}
	out := make([]int64, mostKept)
	for i := range out {
		out[i] = v[i*len(v)/mostKept]
	}
	return out
}

// ParseBaseline reads what WriteBaseline wrote. It takes nothing that Compare could not work with.
func ParseBaseline(text []byte) (*Side, error) {
	var b baseline
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("not JSON as --write-baseline writes it: %w", err)
	}
	switch {
	case b.Kind != baselineKind:
		return nil, errors.New("no baseline: write one with --write-baseline")
	case b.Version != BaselineVersion:
		return nil, fmt.Errorf("a baseline of version %d, and this inferprof measures steps as version %d does: write it anew, with inferprof compare CAPTURE --write-baseline FILE",
			b.Version, BaselineVersion)
	case len(b.Side.Runs) == 0:
		return nil, errors.New("no run in it")
	}
	for i := range b.Side.Runs {
		r := &b.Side.Runs[i]
		for k := range r.Groups {
			if err := r.Groups[k].check(len(r.Work)); err != nil {
				return nil, fmt.Errorf("run %d, group %d: %w", i, k, err)
			}
		}
	}
	return &b.Side, nil
}

// check refuses what was edited into nonsense.
func (g *Group) check(work int) error {
	n := len(g.TotalNs)
	switch {
	case n == 0:
		return errors.New("no step times")
	case len(g.BusyNs) != n || len(g.CommNs) != n:
		return errors.New("lists of different lengths")
	case g.Steps < n || g.Typical < 1 || g.Typical > g.Steps:
		return errors.New("fewer steps than step times, or than typical ones")
	case g.AllNs < 0 || slices.ContainsFunc(g.AllIdleNs[:], func(ns int64) bool { return ns < 0 }):
		return errors.New("a negative time")
	case len(g.LayerNs) > 1<<16:
		return errors.New("too many layers")
	}
	for i := range n {
		if g.BusyNs[i] < 0 || g.CommNs[i] < 0 || g.BusyNs[i] > g.TotalNs[i] {
			return errors.New("a step that is busy for longer than it lasts")
		}
	}
	for _, ns := range g.IdleNs {
		if ns < 0 {
			return errors.New("a negative time")
		}
	}
	for _, s := range g.Work {
		if s.Work < 0 || s.Work >= work || s.Ns < 0 || s.Count < 0 || s.Neighbours < 0 {
			return errors.New("work that is not in its table, or negative")
		}
	}
	return nil
}

var _ = [1]struct{}{}[int(analyze.IdleCauses)-5] // a new cause makes baselines of another form: raise BaselineVersion
