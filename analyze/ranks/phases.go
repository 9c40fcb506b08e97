package ranks

import (
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
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

// PhaseTable sums steps by phase.
func PhaseTable(steps []index.Step) []Phase {
	var rows []Phase
	for _, phase := range index.PhaseOrder {
		var of []index.Step
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

func summarizePhase(phase string, steps []index.Step) Phase {
	p := Phase{Phase: phase, Steps: len(steps), GapMedianNs: -1, NsPerToken: -1, GPUNsPerToken: -1}
	column := func(of func(*index.Step) int64) stats.Summary {
		values := make([]int64, 0, len(steps))
		for i := range steps {
			if v := of(&steps[i]); v >= 0 {
				values = append(values, v)
			}
		}
		return stats.Of(values)
	}
	time := column(func(s *index.Step) int64 { return s.TimeNs })
	p.TimeNs, p.StepMedianNs, p.StepMinNs, p.StepMaxNs = time.Sum, time.Median, time.Min, time.Max
	if gap := column(func(s *index.Step) int64 { return s.GapNs }); gap.N > 0 {
		p.GapMedianNs = gap.Median
	}
	busy := column(func(s *index.Step) int64 { return s.GPUBusyNs })
	p.GPUBusyNs, p.GPUBusyMedianNs = busy.Sum, busy.Median
	p.CPUMedianNs = column(func(s *index.Step) int64 { return s.CPUNs }).Median
	p.GPUSpanMedianNs = column(func(s *index.Step) int64 { return s.GPUSpanNs }).Median
	p.LaunchesMedian = column(func(s *index.Step) int64 { return int64(s.Launches) }).Median
	p.GraphsMedian = column(func(s *index.Step) int64 { return int64(s.GraphLaunch) }).Median
	p.OpsMedian = column(func(s *index.Step) int64 { return int64(s.Ops) }).Median
	p.Inferred = slices.ContainsFunc(steps, func(s index.Step) bool { return s.Inferred })
	p.ContextTokens = sumTokens(steps, func(s *index.Step) int64 { return s.ContextTokens })
	p.GenerationTokens = sumTokens(steps, func(s *index.Step) int64 { return s.GenerationTokens })

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

func sumTokens(steps []index.Step, of func(*index.Step) int64) int64 {
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
