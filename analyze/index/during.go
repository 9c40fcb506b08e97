package index

import (
	"cmp"
	"slices"
	"sort"

	"github.com/inferprof/inferprof/trace"
)

// What the host did while a device stood still is the op, annotation, runtime call or Python frame, on the thread that
// launched what ended the gap, whose time is most nearly the gap's: the one with the largest ratio of what both share to what
// either covers.
//
// Python frames are not filed, so it is one pass over all rows, of which few meet a gap: whole blocks are passed over by the
// time that their rows span, and rows by a sieve, which has for each piece of the time how many gaps touch the pieces before
// it.

// Occupant is what a thread did during a gap.
type Occupant struct {
	Row      int32 // of the trace; -1: nothing
	SharedNs int64 // of the gap's time
}

// sieveBits is into how many pieces the gaps' time is divided, as a power of two.
const sieveBits = 14

// During finds, for each of some gaps of one device, what the thread that launched what ended the gap did meanwhile.
func (x *Index) During(gaps []Gap) []Occupant {
	type searched struct {
		*Gap
		track trace.TrackID
		found *Occupant
		match float64
	}
	out := make([]Occupant, len(gaps))
	var list []searched
	watched := make([]bool, len(x.Trace.Tracks))
	for i := range gaps {
		out[i].Row = -1
		if a := x.Arrival(&gaps[i]); a.Linked {
			watched[a.Track] = true
			list = append(list, searched{&gaps[i], a.Track, &out[i], 0})
		}
	}
	if len(list) == 0 {
		return out
	}
	slices.SortFunc(list, func(a, b searched) int { return cmp.Compare(a.StartNs, b.StartNs) })
	first, last := list[0].StartNs, list[len(list)-1].EndNs
	shift := 0
	for (last-first)>>shift >= 1<<sieveBits {
		shift++
	}
	var before [1<<sieveBits + 1]int32
	for i := range list {
		for piece := (list[i].StartNs - first) >> shift; piece <= (list[i].EndNs-1-first)>>shift; piece++ {
			before[piece+1]++
		}
	}
	for i := range before[1:] {
		before[i+1] += before[i]
	}
	after := func(ns int64) int { // the first gap that ends after a moment
		return sort.Search(len(list), func(k int) bool { return list[k].EndNs > ns })
	}
	block := -1
	for b := range x.Trace.Events.Blocks() {
		block++
		zone := x.zones[block]
		if at := after(zone.Start); at == len(list) || list[at].StartNs >= zone.End {
			continue
		}
		for j, track := range b.Track {
			start := b.StartNs[j]
			end := start + b.DurationNs[j]
			if !watched[track] || end <= first || start >= last || !onThread(b.Category[j]) ||
				before[(max(start, first)-first)>>shift] == before[(min(end, last)-1-first)>>shift+1] {
				continue
			}
			for at := after(start); at < len(list) && list[at].StartNs < end; at++ {
				g := &list[at]
				shared := min(end, g.EndNs) - max(start, g.StartNs)
				if g.track != track || shared <= 0 {
					continue
				}
				if match := float64(shared) / float64(end-start+g.Ns()-shared); match > g.match {
					*g.found, g.match = Occupant{int32(b.First + j), shared}, match
				}
			}
		}
	}
	return out
}
