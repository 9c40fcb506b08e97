package findings

import (
	"cmp"
	"maps"
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
		return v.slowDevice()
	}
	n := l.steps()
	f := &analyze.Finding{StakeNsPerStep: quotient(l.stakeNs, n), Events: []analyze.EventRef{l.longest}}
	per, beats := "per step", "steps"
	if !l.group.steps {
		per, beats = "in all", "parts of the time"
	}
	if h := l.hosts; h != nil {
		f.StakeNsPerStep = h.stakeNs
		say(f, "the host of %s is slower than the others': without waiting it usually takes %s from launch to launch per step, where they take %s, over %s steps; ",
			v.rankNames(f, l.late), nanoseconds("host_time", h.lateNs), nanoseconds("host_time_of_the_others", h.restNs), number("steps_compared", h.steps))
		if h.aheadNs > 0 {
			say(f, "it is %s ahead of its device, and nobody waits for it until that is used up", nanoseconds("host_ahead", h.aheadNs))
		} else {
			say(f, "the others' hosts are ahead of their devices, which wait %s", nanoseconds("wait_of_the_others", quotient(l.restWait, n)))
		}
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
		names = append(names, e.Written())
	}
	if len(names) == 1 {
		return "rank " + names[0]
	}
	return "ranks " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

const tryHost = "look at that rank's host: the cores and NUMA node of its process, other processes there, what it alone does between launches (rank 0 often schedules, samples or logs for all)"

const (
	tryProcess = "look at that rank's process: its cores and NUMA node, other processes there, what it alone does in Python (rank 0 often schedules, samples or logs for all)"
	tryLinks   = "compare that rank's links with the others' (nvidia-smi topo -m, nvidia-smi nvlink -s)"
	tryMemory  = "compare the cores and the memory that the rank's threads for communication have with another's: its NUMA node, other processes there"
	// causeShare of what a rank is slower by is one of several causes.
	causeShare = 4
)

// sayCause says why the late ranks are slower: their work takes longer, their devices stand still for longer, or what they
// communicate takes longer once all have come; or several of these.
func (v *view) sayCause(f *analyze.Finding, l *lag, per string) {
	n, longer := l.steps(), l.longerNs()
	works, stands, meets := causeShare*l.longerBusy >= longer, causeShare*l.longerIdle >= longer, causeShare*l.longerTransfer >= longer
	still := "its device stands still"
	if len(l.late) > 1 {
		still = "their devices stand still"
	}
	if !v.gpu() {
		still = "it computes nothing"
	}
	var tries []string
	if stands {
		say(f, "; "+still+" %s longer", nanoseconds("longer_idle", quotient(l.longerIdle, n)))
		if !works && !meets {
			say(f, " %s", per)
		}
		tries = append(tries, v.sayIdle(f, l))
	}
	if meets {
		say(f, "; its collectives take %s longer once all have come", nanoseconds("longer_transfer", quotient(l.longerTransfer, n)))
		if v.gpu() {
			tries = append(tries, tryLinks)
		} else {
			tries = append(tries, tryMemory)
		}
	}
	if works {
		and := "; "
		if stands || meets {
			and = ", and "
		}
		say(f, and+"it is at work %s longer", nanoseconds("longer_at_work", quotient(l.longerBusy, n)))
		tries = slices.Insert(tries, 0, v.sayWork(f, l))
	}
	f.Try = strings.Join(tries, "; and ")
}

// sayIdle says what the late ranks' devices wait for, and what to try.
func (v *view) sayIdle(f *analyze.Finding, l *lag) (try string) {
	late := nanoseconds("longer_for_its_host", quotient(l.longerHostLate, l.steps()))
	switch {
	case !v.gpu():
		return tryProcess
	case 2*l.longerHostLate >= l.longerIdle:
		say(f, ", %s of it because "+choose(len(l.late) > 1, "their hosts launch late", "its host launches late"), late)
		return tryHost
	}
	say(f, ", of which late launches of its host explain %s: look at the device", late)
	return "see what else runs on that rank's device (other processes, ECC errors, throttling), and on which streams and events its kernels wait"
}

// tempo is how long kernels of one category take on the late ranks, and how long they would take at the others' pace.
type tempo struct {
	category        string
	tookNs, wouldNs float64
	moreNs          float64 // what it runs more of them, at the others' pace
	alone           string  // of what it alone runs, that which takes longest
	aloneNs         float64
}

const (
	// alike is how far apart categories' factors may be, as a share of what they are above 1, for one factor to be behind all.
	alike = 0.35
	// alikeShare of the work must have it.
	alikeShare = 0.8
	// smallCategory is the share of the work that is too little to ask about, of a category or a kernel.
	smallCategory = 0.02
)

const (
	tryClocks = "compare clocks, power and temperature of that rank's device with another's (nvidia-smi -q -d CLOCK,POWER,PERFORMANCE), and what else runs on it"
	tryCores  = "compare the clock and the load of that rank's cores with another's: other processes on them, its NUMA node, the number of its threads"
	// aloneShare of what a rank is longer at work makes what it alone runs the reason.
	aloneShare = 0.5
)

// sayWork says what of its work takes a rank longer, and what to try.
func (v *view) sayWork(f *analyze.Finding, l *lag) (try string) {
	all, by := v.tempos(l)
	what, slow := "kernels", tryClocks
	if !v.gpu() {
		what, slow = "ops", tryCores
	}
	if all.wouldNs == 0 {
		return slow
	}
	if name, ns := longestAlone(by); ns > 0 && ns >= aloneShare*float64(l.longerBusy) {
		if l.group.steps {
			ns /= float64(v.ranks[l.late[0]].steps())
		}
		say(f, ": %s in %s, which the others do not run", nanoseconds("alone", int64(ns)), shortName(name))
		return "see what " + shortName(name) + " is for, and why that rank alone runs it"
	}
	slowdown := all.tookNs - all.wouldNs
	if all.moreNs > slowdown {
		top := by[0]
		for _, t := range by {
			if t.moreNs > top.moreNs {
				top = t
			}
		}
		say(f, ": it has more work rather than slower, above all in %s", categories.Readable(top.category))
		return "see how work is divided: which experts and which requests that rank has (expert load balancing), and the shapes of its shard"
	}
	if one := factor("its_"+what+"_take", all.tookNs/all.wouldNs); allAlike(&all, by) {
		say(f, ": all its "+what+" take %s as long, whatever they do", one)
		return slow
	}
	top := by[0]
	most := "most of it in %s: %s as long"
	if 2*(top.tookNs-top.wouldNs) < slowdown {
		say(f, ": its "+what+" take %s as long together", factor("its_"+what+"_take", all.tookNs/all.wouldNs))
		most = "above all those of %s, which take %s as long"
	}
	say(f, ", "+most, categories.Readable(top.category), factor("its_"+top.category+"_takes", top.tookNs/max(1, top.wouldNs)))
	if strings.HasPrefix(top.category, "moe") {
		return "see how tokens are divided among the experts' ranks (expert load balancing): as many kernels do not mean as many tokens; then its device's clocks"
	}
	return "see whether that rank's shard is larger and its " + what + " are the same, then " + slow
}

// allAlike tells whether all work takes longer by about the same factor.
func allAlike(all *tempo, by []tempo) bool {
	above := all.tookNs/all.wouldNs - 1
	var same, asked float64
	for _, t := range by {
		if t.wouldNs >= smallCategory*all.wouldNs {
			asked += t.wouldNs
			if its := t.tookNs/t.wouldNs - 1; its > (1-alike)*above && its < (1+alike)*above {
				same += t.wouldNs
			}
		}
	}
	return same >= alikeShare*asked && above > 0
}

// amount is how many kernels or ops there are, and what they take: means over ranks.
type amount struct{ n, ns float64 }

// workOf are what a category's kernels, or ops, of each name take on the late ranks and on the rest.
type workOf map[string]*[2]amount

// tempos compare the work of the late ranks with the others', in all and by category, what it is slower in first.
func (v *view) tempos(l *lag) (all tempo, by []tempo) {
	of := map[string]workOf{}
	for side, which := range [][]int{l.late, l.rest} {
		for _, r := range which {
			v.addWork(of, side, v.ranks[r].rank, 1/float64(len(which)))
		}
	}
	for _, category := range slices.Sorted(maps.Keys(of)) {
		t := of[category].tempo(!v.gpu())
		t.category = category
		t.alone, t.aloneNs = of[category].alone()
		all.tookNs, all.wouldNs, all.moreNs = all.tookNs+t.tookNs, all.wouldNs+t.wouldNs, all.moreNs+t.moreNs
		by = append(by, t)
	}
	slices.SortStableFunc(by, func(a, b tempo) int { return cmp.Compare(b.tookNs-b.wouldNs, a.tookNs-a.wouldNs) })
	return all, by
}

// addWork adds a share of what a rank worked on, communication left out.
func (v *view) addWork(of map[string]workOf, side int, r *analyze.Rank, share float64) {
	add := func(name, category string, n int, ns int64) {
		if category == categories.Comm {
			return
		}
		if of[category] == nil {
			of[category] = workOf{}
		}
		if of[category][name] == nil {
			of[category][name] = &[2]amount{}
		}
		at := &of[category][name][side]
		at.n, at.ns = at.n+float64(n)*share, at.ns+float64(ns)*share
	}
	if v.gpu() {
		for _, k := range r.Kernels {
			add(k.Name, k.Category, k.Count, k.TotalNs)
		}
		return
	}
	for _, o := range r.Ops {
		if o.Kind == analyze.KindOp {
			add(o.Name, o.Category, o.Calls, o.SelfNs)
		}
	}
}

// alone is what only the late ranks run for longest.
func (w workOf) alone() (name string, ns float64) {
	for _, n := range slices.Sorted(maps.Keys(w)) {
		if late, rest := w[n][0], w[n][1]; rest.n == 0 && late.ns > ns {
			name, ns = n, late.ns
		}
	}
	return name, ns
}

// longestAlone is that of all categories, where it comes on top of what the others run: ranks may run other variants of a kernel.
func longestAlone(by []tempo) (name string, ns float64) {
	for i := range by {
		if t := &by[i]; t.aloneNs > ns && t.tookNs-t.wouldNs+t.moreNs >= aloneShare*t.aloneNs {
			name, ns = t.alone, t.aloneNs
		}
	}
	return name, ns
}

// asMany is how far apart the numbers of a category's kernels may be, of the larger, for it to be the same work.
const asMany = 0.02

// tempo compares a category. If there are as many of all names together they are the same work, whatever they are called: ranks
// may run other variants of a kernel. Ops call each other, so that their number says nothing, and are taken to be the same. Else it
// goes by names.
func (w workOf) tempo(ops bool) (t tempo) {
	var sum [2]amount
	names := slices.Sorted(maps.Keys(w))
	for _, name := range names {
		for side, at := range w[name] {
			sum[side] = amount{sum[side].n + at.n, sum[side].ns + at.ns}
		}
	}
	late, rest := sum[0], sum[1]
	if ops || max(late.n, rest.n)-min(late.n, rest.n) <= asMany*max(late.n, rest.n) {
		return tempo{tookNs: late.ns, wouldNs: rest.ns}
	}
	for _, name := range names {
		late, rest := w[name][0], w[name][1]
		switch {
		case late.n == 0:
			t.moreNs -= rest.ns
		case rest.n == 0:
			t.moreNs += late.ns
		default:
			n := min(late.n, rest.n)
			t.tookNs += n * late.ns / late.n
			t.wouldNs += n * rest.ns / rest.n
			t.moreNs += (late.n - rest.n) * rest.ns / rest.n
		}
	}
	return t
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
