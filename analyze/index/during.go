package index

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/internal/runs"
	"github.com/inferprof/inferprof/trace"
)

// What the host did while a device stood still is what the thread was inside that launched what ended the gap: ops,
// annotations, runtime calls and Python frames, each as far as it shares the gap's time. They lie in each other, so the time
// is divided along a tree of names (division.go), to the ns: what is inside something counts for that and for all that is
// around it, and what was inside nothing counts for nothing.
//
// A gap has two parts. From its start until the call returns that launches what ends it, the thread is asked. From there
// until the work begins the host has done its part: that time is the launch's own (Division.DelayNs).
//
// Python frames are not filed, so it is one pass over all rows, which picks those that meet a gap: whole blocks are passed
// over by the time that their rows span, and rows by a sieve, which has for each piece of the time the first gap that ends
// after its start. What is picked is sorted by thread and walked once, gaps and rows beside each other.
//
// The trade-off: what is picked is copied, 24 bytes a row, and in a trace of an idle device that is most of them.
//
// Not done: marks of steps are passed over, since they say when a step was and not what the host did.

// Stretch is a time in which a device stood still, and about which a thread is asked. Stretches that are asked about
// together are of one device: they do not overlap.
type Stretch struct {
	StartNs, EndNs int64
	LaunchedNs     int64         // when the call had returned that launched what ended it, no later than EndNs
	Track          trace.TrackID // of that call
	Group          int32         // which Division it counts in
}

// HostStretch is a gap as the thread that launched what ended it is asked about it; false if that is not known.
func (x *Index) HostStretch(g *Gap) (Stretch, bool) {
	a := x.Arrival(g)
	return Stretch{g.StartNs, g.EndNs, max(g.StartNs, min(a.Returned, g.EndNs)), a.Track, 0}, a.Linked
}

// occupied is a row that meets a stretch.
type occupied struct {
	startNs, endNs int64
	row            int32
	name           trace.StringID
}

// During divides stretches among what their threads did: one Division for each of so many groups.
func (x *Index) During(stretches []Stretch, groups int) []Division {
	list := slices.Clone(stretches)
	slices.SortFunc(list, func(a, b Stretch) int { return cmp.Compare(a.StartNs, b.StartNs) })
	d := newDivider(x, groups)
	for i := range list {
		d.count(&list[i])
	}
	for track, rows := range x.meeting(list) {
		if rows == nil {
			continue
		}
		var own []Stretch
		for i := range list {
			if int(list[i].Track) == track {
				own = append(own, list[i])
			}
		}
		d.walk(own, rows)
	}
	return d.divisions()
}

// sieveBits is into how many pieces the stretches' time is divided, as a power of two.
const sieveBits = 14

// sieve finds, of stretches in order of time, those that something meets.
type sieve struct {
	list        []Stretch
	first, last int64 // of the list's time
	shift       int
	at          [1<<sieveBits + 1]int32 // of each piece: the first stretch that ends after its start
}

func newSieve(list []Stretch) *sieve {
	s := &sieve{list: list, first: list[0].StartNs, last: list[len(list)-1].EndNs}
	for (s.last-s.first)>>s.shift >= 1<<sieveBits {
		s.shift++
	}
	k := int32(0)
	for piece := range s.at {
		for int(k) < len(list) && list[k].EndNs <= s.first+int64(piece)<<s.shift {
			k++
		}
		s.at[piece] = k
	}
	return s
}

// meets tells whether a time on a thread meets a stretch that asks about that thread.
func (s *sieve) meets(start, end int64, track trace.TrackID) bool {
	if end <= s.first || start >= s.last {
		return false
	}
	for i := int(s.at[(max(start, s.first)-s.first)>>s.shift]); i < len(s.list) && s.list[i].StartNs < end; i++ {
		if g := &s.list[i]; g.Track == track && g.LaunchedNs > start && g.LaunchedNs > g.StartNs {
			return true
		}
	}
	return false
}

// meeting are the rows of each thread that meet its stretches, parents before children; nil of threads that none asks about.
func (x *Index) meeting(list []Stretch) [][]occupied {
	rows := make([][]occupied, len(x.Trace.Tracks))
	if len(list) == 0 {
		return rows
	}
	for i := range list {
		rows[list[i].Track] = []occupied{}
	}
	s := newSieve(list)
	block := -1
	for b := range x.Trace.Events.Blocks() {
		block++
		if zone := x.zones[block]; zone.End <= s.first || zone.Start >= s.last {
			continue
		}
		for j, track := range b.Track {
			start := b.StartNs[j]
			end := start + b.DurationNs[j]
			if rows[track] == nil || end <= start || !onThread(b.Category[j]) || !s.meets(start, end, track) {
				continue
			}
			if b.Category[j] == trace.CategoryUserAnnotation && x.facts(b.Name[j])&factStep != 0 {
				continue
			}
			rows[track] = append(rows[track], occupied{start, end, int32(b.First + j), b.Name[j]})
		}
	}
	for _, own := range rows {
		runs.Sort(own, func(a, b occupied) int {
			if a.startNs != b.startNs {
				return cmp.Compare(a.startNs, b.startNs)
			}
			if a.endNs != b.endNs {
				return cmp.Compare(b.endNs, a.endNs)
			}
			return cmp.Compare(a.row, b.row)
		})
	}
	return rows
}
