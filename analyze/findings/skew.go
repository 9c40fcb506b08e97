package findings

import (
	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
)

// What the start of a profile leaves in it: ranks' profilers start one after the other, and whoever has begun waits in the first
// collective for the last of them. What is waited there is of no use to anybody who judges steps.

const (
	// skewSteps is how many later steps long a wait in the first one must be to be the start's doing.
	skewSteps = 1
	skewNs    = 1_000_000
	// skewShare of the wait is what profiles must have begun apart for it to be why.
	skewShare = 0.5
)

// skew is the longest wait of a rank before its second step, and whether it is the start's.
func (v *view) skew(r int) (longest *meeting, found bool) {
	l := v.ranks[r]
	most := int64(0)
	for i := range l.meetings {
		m := &l.meetings[i]
		if !l.inFirst(m) {
			break
		}
		if m.WaitNs() > most {
			longest, most = m, m.WaitNs()
		}
	}
	return longest, most > skewNs && most > skewSteps*l.medianNs && !v.compiledFirst(most)
}

// skewed tells whether the first step of some rank is the start's.
func (v *view) skewed() bool {
	for r := range v.ranks {
		if _, found := v.skew(r); v.waits && found {
			return true
		}
	}
	return false
}

// inFirst tells whether a meeting began before the second iteration.
func (l *Look) inFirst(m *meeting) bool { return l.count > 1 && m.StartNs() < l.secondNs }

// startSkew: in the first step of a profile a rank waits for another, whose profile began later if the clocks say so.
func startSkew(v *view, _ []*analyze.Finding) *analyze.Finding {
	if !v.waits {
		return nil
	}
	at, most := -1, int64(0)
	var longest *meeting
	for r := range v.ranks {
		if m, found := v.skew(r); found && m.WaitNs() > most {
			at, longest, most = r, m, m.WaitNs()
		}
	}
	if at < 0 {
		return nil
	}
	l := v.ranks[at]
	f := &analyze.Finding{
		Evidence: []analyze.Evidence{nanoseconds("median_step", l.medianNs)},
		Events:   []analyze.EventRef{l.ref(longest)},
		Try:      "judge by later steps, or start the profile on all ranks at once and leave its first step out (delay_iterations)",
	}
	say(f, "rank %s waits %s in the first step", rankNumber("rank", l.rank.Rank), nanoseconds("longest_wait_in_first_step", most))
	last := v.lastIn(longest)
	if last < 0 || v.ranks[last] == l {
		say(f, " for ranks that come later: sums over all steps contain it, medians do not")
		return f
	}
	other := v.ranks[last].rank
	say(f, " for rank %s", rankNumber("rank_waited_for", other.Rank))
	switch apart, known := beganApart(l.rank, other); {
	case !known:
		say(f, "; whether their profiles began apart can't be told from their clocks")
	case float64(apart) >= skewShare*float64(most):
		say(f, ", whose profile began %s later", nanoseconds("profiles_began_apart", apart))
	default:
		say(f, ", though its profile began no more than %s later: it was late in its first step", nanoseconds("profiles_began_apart", max(0, apart)))
	}
	say(f, ": sums over all steps contain it, medians do not")
	return f
}

// lastIn is which of the ranks waited least in a meeting; -1 if only one is known to have been in it.
func (v *view) lastIn(m *meeting) int {
	last, least := -1, int64(0)
	for r, l := range v.ranks {
		for i := range l.meetings {
			o := &l.meetings[i]
			if o.Number() == m.Number() && o.Number() >= 0 && o.WaitNs() != trace.Absent {
				if last < 0 || o.WaitNs() < least {
					last, least = r, o.WaitNs()
				}
				break
			}
		}
	}
	return last
}

// beganApart is how much later the profile of b began than that of a; known tells whether their clocks can be compared.
func beganApart(a, b *analyze.Rank) (ns int64, known bool) {
	if a.Clock == nil || b.Clock == nil {
		return 0, false
	}
	met := func(r *analyze.Rank) bool { return r.Clock.Collectives > 0 || r.Rank == r.Clock.Reference }
	return b.Clock.LateNs - a.Clock.LateNs, ranks.SharesClock(a, b) || met(a) && met(b)
}
