package plants

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// The data: what each rank's host and device did, when. The idea: everything has a reason for beginning when it did, and the
// reason is in the trace. Work of a device began either as soon as it was launched, because the device stood still, or as soon
// as what was before it ended; which of both it was, the recorded times say. A call of the host that returned just after some
// work's end waited for it. A collective ended when the last rank had come and the message was through. Whoever knows the
// reasons can change one thing and play all of it again, in one pass over the moments in the order in which they were: when
// something happens, everything that it depends on has been played.
//
// The host is one clock. A pause moves all of its threads; a call that waits for the device gives back what it would have
// waited anyway. So a host that is ahead loses nothing by a pause that is shorter than its lead.
//
// What is not done: streams that run side by side depend on what ended last before they began, whichever stream that was on,
// which is near enough to the truth for engines that have one stream for kernels and one for copies.

const (
	launchNs   = 3_000     // from a launch to its work on an idle device, at least
	backToBack = 1_000     // between two pieces of work of which the second one had been waiting, at most
	returnNs   = 100_000   // within this time after the end of what it waited for, a call returns
	waitNs     = 20_000    // a call that takes less did not wait
	roomNs     = 1_000_000 // a launch that takes longer waited for room in the queue, until some work began
)

// score is what is changed when a scene is played: the pauses of hosts and what each piece of work becomes.
type score struct {
	pauses []pause
	// ns is how long a piece of work takes now; nil: as long as it did.
	ns func(rank int, w *Work) int64
	// before is what is added to the time between a piece of work and the one before it; nil: nothing.
	before func(rank int, w *Work) int64
	// after are pieces of work that are new, by the one that they follow.
	after map[[2]int][]addition
}

// pause is a time that the host of a rank loses at a moment. Of a blocking one the time is what the device needs to finish all
// that was launched before, and its own is added to that.
type pause struct {
	rank   int
	at, ns int64
	blocks bool
	call   string // the call that it is spent in; "": none
	launch int    // number of the addition that the call launches, which has its moment too; 0: none
	track  trace.TrackID
}

// addition is a piece of work that was not there.
type addition struct {
	name     string
	category trace.Category
	ns       int64
	bytes    int64
	number   int   // of the pause that launches it; 0: it is part of the graph that what is before it is part of
	launchAt int64 // when that is, or when the first of several is
	lag      int64 // how long after the first
}

// stage is one rank while it is played.
type stage struct {
	*Rank
	number     int
	start, end []int64 // of each piece of work, now
	knots      []knot  // of the host's clock
	ended      knot    // what ended last: when it did, and when it does now
	streams    map[trace.TrackID]int64
	added      []added
	calls      []addedCall
}

// knot says that a moment of the recording is another one now.
type knot struct{ from, to int64 }

type added struct {
	addition
	start int64
	next  int // the piece of work that it follows
}

type addedCall struct {
	pause
	start, ns int64
}

// host is when a moment of the host is now that is not before the last knot.
func (s *stage) host(ns int64) int64 {
	last := s.knots[len(s.knots)-1]
	return last.to + ns - last.from
}

const ( // kinds of moments, in the order in which those of the same time are played
	workEnds = iota
	waitEnds
	hostPauses
	workStarts
)

type moment struct {
	ns    int64
	kind  int
	stage int
	item  int
}

// play plays a scene with changes, and returns its traces as they would have been recorded, and by how much the
// device's window has grown.
func (s *Scene) play(c score) (traces []*trace.Trace, lostNs int64) {
	stages := make([]*stage, len(s.Ranks))
	var moments []moment
	waits := make([][][2]int, len(s.Ranks)) // call, work
	for i, r := range s.Ranks {
		stages[i] = &stage{Rank: r, number: i, start: make([]int64, len(r.Work)), end: make([]int64, len(r.Work)), knots: []knot{{}},
			streams: map[trace.TrackID]int64{}}
		base := r.Trace.Meta.BaseTimeNanoseconds - s.Ranks[0].Trace.Meta.BaseTimeNanoseconds
		for k, w := range r.Work {
			moments = append(moments, moment{base + w.StartNs, workStarts, i, k}, moment{base + w.EndNs, workEnds, i, k})
		}
		waits[i] = r.waits()
		for k, w := range waits[i] {
			moments = append(moments, moment{base + r.Calls[w[0]].EndNs, waitEnds, i, k})
		}
		for k, p := range c.pauses {
			if p.rank == i {
				moments = append(moments, moment{base + p.at, hostPauses, i, k})
			}
		}
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Or(cmp.Compare(a.ns, b.ns), cmp.Compare(a.kind, b.kind)) })
	for _, m := range moments {
		st := stages[m.stage]
		switch m.kind {
		case workStarts:
			st.begin(m.item, &c)
		case workEnds:
			st.finish(m.item, &c, stages)
		case waitEnds:
			st.wait(waits[m.stage][m.item])
		case hostPauses:
			st.pause(&c.pauses[m.item], &c)
		}
	}
	for _, st := range stages {
		traces = append(traces, st.write())
		played := slices.Clone(st.Work)
		for k := range played {
			played[k].StartNs, played[k].EndNs = st.start[k], st.end[k]
		}
		if n := len(st.Steps); len(played) == 0 && n > 0 { // of a CPU
			lostNs = max(lostNs, st.host(st.Steps[n-1].EndNs)-st.Steps[n-1].EndNs)
		}
		lostNs = max(lostNs, windowNs(played)-windowNs(st.Work))
	}
	return traces, lostNs
}

// waits are the calls that returned because some work ended, and that work: of a copy, the copy itself.
func (r *Rank) waits() (list [][2]int) {
	byEnd, last := make([]int, len(r.Work)), map[int]int{} // last work of each call
	for i := range byEnd {
		byEnd[i] = i
		last[r.Work[i].Call] = i
	}
	slices.SortStableFunc(byEnd, func(a, b int) int { return cmp.Compare(r.Work[a].EndNs, r.Work[b].EndNs) })
	for i, c := range r.Calls {
		full := c.Works == 1 && c.EndNs-c.StartNs > roomNs
		copies := strings.Contains(c.Name, "Memcpy")
		if c.EndNs-c.StartNs < waitNs || !full && !copies && !strings.Contains(c.Name, "Synchronize") {
			continue
		}
		at, _ := slices.BinarySearchFunc(byEnd, c.EndNs+1, func(w int, ns int64) int { return cmp.Compare(r.Work[w].EndNs, ns) })
		if at == 0 {
			continue
		}
		k := byEnd[at-1]
		if own, ok := last[i]; copies && !full && ok {
			k = own
		}
		if w := &r.Work[k]; w.EndNs > c.StartNs && w.EndNs <= c.EndNs && c.EndNs-w.EndNs < returnNs {
			list = append(list, [2]int{i, k})
		}
	}
	return list
}

// startOf is when a piece of work begins, given what ended last before it.
func (s *stage) startOf(w *Work, ended knot) int64 {
	delay := s.host(w.StartNs) - w.StartNs // of what nothing says more about
	if w.Call >= 0 {
		launch := s.Calls[w.Call].StartNs
		at := s.hostThen(launch, true)
		if launch >= ended.from { // the device stood still
			return max(at+w.StartNs-launch, ended.to+min(backToBack, w.StartNs-ended.from))
		}
		return max(at+min(launchNs, w.StartNs-launch), ended.to+w.StartNs-ended.from)
	}
	if ended == (knot{}) {
		return w.StartNs + delay
	}
	return ended.to + w.StartNs - ended.from
}

func (s *stage) begin(k int, c *score) {
	w := &s.Work[k]
	at := s.startOf(w, s.ended)
	if c.before != nil {
		at += c.before(s.number, w)
	}
	track := s.Trace.Events.Track(w.Row)
	s.start[k] = max(at, s.streams[track])
}

func (s *stage) finish(k int, c *score, stages []*stage) {
	w := &s.Work[k]
	ns := w.EndNs - w.StartNs
	if c.ns != nil {
		ns = c.ns(s.number, w)
	}
	s.end[k] = s.start[k] + ns
	if w.Meeting >= 0 {
		s.end[k] = max(s.start[k]+min(ns, 1_000), s.meetingEnds(k, stages))
	}
	cursor := s.end[k]
	for _, a := range c.after[[2]int{s.number, k}] {
		start := cursor + backToBack/2
		if a.number > 0 {
			start = max(start, s.hostThen(a.launchAt, false)+a.lag+launchNs)
		}
		s.added = append(s.added, added{a, start, k})
		cursor = start + a.ns
	}
	if w.EndNs >= s.ended.from {
		s.ended = knot{w.EndNs, cursor}
	}
	s.streams[s.Trace.Events.Track(w.Row)] = cursor
}

// meetingEnds is when a collective ends for a rank: as long after the last one has come as it did.
func (s *stage) meetingEnds(k int, stages []*stage) int64 {
	n := s.Work[k].Meeting
	var was, is int64
	for _, o := range stages {
		shift := o.Trace.Meta.BaseTimeNanoseconds - s.Trace.Meta.BaseTimeNanoseconds
		for i := range o.Work {
			if o.Work[i].Meeting == n {
				was, is = max(was, shift+o.Work[i].StartNs), max(is, shift+o.start[i])
				break
			}
		}
	}
	return is + s.Work[k].EndNs - was
}

// wait is the end of a call that waited for some work.
func (s *stage) wait(of [2]int) {
	c, w := &s.Calls[of[0]], &s.Work[of[1]]
	last := s.knots[len(s.knots)-1]
	if last.from > c.StartNs { // something else happened meanwhile: it stands for itself
		return
	}
	start := s.host(c.StartNs)
	end := max(start+5_000, s.end[of[1]]+c.EndNs-w.EndNs)
	s.knots = append(s.knots, knot{c.StartNs, start}, knot{c.EndNs, end})
}

func (s *stage) pause(p *pause, c *score) {
	at := s.host(p.at)
	ns := p.ns
	if p.blocks {
		ns += max(0, s.drained(p.at, c)-at)
	}
	if p.call != "" {
		s.calls = append(s.calls, addedCall{*p, at, ns})
	}
	s.knots = append(s.knots, knot{p.at, at}, knot{p.at, at + ns})
}

// drained is when all work ends that was launched before a moment. Of it, what has not ended yet is played ahead: it depends
// on nothing that the host does later.
func (s *stage) drained(at int64, c *score) int64 {
	ended := s.ended
	for k := range s.Work {
		w := &s.Work[k]
		if w.EndNs <= at || w.Call < 0 || s.Calls[w.Call].StartNs >= at {
			continue
		}
		start := s.start[k]
		if w.StartNs > at {
			start = s.startOf(w, ended)
			if c.before != nil {
				start += c.before(s.number, w)
			}
		}
		ns := w.EndNs - w.StartNs
		if c.ns != nil {
			ns = c.ns(s.number, w)
		}
		ended = knot{w.EndNs, start + ns}
		for _, a := range c.after[[2]int{s.number, k}] {
			ended.to += backToBack/2 + a.ns
		}
	}
	return ended.to
}
