package device

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
)

// Stream is what one stream of a device did, and why it waited.
type Stream struct {
	Device    int   `json:"device"`
	Stream    int64 `json:"stream"`
	Events    int   `json:"events"`
	BusyNs    int64 `json:"busy_ns"`
	Idle      Gaps  `json:"idle"`
	Overlaps  int   `json:"overlaps"` // events that began before the stream's earlier ones had ended
	OverlapNs int64 `json:"overlap_ns"`
}

// Gaps are the times between one event's end and the next one's start, by what they waited for. Of an event that
// begins after all earlier ones of its stream have ended, the gap is
//
//	host wait    if the call that launched it began after the gap did: the host was late
//	kernel wait  otherwise, if it is short (index.Options.LaunchGapNs): the device's own delay between kernels
//	other        otherwise: waiting for an event, another stream, a busy device
//
// These are the classes of HTA's idle time breakdown. Two things differ: an overlap is no negative gap, and a kernel
// whose launch is not in the trace is not taken to be late.
type Gaps struct {
	HostWait   Gap `json:"host_wait"`
	KernelWait Gap `json:"kernel_wait"`
	Other      Gap `json:"other"`
}

// Gap is a number of gaps and their time.
type Gap struct {
	Count int   `json:"count"`
	Ns    int64 `json:"ns"`
}

func (g *Gap) add(ns int64) { g.Count++; g.Ns += ns }

// Streams lists the streams of all devices, by device and stream number.
func Streams(x *index.Index) []Stream {
	type key struct {
		device int32
		stream int64
	}
	type state struct {
		Stream
		end    int64
		window int
	}
	of := map[key]*state{}
	var s *state
	var last key // of s
	for i := range x.GPU {
		g := &x.GPU[i]
		k, ok := key{g.Device, g.Stream}, true
		if s == nil || k != last {
			if s, ok = of[k]; !ok {
				s = &state{Stream: Stream{Device: int(g.Device), Stream: g.Stream}, end: g.StartNs}
				of[k] = s
			}
			last = k
		}
		w := x.DeviceWindows.At(g.StartNs)
		s.BusyNs += max(0, g.EndNs-max(g.StartNs, s.end))
		if ok {
			if gap := g.StartNs - s.end; gap > 0 {
				switch {
				case w != s.window: // other steps lie between
				case g.Call >= 0 && x.Calls[g.Call].StartNs > s.end:
					s.Idle.HostWait.add(gap)
				case gap < x.Options.LaunchGapNs:
					s.Idle.KernelWait.add(gap)
				default:
					s.Idle.Other.add(gap)
				}
			} else if gap < 0 {
				s.Overlaps++
				s.OverlapNs -= gap
			}
		}
		s.Events++
		s.end, s.window = max(s.end, g.EndNs), w
	}
	rows := make([]Stream, 0, len(of))
	for _, s := range of {
		rows = append(rows, s.Stream)
	}
	slices.SortFunc(rows, func(a, b Stream) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Stream, b.Stream))
	})
	return rows
}
