package profile

import (
	"context"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/trace"
)

// Report reads the traces, lets each go when it has been analysed, and says where the time of the selected work went, with
// findings. A selection that leaves nothing is a SelectionError.
func (p *Profile) Report(ctx context.Context, s Selection) (*analyze.Result, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &analysis{profile: p, graphs: findGraphCaptures(p.paths()), options: p.options.Rules}
	o := &a.options
	o.Capture, o.Steps, o.Devices, o.Phase, o.Ranks, o.CaptureTraces = p.About, s.Steps, s.Devices, trace.StepPhase(s.Phase), nil, nil
	first := s
	if slices.Contains(p.paths(), stdin) { // which can't be read again
		first.Ranks = nil
	}
	kept, err := a.read(ctx, &first)
	if err == nil {
		o.Ranks, err = s.ranksAmong(kept.numbers())
	}
	if err == nil && kept.lacks(&first, o.Ranks) { // replicas claim the same ranks, and have come to have others
		kept, err = a.read(ctx, &Selection{})
	}
	for _, problem := range a.graphs.problems() {
		p.note(NoteGraphs, problem)
	}
	if err != nil {
		return nil, err
	}
	result := analyze.Join(kept.parts, *o)
	for _, problem := range result.Problems {
		if problem.ID == "nothing_selected" {
			return nil, &SelectionError{Problem: problem.Text}
		}
	}
	result.Findings = findings.Find(result, kept.looks)
	return result, nil
}

// NoteGraphs is a note of Report: the traces of graph captures could not be read, and graphs keep their kernels' names
// alone.
const NoteGraphs ondisk.NoteKind = "graphs"

// analysis is a report in the making.
type analysis struct {
	profile *Profile
	graphs  *graphCaptures
	options analyze.Options
}

// kept is what is kept of the traces of a profile, in the order of their files.
type kept struct {
	parts []*analyze.Part
	looks []*findings.Look // of each part; nil if there is nothing to see
}

// read leaves out the traces that claim ranks which are not selected.
func (a *analysis) read(ctx context.Context, selected *Selection) (*kept, error) {
	files := a.profile.paths()
	of := make([]kept, len(files))
	err := a.profile.read(ctx, files, func(i int, traces []*trace.Trace) {
		for _, t := range traces {
			of[i].add(a.look(t, i, selected))
		}
	})
	all := &kept{}
	for i := range of {
		all.parts, all.looks = append(all.parts, of[i].parts...), append(all.looks, of[i].looks...)
	}
	return all, err
}

// look analyses and looks at a trace of the i-th file.
func (a *analysis) look(t *trace.Trace, i int, selected *Selection) (*analyze.Part, *findings.Look) {
	rank := analyze.ClaimedRank(&t.Meta)
	if !selected.likely(rank) {
		return &analyze.Part{Meta: t.Meta}, nil
	}
	if rank < 0 && !t.Meta.FrontEnd() {
		rank = i // as RankNumbers counts, but for API servers
	}
	o := a.options
	o.CaptureTraces = a.graphs.of(rank)
	x := analyze.File(t, o)
	part := analyze.NewPart(x, rank, o)
	return part, findings.LookAt(x, part.Rank, o.Capture)
}

func (k *kept) add(part *analyze.Part, look *findings.Look) {
	k.parts, k.looks = append(k.parts, part), append(k.looks, look)
}

// numbers are the ranks of the parts.
func (k *kept) numbers() []int {
	metas := make([]trace.Meta, len(k.parts))
	for i, part := range k.parts {
		metas[i] = part.Meta
	}
	return analyze.RankNumbers(metas)
}

// lacks tells whether a trace was left out that has come to be one of the ranks asked for.
func (k *kept) lacks(selected *Selection, ranks []int) bool {
	for i, n := range k.numbers() {
		if !selected.likely(analyze.ClaimedRank(&k.parts[i].Meta)) && slices.Contains(ranks, n) {
			return true
		}
	}
	return false
}
