package findings

import (
	"cmp"
	"slices"
	"sort"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/trace"
)

// The ranks of a group meet in each collective, and whoever comes early waits there. Which are the same, and who waited how long,
// the analysis tells when it has seen all ranks (package ranks). What a rank did from one to the next is noted here while its
// trace is in memory.

// meeting is one collective of one rank, and what the rank did since those before it ended.
type meeting struct {
	ranks.Meeting
	fileRow int32
	event   string // the event's name, which may say less than the collective's
	// step is the iteration that it began in; -1: none.
	step int32
	// aloneNs is from the end of those before, sinceNs, to its start, without compiling; busyNs is for how much of it the
	// rank's device worked (without a device: some op ran), hostLateNs for how much it stood still because the host had not
	// launched what came next, and unknownNs for how much it is not known when that was launched.
	sinceNs, aloneNs, busyNs, hostLateNs, unknownNs int64
	// launchNs is when the host launched it, trace.Absent if that is not known; hostNs how long the host took since it launched
	// the one before, without heldNs, in which it waited or may have. Of that, pausedNs is what it may have.
	launchNs, hostNs, heldNs, pausedNs int64
}

// stayNs is how long it lasted beyond those before it.
func (m *meeting) stayNs() int64 { return max(0, m.EndNs()-max(m.StartNs(), m.sinceNs)) }

// transferNs is stayNs without waiting, which must be known.
func (m *meeting) transferNs() int64 { return max(0, m.stayNs()-m.WaitNs()) }

// meetings are those of a rank, by start.
func (rv *rankView) meetings() []meeting {
	all := rv.rank.Runs.Meetings()
	out := make([]meeting, len(all))
	working := rv.working()
	hostLate := rv.stoodStill((*index.Gap).HostLate)
	unknown := rv.stoodStill(func(g *index.Gap) bool { return g.Cause == index.IdleUnknown })
	host := rv.launches()
	until := int64(0)
	for i, m := range all {
		at := &out[i]
		*at = meeting{Meeting: m, fileRow: int32(rv.t.FileRow(int(m.Row()))), event: rv.name(rv.t.Events.Name(int(m.Row()))), step: rv.at(m.StartNs()), launchNs: trace.Absent, hostNs: trace.Absent}
		if i == 0 {
			until = m.StartNs()
		}
		at.sinceNs = until
		if m.StartNs() > until {
			at.aloneNs = m.StartNs() - until - rv.compiling.within(until, m.StartNs())
			at.busyNs = min(at.aloneNs, working.within(until, m.StartNs()))
			at.hostLateNs = min(at.aloneNs-at.busyNs, hostLate.within(until, m.StartNs()))
			at.unknownNs = min(at.aloneNs-at.busyNs-at.hostLateNs, unknown.within(until, m.StartNs()))
		}
		until = max(until, m.EndNs())
		host.note(at, m.Row())
	}
	return out
}

// prefix answers for how long something was so until a moment.
type prefix struct {
	spans  interval.Set
	before []int64 // of each span, the sum of those before it
}

func newPrefix(spans interval.Set) *prefix {
	p := &prefix{spans: spans, before: make([]int64, len(spans)+1)}
	for i, s := range spans {
		p.before[i+1] = p.before[i] + s.End - s.Start
	}
	return p
}

func (p *prefix) until(ns int64) int64 {
	i := sort.Search(len(p.spans), func(i int) bool { return p.spans[i].Start >= ns })
	if i == 0 {
		return 0
	}
	return p.before[i-1] + min(p.spans[i-1].End, ns) - p.spans[i-1].Start
}

func (p *prefix) within(from, to int64) int64 { return p.until(to) - p.until(from) }

// working is when the device worked on anything but communication; without a device, when such ops ran.
func (rv *rankView) working() *prefix {
	var spans interval.Set
	if rv.gpu {
		for i := range rv.work {
			if w := &rv.work[i]; w.Class != index.ClassComm {
				spans.Add(w.StartNs, w.EndNs)
			}
		}
		return newPrefix(spans)
	}
	var ops []index.Span
	for _, h := range rv.x.Host() {
		if rv.x.CategoryOf(&h) == trace.CategoryCPUOp && rv.x.OpCategory(&h) != categories.Comm {
			ops = append(ops, h)
		}
	}
	slices.SortFunc(ops, func(a, b index.Span) int { return cmp.Compare(a.StartNs, b.StartNs) })
	for _, h := range ops {
		spans.Add(h.StartNs, h.EndNs)
	}
	return newPrefix(spans)
}

// stoodStill is when the device did in some gaps.
func (rv *rankView) stoodStill(in func(g *index.Gap) bool) *prefix {
	var spans interval.Set
	for i := range rv.gaps {
		if g := &rv.gaps[i]; in(g.Gap) {
			spans.Add(g.fromNs, g.toNs)
		}
	}
	return newPrefix(spans)
}

// ref points at a meeting.
func (l *Look) ref(m *meeting) analyze.EventRef {
	return analyze.EventRef{Rank: l.rank.Rank, Event: int(m.fileRow), StartNs: m.StartNs(), DurationNs: m.Ns(), Name: m.event}
}

// waited is how long a rank waited in its steps' collectives as far as that is known, how many they are, and how many of them it is
// not known of.
func (l *Look) waited() (ns int64, all, unknown int) {
	for i := range l.meetings {
		if l.gpu && l.count > 0 && l.meetings[i].step < 0 {
			continue
		}
		all++
		if w := l.meetings[i].WaitNs(); w >= 0 {
			ns += w
		} else {
			unknown++
		}
	}
	return ns, all, unknown
}
