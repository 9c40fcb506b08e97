package plants

import (
	"math"
	"math/rand/v2"

	"github.com/inferprof/inferprof/trace"
)

// What a profiler loses or writes wrongly. No time is planted: rows are edited.

// editing plants an edit of each rank's rows (-1), or of one of several ranks'. The edit reports false if there is nothing to edit.
func editing(rank int, right, also []string, edit func(r *Rank, d *draft, random *rand.Rand) bool) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) || rank >= 0 && len(s.Ranks) < 2 {
			return nil
		}
		p := &Planted{Right: right, Also: also}
		for i, r := range s.Ranks {
			if rank >= 0 && i != rank {
				p.Ranks = append(p.Ranks, r.Trace)
				continue
			}
			d := newDraft(r.Trace)
			if !edit(r, d, rand.New(rand.NewPCG(11, uint64(i)))) {
				return nil
			}
			p.Ranks = append(p.Ranks, d.trace())
		}
		return p
	}
}

// dropWork loses pieces of work.
func dropWork(which func(r *Rank, w *Work, random *rand.Rand) bool) func(*Rank, *draft, *rand.Rand) bool {
	return func(r *Rank, d *draft, random *rand.Rand) bool {
		lost := 0
		for k := range r.Work {
			if which(r, &r.Work[k], random) {
				d.rows[r.Work[k].Row].Phase = removed
				lost++
			}
		}
		return lost > 0 && lost < len(r.Work)
	}
}

// ofReplays chooses a share of the kernels of graphs, at random.
func ofReplays(share float64) func(*Rank, *Work, *rand.Rand) bool {
	return func(r *Rank, w *Work, random *rand.Rand) bool {
		return w.Call >= 0 && r.Calls[w.Call].Works > 8 && random.Float64() < share
	}
}

// ofTheTail chooses the work that begins in the last share of the device's window.
func ofTheTail(share float64) func(*Rank, *Work, *rand.Rand) bool {
	return func(r *Rank, w *Work, _ *rand.Rand) bool {
		return w.StartNs > r.Work[0].StartNs+int64((1-share)*float64(windowNs(r.Work)))
	}
}

// ofTheMiddle chooses the work that begins in a part of the device's window (0 to 1).
func ofTheMiddle(from, to float64) func(*Rank, *Work, *rand.Rand) bool {
	return func(r *Rank, w *Work, _ *rand.Rand) bool {
		at := float64(w.StartNs-r.Work[0].StartNs) / float64(windowNs(r.Work))
		return at >= from && at < to
	}
}

// someCollectives chooses a share of the work that ranks meet in.
func someCollectives(share float64) func(*Rank, *Work, *rand.Rand) bool {
	return func(_ *Rank, w *Work, random *rand.Rand) bool { return w.Meeting >= 0 && random.Float64() < share }
}

// truncated loses all that begins after a part of the time, as a file that ends early does where its rows are in order of time.
func truncated(at float64) func(*Rank, *draft, *rand.Rand) bool {
	return func(r *Rank, d *draft, _ *rand.Rand) bool {
		if len(r.Work) == 0 {
			return false
		}
		end := r.Work[0].StartNs + int64(at*float64(windowNs(r.Work)))
		for i := range d.rows {
			if d.rows[i].StartNs >= end {
				d.rows[i].Phase = removed
			}
		}
		d.damage = append(d.damage, trace.Damage{Kind: "truncated", Offset: -1})
		return true
	}
}

// dropRows loses rows of some kinds.
func dropRows(which func(r *Rank, row *trace.Event, random *rand.Rand) bool) func(*Rank, *draft, *rand.Rand) bool {
	return func(r *Rank, d *draft, random *rand.Rand) bool {
		lost := 0
		for i := range d.rows {
			if which(r, &d.rows[i], random) {
				d.rows[i].Phase = removed
				lost++
			}
		}
		return lost > 0
	}
}

func anyCall(_ *Rank, row *trace.Event, _ *rand.Rand) bool {
	return row.Category == trace.CategoryRuntime || row.Category == trace.CategoryDriver
}

func anyDriverCall(_ *Rank, row *trace.Event, _ *rand.Rand) bool {
	return row.Category == trace.CategoryDriver
}

// someLaunches chooses a share of the calls that launch work.
func someLaunches(share float64) func(*Rank, *draft, *rand.Rand) bool {
	return func(r *Rank, d *draft, random *rand.Rand) bool {
		lost := 0
		for _, c := range r.Calls {
			if c.Works > 0 && random.Float64() < share {
				d.rows[c.Row].Phase = removed
				lost++
			}
		}
		return lost > 0
	}
}

// marks chooses every other mark of a step, on the host and on the device.
func everyOtherMark(r *Rank, d *draft, _ *rand.Rand) bool {
	if len(r.Steps) < 8 {
		return false
	}
	seen := map[trace.Category]int{}
	for i := range d.rows {
		row := &d.rows[i]
		if row.Category != trace.CategoryUserAnnotation && row.Category != trace.CategoryGPUAnnotation || !isStep(r.Trace.Strings.At(row.Name)) {
			continue
		}
		if seen[row.Category]++; seen[row.Category]%2 == 0 {
			row.Phase = removed
		}
	}
	return true
}

// duplicate writes a share of the pieces of work twice.
func duplicate(share float64) func(*Rank, *draft, *rand.Rand) bool {
	return func(r *Rank, d *draft, random *rand.Rand) bool {
		for k := range r.Work {
			if random.Float64() < share {
				d.rows = append(d.rows, d.rows[r.Work[k].Row])
			}
		}
		return len(r.Work) > 0
	}
}

// lastingNothing gives a share of the kernels a duration of 0.
func lastingNothing(share float64) func(*Rank, *draft, *rand.Rand) bool {
	return func(r *Rank, d *draft, random *rand.Rand) bool {
		for k := range r.Work {
			if w := &r.Work[k]; w.Category == trace.CategoryKernel && random.Float64() < share {
				d.rows[w.Row].DurationNs = 0
			}
		}
		return len(r.Work) > 0
	}
}

// endingEarlier has a share of the kernels end before they begin, as a reader takes them: they last for nothing, and are damage.
func endingEarlier(share float64) func(*Rank, *draft, *rand.Rand) bool {
	return func(r *Rank, d *draft, random *rand.Rand) bool {
		for k := range r.Work {
			if w := &r.Work[k]; w.Category == trace.CategoryKernel && random.Float64() < share {
				d.rows[w.Row].DurationNs = 0
				d.damage = append(d.damage, trace.Damage{Kind: "duration", Offset: -1})
			}
		}
		return len(r.Work) > 0
	}
}

// outside loses all rows of a rank but those of some steps (parts of their number, 0 to 1): its profile began late, or ended early.
func outside(from, to float64) func(*Rank, *draft, *rand.Rand) bool {
	return func(r *Rank, d *draft, _ *rand.Rand) bool {
		n := float64(len(r.Steps))
		first, last := int(from*n), int(to*n)
		if last-first < 1 || last-first == len(r.Steps) {
			return false
		}
		begin, end := int64(math.MinInt64), int64(math.MaxInt64)
		if first > 0 {
			begin = r.Steps[first].StartNs
		}
		if last < len(r.Steps) {
			end = r.Steps[last].StartNs
		}
		launched := map[int64]bool{} // correlations that a call has which is kept
		for _, c := range r.Calls {
			if c.StartNs >= begin && c.EndNs <= end {
				launched[c.Correlation] = true
			}
		}
		lost := 0 // work, or without a device anything: hosts are through with launching long before their devices are
		for i := range d.rows {
			row := &d.rows[i]
			inside := row.StartNs >= begin && row.StartNs+row.DurationNs <= end
			switch {
			case row.Category == trace.CategoryTrace || row.Category == trace.CategoryNone:
				continue
			case isWork(row.Category) && row.Side != trace.NoSide:
				inside = launched[d.gpu[row.Side].Correlation]
			}
			if !inside {
				row.Phase = removed
				if isWork(row.Category) || len(r.Work) == 0 {
					lost++
				}
			}
		}
		return 20*lost > len(r.Work)
	}
}

// beginning starts a rank's profile late, at a part of its steps; of a rank that is so far ahead that it begins before the others
// even so, nil.
func beginning(rank int, from float64, right []string) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		p := editing(rank, right, hostIsLate, outside(from, 1))(s)
		if p == nil {
			return nil
		}
		for i, r := range s.Ranks {
			if i != rank && beginOf(p.Ranks[rank]) < beginOf(r.Trace) {
				return nil
			}
		}
		return p
	}
}

// clockOff sets a rank's clock off.
func clockOff(rank int, ns int64, right []string) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) || len(s.Ranks) < 2 {
			return nil
		}
		p := &Planted{Right: right}
		for i, r := range s.Ranks {
			t := r.Trace
			if i == rank {
				other := *t
				other.Meta.BaseTimeNanoseconds += ns
				t = &other
			}
			p.Ranks = append(p.Ranks, t)
		}
		return p
	}
}

// otherRun puts in a rank's place the one of a profile that was recorded an hour later: its steps are fewer, in other numbers, and
// each is its own.
func otherRun(rank int) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		if rank >= len(s.Ranks) {
			return nil
		}
		return editing(rank, []string{"different_profiles"}, nil, func(r *Rank, d *draft, random *rand.Rand) bool {
			ok := outside(0.4, 0.9)(r, d, random)
			meta := *d.of
			meta.Meta.BaseTimeNanoseconds += 3_600_000_000_000
			d.of = &meta
			return ok
		})(s)
	}
}

// beginOf is when a trace's work, ops and calls begin, in Unix time.
func beginOf(t *trace.Trace) int64 {
	low := int64(math.MaxInt64)
	for i := range t.Events.Len() {
		if c := t.Events.Category(i); isWork(c) || c == trace.CategoryCPUOp || c == trace.CategoryRuntime {
			low = min(low, t.Events.StartNs(i))
		}
	}
	return low + t.Meta.BaseTimeNanoseconds
}
