package ranks

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// RankStep is one step over the ranks that took it together.
type RankStep struct {
	index.Step        // the lowest rank's
	Ranks       int   `json:"ranks"`
	MinNs       int64 `json:"min_ns"` // least and most Step.TimeNs of any rank that it is measured on
	MaxNs       int64 `json:"max_ns"`
	SlowestRank int   `json:"slowest_rank"`
	// LateRank is the rank that the others waited for: it waited least in the step's collectives, and MostWaitNs is what
	// the one that waited most did. -1 if that is unknown, or nobody waited.
	LateRank   int   `json:"late_rank"`
	MostWaitNs int64 `json:"most_wait_ns"`
}

// MergeSteps matches the steps of ranks. Ranks whose steps have the same names in the same order worked on the same
// batches (tensor and pipeline parallelism), and each such step is one; ranks with other steps (data parallelism) have
// steps of their own.
func MergeSteps(ranks []*Rank) []RankStep {
	var out []RankStep
	taken := make([]bool, len(ranks))
	for i, lead := range ranks {
		if taken[i] || len(lead.Steps) == 0 {
			continue
		}
		group := []*Rank{lead}
		for j := i + 1; j < len(ranks); j++ {
			if !taken[j] && slices.EqualFunc(lead.Steps, ranks[j].Steps, func(a, b index.Step) bool { return a.Name == b.Name }) {
				taken[j] = true
				group = append(group, ranks[j])
			}
		}
		for k, s := range lead.Steps {
			m := RankStep{Step: s, Ranks: len(group)}
			m.SlowestRank, m.MinNs, m.MaxNs = slowestRank(group, k)
			m.LateRank, m.MostWaitNs = lateRank(group, k)
			out = append(out, m)
		}
	}
	return out
}

// slowestRank is the rank that a step takes longest, and the least and the most that it takes one: of those whose trace shows
// all of its work; the first rank and 0 if none does.
func slowestRank(group []*Rank, step int) (rank int, minNs, maxNs int64) {
	rank, measured := group[0].Rank, 0
	for _, r := range group {
		s := &r.Steps[step]
		if s.Unmeasured {
			continue
		}
		if measured++; measured == 1 {
			rank, minNs, maxNs = r.Rank, s.TimeNs, s.TimeNs
		}
		if minNs = min(minNs, s.TimeNs); s.TimeNs > maxNs {
			rank, maxNs = r.Rank, s.TimeNs
		}
	}
	return rank, minNs, maxNs
}

// lateRank is the rank that waits least in the collectives of a step, and the most that one waits.
func lateRank(group []*Rank, step int) (rank int, mostNs int64) {
	least := group[0]
	for _, r := range group {
		ns := r.Steps[step].CommWaitNs
		if ns < 0 {
			return -1, -1
		}
		if ns < least.Steps[step].CommWaitNs {
			least = r
		}
		mostNs = max(mostNs, ns)
	}
	if len(group) < 2 || mostNs == 0 {
		return -1, 0
	}
	return least.Rank, mostNs
}

// WaitInSteps sums what the rank waited in collectives by iteration. What began after an open one is the next one's: it was
// launched to come before that.
func (r *Rank) WaitInSteps() {
	iterations := index.Iterations(r.Steps)
	for _, c := range r.Runs {
		for i, start := range c.start {
			at, found := slices.BinarySearchFunc(iterations, start, func(it index.Iteration, ns int64) int { return cmp.Compare(it.BeginNs, ns) })
			if !found {
				at--
			}
			if at < 0 {
				continue
			}
			s := &r.Steps[iterations[at].Step]
			switch {
			case c.wait[i] == trace.Absent:
				s.CommWaitNs = trace.Absent
			case s.CommWaitNs != trace.Absent:
				s.CommWaitNs += c.wait[i]
			}
		}
	}
}

// Alike tells whether medians of ranks are as good as the same: they differ by no more than 1 %.
func Alike(least, most int64) bool { return 100*(most-least) <= most }

// Slowest is the rank that a profile's steps are told of: the one whose median decode step takes longest. Ranks that work
// together take as long, and then it is the one that waits least for others, whose times are its own. Ranks whose traces have lost steps count only if all have. Where none decodes, steps of another
// phase tell. It is nil where no rank has steps.
func Slowest(ranks []*Rank) *Rank {
	for _, phase := range []trace.StepPhase{trace.StepDecode, trace.StepMixed, trace.StepPrefill, trace.StepUnknown} {
		whole := slices.ContainsFunc(ranks, func(r *Rank) bool { p := r.PhaseOf(phase); return p != nil && p.told() && p.Unmeasured == 0 })
		median := func(r *Rank) int64 {
			if p := r.PhaseOf(phase); p != nil && p.told() && (p.Unmeasured == 0 || !whole) {
				return p.StepMedianNs
			}
			return -1
		}
		most := int64(0)
		for _, r := range ranks {
			most = max(most, median(r))
		}
		alike := slices.DeleteFunc(slices.Clone(ranks), func(r *Rank) bool { return !Alike(median(r), most) })
		if most > 0 && len(alike) > 0 {
			return slices.MinFunc(alike, func(a, b *Rank) int { return cmp.Compare(a.waited(), b.waited()) })
		}
	}
	if i := slices.IndexFunc(ranks, func(r *Rank) bool { return len(r.Steps) > 0 }); i >= 0 {
		return ranks[i]
	}
	return nil
}

// waited is how long it waited in its steps' collectives, as far as that is known.
func (r *Rank) waited() (ns int64) {
	for i := range r.Steps {
		ns += max(0, r.Steps[i].CommWaitNs)
	}
	return ns
}

// PhaseOf is what the rank's steps of a phase took; nil if it has none.
func (r *Rank) PhaseOf(phase trace.StepPhase) *Phase {
	if i := slices.IndexFunc(r.Phases, func(p Phase) bool { return p.Phase == phase }); i >= 0 {
		return &r.Phases[i]
	}
	return nil
}
