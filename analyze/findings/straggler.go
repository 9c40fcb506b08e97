package findings

import (
	"fmt"

	"github.com/inferprof/inferprof/analyze"
)

const (
	// skewSteps is how many later steps long a wait in the first one must be to be the profiler's doing: profilers of
	// ranks start one after the other, and the first collective waits for the last of them.
	skewSteps = 1
	skewNs    = 1_000_000
	// stragglerShare of a step is what the others must wait for a rank: a choice, what a benchmark shows without repetition.
	stragglerShare = 0.05
)

// skew is the longest wait of a rank before its second step, and whether it is the profiler's.
func (v *view) skew(r int) (longest meeting, found bool) {
	l := v.ranks[r]
	for _, m := range l.meetings {
		if !l.inFirst(&m) {
			break
		}
		if m.waitNs > longest.waitNs {
			longest = m
		}
	}
	return longest, longest.waitNs > skewNs && longest.waitNs > skewSteps*l.medianNs && !v.compiledFirst(longest.waitNs)
}

// skewed tells whether the first step of some rank is the profiler's.
func (v *view) skewed() bool {
	for r := range v.ranks {
		if _, found := v.skew(r); v.waits && found {
			return true
		}
	}
	return false
}

// inFirst tells whether a meeting began before the second iteration.
func (l *Look) inFirst(m *meeting) bool { return l.count > 1 && m.start < l.secondNs }

// startSkew: the first collective of a profile waits for the rank whose profiler started last.
func startSkew(v *view, _ []*analyze.Finding) *analyze.Finding {
	if !v.waits {
		return nil
	}
	at, most := -1, meeting{}
	for r := range v.ranks {
		if m, found := v.skew(r); found && m.waitNs > most.waitNs {
			at, most = r, m
		}
	}
	if at < 0 {
		return nil
	}
	l := v.ranks[at]
	return &analyze.Finding{
		Sentence: fmt.Sprintf("rank %d waits %s in the first step for ranks whose profile began later: sums over all steps contain it, medians do not",
			l.rank.Rank, duration(most.waitNs)),
		StakeNsPerStep: quotient(most.waitNs, l.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("longest_wait_in_first_step", most.waitNs), nanoseconds("median_step", l.medianNs)},
		Events:         []analyze.EventRef{l.ref(&most)},
		Try:            "judge by later steps, or start the profile on all ranks at once and leave its first step out (delay_iterations)",
	}
}

// straggler: one rank comes late to the collectives, and the others wait.
func straggler(v *view, _ []*analyze.Finding) *analyze.Finding {
	if !v.waits || v.pipelined() { // a pipeline's stages wait for each other, and none is to blame
		return nil
	}
	skewed := v.skewed()
	sums := make([]int64, len(v.ranks))
	longest := make([]meeting, len(v.ranks))
	late, all := 0, int64(0)
	for r, l := range v.ranks {
		for _, m := range l.meetings {
			if skewed && l.inFirst(&m) {
				continue
			}
			sums[r] += m.waitNs
			if m.waitNs > longest[r].waitNs {
				longest[r] = m
			}
		}
		all += sums[r]
		if sums[r] < sums[late] {
			late = r
		}
	}
	others := quotient(all-sums[late], len(v.ranks)-1)
	lost := others - sums[late] - v.compiledMore(late)
	l := v.ranks[late]
	perStep := quotient(lost, l.steps())
	if ratio(perStep, v.stepNs) < stragglerShare {
		return nil
	}
	f := &analyze.Finding{
		Sentence: fmt.Sprintf("rank %d is late: the others wait for it %s %s, it waits for them %s",
			l.rank.Rank, duration(quotient(others, l.steps())), l.per(), duration(quotient(sums[late], l.steps()))),
		StakeNsPerStep: perStep,
		Evidence:       []analyze.Evidence{nanoseconds("mean_wait_of_the_others", others)},
		Try:            "compare that rank's steps with another's: clocks and temperature of its device, its host threads' cores and NUMA node, other processes, a larger shard or more experts",
	}
	worst := -1
	for r, k := range v.ranks {
		if len(f.Evidence) <= 8 {
			f.Evidence = append(f.Evidence, nanoseconds("wait_of_rank_"+itoa(k.rank.Rank), sums[r]))
		}
		if r != late && (worst < 0 || longest[r].waitNs > longest[worst].waitNs) {
			worst = r
		}
	}
	f.Events = []analyze.EventRef{v.ranks[worst].ref(&longest[worst])}
	return f
}
