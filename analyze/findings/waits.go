package findings

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
)

// The ranks of a group meet in each collective, and whoever comes early waits there. Where all ranks ran the same collectives,
// the n-th of a name on each are one, and who waited how long is told as the analysis tells it (ranks.Waits). Our own engine
// writes the waiting down.

// meeting is one collective of one rank.
type meeting struct {
	start, ns int64
	waitNs    int64 // trace.Absent: not known
	row       int32 // of the file
	name      int32 // of Look.names
}

// matchMeetings finds the waiting. It reports false if the ranks' collectives do not match.
func (v *view) matchMeetings() bool {
	if len(v.ranks) < 2 || len(v.ranks[0].meetings) == 0 {
		return false
	}
	byName := make([]map[string][]*meeting, len(v.ranks))
	for r, l := range v.ranks {
		byName[r] = map[string][]*meeting{}
		for i := range l.meetings {
			m := &l.meetings[i]
			byName[r][l.names[m.name]] = append(byName[r][l.names[m.name]], m)
		}
	}
	for name, first := range byName[0] {
		for r := range v.ranks {
			if len(byName[r][name]) != len(first) {
				return false
			}
		}
	}
	oneClock := true
	for _, l := range v.ranks {
		oneClock = oneClock && ranks.SharesClock(l.rank, v.ranks[0].rank)
	}
	visits, waits := make([]ranks.Visit, len(v.ranks)), make([]int64, len(v.ranks))
	for name, first := range byName[0] {
		for k := range first {
			for r, l := range v.ranks {
				m := byName[r][name][k]
				visits[r] = ranks.Visit{StartNs: l.rank.BaseTimeNs + m.start, Ns: m.ns}
			}
			ranks.Waits(visits, oneClock, waits)
			for r := range v.ranks {
				if m := byName[r][name][k]; m.waitNs == trace.Absent {
					m.waitNs = waits[r]
				}
			}
		}
	}
	return true
}

// meetings lists the collectives of a rank, and the names that they have: communication kernels; in a CPU-only trace the
// backend's annotations, else ops that say what they send.
func (rv *rankView) meetings() (list []meeting, names []string) {
	numbers := map[trace.StringID]int32{}
	add := func(to *[]meeting, m meeting, name trace.StringID) {
		number, known := numbers[name]
		if !known {
			number = int32(len(names))
			numbers[name] = number
			names = append(names, rv.name(name))
		}
		m.name, m.row = number, int32(rv.t.FileRow(int(m.row)))
		*to = append(*to, m)
	}
	if rv.gpu {
		for _, w := range rv.work {
			if rv.category(&w) == "comm" {
				add(&list, meeting{start: w.StartNs, ns: w.EndNs - w.StartNs, waitNs: trace.Absent, row: w.Row}, w.Name)
			}
		}
		return list, names
	}
	e := &rv.t.Events
	var ops []meeting
	for i := range e.Len() {
		c := e.Category(i)
		if c != trace.CategoryCPUOp && c != trace.CategoryUserAnnotation || e.StartNs(i) < rv.rank.FirstNs || e.StartNs(i) > rv.rank.LastNs ||
			rv.x.Compiling(e.Track(i), e.StartNs(i)) {
			continue
		}
		m := meeting{start: e.StartNs(i), ns: e.DurationNs(i), waitNs: trace.Absent, row: int32(i)}
		if c == trace.CategoryUserAnnotation {
			if name := rv.name(e.Name(i)); rv.x.OpCategories.Of(name) == categories.Comm && strings.Count(name, ":") == 1 {
				add(&list, m, e.Name(i))
			}
		} else if s := e.Side(i); s != trace.NoSide {
			if k := rv.t.Ops.At(s).Collective; k != trace.NoSide {
				m.waitNs = rv.t.Collectives.At(k).WaitNs
				add(&ops, m, e.Name(i))
			}
		}
	}
	if len(list) == 0 {
		list = ops
	}
	slices.SortStableFunc(list, func(a, b meeting) int { return cmp.Compare(a.start, b.start) })
	return list, names
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
