package findings

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Who holds the others up. The data: ranks that meet in collectives, where whoever comes early waits until the last is there.
// All leave together, so from one meeting to the next the same time passes on all of them, whatever their clocks say; and on
// each it is the rank's own time (work, and gaps in which its device stood still), the transfer, which is the same on all, and
// waiting. A rank is slower than the others if its own time is longer: that is what they wait. It is summed by step, and only
// from one meeting to the next where all ranks have both and nothing is missing between them, so that a lost collective does
// not look like a rank that took its time.
//
// How far apart ranks were when they first met is not in it: whoever came first waited there, once. But a rank whose profiler
// began later may look slower for long. The others waited for it in the first collective while their hosts went on launching,
// and then have their work queued whole steps ahead, while its host is still launching what runs next: its device stands still
// between kernels, theirs do not. Their hosts may be no faster. So where its device waits for its host, and the others' hosts are
// steps ahead, the hosts are compared: how long each takes from one launch to the next, without the calls in which it
// waited. If they take as long, it is only the start.
//
// A rank is not called slow for one bad step: it has to be in most of them, or in several and hardly ever the other way round.
//
// Not done: ranks whose collectives do not match, and how a delay spreads where groups of ranks overlap.

// part is what a rank's own time in a step is made of, and what it waits.
type part struct {
	busyNs, idleNs, transferNs, waitNs int64
	hostLateNs                         int64 // of idleNs: the host had not launched what came next
	hostNs                             int64 // trace.Absent: not known
}

func (p *part) ownNs() int64 { return p.busyNs + p.idleNs + p.transferNs }

func (p *part) add(m *meeting) {
	p.busyNs += m.busyNs
	p.idleNs += m.aloneNs - m.busyNs
	p.hostLateNs += m.hostLateNs
	p.transferNs += m.transferNs()
	p.waitNs += min(m.WaitNs(), m.stayNs())
	if m.hostNs < 0 || p.hostNs < 0 {
		p.hostNs = trace.Absent
	} else {
		p.hostNs += m.hostNs
	}
}

// beat is a step of ranks that meet: their parts in it.
type beat struct{ parts []part }

// beatsWithoutSteps is into how many pieces a trace without steps is divided, if each has as many meetings.
const beatsWithoutSteps = 16

// group is ranks that meet each other.
type group struct {
	ranks []int // of view.ranks
	beats []beat
	steps bool // beats are steps
	leads []int64
}

// places are where each rank has the meeting of each number; -1: it has not got it.
func (v *view) places() [][]int32 {
	most := int32(0)
	for _, l := range v.ranks {
		for i := range l.meetings {
			most = max(most, l.meetings[i].Number()+1)
		}
	}
	out := make([][]int32, len(v.ranks))
	for r, l := range v.ranks {
		out[r] = slices.Repeat([]int32{-1}, int(most))
		for i := range l.meetings {
			if n := l.meetings[i].Number(); n >= 0 {
				out[r][n] = int32(i)
			}
		}
	}
	return out
}

// groups divides the ranks into such as meet.
func (v *view) groups(places [][]int32) []*group {
	var out []*group
next:
	for r, own := range places {
		for _, g := range out {
			var shared, mine, theirs int
			for n, at := range places[g.ranks[0]] {
				if own[n] >= 0 {
					mine++
				}
				if at >= 0 {
					theirs++
				}
				if own[n] >= 0 && at >= 0 {
					shared++
				}
			}
			if shared > 0 && 2*shared >= min(mine, theirs) {
				g.ranks = append(g.ranks, r)
				continue next
			}
		}
		out = append(out, &group{ranks: []int{r}})
	}
	return slices.DeleteFunc(out, func(g *group) bool { return len(g.ranks) < 2 })
}

// follow divides the time of a group's ranks from meeting to meeting into beats.
func (v *view) follow(g *group, places [][]int32) {
	lead := v.ranks[g.ranks[0]]
	g.steps = lead.count > 0
	of := map[int32]int{}
	now := make([]*meeting, len(g.ranks))
	for i := 1; i < len(lead.meetings); i++ {
		before, this := lead.meetings[i-1].Number(), lead.meetings[i].Number()
		step := lead.meetings[i].step
		if !g.steps {
			step = int32(i * beatsWithoutSteps / len(lead.meetings))
		}
		if before < 0 || this < 0 || step < 0 || !v.together(g, places, before, this, now) {
			continue
		}
		at, known := of[step]
		if !known {
			at = len(g.beats)
			of[step], g.beats = at, append(g.beats, beat{make([]part, len(g.ranks))})
		}
		for k, m := range now {
			g.beats[at].parts[k].add(m)
		}
	}
	for _, r := range g.ranks {
		g.leads = append(g.leads, v.ranks[r].hostLead())
	}
}

// together finds what each rank did from one meeting to the next. It reports false if some rank has not both, or another
// collective between them, or if it is not known how long it waited.
func (v *view) together(g *group, places [][]int32, before, this int32, now []*meeting) bool {
	for k, r := range g.ranks {
		from, to := places[r][before], places[r][this]
		if from < 0 || to != from+1 {
			return false
		}
		if now[k] = &v.ranks[r].meetings[to]; now[k].WaitNs() < 0 {
			return false
		}
	}
	return true
}

// hostLead is how long before its collectives begin the host has usually launched them; trace.Absent if that is not known.
func (l *Look) hostLead() int64 {
	var leads []int64
	for i := range l.meetings {
		if m := &l.meetings[i]; m.launchNs != trace.Absent {
			leads = append(leads, m.StartNs()-m.launchNs)
		}
	}
	if len(leads) == 0 {
		return trace.Absent
	}
	return stats.Median(leads)
}

const (
	// stragglerShare of a step is what the others must wait for a rank: devices of one kind differ by 1 to 3 %.
	stragglerShare = 0.05
	// lateBeat is by what share of a step a rank must be slower for the step to count against it.
	lateBeat = 0.02
	// fewestBeats are enough to say that a rank is slower, and fewestLate that it often is where most steps are not.
	fewestBeats, fewestLate = 4, 3
	// mostBeats is the share of the steps that is most of them.
	mostBeats = 2.0 / 3
	// oneSided is how many times as much a rank must be late as the others are, if it is so in few steps.
	oneSided = 4
	// aheadBeats is how many steps hosts must be ahead of their devices for a lead to be left over from the start.
	aheadBeats = 2
)

// lag is by how much some ranks of a group are slower than the rest.
type lag struct {
	group      *group
	late, rest []int // of view.ranks
	beats      int   // that were compared
	lateBeats  int   // in which they were slower by a share of it
	// byHost says that it is hosts that are compared, because devices show what is left over from the start.
	byHost bool
	// comparedNs is the time from meeting to meeting that was compared, of all that lay between the first one and the last.
	comparedNs, wholeNs int64
	// Of all beats, in ns; late and rest are means over the ranks. With byHost own times are the hosts'.
	lateOwn, restOwn, lateWait, restWait   int64
	longerBusy, longerIdle, longerHostLate int64
	stakeNs                                int64   // by which the slowest of the rest would be sooner
	longer, own                            []int64 // of each beat: by how much they are slower, and their own time
	longest                                analyze.EventRef
}

// longerNs is by how much the late ones are slower.
func (l *lag) longerNs() int64 { return l.lateOwn - l.restOwn }

// steps is what sums over the beats are divided by.
func (l *lag) steps() int {
	if !l.group.steps {
		return 1
	}
	return l.beats
}

// hostIdleNs is for how much longer the devices of the late ones stand still for their hosts, per step.
func (l *lag) hostIdleNs() int64 {
	if l.byHost {
		return quotient(l.longerNs(), l.steps())
	}
	return quotient(max(0, l.longerHostLate), l.steps())
}

// findLag finds the ranks that hold the others up most; nil if none do.
func (v *view) findLag() *lag {
	if !v.waits || v.pipelined() { // a pipeline's stages wait for each other, and none is to blame
		return nil
	}
	var most *lag
	places := v.places()
	for _, g := range v.groups(places) {
		v.follow(g, places)
		if l := v.lagOf(g); l != nil && (most == nil || l.longerNs() > most.longerNs()) {
			most = l
		}
	}
	return most
}

// lagOf is who is late in a group; nil if nobody is.
func (v *view) lagOf(g *group) *lag {
	if len(g.beats) < fewestBeats {
		return nil
	}
	order, n := g.slowest()
	if n == 0 {
		return nil
	}
	late, rest := order[:n], order[n:]
	l := &lag{group: g, beats: len(g.beats)}
	l.sum(late, rest, (*part).ownNs)
	if v.startedAhead(l, late, rest) {
		*l = lag{group: g, beats: len(g.beats), byHost: true}
		l.sum(late, rest, func(p *part) int64 { return p.hostNs })
	}
	if !l.lasting() {
		return nil
	}
	for _, i := range late {
		l.late = append(l.late, g.ranks[i])
	}
	for _, i := range rest {
		l.rest = append(l.rest, g.ranks[i])
	}
	slices.Sort(l.late)
	slices.Sort(l.rest)
	lead := v.ranks[g.ranks[0]].meetings
	l.wholeNs = lead[len(lead)-1].EndNs() - lead[0].EndNs()
	for b := range g.beats {
		l.comparedNs += g.beats[b].parts[0].ownNs() + g.beats[b].parts[0].waitNs
	}
	l.longest = v.longestWait(l.rest)
	return l
}

// slowest orders the ranks of a group by their own time, and says how many at the front stand apart from the others.
func (g *group) slowest() (order []int, late int) {
	own := make([]int64, len(g.ranks))
	for i := range g.ranks {
		order = append(order, i)
		for b := range g.beats {
			own[i] += g.beats[b].parts[i].ownNs()
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(own[b], own[a]) })
	widest := int64(0)
	for k := 1; k < len(order); k++ {
		if apart := own[order[k-1]] - own[order[k]]; apart > widest {
			widest, late = apart, k
		}
	}
	if 2*late > len(order) {
		late = 0 // most are as slow: a few are fast
	}
	return order, late
}

// meanOf is the mean of something over some ranks of a group in a beat.
func (b *beat) meanOf(which []int, what func(p *part) int64) int64 {
	var sum int64
	for _, i := range which {
		sum += what(&b.parts[i])
	}
	return quotient(sum, len(which))
}

// sum adds up the beats, of which the own time is asked. Those of which it is not known are left out.
func (l *lag) sum(late, rest []int, own func(p *part) int64) {
	for b := range l.group.beats {
		at := &l.group.beats[b]
		if slices.ContainsFunc(at.parts, func(p part) bool { return own(&p) < 0 }) {
			continue
		}
		l.lateOwn += at.meanOf(late, own)
		l.restOwn += at.meanOf(rest, own)
		l.lateWait += at.meanOf(late, func(p *part) int64 { return p.waitNs })
		l.restWait += at.meanOf(rest, func(p *part) int64 { return p.waitNs })
		longer := func(what func(p *part) int64) int64 { return at.meanOf(late, what) - at.meanOf(rest, what) }
		l.longerBusy += longer(func(p *part) int64 { return p.busyNs })
		l.longerIdle += longer(func(p *part) int64 { return p.idleNs })
		l.longerHostLate += longer(func(p *part) int64 { return p.hostLateNs })
		slowest := int64(0)
		for _, i := range rest {
			slowest = max(slowest, own(&at.parts[i]))
		}
		l.stakeNs += at.meanOf(late, own) - slowest
		l.longer = append(l.longer, longer(own))
		l.own = append(l.own, at.meanOf(late, own))
	}
	l.stakeNs, l.beats = max(0, l.stakeNs), len(l.longer)
}

// lasting tells whether the late ones are slower in most beats, or in several and hardly ever the other way round, and by
// enough even without the worst one.
func (l *lag) lasting() bool {
	var more, less, worst int64
	for b, longer := range l.longer {
		if ratio(longer, l.own[b]) >= lateBeat {
			l.lateBeats++
		}
		more, less, worst = more+max(0, longer), less+max(0, -longer), max(worst, longer)
	}
	if l.beats < fewestBeats || ratio(more-less-worst, l.lateOwn) < stragglerShare {
		return false
	}
	return float64(l.lateBeats) >= mostBeats*float64(l.beats) || l.lateBeats >= fewestLate && more >= oneSided*less
}

// startedAhead tells whether the late ones may only be so because the others began earlier: their devices wait for their
// hosts, and the others' hosts are steps ahead. Where a device's launches are not known, that can't be excluded.
func (v *view) startedAhead(l *lag, late, rest []int) bool {
	idle := l.longerIdle
	leads := l.group.leads
	if v.gpu() && slices.ContainsFunc(late, func(i int) bool { return leads[i] != trace.Absent }) {
		idle = l.longerHostLate
	}
	if 2*idle < l.longerNs() {
		return false
	}
	step := quotient(l.restOwn+l.restWait, l.beats)
	return !slices.ContainsFunc(rest, func(i int) bool {
		if leads[i] == trace.Absent {
			return !v.gpu()
		}
		return leads[i] < aheadBeats*step
	})
}

// longestWait is the meeting, after the first iteration, in which one of some ranks waited longest.
func (v *view) longestWait(which []int) (ref analyze.EventRef) {
	longest := int64(-1)
	for _, r := range which {
		l := v.ranks[r]
		for i := range l.meetings {
			if m := &l.meetings[i]; m.WaitNs() > longest && !l.inFirst(m) {
				longest, ref = m.WaitNs(), l.ref(m)
			}
		}
	}
	return ref
}
