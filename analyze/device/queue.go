package device

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
)

// Queue is how much work waited for a stream: launched, and not yet begun. A launch adds one when its call begins, a
// graph launch as many as the graph has kernels on the stream; the beginning of each piece of work takes one away. A
// queue that is always near zero means that the host is the slower one; one that is at MaxDepth of the driver (about
// 1,024 launches) means that the host itself is made to wait.
//
// Work whose launch is not in the trace is left out. Where no graph is launched, the depth after each event is HTA's
// queue length; HTA does not count graph launches at all, so that there the two differ.
type Queue struct {
	Device int   `json:"device"`
	Stream int64 `json:"stream"`

	Launched   int     `json:"launched"` // pieces of work that were counted
	Graph      int     `json:"graph"`    // of them from graphs
	MaxDepth   int     `json:"max_depth"`
	EventMean  float64 `json:"event_mean"`  // of the depths after each launch and each beginning, as HTA has it
	MeanDepth  float64 `json:"mean_depth"`  // over time, from the first launch to the last beginning
	SpanNs     int64   `json:"span_ns"`     // that time
	EmptyNs    int64   `json:"empty_ns"`    // during which nothing waited
	BlockedNs  int64   `json:"blocked_ns"`  // during which at least BlockedDepth waited
	Early      int     `json:"early"`       // pieces that began before their launch did: clocks disagree
	EmptyShare float64 `json:"empty_share"` // EmptyNs / SpanNs
}

// queueSums is a queue and the sums that its means are made of.
type queueSums struct {
	Queue
	depths  int64 // Σ depths after each event
	depthNs int64 // Σ depth · time
}

// BlockedDepth is how many launches a stream's queue holds before the next call waits.
const BlockedDepth = 1024

// Queues follows the queue of each stream, in order of device and stream.
func Queues(x *index.Index) []Queue {
	type key struct {
		device int32
		stream int64
		window int
	}
	type times struct {
		n               int
		launched, begun []int64
		graph, early    int
	}
	of := map[key]*times{}
	var last *times // most work is on the stream of the work before, in its window
	var lastKey key
	timesOf := func(g *index.Work) *times {
		if k := (key{g.Device, g.Stream, x.DeviceWindows.At(g.StartNs)}); last == nil || k != lastKey {
			lastKey, last = k, of[k]
			if last == nil {
				last = &times{}
				of[k] = last
			}
		}
		return last
	}
	for i := range x.GPU {
		if g := &x.GPU[i]; g.Call >= 0 {
			timesOf(g).n++
		}
	}
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Call < 0 {
			continue
		}
		if timesOf(g); last.launched == nil {
			last.launched, last.begun = make([]int64, 0, last.n), make([]int64, 0, last.n)
		}
		c := &x.Calls[g.Call]
		last.launched, last.begun = append(last.launched, c.StartNs), append(last.begun, g.StartNs)
		if c.GPUEvents > 1 {
			last.graph++
		}
		if g.StartNs < c.StartNs {
			last.early++
		}
	}
	var sums []queueSums
	for k, t := range of {
		i := slices.IndexFunc(sums, func(q queueSums) bool { return q.Device == int(k.device) && q.Stream == k.stream })
		if i < 0 {
			i = len(sums)
			sums = append(sums, queueSums{Queue: Queue{Device: int(k.device), Stream: k.stream}})
		}
		q := &sums[i]
		q.Launched += len(t.begun)
		q.Graph += t.graph
		q.Early += t.early
		stats.Sort(t.launched)
		q.follow(t.launched, t.begun)
	}
	rows := make([]Queue, len(sums))
	for i := range sums {
		q := &sums[i]
		q.EventMean = float64(q.depths) / float64(2*q.Launched)
		if q.SpanNs > 0 {
			q.MeanDepth, q.EmptyShare = float64(q.depthNs)/float64(q.SpanNs), float64(q.EmptyNs)/float64(q.SpanNs)
		}
		rows[i] = q.Queue
	}
	slices.SortFunc(rows, func(a, b Queue) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Stream, b.Stream))
	})
	return rows
}

// follow goes through launches and beginnings, both in order of time; of equal ones the launch comes first.
func (q *queueSums) follow(launched, begun []int64) {
	depth := 0
	clock := min(launched[0], begun[0])
	first := clock
	for i, j := 0, 0; j < len(begun) || i < len(launched); {
		launch := j == len(begun) || i < len(launched) && launched[i] <= begun[j]
		var at int64
		if launch {
			at = launched[i]
		} else {
			at = begun[j]
		}
		ns := at - clock
		q.depthNs += int64(max(depth, 0)) * ns
		switch {
		case depth <= 0:
			q.EmptyNs += ns
		case depth >= BlockedDepth:
			q.BlockedNs += ns
		}
		clock = at
		if launch {
			depth++
			i++
		} else {
			depth--
			j++
		}
		q.depths += int64(depth)
		q.MaxDepth = max(q.MaxDepth, depth)
	}
	q.SpanNs += clock - first
}
