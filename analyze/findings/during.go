package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
)

// during divides gaps among what the thread was inside that launched what ended them, as index.Index.During has it.
func (rv *rankView) during(gaps []gap) index.Division {
	list := make([]index.Stretch, 0, len(gaps))
	for i := range gaps {
		if s, ok := rv.x.HostStretch(gaps[i].Gap); ok {
			s.StartNs, s.EndNs = gaps[i].fromNs, gaps[i].toNs
			s.LaunchedNs = max(s.StartNs, min(s.LaunchedNs, s.EndNs))
			list = append(list, s)
		}
	}
	return rv.x.During(list, 1)[0]
}

// onItsWayNs is how long a launch takes at most, on average, to reach a device that is free: some µs, and under a profiler some tens.
const onItsWayNs = 1_000_000

// worthNaming is the share of gaps' time below which nothing is named that the host did.
const worthNaming = 0.05

// sayMeanwhile says what the host did during gaps: what it was inside for at least half of their time, or else the few that
// fill most of it. It returns the name of what fills most, "" if that is nothing, and how long the longest of that lasts.
func (rv *rankView) sayMeanwhile(f *analyze.Finding, gaps []gap) (in string, longestNs int64) {
	d := rv.during(gaps)
	if 2*d.DelayNs > d.Ns {
		say(f, "; for %s of that time what ends it was launched already"+choose(d.DelayNs <= onItsWayNs*int64(d.Gaps), " and on its way",
			": it waited for something else than the host"), share("already_launched", d.DelayNs, d.Ns))
		return "", 0
	}
	most, half := d.Most()
	most = slices.DeleteFunc(most, func(o index.Occupant) bool { return ratio(o.Ns, d.Ns) < worthNaming })
	for i, o := range most {
		of := share(analyze.OfItIn+rv.occupant(&o), o.Ns, d.Ns)
		switch {
		case half:
			say(f, "; for %s of that time the host is in %s", of, rv.occupant(&o))
		case i == 0:
			say(f, "; meanwhile the host is in %s for %s of that time", rv.occupant(&o), of)
		default:
			say(f, "%s in %s for %s", choose(i+1 == len(most), " and", ","), rv.occupant(&o), of)
		}
		if o.Row >= 0 {
			f.Events = append(f.Events, rv.ref(o.Row))
		}
		if i == 0 && !o.None {
			in, longestNs = rv.name(o.Name), rv.t.Events.DurationNs(int(o.Row))
		}
	}
	return in, longestNs
}

// occupant names what the host was inside.
func (rv *rankView) occupant(o *index.Occupant) string {
	switch {
	case !o.None:
		return shortName(rv.name(o.Name))
	case rv.x.Frames > 0:
		return "no op, call or frame"
	}
	return "no op or call"
}
