package findings

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
)

// wholeShare of the time is all of it: steps end, and some collectives overlap.
const wholeShare = 0.9

// straggler: the steps of one rank are slower, and the others wait for it in them (lag.go).
func straggler(v *view, _ []*analyze.Finding) *analyze.Finding {
	l := v.lag
	if l == nil {
		return nil
	}
	n := l.steps()
	f := &analyze.Finding{StakeNsPerStep: quotient(l.stakeNs, n), Events: []analyze.EventRef{l.longest}}
	per, beats := "per step", "steps"
	if !l.group.steps {
		per, beats = "in all", "parts of the time"
	}
	if l.byHost {
		say(f, "the host of %s is slower than the others': without waiting %s from launch to launch %s, where they take %s, in %s of %s "+beats+"; the start set the others ahead, "+
			"and they wait %s", v.rankNames(f, l.late), nanoseconds("host_time", quotient(l.lateOwn, n)), per, nanoseconds("host_time_of_the_others", quotient(l.restOwn, n)),
			number("steps_late", l.lateBeats), number("steps_compared", l.beats), nanoseconds("wait_of_the_others", quotient(l.restWait, n)))
		f.Try = tryHost
		return f
	}
	verb := "is"
	if len(l.late) > 1 {
		verb = "are"
	}
	say(f, "%s %s slower than the others: without waiting %s %s, where they take %s, in %s of %s "+beats+"; they wait %s, against %s",
		v.rankNames(f, l.late), verb, nanoseconds("own_time", quotient(l.lateOwn, n)), per,
		nanoseconds("own_time_of_the_others", quotient(l.restOwn, n)), number("steps_late", l.lateBeats), number("steps_compared", l.beats),
		nanoseconds("wait_of_the_others", quotient(l.restWait, n)), nanoseconds("wait", quotient(l.lateWait, n)))
	v.sayCause(f, l, per)
	if compared := share("of_the_time_compared", l.comparedNs, l.wholeNs); compared.Value < wholeShare {
		say(f, "; of the time, %s could be compared, as collectives are missing on some rank", compared)
	}
	return f
}

// rankNames are "rank 1" or "ranks 1 and 3", and evidence of f.
func (v *view) rankNames(f *analyze.Finding, which []int) string {
	var names []string
	for _, r := range which {
		e := rankNumber("rank", v.ranks[r].rank.Rank)
		f.Evidence = addEvidence(f.Evidence, e)
		names = append(names, Written(e))
	}
	if len(names) == 1 {
		return "rank " + names[0]
	}
	return "ranks " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

const tryHost = "look at that rank's host: the cores and NUMA node of its process, other processes there, what it alone does between launches (rank 0 often schedules, samples or logs for all)"

// sayCause says why the late ranks are slower: their work takes longer, or their devices stand still for longer, or both.
func (v *view) sayCause(f *analyze.Finding, l *lag, per string) {
	n, longer := l.steps(), l.longerNs()
	still := "its device stands still"
	if len(l.late) > 1 {
		still = "their devices stand still"
	}
	if !v.gpu() {
		still = "no op runs"
	}
	busy, idle := nanoseconds("longer_at_work", quotient(l.longerBusy, n)), nanoseconds("longer_idle", quotient(l.longerIdle, n))
	switch {
	case 2*l.longerBusy >= longer && 4*l.longerIdle < longer:
		say(f, "; it is at work %s longer", busy)
		f.Try = v.sayWork(f, l)
	case 2*l.longerIdle >= longer && 4*l.longerBusy < longer:
		say(f, "; "+still+" %s longer %s", idle, per)
		f.Try = tryHost
		switch late := nanoseconds("longer_for_its_host", quotient(l.longerHostLate, n)); {
		case !v.gpu():
			f.Try = "look at that rank's process: its cores and NUMA node, other processes there, what it alone does in Python (rank 0 often schedules, samples or logs for all)"
		case 2*l.longerHostLate >= l.longerIdle:
			say(f, ", %s of it because its host launches late", late)
		default:
			say(f, ", of which late launches of its host explain %s: look at the device", late)
			f.Try = "see what else runs on that rank's device (other processes, ECC errors, throttling), and on which streams and events its kernels wait"
		}
	default:
		say(f, "; it is at work %s longer, and "+still+" %s longer", busy, idle)
		f.Try = v.sayWork(f, l) + "; and its host: " + strings.TrimPrefix(tryHost, "look at that rank's host: ")
	}
}

// tempo is how long kernels of one category take on the late ranks, and how long they would take at the others' pace.
type tempo struct {
	category        string
	tookNs, wouldNs float64
	moreNs          float64 // what it runs more of them, at the others' pace
}

const (
	// alike is how far apart categories' factors may be, as a share of what they are above 1, for one factor to be behind all.
	alike = 0.35
	// alikeShare of the work must have it.
	alikeShare = 0.8
	// smallCategory is the share of the work that is too little to ask about.
	smallCategory = 0.02
)

// sayWork says what of its work takes a rank longer, and what to try.
func (v *view) sayWork(f *analyze.Finding, l *lag) (try string) {
	all, by := v.tempos(l)
	const clocks = "compare clocks, power and temperature of that rank's device with another's (nvidia-smi -q -d CLOCK,POWER,PERFORMANCE), and what else runs on it"
	if all.wouldNs == 0 {
		return clocks
	}
	what := "kernels"
	if !v.gpu() {
		what = "ops"
	}
	slowdown := all.tookNs - all.wouldNs
	if all.moreNs > slowdown {
		top := by[0]
		for _, t := range by {
			if t.moreNs > top.moreNs {
				top = t
			}
		}
		say(f, ": it has more work rather than slower, above all in %s", top.category)
		return "see how work is divided: which experts and which requests that rank has (expert load balancing), and the shapes of its shard"
	}
	one := factor("its_"+what+"_take", all.tookNs/all.wouldNs)
	var same, asked float64
	for _, t := range by {
		if t.wouldNs >= smallCategory*all.wouldNs {
			asked += t.wouldNs
			if above := t.tookNs/t.wouldNs - 1; above > (1-alike)*(one.Value-1) && above < (1+alike)*(one.Value-1) {
				same += t.wouldNs
			}
		}
	}
	if same >= alikeShare*asked && one.Value > 1 {
		say(f, ": all its "+what+" take %s as long, whatever they do", one)
		if !v.gpu() {
			return "compare the clock and the load of that rank's cores with another's: other processes on them, its NUMA node, the number of its threads"
		}
		return clocks
	}
	top := by[0]
	say(f, ", most of it in %s: %s as long", top.category, factor("its_"+strings.ReplaceAll(top.category, " ", "_")+"_takes", top.tookNs/max(1, top.wouldNs)))
	if strings.HasPrefix(top.category, "moe") {
		return "see how tokens are divided among the experts' ranks (expert load balancing): as many kernels do not mean as many tokens; then its device's clocks"
	}
	return "see whether that rank's shard is larger and its kernels are the same, then " + clocks
}

// tempos compare the work of the late ranks with the others', in all and by category, what it is slower in first.
func (v *view) tempos(l *lag) (all tempo, by []tempo) {
	type rate struct{ n, ns float64 }
	type row struct {
		category   string
		late, rest rate
	}
	rows := map[string]*row{}
	note := func(r int, of func(*row) *rate, share float64) {
		add := func(name, category string, n int, ns int64) {
			if category == categories.Comm {
				return
			}
			at := rows[name]
			if at == nil {
				at = &row{category: category}
				rows[name] = at
			}
			to := of(at)
			to.n, to.ns = to.n+float64(n)*share, to.ns+float64(ns)*share
		}
		if v.gpu() {
			for _, k := range v.ranks[r].rank.Kernels {
				add(k.Name, k.Category, k.Count, k.TotalNs)
			}
			return
		}
		for _, c := range v.ranks[r].rank.Categories {
			add(c.Name, c.Name, c.Count, c.ExclusiveNs)
		}
	}
	for _, r := range l.late {
		note(r, func(x *row) *rate { return &x.late }, 1/float64(len(l.late)))
	}
	for _, r := range l.rest {
		note(r, func(x *row) *rate { return &x.rest }, 1/float64(len(l.rest)))
	}
	sums := map[string]*tempo{}
	for _, x := range rows {
		t := sums[x.category]
		if t == nil {
			t = &tempo{category: x.category}
			sums[x.category] = t
		}
		switch {
		case x.late.n == 0:
			t.moreNs -= x.rest.ns
		case x.rest.n == 0:
			t.moreNs += x.late.ns
		default:
			n := min(x.late.n, x.rest.n)
			t.tookNs += n * x.late.ns / x.late.n
			t.wouldNs += n * x.rest.ns / x.rest.n
			t.moreNs += (x.late.n - x.rest.n) * x.rest.ns / x.rest.n
		}
	}
	for _, t := range sums {
		all.tookNs, all.wouldNs, all.moreNs = all.tookNs+t.tookNs, all.wouldNs+t.wouldNs, all.moreNs+t.moreNs
		by = append(by, *t)
	}
	slices.SortFunc(by, func(a, b tempo) int {
		return cmp.Or(cmp.Compare(b.tookNs-b.wouldNs, a.tookNs-a.wouldNs), cmp.Compare(a.category, b.category))
	})
	return all, by
}

// withoutLag is what a rank finds about waiting for its host, without what the straggler has at stake of it: the others wait for
// that once, and it is taken from one finding after the other.
func (v *view) withoutLag(rank int, f *analyze.Finding) *analyze.Finding {
	if f == nil || v.lag == nil || !slices.Contains(v.lag.late, rank) {
		return f
	}
	counted := min(f.StakeNsPerStep, v.lag.hostIdleNs()-v.lagged[rank])
	if v.lagged == nil {
		v.lagged = map[int]int64{}
	}
	v.lagged[rank] += counted
	left := *f
	left.StakeNsPerStep -= counted
	return &left
}
