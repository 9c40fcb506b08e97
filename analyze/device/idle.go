package device

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
)

// Idle says why a device stood still: the gaps of the union of all its work, each named after the event that ended it.
//
//	host     the call that launched the next event began after the gap did: the host was late
//	launch   otherwise, and the gap is short (index.Options.LaunchGapNs): the device's own delay between kernels
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

// IdleOf explains the gaps of one device.
func IdleOf(x *index.Index, device int32) Idle {
	idle := Idle{Device: int(device), Longest: []IdleGap{}}
	gaps := x.Gaps(device)
	var longest []index.Gap
	for i := range gaps {
		g := &gaps[i]
		switch g.Cause {
		case index.IdleUnknown:
			idle.Unknown.add(g.Ns())
		case index.IdleHost:
			idle.Host.add(g.Ns())
		case index.IdleLaunch:
			idle.Launch.add(g.Ns())
		default:
			idle.Other.add(g.Ns())
		}
		if waited(g) {
			idle.Sync.add(g.Ns())
		}
		if len(longest) < longestGaps || g.Ns() > longest[len(longest)-1].Ns() {
			at, _ := slices.BinarySearchFunc(longest, g.Ns(), func(e index.Gap, ns int64) int { return cmp.Compare(ns, e.Ns()) })
			longest = slices.Insert(longest, at, *g)
			longest = longest[:min(len(longest), longestGaps)]
		}
	}
	for i, o := range x.During(longest) {
		g := &longest[i]
		row := IdleGap{StartNs: g.StartNs, Ns: g.Ns(), Cause: g.Cause.String(), Next: x.Name(x.Arrival(g).Name), Sync: waited(g)}
		if o.Row >= 0 {
			row.During, row.DuringNs = x.Name(x.Trace.Events.Name(int(o.Row))), o.SharedNs
		}
		idle.Longest = append(idle.Longest, row)
	}
	return idle
}

// waited tells whether a call that waits for the device may be why it stood still.
func waited(g *index.Gap) bool {
	return g.Sync && (g.Cause == index.IdleHost || g.Cause == index.IdleOther)
}
