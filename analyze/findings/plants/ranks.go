package plants

import "github.com/inferprof/inferprof/trace"

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
