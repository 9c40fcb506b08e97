package findings

import (
	"sort"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// What accompanies long steps: it is found by being in several of them and in no other step of the series, for at least
// companionShare of what a long step takes longer. Calls of the same name that are always there, but are short, do not count,
// nor do those that go on through steps of both kinds. Of several, it is the one that is longest in them, and of nested ones
// about as long the innermost, which says more.

// companionSteps is in how many long steps something must be to be no chance, if there are more.
const companionSteps = 3

// companion is what accompanies long steps.
type companion struct {
	name string
	ns   int64   // in all of them
	each []int64 // in each that it is in
	row  int32   // the longest
}

// company is a name that is met in steps of a series.
type company struct {
	in        map[int]int64 // place of a long step: for how long
	elsewhere bool
	row       int32
	longest   int64
	calls     int64 // Σ of their whole durations
}

// companion finds what accompanies some steps of a series; nil if nothing does.
func (rv *rankView) companion(s *series, places []int) *companion {
	excess := make([]int64, 0, len(places))
	long := map[int]bool{}
	for _, k := range places {
		excess = append(excess, s.ns[k]-s.medianNs)
		long[k] = true
	}
	least := max(1, int64(companionShare*float64(stats.Median(excess))))
	met := rv.meet(s, long, least)
	var best *company
	for _, c := range met {
		if c.elsewhere || len(c.in) < min(companionSteps, len(places)) {
			continue
		}
		if best == nil || rv.tellsMore(c, best) {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	out := &companion{name: rv.name(rv.t.Events.Name(int(best.row))), row: best.row}
	for _, k := range places {
		if ns, ok := best.in[k]; ok {
			out.ns += ns
			out.each = append(out.each, ns)
		}
	}
	return out
}

// asLong is the part of the longest companion's time that an inner one must have to be named instead.
const asLong = 0.8

func (rv *rankView) tellsMore(a, b *company) bool {
	var inA, inB int64
	for k := range a.in {
		inA += a.in[k]
		inB += b.in[k]
	}
	switch {
	case float64(inA) < asLong*float64(inB):
		return false
	case float64(inB) < asLong*float64(inA):
		return true
	case a.calls != b.calls:
		return a.calls < b.calls
	}
	return a.row < b.row
}

// meet finds for each name in which steps of a series, those of long and the others, something so called takes at least so long.
func (rv *rankView) meet(s *series, long map[int]bool, least int64) map[trace.StringID]*company {
	begins, ends := make([]int64, len(s.at)), make([]int64, len(s.at))
	for k, i := range s.at {
		begins[k], ends[k] = rv.iterations[i].BeginNs, rv.iterations[i].EndNs
	}
	met := map[trace.StringID]*company{}
	for b := range rv.t.Events.Blocks() {
		for j, start := range b.StartNs {
			end := start + b.DurationNs[j]
			if b.DurationNs[j] < least || !onHost(b.Category[j]) || end <= begins[0] || start >= ends[len(ends)-1] {
				continue
			}
			c := met[b.Name[j]]
			if c == nil {
				c = &company{in: map[int]int64{}, row: -1}
				met[b.Name[j]] = c
			}
			for k := sort.Search(len(ends), func(k int) bool { return ends[k] > start }); k < len(begins) && begins[k] < end; k++ {
				shared := min(end, ends[k]) - max(start, begins[k])
				switch {
				case shared < least:
				case !long[k]:
					c.elsewhere = true
				default:
					c.in[k] = max(c.in[k], shared)
					if c.calls += b.DurationNs[j]; shared > c.longest {
						c.longest, c.row = shared, int32(b.First+j)
					}
				}
			}
		}
	}
	return met
}

// onHost tells events that say what the host did, the profiler included.
func onHost(c trace.Category) bool {
	switch c {
	case trace.CategoryCPUOp, trace.CategoryUserAnnotation, trace.CategoryRuntime, trace.CategoryDriver, trace.CategoryPythonFunction,
		trace.CategoryOverhead:
		return true
	}
	return false
}
