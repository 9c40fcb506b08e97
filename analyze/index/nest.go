package index

import (
	"sort"

	"github.com/inferprof/inferprof/trace"
)

// Nest is spans of threads that lie inside each other: which one is around another, and which is the innermost at a
// moment. Every question of what an op, a call or a launch belongs to is one of these two, about ops, about ops with a
// model, about modules.
//
// Spans of real traces outlive the one around them now and then, by some µs. So what is around a span is, of those open
// when it begins, the one that began last, and whoever asks about a moment climbs past those that have ended.
type Nest struct {
	Spans   []Span  // by (track, start), parents before children
	parents []int32 // -1: none
}

// NewNest makes room for so many spans.
func NewNest(spans int) *Nest {
	return &Nest{make([]Span, 0, spans), make([]int32, 0, spans)}
}

// Add adds a span, which comes after all others, and returns which one is around it; -1: none is.
func (n *Nest) Add(s Span) (around int32) {
	around = n.climb(int32(len(n.Spans))-1, s.Track, s.StartNs)
	n.Spans, n.parents = append(n.Spans, s), append(n.parents, around)
	return around
}

// Around is the span around one; -1 if there is none.
func (n *Nest) Around(i int32) int32 { return n.parents[i] }

// At is the innermost span at a moment of a thread; -1 if there is none.
func (n *Nest) At(track trace.TrackID, ns int64) int32 {
	i := sort.Search(len(n.Spans), func(i int) bool {
		s := &n.Spans[i]
		return s.Track > track || s.Track == track && s.StartNs > ns
	})
	return n.climb(int32(i)-1, track, ns)
}

// climb is the innermost of a span and those around it that is open at a moment of a thread.
func (n *Nest) climb(i int32, track trace.TrackID, ns int64) int32 {
	for i >= 0 && (n.Spans[i].Track != track || n.Spans[i].EndNs <= ns) {
		i = n.parents[i]
	}
	return i
}

// Walk asks a Nest about one moment after the other. Where the moments of each thread come in order it passes over each
// span once, which a search for each moment does not.
type Walk struct {
	nest *Nest
	next []int // by thread: its first span that begins later than all moments so far; 0: none was asked for
}

// Walk begins one over threads of the trace.
func (x *Index) Walk(n *Nest) *Walk { return &Walk{n, make([]int, len(x.Trace.Tracks))} }

// At is Nest.At of a moment that is no earlier than the last one of its thread.
func (w *Walk) At(track trace.TrackID, ns int64) int32 {
	spans, i := w.nest.Spans, w.next[track]
	if i == 0 {
		i = sort.Search(len(spans), func(i int) bool { return spans[i].Track >= track })
	}
	for i < len(spans) && spans[i].Track == track && spans[i].StartNs <= ns {
		i++
	}
	w.next[track] = i
	return w.nest.climb(int32(i)-1, track, ns)
}
