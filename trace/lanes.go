package trace

import (
	"cmp"
	"slices"
)

// Events of one track overlap: calls nest, and kernels of one stream start before the one before has ended
// (programmatic launches), or run beyond the next one's start. A timeline draws them below each other. Lanes says in
// which line each event goes, so that no two events of a line overlap, an event that lies inside another one is below
// it, and nothing is dropped or cut short.
//
// Going through a track by start, longer events first, an event goes into the highest line that is free at its start
// and below every event that encloses it. Enclosing means ending later: an event that merely runs into another one is
// no child of it and may go above.

// Lanes are the lines of a trace's complete events (PhaseComplete); other events have none.
type Lanes struct {
	Order [][]uint32 // by track: its complete events by start, longer ones first
	Depth []uint16   // by event: its line, 0 the topmost
	Count []int      // by track: how many lines it has
}

// maxLanes is where lines end; what would be deeper shares the last one.
const maxLanes = 1 << 15

// NewLanes lays out a trace.
func NewLanes(t *Trace) *Lanes {
	l := &Lanes{Order: make([][]uint32, len(t.Tracks)), Depth: make([]uint16, t.Events.Len()), Count: make([]int, len(t.Tracks))}
	sizes := make([]int, len(t.Tracks))
	for b := range t.Events.Blocks() {
		for j, phase := range b.Phase {
			if phase == PhaseComplete {
				sizes[b.Track[j]]++
			}
		}
	}
	for k, n := range sizes {
		l.Order[k] = make([]uint32, 0, n)
	}
	for b := range t.Events.Blocks() {
		for j, phase := range b.Phase {
			if phase == PhaseComplete {
				k := b.Track[j]
				l.Order[k] = append(l.Order[k], uint32(b.First+j))
			}
		}
	}
	for k := range l.Order {
		sortByStart(&t.Events, l.Order[k])
		l.Count[k] = l.layOut(&t.Events, l.Order[k])
	}
	return l
}

// sortByStart sorts events by start, longer ones first, equal ones in file order.
func sortByStart(e *Events, order []uint32) {
	type key struct {
		start, dur int64
		i          uint32
	}
	keys := make([]key, len(order))
	for k, i := range order {
		keys[k] = key{e.StartNs(int(i)), e.DurationNs(int(i)), i}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		if a.dur != b.dur {
			return cmp.Compare(b.dur, a.dur)
		}
		return cmp.Compare(a.i, b.i)
	})
	for k := range keys {
		order[k] = keys[k].i
	}
}

// layOut finds the lines of a track's events and returns how many it took.
func (l *Lanes) layOut(e *Events, order []uint32) int {
	var ends []int64 // of the last event in each line
	open := 0        // lines from here on are free
	for _, i := range order {
		start, end := e.StartNs(int(i)), e.EndNs(int(i))
		for open > 0 && ends[open-1] <= start {
			open--
		}
		depth := 0
		for d := open - 1; d >= 0; d-- {
			if ends[d] >= end && ends[d] > start {
				depth = d + 1
				break
			}
		}
		for depth < open && ends[depth] > start {
			depth++
		}
		depth = min(depth, maxLanes-1)
		if depth == len(ends) {
			ends = append(ends, 0)
		}
		ends[depth] = end
		open = max(open, depth+1)
		l.Depth[i] = uint16(depth)
	}
	return len(ends)
}
