package analyze

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// Idle says why a device stood still: the gaps of the union of all its work, each named after the event that ended it.
//
//	host     the call that launched the next event began after the gap did: the host was late
//	launch   otherwise, and the gap is short (Options.LaunchGapNs): the device's own delay between kernels
//	other    otherwise
//	unknown  the next event's launch is not in the trace
//
// The rule is HTA's, applied to the device rather than to each stream, because a gap on one stream costs nothing while
// another works. Sync counts, within all of these, the gaps during which some thread was in a synchronising call.
type Idle struct {
	Device  int `json:"device"`
	Host    Gap `json:"host"`
	Launch  Gap `json:"launch"`
	Other   Gap `json:"other"`
	Unknown Gap `json:"unknown"`
	Sync    Gap `json:"sync"` // part of the above

	Longest []IdleGap `json:"longest"` // the longest gaps, longest first
}

// IdleGap is one gap of a device.
type IdleGap struct {
	StartNs int64  `json:"start_ns"` // since the trace's base time
	Ns      int64  `json:"ns"`
	Cause   string `json:"cause"` // host, launch, other, unknown
	Next    string `json:"next"`  // the event that ended it
	Sync    bool   `json:"sync"`
	// During is the op, annotation, runtime call or Python frame, on the thread that launched the next event, whose
	// time is most nearly the gap's: the one with the largest ratio of what both share to what either covers. "" if
	// there is none.
	During   string `json:"during,omitempty"`
	DuringNs int64  `json:"during_ns,omitempty"` // what it shares with the gap
}

const longestGaps = 10

// idle explains the gaps of one device.
func (x *index) idle(device int32) Idle {
	idle := Idle{Device: int(device)}
	var syncs []interval
	for i := range x.calls {
		if c := &x.calls[i]; isSync(x.name(c.name)) {
			syncs = append(syncs, interval{c.start, c.end})
		}
	}
	slices.SortFunc(syncs, func(a, b interval) int { return cmp.Compare(a.start, b.start) })
	var blocked intervals
	for _, s := range syncs {
		blocked.add(s.start, s.end)
	}

	type found struct {
		IdleGap
		track trace.TrackID // the launching thread
		known bool
		match float64 // of During
	}
	var longest []found
	b := 0
	// gap explains the time from end to start, after which next began.
	gap := func(end, start int64, next *arrival) {
		f := found{IdleGap: IdleGap{StartNs: end, Ns: start - end, Next: x.name(next.name)}}
		switch {
		case !next.linked:
			f.Cause = "unknown"
			idle.Unknown.add(f.Ns)
		case next.launched > end:
			f.Cause = "host"
			idle.Host.add(f.Ns)
		case f.Ns < x.options.LaunchGapNs:
			f.Cause = "launch"
			idle.Launch.add(f.Ns)
		default:
			f.Cause = "other"
			idle.Other.add(f.Ns)
		}
		for b < len(blocked) && blocked[b].end <= end {
			b++
		}
		f.Sync = (f.Cause == "host" || f.Cause == "other") && b < len(blocked) && blocked[b].start < start
		if f.Sync {
			idle.Sync.add(f.Ns)
		}
		if len(longest) < longestGaps || f.Ns > longest[len(longest)-1].Ns {
			f.track, f.known = next.track, next.linked
			at, _ := slices.BinarySearchFunc(longest, f.Ns, func(e found, ns int64) int { return cmp.Compare(ns, e.Ns) })
			longest = slices.Insert(longest, at, f)
			longest = longest[:min(len(longest), longestGaps)]
		}
	}
	var end int64
	in := -1 // window
	leave := func() {
		if in >= 0 && x.deviceWindows != nil {
			if w := &x.deviceWindows[in]; w.end > end && w.next != nil {
				gap(end, w.end, w.next)
			}
		}
	}
	for i := range x.gpu {
		g := &x.gpu[i]
		if g.device != device {
			continue
		}
		if w := x.deviceWindows.at(g.start); w != in {
			leave()
			if in = w; x.deviceWindows != nil {
				end = max(end, x.deviceWindows[w].start)
			} else {
				end = g.start
			}
		}
		if g.start > end {
			next := x.arrival(g)
			gap(end, g.start, &next)
		}
		end = max(end, g.end)
	}
	leave()
	if len(longest) == 0 {
		return idle
	}

	// What ran meanwhile: one pass over all rows, Python frames included.
	e := &x.t.Events
	watched := make([]bool, len(x.t.Tracks))
	first, last := longest[0].StartNs, longest[0].StartNs
	for i := range longest {
		f := &longest[i]
		first, last = min(first, f.StartNs), max(last, f.StartNs+f.Ns)
		if f.known {
			watched[f.track] = true
		}
	}
	for i := range e.Len() {
		track := e.Track(i)
		if !watched[track] {
			continue
		}
		switch e.Category(i) {
		case trace.CategoryCPUOp, trace.CategoryUserAnnotation, trace.CategoryRuntime, trace.CategoryDriver, trace.CategoryPythonFunction:
		default:
			continue
		}
		start, end := e.StartNs(i), e.EndNs(i)
		if end <= first || start >= last {
			continue
		}
		for j := range longest {
			f := &longest[j]
			shared := min(end, f.StartNs+f.Ns) - max(start, f.StartNs)
			if !f.known || f.track != track || shared <= 0 {
				continue
			}
			if match := float64(shared) / float64(end-start+f.Ns-shared); match > f.match {
				f.During, f.DuringNs, f.match = x.name(e.Name(i)), shared, match
			}
		}
	}
	for _, f := range longest {
		idle.Longest = append(idle.Longest, f.IdleGap)
	}
	return idle
}
