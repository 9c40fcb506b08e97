package plants

import (
	"cmp"
	"slices"
	"sort"
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// draft is a copy of a trace that may be edited: the rows that every event has, and the side tables of work and calls. Arrows
// are left out: they say what correlations say.
type draft struct {
	of    *trace.Trace
	rows  []trace.Event
	gpu   []trace.GPUWork
	calls []trace.Call

	tracks []trace.Track
	damage []trace.Damage
}

func newDraft(t *trace.Trace) *draft {
	d := &draft{of: t, tracks: slices.Clone(t.Tracks), damage: slices.Clone(t.Damage), rows: make([]trace.Event, 0, t.Events.Len())}
	for i := range t.GPU.Len() {
		d.gpu = append(d.gpu, *t.GPU.At(uint32(i)))
	}
	for i := range t.Calls.Len() {
		d.calls = append(d.calls, *t.Calls.At(uint32(i)))
	}
	for i := range t.Events.Len() {
		d.rows = append(d.rows, t.Events.At(i))
	}
	return d
}

// trace is the edited trace. Rows without a phase, which removed ones are, are left out.
func (d *draft) trace() *trace.Trace {
	t := *d.of
	t.Events, t.GPU, t.Calls, t.Text = trace.Events{}, trace.Table[trace.GPUWork]{}, trace.Table[trace.Call]{}, nil
	t.Tracks, t.Damage = d.tracks, d.damage
	for _, g := range d.gpu {
		t.GPU.Append(g)
	}
	for _, c := range d.calls {
		t.Calls.Append(c)
	}
	for _, r := range d.rows {
		if r.Phase != removed && r.Category != trace.CategoryFlow {
			t.Events.Append(r)
		}
	}
	return &t
}

// removed is the phase of a row that is to be left out; no file has it.
const removed = trace.Phase(255)

// thread adds a thread to the process of another one.
func (d *draft) thread(like trace.TrackID) trace.TrackID {
	t := d.tracks[like]
	for _, o := range d.tracks {
		t.TID = max(t.TID, o.TID+1)
	}
	t.Thread = d.of.Strings.InternString(strconv.FormatInt(t.TID, 10))
	d.tracks = append(d.tracks, t)
	return trace.TrackID(len(d.tracks) - 1)
}

// call adds a call of the runtime.
func (d *draft) call(name string, track trace.TrackID, correlation, start, ns int64) {
	d.calls = append(d.calls, trace.Call{Correlation: correlation, ExternalID: trace.Absent})
	d.rows = append(d.rows, trace.Event{StartNs: start, DurationNs: ns, Name: d.of.Strings.InternString(name), Track: track,
		Category: trace.CategoryRuntime, Phase: trace.PhaseComplete, Side: uint32(len(d.calls) - 1)})
}

// work adds a piece of work like another one, on its stream.
func (d *draft) work(like *Work, a *addition, correlation, start int64) {
	g := *d.of.GPU.At(like.Side)
	g.Correlation, g.Bytes, g.Collective, g.BlocksPerSM = correlation, a.bytes, trace.NoSide, 1
	if g.Bytes == 0 {
		g.Bytes = trace.Absent
	}
	d.gpu = append(d.gpu, g)
	d.rows = append(d.rows, trace.Event{StartNs: start, DurationNs: a.ns, Name: d.of.Strings.InternString(a.name),
		Track: d.of.Events.Track(like.Row), Category: a.category, Phase: trace.PhaseComplete, Side: uint32(len(d.gpu) - 1)})
}

// freeCorrelation is a number that no call has, nor any that follows.
func (d *draft) freeCorrelation() int64 {
	most := int64(0)
	for _, c := range d.calls {
		most = max(most, c.Correlation)
	}
	for _, g := range d.gpu {
		most = max(most, g.Correlation)
	}
	return most + 1
}

// write is the trace of a rank that was played.
func (s *stage) write() *trace.Trace {
	d := newDraft(s.Trace)
	place := make([]int, len(d.rows)) // of work by row, +1
	for k := range s.Work {
		place[s.Work[k].Row] = k + 1
	}
	for i := range d.rows {
		r := &d.rows[i]
		switch {
		case place[i] > 0:
			r.StartNs, r.DurationNs = s.start[place[i]-1], s.end[place[i]-1]-s.start[place[i]-1]
		case r.Category == trace.CategoryGPUAnnotation:
			s.annotation(r)
		default:
			end := s.hostThen(r.StartNs+r.DurationNs, false)
			if r.StartNs = s.hostThen(r.StartNs, true); r.Phase == trace.PhaseComplete {
				r.DurationNs = max(0, end-r.StartNs)
			}
		}
	}
	free := d.freeCorrelation()
	for _, c := range s.calls {
		correlation := free
		if c.launch > 0 {
			correlation = free + int64(c.launch)
		}
		d.call(c.call, c.track, correlation, c.start, c.ns)
	}
	for i := range s.added {
		a := &s.added[i]
		like := &s.Work[a.next]
		correlation := s.Trace.GPU.At(like.Side).Correlation
		if a.number > 0 {
			correlation = free + int64(a.number)
		}
		d.work(like, &a.addition, correlation, a.start)
	}
	return d.trace()
}

// hostThen is when a moment of the host is, all having been played. What begins at a pause is after it, what ends there before.
func (s *stage) hostThen(ns int64, begins bool) int64 {
	i := sort.Search(len(s.knots), func(i int) bool { return s.knots[i].from > ns || s.knots[i].from == ns && !begins }) - 1
	if i < 0 {
		return ns
	}
	a := s.knots[i]
	if i+1 == len(s.knots) {
		return a.to + ns - a.from
	}
	b := s.knots[i+1]
	if was, is := b.from-a.from, b.to-a.to; was > 0 && is != was {
		return a.to + int64(float64(ns-a.from)/float64(was)*float64(is))
	}
	return a.to + ns - a.from
}

// annotation stretches a span of a stream over the work that it was laid over.
func (s *stage) annotation(r *trace.Event) {
	from, _ := slices.BinarySearchFunc(s.Work, r.StartNs, func(w Work, ns int64) int { return cmp.Compare(w.StartNs, ns) })
	first, end := int64(-1), r.StartNs+r.DurationNs
	last := int64(0)
	for k := from; k < len(s.Work) && s.Work[k].StartNs < end; k++ {
		if s.Trace.Events.Track(s.Work[k].Row) != r.Track {
			continue
		}
		if first < 0 {
			first = s.start[k]
		}
		last = max(last, s.end[k])
	}
	if first >= 0 {
		r.StartNs, r.DurationNs = first, last-first
	}
}
