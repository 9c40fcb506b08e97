package index

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// A gap is a time in which a device stood still: what lies between the union of its work. Each is named after the event
// that ended it, by HTA's rule, applied to the device rather than to each stream, because a gap on one stream costs nothing
// while another works. Two flags say what that rule does not see: work that was launched in the gap and still is not what the
// device waited for the host for (HeldUp), and a call that had begun before the gap and was not done launching (Launching). Every
// question about idleness starts from this list: how much of which cause, what the host did meanwhile, whose step it was.

// IdleCause says why there was no work for a while.
type IdleCause uint8

// The causes: those of a device, and IdleOutside of a CPU.
const (
	IdleHost    IdleCause = iota // the next work was launched after the gap began: the host was late, unless it is held up (Gap.HeldUp)
	IdleLaunch                   // launched before, and the gap is short (Options.LaunchGapNs): the device's own delay
	IdleOther                    // launched before, and the gap is long: the host's too if it was still launching (Gap.Launching)
	IdleUnknown                  // the next work's launch is not in the trace
	IdleOutside                  // CPU: inside a step or between steps, and in no op
	IdleCauses
)

// String is the cause in a word.
func (c IdleCause) String() string {
	return [...]string{"host", "launch", "other", "unknown", "outside ops"}[c]
}

// Gap is a time in which a device stood still.
type Gap struct {
	StartNs, EndNs int64
	Last           int32 // index of Index.GPU: what ended last before it; -1: that is not selected
	Next           int32 // index of Index.GPU: what ended it; -1: that is not selected
	Cause          IdleCause
	// Sync is the call that the host waited for the device in when the gap began (index of Index.Calls), on the thread that
	// launched what ended it; -1: there is none. SyncNs is how long it still waited.
	Sync   int32
	SyncNs int64
	// HeldUp says of IdleHost that the host was not what the device waited for: though launched in the gap, the work could
	// have begun long before it did.
	HeldUp bool
	// Launching says of IdleOther that the call which launched the work lasted for at least half of the gap. The first use of a
	// kernel loads its module in that call, for a second at times, and a thread that is not scheduled stands still wherever it is.
	Launching bool
}

// HostLate tells whether the device waited for the host.
func (g *Gap) HostLate() bool { return g.Cause == IdleHost && !g.HeldUp || g.Launching }

// Ns is its length.
func (g *Gap) Ns() int64 { return g.EndNs - g.StartNs }

// Arrival is what ends a gap: the next piece of work.
type Arrival struct {
	Name     trace.StringID
	Track    trace.TrackID // of the call that launched it
	Launched int64         // when that began
	Returned int64         // and when it had returned
	Linked   bool          // the call is known
}

func (x *Index) arrival(g *Work) Arrival {
	a := Arrival{Name: g.Name, Linked: g.Call >= 0}
	if a.Linked {
		c := &x.Calls[g.Call]
		a.Track, a.Launched, a.Returned = c.Track, c.StartNs, c.EndNs
	}
	return a
}

// Arrival is what ended a gap.
func (x *Index) Arrival(g *Gap) Arrival {
	if g.Next >= 0 {
		return x.arrival(&x.GPU[g.Next])
	}
	w, _ := slices.BinarySearchFunc(x.DeviceWindows, g.EndNs, func(w window, ns int64) int { return cmp.Compare(w.End, ns) })
	return *x.DeviceWindows[w].next
}

// Gaps are the gaps of a device, in order of time. Where steps are selected, a gap counts as far as it lies in a window.
func (x *Index) Gaps(device int32) []Gap {
	if found, ok := x.gaps[device]; ok {
		return found
	}
	list := x.findGaps(device)
	x.judgeHost(list)
	if x.gaps == nil {
		x.gaps = map[int32][]Gap{}
	}
	x.gaps[device] = list
	return list
}

func (x *Index) findGaps(device int32) []Gap {
	list := make([]Gap, 0, len(x.GPU)) // or a few less
	var end int64
	last, in := int32(-1), -1 // window
	leave := func() {
		if in >= 0 && x.DeviceWindows != nil {
			if w := &x.DeviceWindows[in]; w.End > end && w.next != nil {
				list = append(list, Gap{StartNs: end, EndNs: w.End, Last: last, Next: -1, Cause: x.cause(w.next, end, w.End)})
			}
		}
	}
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Device != device {
			continue
		}
		if w := x.DeviceWindows.At(g.StartNs); w != in {
			leave()
			if in = w; x.DeviceWindows == nil {
				end = g.StartNs
			} else if start := x.DeviceWindows[w].Start; start > end {
				end, last = start, -1
			}
		}
		if g.StartNs > end {
			list = append(list, Gap{StartNs: end, EndNs: g.StartNs, Last: last, Next: int32(i), Cause: x.CauseBefore(g, end)})
		}
		if ended := max(g.StartNs, g.EndNs); ended > end || last < 0 { // of damaged work the end may be before the start
			end, last = max(end, ended), int32(i)
		}
	}
	leave()
	return list
}

// CauseBefore says why nothing ran from a moment until a piece of work began.
func (x *Index) CauseBefore(g *Work, fromNs int64) IdleCause {
	next := x.arrival(g)
	return x.cause(&next, fromNs, g.StartNs)
}

// cause says why nothing ran from a moment until a piece of work's start.
func (x *Index) cause(next *Arrival, from, to int64) IdleCause {
	switch {
	case !next.Linked:
		return IdleUnknown
	case next.Launched > from:
		return IdleHost
	case to-from < x.Options.LaunchGapNs:
		return IdleLaunch
	}
	return IdleOther
}

// launching tells whether a call that had begun to launch before a gap lasted for at least half of it.
func launching(next *Arrival, from, to int64) bool { return 2*(min(next.Returned, to)-from) >= to-from }

// deliveryNs is what a launch takes at most to reach a device that is free: some µs, and under a profiler some tens.
const deliveryNs = 1_000_000

// heldUp tells whether the device could have gone on long before it did: most of the gap lies after the launch returned, and
// more than delivering takes. Then the work waited for a stream, an event or the driver, and not for the host.
func heldUp(next *Arrival, from, to int64) bool {
	delay := to - max(next.Returned, from)
	return delay > deliveryNs && 2*delay > to-from
}

// A call that waits for the device has let it run dry if it had begun before, on the thread that then launched what came
// next, and only for as long as it still waited: what the host does after it is the host's. A thread that waits beside the
// launching one holds nobody up, and neither does a call that begins in the gap: nothing runs that it could wait for. The call
// that launched what came next, a copy that blocks, is not what it waited for.

// judgeHost says of each gap, in order of time, whether its work was held up, or still being launched, and else which call the
// launching thread waited in when it began.
func (x *Index) judgeHost(gaps []Gap) {
	waits := make([][]int32, len(x.Trace.Tracks)) // calls that wait, of each thread, in order of time
	for i := range x.Calls {
		if c := &x.Calls[i]; x.Waits(c) {
			waits[c.Track] = append(waits[c.Track], int32(i))
		}
	}
	next := make([]int, len(waits))
	last := make([]int32, len(waits)) // of each thread: of its calls that began before, the one that ends last
	for i := range last {
		last[i] = -1
	}
	for i := range gaps {
		g := &gaps[i]
		g.Sync = -1
		if g.Cause != IdleHost && g.Cause != IdleOther {
			continue
		}
		a := x.Arrival(g)
		if g.Cause == IdleOther {
			g.Launching = launching(&a, g.StartNs, g.EndNs)
			continue
		}
		if g.HeldUp = heldUp(&a, g.StartNs, g.EndNs); g.HeldUp {
			continue
		}
		own := waits[a.Track]
		for ; next[a.Track] < len(own) && x.Calls[own[next[a.Track]]].StartNs < g.StartNs; next[a.Track]++ {
			if c := own[next[a.Track]]; last[a.Track] < 0 || x.Calls[c].EndNs > x.Calls[last[a.Track]].EndNs {
				last[a.Track] = c
			}
		}
		ended := g.Next >= 0 && last[a.Track] == x.GPU[g.Next].Call
		if c := last[a.Track]; c >= 0 && !ended && x.Calls[c].EndNs > g.StartNs {
			g.Sync, g.SyncNs = c, min(x.Calls[c].EndNs, g.EndNs)-g.StartNs
		}
	}
}

// Waits tells whether a call waits for the device: it synchronises, or copies from or to pageable memory, which blocks the
// host until it is done.
func (x *Index) Waits(c *Call) bool {
	return x.IsSync(c) || c.GPUEvents > 0 && x.IsPageable(&x.GPU[c.FirstGPU])
}

// IsPageable knows copies of which one end is ordinary memory: the driver copies them through a buffer of its own, and
// the call returns only when that is done.
func (x *Index) IsPageable(g *Work) bool {
	return g.Category == trace.CategoryMemcpy && x.facts(g.Name)&factPageable != 0
}
