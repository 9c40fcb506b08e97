package profile

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// Cutting. Which events a cut keeps so that viewers can still read it is trace.Cut's to know; here it is said of each rank
// what its windows are, what of all ranks counts (the first event of all, the categories that there are), and under which
// names the cuts are written.

// Cut says what to keep of a profile. Steps and a window of time both choose a time: there is one of them at most.
type Cut struct {
	Steps      []analyze.Range // by their number in the report, each of which must be there; nil: all time
	FromNs     int64           // since the first event of all traces
	ToNs       int64           // events that begin before it; 0: to the end
	Only, Drop []string        // categories: these alone, and not these; nil: all
	Ranks      []int           // nil: all
}

// CutFile is one trace that was cut, and what became of it.
type CutFile struct {
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

// Cut reads the traces, all of them at once, and writes what c keeps to output: one trace into a file (*.json, *.json.gz),
// several into a directory that is not there yet. Either appears when it is whole. What is asked for and not there is a
// SelectionError or, of a trace without steps, a NoStepsError; a name that can't be written is an OutputError; a cut that
// leaves no work fails with ErrNothingLeft.
func (p *Profile) Cut(ctx context.Context, output string, c Cut) ([]*CutFile, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if output == "" {
		return nil, &OutputError{Problem: OutputNoName, Traces: len(p.Files)}
	}
	ranks, err := p.Traces(ctx)
	if err != nil {
		return nil, err
	}
	files, err := c.choose(ranks)
	if err != nil {
		return nil, err
	}
	p.options.teller()(Event{Kind: Writing, Of: len(files)})
	if err := writeCut(ctx, output, files); err != nil {
		return nil, err
	}
	return files, nil
}

// check finds what contradicts itself.
func (c *Cut) check() error {
	timed := c.FromNs != 0 || c.ToNs != 0
	switch {
	case len(c.Steps) > 0 && timed:
		problem := "steps and a window of time both choose a time: there can be one of them"
		return &SelectionError{By: BySteps, Asked: rangesText(c.Steps), Problem: problem}
	case c.FromNs < 0 || c.ToNs < 0 || c.ToNs != 0 && c.ToNs <= c.FromNs:
		asked := fmt.Sprintf("%s to %s", time.Duration(c.FromNs), time.Duration(c.ToNs))
		return &SelectionError{By: ByTime, Asked: asked, Problem: "must count from the first event, and end later than it begins"}
	}
	return checkRanges(BySteps, c.Steps)
}

// choose says what to keep of which trace.
func (c *Cut) choose(ranks []Rank) ([]*CutFile, error) {
	if err := c.knownCategories(ranks); err != nil {
		return nil, err
	}
	if err := c.knownRanks(ranks); err != nil {
		return nil, err
	}
	firstNs := earliest(ranks)
	var files []*CutFile
	for _, r := range ranks {
		if len(c.Ranks) > 0 && !slices.Contains(c.Ranks, r.Number) {
			continue
		}
		what := trace.Cut{Only: c.Only, Drop: c.Drop}
		switch {
		case len(c.Steps) > 0:
			steps := analyze.StepWindows(r.Trace)
			if len(steps) == 0 && r.Number < 0 {
				continue // an API server has no steps
			}
			var err error
			if what.Windows, err = c.stepWindows(r.Trace.Meta.Path, steps); err != nil {
				return nil, err
			}
			what.ByLaunch = true
		case c.FromNs > 0 || c.ToNs > 0:
			what.Windows = []trace.Window{c.timeWindow(r.Trace, firstNs)}
		}
		files = append(files, newCutFile(r, what))
	}
	if !slices.ContainsFunc(files, (*CutFile).holdsWork) {
		return nil, fmt.Errorf("%w: no event of %s is what was asked for", ErrNothingLeft, words.Counted(len(ranks), "trace"))
	}
	return files, nil
}

func newCutFile(r Rank, what trace.Cut) *CutFile {
	t := r.Trace
	f := &CutFile{Source: t.Meta.Path, Rank: r.Number, SourceEvents: t.Events.Len(), Damage: len(t.Damage), trace: t, rows: what.Rows(t)}
	if info, err := os.Stat(t.Meta.Path); err == nil {
		f.SourceBytes = info.Size()
	}
	f.Events = f.rows.Len()
	return f
}

// holdsWork says whether anything but the profiler's own window and marks, which every cut keeps, is in the cut.
func (c *CutFile) holdsWork() bool {
	e := &c.trace.Events
	for i := range e.Len() {
		if c.rows.Has(i) && e.Category(i) != trace.CategoryTrace && e.Category(i) != trace.CategoryNone {
			return true
		}
	}
	return false
}

// knownCategories refuses categories that no trace has.
func (c *Cut) knownCategories(ranks []Rank) error {
	var known []string
	for _, r := range ranks {
		for _, category := range r.Trace.Events.Categories() {
			if !slices.Contains(known, category) {
				known = append(known, category)
			}
		}
	}
	slices.Sort(known)
	for _, part := range []struct {
		by    Selector
		given []string
	}{{ByOnly, c.Only}, {ByDrop, c.Drop}} {
		for _, category := range part.given {
			if !slices.Contains(known, category) {
				return &SelectionError{By: part.by, Asked: category, Problem: "no event has this category", Known: known}
			}
		}
	}
	return nil
}

// knownRanks refuses ranks that no trace is of.
func (c *Cut) knownRanks(ranks []Rank) error {
	var known []int
	for _, r := range ranks {
		known = append(known, r.Number)
	}
	for _, n := range c.Ranks {
		if !slices.Contains(known, n) {
			return &SelectionError{By: ByRanks, Asked: fmt.Sprint(n), Problem: "there is no such rank: the traces are of " + rankNames(known)}
		}
	}
	return nil
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
func earliest(ranks []Rank) int64 {
	first := int64(math.MaxInt64)
	for _, r := range ranks {
		if at, ok := unixStartNs(r.Trace); ok {
			first = min(first, at)
		}
	}
	return first
}

// timeWindow is the window of t from one time to another after firstNs, which is Unix time.
func (c *Cut) timeWindow(t *trace.Trace, firstNs int64) trace.Window {
	base := firstNs - t.Meta.BaseTimeNanoseconds
	w := trace.Window{FromNs: base + c.FromNs, ToNs: math.MaxInt64}
	if c.ToNs > 0 {
		w.ToNs = base + c.ToNs
	}
	return w
}

// stepWindows are the times of the steps, those of neighbours joined. all are those of all steps of the trace at path.
func (c *Cut) stepWindows(path string, all []trace.Window) ([]trace.Window, error) {
	if len(all) == 0 {
		return nil, &NoStepsError{path}
	}
	ranges := slices.Clone(c.Steps)
	slices.SortFunc(ranges, func(a, b analyze.Range) int { return cmp.Compare(a.From, b.From) })
	var out []trace.Window
	for _, r := range ranges {
		last := r.To
		if last == math.MaxInt {
			last = len(all) - 1
		}
		if r.From >= len(all) || last >= len(all) {
			problem := fmt.Sprintf("%s has steps 0 to %d", path, len(all)-1)
			return nil, &SelectionError{By: BySteps, Asked: r.String(), Problem: problem}
		}
		w := trace.Window{FromNs: all[r.From].FromNs, ToNs: all[last].ToNs}
		if n := len(out); n > 0 && w.FromNs <= out[n-1].ToNs {
			out[n-1].ToNs = max(out[n-1].ToNs, w.ToNs)
			continue
		}
		out = append(out, w)
	}
	return out, nil
}
