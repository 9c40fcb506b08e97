package analyze

import (
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// Phase is what the steps of one phase took, and what a token cost. Medians are the upper of the two middle values.
type Phase struct {
	Phase    string `json:"phase"`
	Inferred bool   `json:"inferred,omitempty"` // the phases of some of its steps are
	Steps    int    `json:"steps"`
	// Tokens of all steps; -1 if some step's name does not say.
	ContextTokens    int64 `json:"context_tokens"`
	GenerationTokens int64 `json:"generation_tokens"`

	TimeNs       int64 `json:"time_ns"`        // Σ Step.TimeNs
	StepMedianNs int64 `json:"step_median_ns"` // of Step.TimeNs
	StepMinNs    int64 `json:"step_min_ns"`
	StepMaxNs    int64 `json:"step_max_ns"`
	GapMedianNs  int64 `json:"gap_median_ns"` // to the next step: scheduling, sampling, output; -1 if unknown
	CPUMedianNs  int64 `json:"cpu_median_ns"` // of the marks

	GPUBusyNs       int64 `json:"gpu_busy_ns"` // Σ
	GPUBusyMedianNs int64 `json:"gpu_busy_median_ns"`
	GPUSpanMedianNs int64 `json:"gpu_span_median_ns"`
	LaunchesMedian  int64 `json:"launches_median"`
	GraphsMedian    int64 `json:"graph_launches_median"`
	OpsMedian       int64 `json:"ops_median"`

	// Per token: of the prompt in prefill steps, generated in decode steps, both in mixed ones; -1 without token counts.
	NsPerToken    int64 `json:"ns_per_token"`     // TimeNs / tokens
	GPUNsPerToken int64 `json:"gpu_ns_per_token"` // GPUBusyNs / tokens
}

var phaseOrder = []trace.StepPhase{
	trace.StepPrefill, trace.StepMixed, trace.StepDecode, trace.StepCapture, trace.StepUnknown, trace.StepEmpty,
}

// phaseTable sums steps by phase.
func phaseTable(steps []Step) []Phase {
	var rows []Phase
	for _, phase := range phaseOrder {
		var of []Step
		for _, s := range steps {
			if s.Phase == string(phase) {
				of = append(of, s)
			}
		}
		if len(of) > 0 {
			rows = append(rows, summarizePhase(string(phase), of))
		}
	}
	return rows
}

func summarizePhase(phase string, steps []Step) Phase {
	p := Phase{Phase: phase, Steps: len(steps), GapMedianNs: -1, NsPerToken: -1, GPUNsPerToken: -1}
	column := func(of func(*Step) int64) summary {
		values := make([]int64, 0, len(steps))
		for i := range steps {
			if v := of(&steps[i]); v >= 0 {
				values = append(values, v)
			}
		}
		return stats(values)
	}
	time := column(func(s *Step) int64 { return s.TimeNs })
	p.TimeNs, p.StepMedianNs, p.StepMinNs, p.StepMaxNs = time.sum, time.median, time.min, time.max
	if gap := column(func(s *Step) int64 { return s.GapNs }); gap.n > 0 {
		p.GapMedianNs = gap.median
	}
	busy := column(func(s *Step) int64 { return s.GPUBusyNs })
	p.GPUBusyNs, p.GPUBusyMedianNs = busy.sum, busy.median
	p.CPUMedianNs = column(func(s *Step) int64 { return s.CPUNs }).median
	p.GPUSpanMedianNs = column(func(s *Step) int64 { return s.GPUSpanNs }).median
	p.LaunchesMedian = column(func(s *Step) int64 { return int64(s.Launches) }).median
	p.GraphsMedian = column(func(s *Step) int64 { return int64(s.GraphLaunch) }).median
	p.OpsMedian = column(func(s *Step) int64 { return int64(s.Ops) }).median
	p.Inferred = slices.ContainsFunc(steps, func(s Step) bool { return s.Inferred })
	p.ContextTokens = sumTokens(steps, func(s *Step) int64 { return s.ContextTokens })
	p.GenerationTokens = sumTokens(steps, func(s *Step) int64 { return s.GenerationTokens })

	var tokens int64
	switch trace.StepPhase(phase) {
	case trace.StepPrefill:
		tokens = p.ContextTokens
	case trace.StepDecode:
		tokens = p.GenerationTokens
	case trace.StepMixed:
		if p.ContextTokens >= 0 && p.GenerationTokens >= 0 {
			tokens = p.ContextTokens + p.GenerationTokens
		}
	}
	if tokens > 0 {
		p.NsPerToken, p.GPUNsPerToken = p.TimeNs/tokens, p.GPUBusyNs/tokens
	}
	return p
}

func sumTokens(steps []Step, of func(*Step) int64) int64 {
	var sum int64
	for i := range steps {
		n := of(&steps[i])
		if n == trace.Absent {
			return trace.Absent
		}
		sum += n
	}
	return sum
}

// RankStep is one step over the ranks that took it together.
type RankStep struct {
	Step              // the lowest rank's
	Ranks       int   `json:"ranks"`
	MinNs       int64 `json:"min_ns"` // least and most Step.TimeNs of any rank
	MaxNs       int64 `json:"max_ns"`
	SlowestRank int   `json:"slowest_rank"`
	// LateRank is the rank that the others waited for: it waited least in the step's collectives, and MostWaitNs is what
	// the one that waited most did. -1 if that is unknown, or nobody waited.
	LateRank   int   `json:"late_rank"`
	MostWaitNs int64 `json:"most_wait_ns"`
}

// mergeSteps matches the steps of ranks. Ranks whose steps have the same names in the same order worked on the same
// batches (tensor and pipeline parallelism), and each such step is one; ranks with other steps (data parallelism) have
// steps of their own.
func mergeSteps(ranks []*Rank) []RankStep {
	var out []RankStep
	taken := make([]bool, len(ranks))
	for i, lead := range ranks {
		if taken[i] || len(lead.Steps) == 0 {
			continue
		}
		group := []*Rank{lead}
		for j := i + 1; j < len(ranks); j++ {
			if !taken[j] && slices.EqualFunc(lead.Steps, ranks[j].Steps, func(a, b Step) bool { return a.Name == b.Name }) {
				taken[j] = true
				group = append(group, ranks[j])
			}
		}
		for k, s := range lead.Steps {
			m := RankStep{Step: s, Ranks: len(group), MinNs: s.TimeNs, MaxNs: s.TimeNs, SlowestRank: lead.Rank}
			m.LateRank, m.MostWaitNs = lateRank(group, k)
			for _, r := range group[1:] {
				t := r.Steps[k].TimeNs
				m.MinNs = min(m.MinNs, t)
				if t > m.MaxNs {
					m.MaxNs, m.SlowestRank = t, r.Rank
				}
			}
			out = append(out, m)
		}
	}
	return out
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

// waitInSteps sums what the rank waited in collectives by iteration.
func (r *Rank) waitInSteps(runs map[collectiveKey]*collectiveRuns) {
	gpu := slices.ContainsFunc(r.Steps, func(s Step) bool { return s.GPUEvents > 0 })
	var begins []int64
	var of []int
	for i := range r.Steps {
		if s := &r.Steps[i]; !gpu {
			begins, of = append(begins, s.StartNs), append(of, i)
		} else if s.GPUEvents > 0 {
			begins, of = append(begins, s.GPUFirstNs), append(of, i)
		}
	}
	if !slices.IsSorted(begins) {
		return // steps of several threads
	}
	for _, c := range runs {
		for i, start := range c.start {
			at, found := slices.BinarySearch(begins, start)
			if !found {
				at--
			}
			if at < 0 {
				continue
			}
			s := &r.Steps[of[at]]
			switch {
			case c.wait[i] == trace.Absent:
				s.CommWaitNs = trace.Absent
			case s.CommWaitNs != trace.Absent:
				s.CommWaitNs += c.wait[i]
			}
		}
	}
}
