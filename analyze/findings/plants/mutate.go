package plants

import (
	"math/rand/v2"

	"github.com/inferprof/inferprof/trace"
)

// Mutate makes a profile that no profiler would write of one that it did: a plant, perhaps, and then rows that are lost, moved,
// stretched, or somebody else's. Whatever it is, what is said of it has to hold together.
func Mutate(s *Scene, random *rand.Rand) []*trace.Trace {
	ranks := make([]*trace.Trace, len(s.Ranks))
	for i, r := range s.Ranks {
		ranks[i] = r.Trace
	}
	if random.IntN(2) == 0 {
		if p := List[random.IntN(len(List))].Make(s); p != nil {
			ranks = p.Ranks
		}
	}
	for i, t := range ranks {
		if random.IntN(3) == 0 {
			continue
		}
		d := newDraft(t)
		for range 1 + random.IntN(4) {
			d.mutate(random)
		}
		ranks[i] = d.trace()
	}
	return ranks
}

// mutate does one thing to some rows: to a run of them, or here and there.
func (d *draft) mutate(random *rand.Rand) {
	from, to, share := 0, len(d.rows), random.Float64()*random.Float64()
	if random.IntN(2) == 0 {
		from = random.IntN(len(d.rows))
		to, share = from+random.IntN(len(d.rows)-from)+1, 1
	}
	kind, by := random.IntN(9), random.Int64N(1<<random.IntN(40)+1)
	categories := trace.Category(random.IntN(int(trace.CategoryOther))) // one kind of rows alone, or all
	for i := from; i < to; i++ {
		if r := &d.rows[i]; random.Float64() < share && (categories == trace.CategoryNone || r.Category == categories) {
			d.change(r, kind, by, random)
		}
	}
}

// change does one thing to a row.
func (d *draft) change(r *trace.Event, kind int, by int64, random *rand.Rand) {
	other := &d.rows[random.IntN(len(d.rows))]
	switch kind {
	case 0:
		r.Phase = removed
	case 1:
		r.DurationNs = 0
	case 2:
		r.DurationNs *= 1 + by%1_000
	case 3:
		r.StartNs += by
	case 4:
		r.StartNs -= by
	case 5:
		r.Name = other.Name
	case 6:
		r.Track = other.Track
	case 7:
		if isWork(r.Category) && r.Side != trace.NoSide {
			d.gpu[r.Side].Correlation = random.Int64N(by + 1)
		}
	case 8:
		if r.Phase != removed {
			d.rows = append(d.rows, *r)
		}
	}
}
