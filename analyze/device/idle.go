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
// another works. Sync counts, within host, the gaps that began while the thread that launched what ended them waited for
// the device in a call, and of their time what it still waited. HeldUp counts, within host, those in which the launch had
// returned in the first half and more than 1 ms before the work began: it waited for a stream, an event or the driver.
// Launching counts, within other, those for at least half of which the call that launched the next event had not returned.
type Idle struct {
	Device    int `json:"device"`
	Host      Gap `json:"host"`
	Launch    Gap `json:"launch"`
	Other     Gap `json:"other"`
	Unknown   Gap `json:"unknown"`
	Sync      Gap `json:"sync"`      // part of host
	HeldUp    Gap `json:"held_up"`   // part of host
	Launching Gap `json:"launching"` // part of other

	Longest []IdleGap `json:"longest"` // the longest gaps, longest first
}

// IdleGap is one gap of a device.
type IdleGap struct {
	StartNs   int64  `json:"start_ns"` // since the trace's base time
	Ns        int64  `json:"ns"`
	Cause     string `json:"cause"` // host, launch, other, unknown
	Next      string `json:"next"`  // the event that ended it
	Sync      bool   `json:"sync"`  // it began while the host waited for the device
	HeldUp    bool   `json:"held_up,omitempty"`
	Launching bool   `json:"launching,omitempty"`
	// During is the op, annotation, runtime call or Python frame that the thread that launched the next event was inside for
	// at least half of the gap, the innermost of those that do. "" if there is none, or nothing is what it was inside.
	During   string `json:"during,omitempty"`
	DuringNs int64  `json:"during_ns,omitempty"` // what it shares with the gap
	// Meanwhile is, where nothing fills half of the gap, what fills most of it: up to three, none in another.
	Meanwhile []Occupied `json:"meanwhile,omitempty"`
}

// Occupied is what a thread was inside, and for how long.
type Occupied struct {
	Name string `json:"name"` // "": inside nothing
	Ns   int64  `json:"ns"`
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
		if g.SyncNs > 0 {
			idle.Sync.add(g.SyncNs)
		}
		if g.HeldUp {
			idle.HeldUp.add(g.Ns())
		}
		if g.Launching {
			idle.Launching.add(g.Ns())
		}
		if len(longest) < longestGaps || g.Ns() > longest[len(longest)-1].Ns() {
			at, _ := slices.BinarySearchFunc(longest, g.Ns(), func(e index.Gap, ns int64) int { return cmp.Compare(ns, e.Ns()) })
			longest = slices.Insert(longest, at, *g)
			longest = longest[:min(len(longest), longestGaps)]
		}
	}
	for i, d := range meanwhile(x, longest) {
		g := &longest[i]
		row := IdleGap{StartNs: g.StartNs, Ns: g.Ns(), Cause: g.Cause.String(), Next: x.Name(x.Arrival(g).Name), Sync: g.SyncNs > 0, HeldUp: g.HeldUp, Launching: g.Launching}
		switch most, half := d.Most(); {
		case half && !most[0].None:
			row.During, row.DuringNs = x.Name(most[0].Name), most[0].Ns
		default:
			for _, o := range most {
				of := Occupied{Ns: o.Ns}
				if !o.None {
					of.Name = x.Name(o.Name)
				}
				row.Meanwhile = append(row.Meanwhile, of)
			}
		}
		idle.Longest = append(idle.Longest, row)
	}
	return idle
}

// meanwhile divides the time of each gap among what the host did.
func meanwhile(x *index.Index, gaps []index.Gap) []index.Division {
	var stretches []index.Stretch
	for i := range gaps {
		if s, ok := x.HostStretch(&gaps[i]); ok {
			s.Group = int32(i)
			stretches = append(stretches, s)
		}
	}
	return x.During(stretches, len(gaps))
}
