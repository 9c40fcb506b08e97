package plants

import (
	"math/rand/v2"

	"github.com/inferprof/inferprof/trace"
)

// One of several ranks is not as the others.

// onRank has one of several ranks compute slower.
func onRank(rank int, right, also []string, factor float64) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) || len(s.Ranks) < 2 || len(s.Ranks[rank].Work) == 0 {
			return nil
		}
		n := -1
		return scaling(right, also, func(*Rank) func(w *Work) float64 {
			n++
			mine := n == rank
			return func(w *Work) float64 {
				if mine && w.Category == trace.CategoryKernel && w.Meeting < 0 {
					return factor
				}
				return 1
			}
		})(s)
	}
}

// pausingOne has the host of one of several ranks pause between decode steps, for half a step after the device has run dry: in
// all of them, or it would be slow for a while only.
func pausingOne(rank int, right, also []string) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) || len(s.Ranks) < 2 || len(s.Ranks[rank].Work) == 0 {
			return nil
		}
		if r := s.Ranks[rank]; len(r.steady(farAhead)) < len(r.decodes()) {
			return nil
		}
		return pausing(right, also, betweenSteps(0.5), func(r int) bool { return r == rank })(s)
	}
}

// pausingOneOften has the host of one of several ranks pause before every fourth step, two steps long.
func pausingOneOften(rank int, right, also []string) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) || len(s.Ranks[rank].Work) == 0 {
			return nil
		}
		if r := s.Ranks[rank]; len(r.steady(farAhead)) < len(r.decodes()) {
			return nil
		}
		return pausing(right, also, every(4, 2), func(r int) bool { return r == rank })(s)
	}
}

// slowAndLossy has one of several ranks compute slower, and its trace lack some of the collectives.
func slowAndLossy(rank int, factor, share float64) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		slow := onRank(rank, []string{"straggler_rank"}, lostWork, factor)(s)
		if slow == nil {
			return nil
		}
		lossy := editing(rank, slow.Right, slow.Also, dropWork(someCollectives(share)))(NewScene(slow.Ranks...))
		if lossy != nil {
			lossy.Timed, lossy.LostNs = true, slow.LostNs
		}
		return lossy
	}
}

// untimed has a plant be a cause whatever it costs: where hosts are behind their devices, slower kernels cost nothing.
func untimed(of func(*Scene) *Planted) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		p := of(s)
		if p != nil {
			p.Timed = false
		}
		return p
	}
}

// startingLate has one of several ranks begin later, with all that it does: the others wait for it once.
func startingLate(rank int, ns int64, right, also []string) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) || len(s.Ranks) < 2 || len(s.Ranks[rank].Work) == 0 {
			return nil
		}
		t := s.Ranks[rank].Trace
		ranks, _ := s.play(score{pauses: []pause{{rank: rank, at: beginOf(t) - t.Meta.BaseTimeNanoseconds - 1, ns: ns}}})
		return &Planted{Ranks: ranks, Right: right, Also: also}
	}
}

// slowBesideCut has rank 1 compute slower, and rank 0's profile end early.
func slowBesideCut(s *Scene) *Planted {
	slow := onRank(1, []string{"straggler_rank"}, []string{"early_rank", "gpu_ends_early"}, 1.5)(s)
	if slow == nil {
		return nil
	}
	cut := editing(0, slow.Right, slow.Also, outside(0, 0.9))(NewScene(slow.Ranks...))
	if cut != nil {
		cut.Timed, cut.LostNs = true, slow.LostNs
	}
	return cut
}

// slowAndLate has rank 1 begin later, and compute slower.
func slowAndLate(s *Scene) *Planted {
	late := startingLate(1, 300_000_000, nil, nil)(s)
	if late == nil {
		return nil
	}
	return untimed(onRank(1, []string{"straggler_rank"}, []string{"rank_start_skew"}, 1.5))(NewScene(late.Ranks...))
}

// slowInAll has all that one of several ranks does take longer, on the host and on the device.
func slowInAll(rank int, right, also []string, factor float64) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) || len(s.Ranks) < 2 || len(s.Ranks[rank].Work) == 0 {
			return nil
		}
		r, c := s.Ranks[rank], score{}
		for _, between := range r.betweenLaunches() {
			c.pauses = append(c.pauses, pause{rank: rank, at: between[1] - 1, ns: int64((factor - 1) * float64(between[1]-between[0]))})
		}
		c.ns = func(of int, w *Work) int64 {
			ns := w.EndNs - w.StartNs
			if of == rank && w.Meeting < 0 {
				ns = int64(factor * float64(ns))
			}
			return ns
		}
		ranks, _ := s.play(c)
		return &Planted{Ranks: ranks, Right: right, Also: also}
	}
}

// betweenLaunches are the times from one launch to the next on the thread that launches, without those in which it waited.
func (r *Rank) betweenLaunches() (list [][2]int64) {
	launcher, waited := r.launcher(), map[int]bool{}
	for _, w := range r.waits() {
		waited[w[0]] = true
	}
	last := int64(-1)
	for i, c := range r.Calls {
		switch {
		case c.Track != launcher:
		case waited[i]:
			last = c.EndNs
		case c.Works > 0:
			if last >= 0 && c.StartNs > last {
				list = append(list, [2]int64{last, c.StartNs})
			}
			last = max(last, c.EndNs)
		}
	}
	return list
}

// copied has one of several ranks' traces be the first one's, under its own number.
func copied(rank int) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) {
			return nil
		}
		p := &Planted{Right: []string{"same_trace"}}
		for i, r := range s.Ranks {
			t := r.Trace
			if i == rank {
				copied := *s.Ranks[0].Trace
				copied.Meta.Distributed = t.Meta.Distributed
				t = &copied
			}
			p.Ranks = append(p.Ranks, t)
		}
		return p
	}
}

// half chooses every other row, at random.
func half(_ *Rank, row *trace.Event, random *rand.Rand) bool {
	return row.Phase == trace.PhaseComplete && random.Float64() < 0.5
}
