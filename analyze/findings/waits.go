package findings

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// The ranks of a group meet in each collective, and whoever comes early waits there. Who waited how long in which one
// needs no common clock: where all ranks ran the same collectives, the n-th of a name on each are one, the shortest of
// their durations is the transfer, and what is beyond it on another rank is waiting. Our own engine writes the waiting
// down.

// meeting is one collective of one rank.
type meeting struct {
	start, ns int64
	waitNs    int64
	row       int32
	iteration int32
}

// waits are the collectives of all ranks.
type waits struct {
	of []([]meeting) // by rank, as view.ranks; each by start
}

// matchCollectives finds the waiting; nil if the ranks' collectives do not match.
func (v *view) matchCollectives() *waits {
	if len(v.ranks) < 2 {
		return nil
	}
	w := &waits{of: make([][]meeting, len(v.ranks))}
	byName := make([]map[string][]int, len(v.ranks)) // indexes of w.of[r]
	for r, rv := range v.ranks {
		w.of[r] = rv.collectives(v.gpu())
		byName[r] = map[string][]int{}
		for i, m := range w.of[r] {
			name := rv.name(rv.t.Events.Name(int(m.row)))
			byName[r][name] = append(byName[r][name], i)
		}
	}
	if len(w.of[0]) == 0 {
		return nil
	}
	for name, first := range byName[0] {
		for r := range v.ranks {
			if len(byName[r][name]) != len(first) {
				return nil
			}
		}
		for k := range first {
			transfer := w.of[0][first[k]].ns
			for r := range v.ranks {
				transfer = min(transfer, w.of[r][byName[r][name][k]].ns)
			}
			for r := range v.ranks {
				if m := &w.of[r][byName[r][name][k]]; m.waitNs == trace.Absent {
					m.waitNs = m.ns - transfer
				}
			}
		}
	}
	return w
}

// collectives lists those of a rank: communication kernels; in a CPU-only trace the backend's annotations, else ops
// that say what they send.
func (rv *rankView) collectives(gpu bool) []meeting {
	e := &rv.t.Events
	var out []meeting
	if gpu {
		for _, w := range rv.work {
			if w.category == "comm" {
				out = append(out, meeting{w.start, w.end - w.start, trace.Absent, w.row, w.iteration})
			}
		}
		return out
	}
	var annotations, ops []meeting
	for i := range e.Len() {
		c := e.Category(i)
		if c != trace.CategoryCPUOp && c != trace.CategoryUserAnnotation || e.StartNs(i) < rv.rank.FirstNs || e.StartNs(i) > rv.rank.LastNs {
			continue
		}
		m := meeting{e.StartNs(i), e.DurationNs(i), trace.Absent, int32(i), rv.at(e.StartNs(i))}
		if c == trace.CategoryUserAnnotation {
			if name := rv.name(e.Name(i)); rv.categories[name] == "comm" && strings.Count(name, ":") == 1 {
				annotations = append(annotations, m)
			}
		} else if s := e.Side(i); s != trace.NoSide {
			if k := rv.t.Ops.At(s).Collective; k != trace.NoSide {
				m.waitNs = rv.t.Collectives.At(k).WaitNs
				ops = append(ops, m)
			}
		}
	}
	if out = annotations; len(out) == 0 {
		out = ops
	}
	slices.SortStableFunc(out, func(a, b meeting) int { return cmp.Compare(a.start, b.start) })
	return out
}

// waited is how long a rank's collectives waited, as the analysis has it; false if that is not known of all.
func waited(r *analyze.Rank) (ns int64, known bool) {
	for _, c := range r.Collectives {
		if c.WaitNs < 0 {
			return 0, false
		}
		ns += c.WaitNs
	}
	return ns, len(r.Collectives) > 0
}
