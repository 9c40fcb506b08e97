package findings

import (
	"maps"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
)

// A device that is slower than the others, and for which nobody waits. Where hosts launch kernel by kernel, devices stand still
// between them; one whose kernels take longer stands still for less, and its collectives come no later. So it does not show in
// who waits for whom, but it does in the kernels: ranks that meet run the same ones, and each takes as much longer. Once the
// device is what steps wait for, with graphs or larger batches, all ranks will wait for it.
//
// Kernels of one name are compared by their medians, so that a bad step or two do not count.

const (
	// slowerDevice is the factor from which a device is slower: devices of one kind differ by 1 to 3 %, and idle ones change
	// their clocks.
	slowerDevice = 1.1
	// comparedShare of the work of either side must be kernels that both sides run about as often.
	comparedShare = 0.8
	// aboutAsOften is how many times as often: some of them may be lost, and a rank's trace may end early.
	aboutAsOften = 2.5
)

// slowDevice finds ranks all of whose kernels take longer, where no rank is known to wait for them.
func (v *view) slowDevice() *analyze.Finding {
	if !v.gpu() || !v.waits || v.pipelined() {
		return nil
	}
	for _, g := range v.groups(v.places()) {
		g.beats = []beat{{parts: make([]part, len(g.ranks))}}
		for i, r := range g.ranks {
			g.beats[0].parts[i].busyNs = v.medianWork(r)
		}
		late, rest := g.slowest(func(p *part) int64 { return p.busyNs })
		if len(late) == 0 {
			continue
		}
		l := &lag{group: g, late: ranksOf(g, late), rest: ranksOf(g, rest)}
		took, would, alike := v.compareKernels(l)
		if !alike || took < slowerDevice*would {
			continue
		}
		first := v.ranks[l.late[0]]
		f := &analyze.Finding{StakeNsPerStep: quotient(int64(took-would), first.steps()), Events: []analyze.EventRef{*first.longestMeeting}, Try: tryClocks}
		say(f, "the device of %s is slower than the others': all its kernels take %s as long, whatever they do, %s longer %s; no rank is known to wait for that yet",
			v.rankNames(f, l.late), factor("its_kernels_take", took/would), nanoseconds("longer_at_work", f.StakeNsPerStep), first.per())
		return f
	}
	return nil
}

// medianWork is what a rank's kernels take, if each takes as long as is usual for its name.
func (v *view) medianWork(r int) (ns int64) {
	for _, k := range v.ranks[r].rank.Kernels {
		if k.Category != categories.Comm {
			ns += int64(k.Count) * k.MedianNs
		}
	}
	return ns
}

// compareKernels says what the kernels that the late ranks and the others run about as often usually take on either side, and whether
// they are nearly all and take longer by about the same factor.
func (v *view) compareKernels(l *lag) (took, would float64, alike bool) {
	of := map[string]*[2]amount{}
	var whole, compared [2]float64
	for side, which := range [][]int{l.late, l.rest} {
		for _, r := range which {
			for _, k := range v.ranks[r].rank.Kernels {
				if k.Category == categories.Comm {
					continue
				}
				if of[k.Name] == nil {
					of[k.Name] = &[2]amount{}
				}
				n, ns := float64(k.Count)/float64(len(which)), float64(k.Count)*float64(k.MedianNs)/float64(len(which))
				at := &of[k.Name][side]
				at.n, at.ns = at.n+n, at.ns+ns
				whole[side] += ns
			}
		}
	}
	var by []tempo
	for _, name := range slices.Sorted(maps.Keys(of)) {
		a := of[name]
		if late, rest := a[0], a[1]; aboutAsOften*min(late.n, rest.n) >= max(late.n, rest.n) {
			n := min(late.n, rest.n)
			t := tempo{tookNs: n * late.ns / late.n, wouldNs: n * rest.ns / rest.n}
			took, would = took+t.tookNs, would+t.wouldNs
			by = append(by, t)
			compared[0], compared[1] = compared[0]+late.ns, compared[1]+rest.ns
		}
	}
	if would == 0 || compared[0] < comparedShare*whole[0] || compared[1] < comparedShare*whole[1] {
		return took, would, false
	}
	return took, would, allAlike(&tempo{tookNs: took, wouldNs: would}, by)
}
