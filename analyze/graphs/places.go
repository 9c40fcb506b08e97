package graphs

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// Where graph launches stand: in which step, and between which others.

// place is where a graph launch stands among the others.
type place struct {
	in            position
	before, after int32 // calls of the graph launches around it on its thread; -1 if there is none
}

// position is a place in steps that are alike.
type position struct {
	phase    trace.StepPhase
	requests int64
	n        int // of the graph launches of the step, from 0; -1: in no step
}

// placesOf says where each graph launch stands, by its call.
func placesOf(x *index.Index) map[int32]place {
	var calls []int32
	for i := range x.Calls {
		if x.IsGraphLaunch(&x.Calls[i]) {
			calls = append(calls, int32(i))
		}
	}
	slices.SortStableFunc(calls, func(a, b int32) int {
		ca, cb := &x.Calls[a], &x.Calls[b]
		return cmp.Or(cmp.Compare(ca.Track, cb.Track), cmp.Compare(ca.StartNs, cb.StartNs))
	})
	places := make(map[int32]place, len(calls))
	mark, n := -1, 0
	marks := x.ChooseMarks()
	for k, call := range calls {
		c := &x.Calls[call]
		p := place{in: position{n: -1}, before: -1, after: -1}
		if k > 0 && x.Calls[calls[k-1]].Track == c.Track {
			p.before = calls[k-1]
		}
		if k+1 < len(calls) && x.Calls[calls[k+1]].Track == c.Track {
			p.after = calls[k+1]
		}
		if m := markAt(marks, c); m >= 0 {
			if m != mark {
				mark, n = m, 0
			}
			p.in = position{marks[m].Step.Phase, marks[m].Step.GenerationRequests, n}
			n++
		}
		places[call] = p
	}
	return places
}

// markAt is the step that a call is in; -1 if it is in none.
func markAt(marks []index.Mark, c *index.Call) int {
	at, found := slices.BinarySearchFunc(marks, c.StartNs, func(m index.Mark, ns int64) int { return cmp.Compare(m.StartNs, ns) })
	if !found {
		at--
	}
	for ; at >= 0 && at < len(marks); at-- {
		if m := &marks[at]; m.Track == c.Track {
			if c.StartNs < m.EndNs {
				return at
			}
			return -1
		}
	}
	return -1
}

// inPlace tells whether a replay stands where a graph's replays stand: in the n-th place of a decode step with as many
// requests as two others.
func (g *grouping) inPlace(r *replay, f *family) bool {
	p := g.places[r.call].in
	there := 0
	for i := range f.replays {
		if p.n >= 0 && p.phase == trace.StepDecode && g.places[f.replays[i].call].in == p {
			there++
		}
	}
	return there >= 2
}

// always tells whether a graph is the n-th of each step that it is in, of four at least, and a replay the n-th of its step.
func (g *grouping) always(r *replay, f *family) bool {
	n := g.places[r.call].in.n
	return n >= 0 && len(f.replays) >= 4 && !slices.ContainsFunc(f.replays, func(o replay) bool { return g.places[o.call].in.n != n })
}

// between tells whether a graph was launched just before a replay and just after it.
func (g *grouping) between(r *replay, f *family) bool {
	p := g.places[r.call]
	around := 0
	for i := range f.replays {
		if call := f.replays[i].call; call == p.before || call == p.after {
			around++
		}
	}
	return around == 2
}
