package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// How long a rank's host takes from one launch of communication to the next, without waiting. It waits in calls that say so; in a
// launch for which the queue has no room; and where nothing says so, as in a worker that waits for the message with the next
// batch: if it pauses for a good part of a step while the device still has work, that may be what it waits for. What is longer
// than that work is its own time. Where a host launches kernel by kernel and the device runs dry between any two, the pauses are
// short, and are its own time. A host is slower than another if it is without such pauses, and the other with them.

const (
	// longCallNs: a call that launches one kernel and takes longer than this, while the device has work, waits for room in the queue.
	longCallNs = 1_000_000
	// longPause is the part of a step from which a pause may be for the device, pauseNs where there are no steps.
	longPause, pauseNs = 8, 1_000_000
)

// launches is when the host launched communication, and when it waited meanwhile.
type launches struct {
	callOf  map[int32]int32 // of the row of a kernel, its call
	calls   []index.Call
	waiting map[trace.TrackID]*prefix // in calls
	held    map[trace.TrackID]*prefix // and in pauses
	last    int64                     // launch; trace.Absent: none yet
}

func (rv *rankView) launches() *launches {
	l := &launches{callOf: map[int32]int32{}, calls: rv.x.Calls, waiting: map[trace.TrackID]*prefix{}, held: map[trace.TrackID]*prefix{}, last: trace.Absent}
	for i := range rv.work {
		if w := &rv.work[i]; w.Class == index.ClassComm && w.Call >= 0 {
			l.callOf[w.Row] = w.Call
			l.waiting[rv.x.Calls[w.Call].Track] = nil
		}
	}
	if len(l.waiting) == 0 {
		return l
	}
	ends := rv.endsOfLaunched()
	for track := range l.waiting {
		calls, pauses := rv.waits(track, ends)
		l.waiting[track], l.held[track] = newPrefix(calls), newPrefix(interval.Union(calls, pauses))
	}
	return l
}

// endsOfLaunched is when the last work ends that each call has launched; 0: it has launched none.
func (rv *rankView) endsOfLaunched() []int64 {
	ends := make([]int64, len(rv.x.Calls))
	for i := range rv.work {
		if w := &rv.work[i]; w.Call >= 0 {
			ends[w.Call] = max(ends[w.Call], w.EndNs)
		}
	}
	return ends
}

// waits are the times in which a thread that launches waited in calls, and those in which it paused while the device had work.
func (rv *rankView) waits(track trace.TrackID, ends []int64) (calls, pauses interval.Set) {
	long := rv.medianNs / longPause
	if long == 0 {
		long = pauseNs
	}
	last, done := int64(-1), int64(0) // end of the last launch, and of all that was launched
	for i := range rv.x.Calls {
		c := &rv.x.Calls[i]
		if c.Track == track {
			switch {
			case rv.x.IsSync(c):
				calls.Add(c.StartNs, c.EndNs)
			case c.EndNs-c.StartNs > longCallNs && !rv.x.IsGraphLaunch(c):
				calls.Add(c.StartNs, min(c.EndNs, done))
			}
			if c.GPUEvents > 0 {
				if last >= 0 && c.StartNs-last >= long {
					pauses.Add(last, min(done, c.StartNs))
				}
				last = max(last, c.EndNs)
			}
		}
		done = max(done, ends[i])
	}
	return calls, pauses
}

// note notes when a meeting was launched; row is its event's, of the trace.
func (l *launches) note(m *meeting, row int32) {
	i, known := l.callOf[row]
	if !known {
		l.last = trace.Absent
		return
	}
	c := &l.calls[i]
	m.launchNs = c.StartNs
	if l.last != trace.Absent && c.StartNs >= l.last {
		m.heldNs = l.held[c.Track].within(l.last, c.StartNs)
		m.hostNs = c.StartNs - l.last - m.heldNs
		m.pausedNs = m.heldNs - l.waiting[c.Track].within(l.last, c.StartNs)
	}
	l.last = c.StartNs
}

// hostLag is by how much the hosts of some ranks of a group are slower than the others'.
type hostLag struct {
	late, rest     []int // places in the group
	steps          int   // that were compared
	lateNs, restNs int64 // of a usual step; means over the ranks
	stakeNs        int64 // by which the slowest of the rest would be sooner, in a step
	stepNs         int64 // what a step takes all, in the mean
	// aheadNs is by how much they are ahead of their devices, if nobody waits for them for that reason; else 0.
	aheadNs int64
}

func (h *hostLag) longerNs() int64 { return h.lateNs - h.restNs }

// compareHosts compares hosts. Known tells whether they can be compared; nil: none is slower.
func (g *group) compareHosts() (h *hostLag, known bool) {
	beats := g.alike()
	if !g.steps || len(beats) < fewestBeats { // what is at the same place in two pieces of the time has nothing in common
		return nil, false
	}
	own, paused := usualSteps(beats)
	late, rest := divide(own)
	if len(late) == 0 {
		return nil, true
	}
	h = &hostLag{late: late, rest: rest, steps: len(beats)}
	h.lateNs, h.restNs = meanAt(own, late), meanAt(paused, rest)
	h.stakeNs = h.lateNs
	for _, i := range rest {
		h.stakeNs = min(h.stakeNs, h.lateNs-paused[i])
	}
	var halves [2][]*beat
	var whole int64
	for k, b := range beats {
		halves[k%2] = append(halves[k%2], b)
		whole += b.meanOf(rest, func(p *part) int64 { return p.ownNs() + p.waitNs })
	}
	h.stepNs = quotient(whole, len(beats))
	for _, half := range halves {
		own, paused := usualSteps(half)
		if ratio(meanAt(own, late)-meanAt(paused, rest), h.stepNs) < stragglerShare/5 {
			return nil, true
		}
	}
	if ratio(h.longerNs(), h.stepNs) < stragglerShare {
		return nil, true
	}
	return h, true
}

// overtaken tells whether hosts that are ahead of their devices take longer for a step than those, and turns what they are slower by
// into that.
func (h *hostLag) overtaken(g *group) bool {
	h.aheadNs = g.lead(h.late)
	h.stakeNs = min(h.stakeNs, h.lateNs-h.stepNs)
	return h.aheadNs > 0 && ratio(h.lateNs-h.stepNs, h.stepNs) >= stragglerShare
}

// alike are the beats of which nothing is missing, with as many meetings as most have, in which the time of all hosts is known.
func (g *group) alike() (beats []*beat) {
	count, most := map[int]int{}, 0
	known := func(b *beat) bool {
		return !b.partial && !slices.ContainsFunc(b.parts, func(p part) bool { return slices.Contains(p.hosts, trace.Absent) })
	}
	for i := range g.beats {
		if b := &g.beats[i]; known(b) {
			n := len(b.parts[0].hosts)
			if count[n]++; count[n] > count[most] {
				most = n
			}
		}
	}
	for i := range g.beats {
		if b := &g.beats[i]; known(b) && len(b.parts[0].hosts) == most {
			beats = append(beats, b)
		}
	}
	return beats
}

// usualSteps are what a step usually takes the host of each rank, without the pauses in which it may have waited and with them.
func usualSteps(beats []*beat) (own, paused []int64) {
	times := make([]int64, len(beats))
	usual := func(rank int, of func(p *part) []int64) (ns int64) {
		for place := range of(&beats[0].parts[rank]) {
			for k, b := range beats {
				times[k] = of(&b.parts[rank])[place]
			}
			ns += stats.Median(times)
		}
		return ns
	}
	for rank := range beats[0].parts {
		own = append(own, usual(rank, func(p *part) []int64 { return p.hosts }))
		paused = append(paused, usual(rank, func(p *part) []int64 { return p.pausing }))
	}
	return own, paused
}

// meanAt is the mean of some values.
func meanAt(ns []int64, which []int) (sum int64) {
	for _, i := range which {
		sum += ns[i]
	}
	return quotient(sum, len(which))
}
