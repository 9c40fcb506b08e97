package plants

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// What the device does: kernels take longer, stand apart, or are more.

// scaling plants kernels that take another time.
func scaling(right, also []string, factor func(r *Rank) func(w *Work) float64) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		var of []func(w *Work) float64
		changed := false
		for _, r := range s.Ranks {
			f := factor(r)
			if f == nil {
				return nil
			}
			for k := range r.Work {
				changed = changed || f(&r.Work[k]) != 1
			}
			of = append(of, f)
		}
		if !changed {
			return nil
		}
		ranks, lost := s.play(score{ns: func(rank int, w *Work) int64 {
			return int64(math.Round(float64(w.EndNs-w.StartNs) * of[rank](w)))
		}})
		return &Planted{Ranks: ranks, Right: right, Also: also, Timed: true, LostNs: lost}
	}
}

// jittering plants kernels of which each takes a little more or less.
func jittering(by float64) func(*Scene) *Planted {
	return scaling(nil, nil, func(*Rank) func(w *Work) float64 {
		return func(w *Work) float64 {
			return 1 + by*(2*rand.New(rand.NewPCG(5, uint64(w.Row))).Float64()-1)
		}
	})
}

// decoding is a factor on the kernels of decode steps, by how far into the profile the step is (0 to 1) and which it is; nil
// if there are too few of those to see what changes.
func decoding(of func(part float64, nth int, w *Work) float64) func(*Rank) func(w *Work) float64 {
	return func(r *Rank) func(w *Work) float64 {
		decodes := r.decodes()
		if len(decodes) < 8 {
			return nil
		}
		nth := map[int]int{}
		for k, i := range decodes {
			nth[i] = k
		}
		return func(w *Work) float64 {
			k, ok := nth[w.Step]
			if !ok || w.Category != trace.CategoryKernel || w.Meeting >= 0 {
				return 1
			}
			return of(float64(k)/float64(len(decodes)-1), k, w)
		}
	}
}

// called is a factor on the kernels with one of some names in theirs.
func called(factor float64, names ...string) func(*Rank) func(w *Work) float64 {
	return func(*Rank) func(w *Work) float64 {
		return func(w *Work) float64 {
			if w.Category == trace.CategoryKernel && named(w, names...) {
				return factor
			}
			return 1
		}
	}
}

func named(w *Work, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(w.Name, n) })
}

// attentionNames are what attention kernels of the bases are called.
var attentionNames = []string{"flash_fwd", "FlashAttnFwd", "unified_attention", "fmha"}

// apart plants a gap before each kernel of a graph but its first.
func apart(ns int64) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		first := make([]map[int]int, len(s.Ranks))
		graphs := false
		for i, r := range s.Ranks {
			first[i] = map[int]int{}
			for _, w := range slices.Backward(r.Work) {
				if w.Call >= 0 {
					first[i][w.Call] = w.Row
				}
			}
			for _, c := range r.Calls {
				graphs = graphs || c.Works > 8
			}
		}
		if !graphs {
			return nil
		}
		ranks, lost := s.play(score{before: func(rank int, w *Work) int64 {
			r := s.Ranks[rank]
			if w.Call < 0 || r.Calls[w.Call].Works <= 8 || first[rank][w.Call] == w.Row || w.Step < 0 || !r.Steps[w.Step].Decodes() {
				return 0
			}
			return ns
		}})
		return &Planted{Ranks: ranks, Right: []string{"graph_gaps"}, Timed: true, LostNs: lost}
	}
}

// takingTurns has the device do something else in the middle of each decode step's graph, for a share of a step, as it does
// where another process has a turn.
func takingTurns(share float64) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		held := make([]map[int]bool, len(s.Ranks)) // rows of work
		any := false
		for i, r := range s.Ranks {
			held[i] = map[int]bool{}
			seen := map[int]int{} // of each call: how many pieces of its work there were
			for _, w := range r.Work {
				if w.Call < 0 || r.Calls[w.Call].Works <= 8 || w.Step < 0 || !r.Steps[w.Step].Decodes() {
					continue
				}
				if seen[w.Call]++; 2*seen[w.Call] == r.Calls[w.Call].Works || 2*seen[w.Call] == r.Calls[w.Call].Works+1 {
					held[i][w.Row], any = true, true
				}
			}
		}
		if !any {
			return nil
		}
		ranks, lost := s.play(score{before: func(rank int, w *Work) int64 {
			if !held[rank][w.Row] {
				return 0
			}
			return int64(share * float64(s.Ranks[rank].stepNs()))
		}})
		return &Planted{Ranks: ranks, Right: []string{"launched_work_waits"}, Timed: true, LostNs: lost}
	}
}

// callNs is how long a call takes that launches an addition.
const callNs = 4_000

// adding plants work after some of a scene's: of(w) says what; each piece that was not in a graph gets a call of its own, made
// right after the one before.
func adding(right, also []string, call string, of func(r *Rank, k int) []addition) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		c := score{after: map[[2]int][]addition{}}
		number := 0
		for rank, r := range s.Ranks {
			for k := range r.Work {
				w := &r.Work[k]
				for i, a := range of(r, k) {
					if w.Call < 0 {
						continue
					}
					if at := &r.Calls[w.Call]; call != "" && at.Works <= 8 {
						number++
						a.number, a.launchAt, a.lag = number, at.EndNs, int64(i)*callNs
						c.pauses = append(c.pauses, pause{rank: rank, at: at.EndNs, ns: callNs, call: call, launch: number, track: at.Track})
					}
					c.after[[2]int{rank, k}] = append(c.after[[2]int{rank, k}], a)
				}
			}
		}
		if len(c.after) == 0 {
			return nil
		}
		ranks, lost := s.play(c)
		return &Planted{Ranks: ranks, Right: right, Also: also, Timed: true, LostNs: lost}
	}
}

// atStepsFirst adds work after the first single piece of each decode step: one that is part of no graph.
func atStepsFirst(n int, a addition) func(r *Rank, k int) []addition {
	seen := map[*Rank]map[int]bool{}
	decodes := map[*Rank][]int{}
	return func(r *Rank, k int) []addition {
		w := &r.Work[k]
		if seen[r] == nil {
			seen[r], decodes[r] = map[int]bool{}, r.decodes()
		}
		if w.Call < 0 || r.Calls[w.Call].Works != 1 || seen[r][w.Step] || !slices.Contains(decodes[r], w.Step) {
			return nil
		}
		seen[r][w.Step] = true
		list := make([]addition, n)
		for i := range list {
			list[i] = a
		}
		return list
	}
}

// beforeEach adds a kernel before each of decode steps with one of some names: after what was launched before it, by the same
// graph if it is part of one.
func beforeEach(name string, ns int64, names ...string) func(r *Rank, k int) []addition {
	var of *Rank
	var follows []bool // by work: the next one that the same call launched, or any call, has such a name
	return func(r *Rank, k int) []addition {
		if of != r {
			of, follows = r, make([]bool, len(r.Work))
			last := map[int]int{} // by graph launch, -1: of single launches
			for i := range r.Work {
				w := &r.Work[i]
				call := -1
				if w.Call >= 0 && r.Calls[w.Call].Works > 8 {
					call = w.Call
				}
				if before, ok := last[call]; ok && r.Work[before].Step == w.Step {
					follows[before] = w.Step >= 0 && r.Steps[w.Step].Decodes() && w.Category == trace.CategoryKernel && named(w, names...)
				}
				last[call] = i
			}
		}
		if !follows[k] {
			return nil
		}
		return []addition{{name: name, category: trace.CategoryKernel, ns: ns}}
	}
}

// median is the middle of some values, the upper of two; 0 of none.
func median(values []int64) int64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
