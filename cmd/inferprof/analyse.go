package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// analyse reads traces and turns them into results.
func (s *settings) analyse(paths []string, about *analyze.Capture, strict bool, line *progress) (*analyze.Result, error) {
	return s.analyseSelected(paths, about, &selection{}, strict, line)
}

// analyseSelected reads traces and turns a selection of their work into results.
func (s *settings) analyseSelected(paths []string, about *analyze.Capture, selected *selection, strict bool, line *progress) (*analyze.Result, error) {
	o := selected.options()
	o.Capture = about
	p := &profileReader{paths: paths, options: o, graphs: findGraphCaptures(paths), line: line,
		reader: newReader(source.Options{Strict: strict}, line, paths...)}
	first := selected
	if slices.Contains(paths, "-") { // standard input can't be read again
		first = &selection{}
	}
	kept, err := p.read(first)
	if err == nil {
		o.Ranks, err = selected.ranksAmong(kept.numbers())
	}
	if err == nil && kept.lacks(first, o.Ranks) { // replicas claim the same ranks, and have come to have others
		kept, err = p.read(&selection{})
	}
	if _, damaged := errors.AsType[*source.DamageError](err); damaged {
		return nil, &gateError{err.Error()}
	}
	if err != nil {
		return nil, err
	}
	if !s.quiet {
		for _, n := range p.graphs.notes {
			line.close()
			fmt.Fprintln(os.Stderr, "note:", n)
		}
	}
	result := analyze.Join(kept.parts, o)
	if err := selected.nothing(result); err != nil {
		return nil, err
	}
	result.Findings = findings.Find(result, kept.looks)
	return result, nil
}

// profileReader reads the traces of a profile, analyses and looks at each, and lets it go.
type profileReader struct {
	paths   []string
	options analyze.Options
	graphs  *graphCaptures
	reader  *formats.Reader
	line    *progress
}

// kept is what is kept of the traces of a profile, in the order of their files.
type kept struct {
	parts []*analyze.Part
	looks []*findings.Look // of each part; nil if there is nothing to see
}

// read leaves out the traces that claim ranks which are not selected.
func (p *profileReader) read(selected *selection) (*kept, error) {
	p.line.say("reading " + words.Counted(len(p.paths), "trace"))
	of := make([]kept, len(p.paths))
	var done atomic.Int32
	err := p.reader.Start(p.paths, func(i int, traces []*trace.Trace) {
		for _, t := range traces {
			of[i].add(p.look(t, i, selected))
		}
		p.line.detail(fmt.Sprintf("%d of %d", done.Add(1), len(p.paths)))
	})()
	all := &kept{}
	for i := range of {
		all.parts, all.looks = append(all.parts, of[i].parts...), append(all.looks, of[i].looks...)
	}
	return all, err
}

// look analyses and looks at a trace of the i-th file.
func (p *profileReader) look(t *trace.Trace, i int, selected *selection) (*analyze.Part, *findings.Look) {
	rank := analyze.ClaimedRank(&t.Meta)
	if !selected.likely(rank) {
		return &analyze.Part{Meta: t.Meta}, nil
	}
	if rank < 0 && !t.Meta.FrontEnd() {
		rank = i // as RankNumbers counts, but for API servers
	}
	o := p.options
	o.CaptureTraces = p.graphs.of(rank)
	part := analyze.NewPart(t, rank, o)
	return part, findings.LookAt(t, part.Rank, o.Capture)
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
func (k *kept) lacks(selected *selection, ranks []int) bool {
	for i, n := range k.numbers() {
		if !selected.likely(analyze.ClaimedRank(&k.parts[i].Meta)) && slices.Contains(ranks, n) {
			return true
		}
	}
	return false
}
