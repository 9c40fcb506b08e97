package findings

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
)

// Look is what the rules saw in one rank's trace: what each says of the rank by itself, and what they need of it to
// speak of all ranks. It does not keep the trace alive.
type Look struct {
	rank *analyze.Rank
	gpu  bool
	pace
	found []*analyze.Finding // by rule of the registry

	stepTime analyze.Time // of its iterations' GPU work

	compiledNs      int64 // for how long it compiled, and of it before its second iteration
	compiledFirstNs int64

	meetings       []meeting // by start
	longestMeeting *analyze.EventRef
	costliestOp    *analyze.EventRef // the longest call of the op with the most self time, in a CPU-only trace
}

// LookAt has the rules look at a trace, of which x is the index, r the analysis (nil: it is left out) and c what is known of
// its capture, nil if nothing.
// It returns nil if there is nothing to see. It may be called for several traces at the same time.
func LookAt(x *index.Index, r *analyze.Rank, c *analyze.Capture) *Look {
	if r == nil || len(r.Time) == 0 || r.Role != "" {
		return nil
	}
	if r.NoGPU != "" && r.NoGPU != analyze.NoGPUIdle { // its host's ops are no CPU-only engine's
		return nil
	}
	rv := newRankView(x, r, c)
	l := &Look{rank: r, gpu: rv.gpu, pace: rv.pace, found: make([]*analyze.Finding, len(registry)), compiledNs: rv.compiling.ns}
	if rv.gpu {
		l.stepTime = rv.stepTime()
	}
	if rv.count > 1 {
		l.compiledFirstNs = rv.compiling.within(math.MinInt64, rv.secondNs)
	}
	for i, rule := range registry {
		if rule.look != nil {
			l.found[i] = rule.look(rv)
		}
	}
	l.meetings = rv.meetings()
	for i := range l.meetings {
		if m := &l.meetings[i]; l.longestMeeting == nil || m.Ns() > l.longestMeeting.DurationNs {
			ref := l.ref(m)
			l.longestMeeting = &ref
		}
	}
	if row := rv.costliestOp(); row >= 0 {
		ref := rv.ref(row)
		l.costliestOp = &ref
	}
	return l
}

// view is all ranks.
type view struct {
	result  *analyze.Result
	ranks   []*Look       // in order of rank
	several bool          // more than one was looked at: sentences name theirs
	stepNs  int64         // how long an iteration takes, without gaps that are no part of the rhythm, on the whole rank that waits least
	longNs  int64         // for how long the device stands still in those per iteration, on the rank where that is most
	waits   bool          // some of the ranks' collectives match: what each waited in them is known
	lag     *lag          // who holds the others up; nil: nobody
	lagged  map[int]int64 // by rank: what withoutLag has taken already
}

func (v *view) gpu() bool { return v.result.Kind == analyze.KindGPU }

// newView takes the looks at the ranks of a result. Where some rank has GPU work, those that have none are left out, as
// Result.Time leaves them out: their profiler recorded no GPU, and their ops do not say what it did.
func newView(r *analyze.Result, looks []*Look) *view {
	v := &view{result: r}
	looks = slices.DeleteFunc(slices.Clone(looks), func(l *Look) bool { return l == nil || !slices.Contains(r.Ranks, l.rank) })
	v.several = len(looks) > 1
	for _, l := range looks {
		if l.gpu == v.gpu() {
			v.ranks = append(v.ranks, l)
		}
	}
	slices.SortStableFunc(v.ranks, func(a, b *Look) int { return cmp.Compare(a.rank.Rank, b.rank.Rank) })
	whole := slices.ContainsFunc(v.ranks, func(l *Look) bool { return !v.isCut(l) })
	for i, l := range v.ranks {
		total := l.totalNs
		if m, found := v.skew(i); found && m.WaitNs() < total { // it began before the others, and waited for them once
			total -= m.WaitNs()
		}
		ns := quotient(total, l.steps())
		if (v.stepNs == 0 || ns < v.stepNs) && (!whole || !v.isCut(l)) {
			v.stepNs = ns
		}
		v.longNs = max(v.longNs, quotient(l.outliersNs, l.steps()))
	}
	for _, l := range v.ranks { // ranks of different profiles, or of one trace twice, waited for others than those that are here
		if slices.ContainsFunc(r.Problems, func(p analyze.Problem) bool { return p.ID == "different_profiles" || p.ID == "same_trace" }) {
			break
		}
		v.waits = v.waits || len(v.ranks) > 1 && slices.ContainsFunc(l.meetings, func(m meeting) bool { return m.WaitNs() >= 0 })
	}
	v.lag = v.findLag()
	return v
}

// isCut tells whether an end of a rank's trace is missing, so that its steps are shorter than they were.
func (v *view) isCut(l *Look) bool {
	of := []string{analyze.ProblemDamaged, "early_rank", "rank_lost_work", "gpu_ends_early", "gpu_begins_late"}
	return slices.ContainsFunc(v.result.Problems, func(p analyze.Problem) bool { return p.Rank == l.rank.Rank && slices.Contains(of, p.ID) })
}

// worst is the finding of the rank that has most at stake.
func (v *view) worst(found []*analyze.Finding) *analyze.Finding {
	return v.best(found, func(a, b *analyze.Finding) bool { return a.StakeNsPerStep > b.StakeNsPerStep })
}

// onAllRanks is the finding of the rank that has most at stake, if every rank has one: what one rank alone does is why it is
// late, which straggler says.
func onAllRanks(v *view, found []*analyze.Finding) *analyze.Finding {
	if slices.Contains(found, nil) {
		return nil
	}
	return v.worst(found)
}

// least is the finding of the rank that has least at stake.
func (v *view) least(found []*analyze.Finding) *analyze.Finding {
	return v.best(found, func(a, b *analyze.Finding) bool { return a.StakeNsPerStep < b.StakeNsPerStep })
}

// best is the first finding than which none is better.
func (v *view) best(found []*analyze.Finding, better func(a, b *analyze.Finding) bool) *analyze.Finding {
	at := -1
	for i, f := range found {
		if f != nil && (at < 0 || better(f, found[at])) {
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	f := v.of(at, found[at])
	if v.several {
		named(f, v.ranks[at].rank.Rank, ": ")
	}
	return f
}

// named says of which rank a finding is.
func named(f *analyze.Finding, rank int, then string) {
	of := f.Sentence
	f.Sentence = ""
	say(f, "on rank %s%s%s", rankNumber("rank", rank), then, of)
}

// lowestRank is the finding of the first rank that has one, whose name its sentence begins with.
func lowestRank(v *view, found []*analyze.Finding) *analyze.Finding {
	for i, f := range found {
		if f != nil {
			f = v.of(i, f)
			named(f, v.ranks[i].rank.Rank, " ")
			return f
		}
	}
	return nil
}

// of is a rank's finding with the number that the rank has come to have.
func (v *view) of(i int, f *analyze.Finding) *analyze.Finding {
	for k := range f.Events {
		f.Events[k].Rank = v.ranks[i].rank.Rank
	}
	return f
}
