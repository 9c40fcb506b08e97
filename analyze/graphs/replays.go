package graphs

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Replays is how completely the profiler wrote graph launches down: each replay against the others of its graph (families.go).
// What a profile cuts at its start and its stop is no loss.
type Replays struct {
	Launches     int   `json:"launches"`
	Compared     int   `json:"compared"`      // that could be held against another of the same graph
	Empty        int   `json:"empty"`         // without any kernel
	Short        int   `json:"short"`         // with fewer than others of their graph, but some
	LostKernels  int   `json:"lost_kernels"`  // of both
	ShortKernels int   `json:"short_kernels"` // of those with some
	LostNs       int64 `json:"lost_ns"`       // that they would have taken, as others did
	FirstNs      int64 `json:"first_ns"`      // start of the first launch that is empty or short; 0 if none is
	// Lost are kernels that are missing in replays that have others, in order of time, the first few.
	Lost []LostKernel `json:"lost,omitempty"`
}

// LostKernel is a kernel that a replay lacks.
type LostKernel struct {
	Name     string `json:"name"`
	Position int    `json:"position"` // in its graph, from 1
	Kernels  int    `json:"kernels"`  // of the graph
	LaunchNs int64  `json:"launch_ns"`
}

// lostShown is how many of the lost kernels are listed.
const lostShown = 8

// Losses looks for kernels that are missing in replays, as Measure does; nil if no graph was launched.
func Losses(x *index.Index) *Replays { return losses(x, families(x)) }

func losses(x *index.Index, all []*family) *Replays {
	var launches []int32
	for i := range x.Calls {
		if c := &x.Calls[i]; x.IsGraphLaunch(c) {
			launches = append(launches, int32(i))
		}
	}
	if launches == nil {
		return nil
	}
	slices.SortStableFunc(launches, func(a, b int32) int { return cmp.Compare(x.Calls[a].StartNs, x.Calls[b].StartNs) })
	r := &Replays{Launches: len(launches)}
	worked := slices.DeleteFunc(slices.Clone(launches), func(i int32) bool { return x.Calls[i].GPUEvents == 0 })
	var short []shortReplay
	for _, f := range all {
		if len(f.replays) > 1 {
			r.Compared += len(f.replays)
		}
		for i := range f.replays {
			one := &f.replays[i]
			if len(one.lost) > 0 && !cut(one, f, worked[0], worked[len(worked)-1]) {
				short = append(short, shortReplay{f, one})
			}
		}
	}
	slices.SortStableFunc(short, func(a, b shortReplay) int {
		return cmp.Compare(x.Calls[a.replay.call].StartNs, x.Calls[b.replay.call].StartNs)
	})
	for _, s := range short {
		r.Short++
		r.addShort(x, s)
	}
	r.addEmpty(x, launches, all)
	return r
}

type shortReplay struct {
	graph  *family
	replay *replay
}

// cut tells whether a replay lacks what the profile's start or stop cuts off: the beginning of the first one, the end of the
// last one. Layers are alike, so that it is told by the names, and not by the places that the kernels were given.
func cut(r *replay, f *family, first, last int32) bool {
	if r.call != first && r.call != last || slices.Contains(r.slots, -1) {
		return false
	}
	if k := len(r.lost); !f.ordered { // branches overtake each other by some kernels
		some := len(f.names) / 50
		return r.call == first && int(r.lost[k-1]) < k+some || r.call == last && int(r.lost[0]) >= len(f.names)-k-some
	}
	own := make([]trace.StringID, len(r.slots))
	for i, s := range r.slots {
		own[i] = f.names[s]
	}
	n := len(f.names) - len(own)
	return r.call == first && slices.Equal(own, f.names[n:]) || r.call == last && slices.Equal(own, f.names[:len(own)])
}

func (r *Replays) addShort(x *index.Index, s shortReplay) {
	at := x.Calls[s.replay.call].StartNs
	r.bad(at)
	r.LostKernels += len(s.replay.lost)
	r.ShortKernels += len(s.replay.lost)
	for _, slot := range s.replay.lost {
		usual, name := s.graph.usual(x, int(slot))
		r.LostNs += usual
		if len(r.Lost) < lostShown {
			r.Lost = append(r.Lost, LostKernel{Name: name, Position: int(slot) + 1, Kernels: len(s.graph.names), LaunchNs: at})
		}
	}
}

// bad notes a launch that is empty or short.
func (r *Replays) bad(startNs int64) {
	if r.FirstNs == 0 || startNs < r.FirstNs {
		r.FirstNs = startNs
	}
}

// usual is how long a graph's kernel takes in the median, and its name.
func (f *family) usual(x *index.Index, slot int) (ns int64, name string) {
	var took []int64
	name = x.Name(f.names[slot])
	for i := range f.replays {
		r := &f.replays[i]
		at := slot
		if r.slots != nil {
			at = slices.Index(r.slots, int32(slot))
		}
		if at >= 0 && at < len(r.kernels) {
			e := &x.GPU[r.kernels[at]]
			took = append(took, e.EndNs-e.StartNs)
		}
	}
	return stats.Of(took).Median, name
}

// addEmpty counts launches without any kernel, those aside that the stop of the profile left in the queue. What they lost is what
// the graph has that stands in that place of other steps; unknown, which is nothing, if none does.
func (r *Replays) addEmpty(x *index.Index, launches []int32, all []*family) {
	for len(launches) > 0 && x.Calls[launches[len(launches)-1]].GPUEvents == 0 && len(launches) > r.Launches-queuedAtStop {
		launches = launches[:len(launches)-1]
	}
	var g *grouping
	for _, call := range launches {
		c := &x.Calls[call]
		if c.GPUEvents > 0 {
			continue
		}
		r.Empty++
		r.bad(c.StartNs)
		if g == nil {
			g = &grouping{x: x, places: placesOf(x)}
		}
		empty := replay{call: call}
		at := slices.IndexFunc(all, func(f *family) bool { return g.inPlace(&empty, f) })
		if at < 0 && g.places[call].in.n < 0 {
			at = slices.IndexFunc(all, func(f *family) bool { return g.between(&empty, f) })
		}
		if at >= 0 {
			r.LostKernels += len(all[at].names)
			r.LostNs += all[at].medianSum(x)
		}
	}
}

// queuedAtStop is how many replays may have waited for the device when the profile was stopped.
const queuedAtStop = 1

// medianSum is the median over a graph's whole replays of what their kernels take.
func (f *family) medianSum(x *index.Index) int64 {
	var sums []int64
	for i := range f.replays {
		if r := &f.replays[i]; len(r.lost) == 0 {
			var ns int64
			for _, k := range r.kernels {
				ns += x.GPU[k].EndNs - x.GPU[k].StartNs
			}
			sums = append(sums, ns)
		}
	}
	return stats.Of(sums).Median
}
