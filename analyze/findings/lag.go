package findings

import (
	"cmp"
	"math"
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
// and then have their work queued, while its host is still launching what runs next: its device stands still between kernels,
// theirs do not. A host that is ahead by one launch is enough for that, and it may be no faster. So where it is for its host that
// a device stands still, or not known for what, and that host does not wait in every step, the hosts are asked (hosts.go): how
// long each takes from one launch to the next without waiting. If they take as long, it is only the start. If it is a host that
// is ahead which takes longer, nobody waits for it until its lead is used up: a longer profile would show it, and this one can tell.
//
// A rank is not called slow for one bad step: it has to be in most of them, or in several and hardly ever the other way round.
//
// Not done: ranks whose collectives do not match, and how a delay spreads where groups of ranks overlap.

// part is what a rank's own time in a step is made of, and what it waits.
type part struct {
	busyNs, idleNs, transferNs, waitNs int64
	hostLateNs                         int64 // of idleNs: the host had not launched what came next
	unknownNs                          int64 // of idleNs: it is not known when that was launched
	// hosts are what its host took from each meeting to the next without waiting (trace.Absent: not known), pausing the same with
	// the pauses in which it may have waited. heldNs is what it waited, or may have.
	hosts, pausing []int64
	heldNs         int64
	// leadNs is how long before its collectives began the host had launched them, at least (a graph's all have one launch, so
	// that only its first one tells); trace.Absent if that is known of none.
	leadNs int64
}

func (p *part) ownNs() int64 { return p.busyNs + p.idleNs + p.transferNs }
func (p *part) lead() int64  { return p.leadNs }

func (p *part) add(m *meeting) {
	p.busyNs += m.busyNs
	p.idleNs += m.aloneNs - m.busyNs
	p.hostLateNs += m.hostLateNs
	p.unknownNs += m.unknownNs
	p.transferNs += m.transferNs()
	p.waitNs += min(m.WaitNs(), m.stayNs())
	if lead := m.StartNs() - m.launchNs; m.launchNs != trace.Absent && (p.leadNs == trace.Absent || lead < p.leadNs) {
		p.leadNs = lead
	}
	p.hosts, p.pausing = append(p.hosts, m.hostNs), append(p.pausing, m.hostNs+m.pausedNs)
	p.heldNs += m.heldNs
}

// beat is a step of ranks that meet: their parts in it. Partial is one of which some could not be compared.
type beat struct {
	parts   []part
	partial bool
}

// beatsWithoutSteps is into how many pieces a trace is divided that has no steps, or too few to compare, if each has as many meetings.
const beatsWithoutSteps = 16

// group is ranks that meet each other.
type group struct {
	ranks []int // of view.ranks
	beats []beat
	steps bool // beats are steps
	from  int  // the meeting of the first rank that beats begin after
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
	g.steps = lead.count >= fewestBeats
	of, missing, first := map[int32]int{}, map[int32]bool{}, int32(-1)
	now := make([]*meeting, len(g.ranks))
	for i := 1; i < len(lead.meetings); i++ {
		before, this := lead.meetings[i-1].Number(), lead.meetings[i].Number()
		step := lead.meetings[i].step
		if !g.steps {
			step = int32(i * beatsWithoutSteps / len(lead.meetings))
		}
		if before < 0 || this < 0 || step < 0 || !v.together(g, places, before, this, now) {
			missing[step] = true
			continue
		}
		at, known := of[step]
		if !known {
			if at = len(g.beats); at == 0 {
				first = step
			}
			of[step], g.beats = at, append(g.beats, beat{parts: slices.Repeat([]part{{leadNs: trace.Absent}}, len(g.ranks))})
		}
		for k, m := range now {
			g.beats[at].parts[k].add(m)
		}
	}
	for step, at := range of {
		g.beats[at].partial = missing[step]
	}
	if g.steps && len(g.beats) > fewestBeats && lead.meetings[0].step == first {
		g.beats = g.beats[1:] // what came before its first meeting is not in it
		g.from = slices.IndexFunc(lead.meetings, func(m meeting) bool { return m.step != first }) - 1
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
	// chance is how many standard errors are taken off: one would hide ranks of a busy CPU whose ops take half as long again.
	// Of pieces of the time, which differ in what runs in them, it is one.
	chance, chanceOfPieces = 0.5, 1.0
)

// lag is by how much some ranks of a group are slower than the rest.
type lag struct {
	group      *group
	late, rest []int // of view.ranks
	beats      int   // that were compared
	lateBeats  int   // in which they were slower by a share of it
	// hosts is not nil if it is hosts that are slower, because devices show what is left over from the start.
	hosts *hostLag
	// comparedNs is the time from meeting to meeting that was compared, of all that lay between the first one and the last.
	comparedNs, wholeNs int64
	// Of all beats, in ns; late and rest are means over the ranks.
	lateOwn, restOwn, lateWait, restWait   int64
	longerBusy, longerIdle, longerHostLate int64
	longerUnknown, longerTransfer          int64
	stakeNs                                int64   // by which the slowest of the rest would be sooner
	longer, whole                          []int64 // of each beat: by how much they are slower, and how long it takes
	longest                                analyze.EventRef
}

// longerNs is by how much the late ones are slower.
func (l *lag) longerNs() int64 {
	if l.hosts != nil {
		return l.hosts.longerNs() * int64(l.beats)
	}
	return l.lateOwn - l.restOwn
}

// steps is what sums over the beats are divided by.
func (l *lag) steps() int {
	if !l.group.steps {
		return 1
	}
	return l.beats
}

// hostIdleNs is for how much longer the devices of the late ones stand still for their hosts, per step.
func (l *lag) hostIdleNs() int64 {
	if l.hosts != nil {
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
	late, rest := g.slowest((*part).ownNs)
	if len(late) == 0 {
		return nil
	}
	l := &lag{group: g, beats: len(g.beats)}
	l.sum(late, rest)
	if !l.lasting() {
		return nil
	}
	if v.waitsForHosts(l, late) && !g.synchronised(late) {
		switch hosts, known := g.compareHosts(); {
		case !known && v.startedAhead(l, late, rest), known && hosts == nil:
			return nil
		case known && slices.ContainsFunc(hosts.late, func(i int) bool { return slices.Contains(late, i) }):
			l.hosts, late, rest = hosts, hosts.late, hosts.rest
		case known:
			if !hosts.overtaken(g) {
				return nil
			}
			l.hosts, late, rest = hosts, hosts.late, hosts.rest
		}
	}
	l.late, l.rest = ranksOf(g, late), ranksOf(g, rest)
	lead := v.ranks[g.ranks[0]].meetings
	l.wholeNs = lead[len(lead)-1].EndNs() - lead[g.from].EndNs()
	for b := range g.beats {
		l.comparedNs += g.beats[b].parts[0].ownNs() + g.beats[b].parts[0].waitNs
	}
	l.longest = v.longestWait(l.rest)
	return l
}

// ranksOf are those of a group, in order, by their places in it.
func ranksOf(g *group, which []int) (ranks []int) {
	for _, i := range which {
		ranks = append(ranks, g.ranks[i])
	}
	slices.Sort(ranks)
	return ranks
}

// slowest divides the ranks of a group into those whose own time is longer and the rest.
func (g *group) slowest(own func(p *part) int64) (late, rest []int) {
	sum := make([]int64, len(g.ranks))
	for b := range g.beats {
		for i := range sum {
			sum[i] += own(&g.beats[b].parts[i])
		}
	}
	return divide(sum)
}

// divide divides ranks into those of which a time is longer and the rest, where they stand furthest apart. Late is empty if most
// are as slow.
func divide(ns []int64) (late, rest []int) {
	order := make([]int, len(ns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ns[b], ns[a]) })
	n, widest := 0, int64(0)
	for k := 1; k < len(order); k++ {
		if apart := ns[order[k-1]] - ns[order[k]]; apart > widest {
			widest, n = apart, k
		}
	}
	if 2*n > len(order) {
		n = 0 // a few are fast
	}
	return order[:n], order[n:]
}

// meanOf is the mean of something over some ranks of a group in a beat.
func (b *beat) meanOf(which []int, what func(p *part) int64) int64 {
	var sum int64
	for _, i := range which {
		sum += what(&b.parts[i])
	}
	return quotient(sum, len(which))
}

// sum adds up the beats.
func (l *lag) sum(late, rest []int) {
	own := (*part).ownNs
	for b := range l.group.beats {
		at := &l.group.beats[b]
		l.lateOwn += at.meanOf(late, own)
		l.restOwn += at.meanOf(rest, own)
		l.lateWait += at.meanOf(late, func(p *part) int64 { return p.waitNs })
		l.restWait += at.meanOf(rest, func(p *part) int64 { return p.waitNs })
		longer := func(what func(p *part) int64) int64 { return at.meanOf(late, what) - at.meanOf(rest, what) }
		l.longerBusy += longer(func(p *part) int64 { return p.busyNs })
		l.longerIdle += longer(func(p *part) int64 { return p.idleNs })
		l.longerHostLate += longer(func(p *part) int64 { return p.hostLateNs })
		l.longerTransfer += longer(func(p *part) int64 { return p.transferNs })
		l.longerUnknown += longer(func(p *part) int64 { return p.unknownNs })
		slowest := int64(0)
		for _, i := range rest {
			slowest = max(slowest, own(&at.parts[i]))
		}
		l.stakeNs += at.meanOf(late, own) - slowest
		l.longer = append(l.longer, longer(own))
		l.whole = append(l.whole, at.meanOf(late, func(p *part) int64 { return p.ownNs() + p.waitNs }))
	}
	l.stakeNs = max(0, l.stakeNs)
}

// lasting tells whether the late ones are slower in most beats, or in several and hardly ever the other way round, and by
// enough even without the worst one, and less what may be chance: CPUs' steps take now more, now less. What the worst one has
// beyond the others must not be most of it.
func (l *lag) lasting() bool {
	var more, less, whole int64
	worst := 0
	for b, longer := range l.longer {
		whole += l.whole[b]
		if ratio(longer, l.whole[b]) >= lateBeat {
			l.lateBeats++
		}
		if more, less = more+max(0, longer), less+max(0, -longer); longer > l.longer[worst] {
			worst = b
		}
	}
	rest := slices.Delete(slices.Clone(l.longer), worst, worst+1)
	mean, err := meanAndError(rest)
	if l.group.steps {
		err *= chance
	} else {
		err *= chanceOfPieces
	}
	others, wholeOthers := mean*float64(len(rest)), float64(whole-l.whole[worst])
	if others-err*float64(len(rest)) < stragglerShare*wholeOthers || float64(l.longer[worst])-others/wholeOthers*float64(l.whole[worst]) > others {
		return false
	}
	return float64(l.lateBeats) >= mostBeats*float64(l.beats) || l.lateBeats >= fewestLate && more >= oneSided*less
}

// meanAndError are the mean of some values, two or more, and its standard error.
func meanAndError(ns []int64) (mean, err float64) {
	n := float64(len(ns))
	for _, v := range ns {
		mean += float64(v) / n
	}
	for _, v := range ns {
		err += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, math.Sqrt(err / (n - 1) / n)
}

// waitsForHosts tells whether what the late ones are late by is mostly that their devices stand still for their hosts, or it is
// not known what for.
func (v *view) waitsForHosts(l *lag, late []int) bool {
	idle := l.longerIdle
	if v.gpu() && slices.ContainsFunc(l.group.beats, func(b beat) bool { return b.least(late, (*part).lead) != trace.Absent }) {
		idle = l.longerHostLate + l.longerUnknown
	}
	return 2*idle >= l.longerNs()
}

// synchronised tells whether the hosts of some ranks wait in most steps, as for what to do next. What they began later by they have
// caught up with there, and what is late afterwards is late by itself.
func (g *group) synchronised(which []int) bool {
	n := 0
	for b := range g.beats {
		at := &g.beats[b]
		if !slices.ContainsFunc(which, func(i int) bool { p := &at.parts[i]; return ratio(p.heldNs, p.ownNs()+p.waitNs) < lateBeat }) {
			n++
		}
	}
	return float64(n) >= mostBeats*float64(len(g.beats))
}

// startedAhead tells whether the late ones may only be so because the others began earlier: where they are late, the others'
// hosts are further ahead by as much, or it is not known whether they are.
func (v *view) startedAhead(l *lag, late, rest []int) bool {
	var more, explained int64
	for i := range l.group.beats {
		b := &l.group.beats[i]
		longer := b.meanOf(late, (*part).ownNs) - b.meanOf(rest, (*part).ownNs)
		if longer <= 0 {
			continue
		}
		more += longer
		switch theirs := b.least(rest, (*part).lead); {
		case theirs == trace.Absent && !v.gpu(): // who computes on the host is not ahead of it
		case theirs == trace.Absent, theirs-max(0, b.least(late, (*part).lead)) >= longer:
			explained += longer
		}
	}
	return 2*explained >= more
}

// least is the least of something over some ranks of a group in a beat; trace.Absent if it is known of none.
func (b *beat) least(which []int, what func(p *part) int64) int64 {
	least := trace.Absent
	for _, i := range which {
		if ns := what(&b.parts[i]); ns != trace.Absent && (least == trace.Absent || ns < least) {
			least = ns
		}
	}
	return least
}

// lead is by how much the hosts of some ranks are usually ahead of their devices; 0 if that is not known.
func (g *group) lead(which []int) int64 {
	var leads []int64
	for i := range g.beats {
		if ns := g.beats[i].least(which, (*part).lead); ns != trace.Absent {
			leads = append(leads, ns)
		}
	}
	return stats.Median(leads)
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
