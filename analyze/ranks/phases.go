package ranks

import (
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// What a step of a phase takes is said by those whose iterations are whole (index.Step.Closed): medians, percentiles, the
// mean, and a token's cost are all of the same steps. Where there are none, as in a profile of one step, they are of open
// steps, and say so: such a step goes to its own end, and the gap behind it is not in it. Of steps whose work is not in the
// trace nothing is said.
//
// Empty steps, and graphs' captures, run nothing on a device. Their time is their marks'.

// Phase is what the steps of one phase took on one rank, and what a token cost. Medians of an even number are the mean of the
// two in the middle.
type Phase struct {
	Phase    trace.StepPhase `json:"phase"`
	Rank     int             `json:"rank"`               // whose steps they are
	Inferred bool            `json:"inferred,omitempty"` // the phases of some of its steps are
	Steps    int             `json:"steps"`
	// MeasuredSteps are those that the numbers below are of; 0: nothing is known, and times are -1.
	MeasuredSteps int `json:"measured_steps"`
	// Unmeasured are those of which the trace has lost work.
	Unmeasured int `json:"unmeasured_steps,omitempty"`
	// OfOpen says that no step is closed: the measured ones are open.
	OfOpen bool `json:"of_open_steps,omitempty"`
	// Tokens of all steps; -1 if some step's name does not say.
	ContextTokens    int64 `json:"context_tokens"`
	GenerationTokens int64 `json:"generation_tokens"`

	TimeNs       int64 `json:"time_ns"`        // Σ Step.TimeNs, of all steps whose work is in the trace
	StepMedianNs int64 `json:"step_median_ns"` // of Step.TimeNs
	StepMeanNs   int64 `json:"step_mean_ns"`
	StepMinNs    int64 `json:"step_min_ns"`
	StepMaxNs    int64 `json:"step_max_ns"`
	StepP90Ns    int64 `json:"step_p90_ns"` // percentiles are times that occurred; the 50th is the median
	StepP99Ns    int64 `json:"step_p99_ns"`
	GapMedianNs  int64 `json:"gap_median_ns"` // of Step.GapNs: scheduling, sampling, output; -1 if unknown
	CPUMedianNs  int64 `json:"cpu_median_ns"` // of the marks

	GPUBusyNs       int64 `json:"gpu_busy_ns"`        // Σ Step.BusyNs, of the steps of TimeNs; 0 in a CPU-only trace
	GPUBusyMedianNs int64 `json:"gpu_busy_median_ns"` // of Step.BusyNs
	GPUSpanMedianNs int64 `json:"gpu_span_median_ns"`
	LaunchesMedian  int64 `json:"launches_median"`
	GraphsMedian    int64 `json:"graph_launches_median"`
	OpsMedian       int64 `json:"ops_median"`

	// Per token: of the prompt in prefill steps, generated in decode steps, both in mixed ones: medians over steps of what
	// each took by its tokens; -1 without token counts.
	NsPerToken    int64 `json:"ns_per_token"`     // of Step.TimeNs
	GPUNsPerToken int64 `json:"gpu_ns_per_token"` // of Step.BusyNs
}

// told tells whether its numbers are of closed steps.
func (p *Phase) told() bool { return p.MeasuredSteps > 0 && !p.OfOpen }

// PhaseTable sums a rank's steps by phase.
func PhaseTable(steps []index.Step, rank int) []Phase {
	var rows []Phase
	for _, phase := range index.PhaseOrder {
		var of []index.Step
		for _, s := range steps {
			if s.Phase == phase {
				of = append(of, s)
			}
		}
		if len(of) > 0 {
			rows = append(rows, summarizePhase(phase, rank, of))
		}
	}
	return rows
}

func summarizePhase(phase trace.StepPhase, rank int, steps []index.Step) Phase {
	p := Phase{Phase: phase, Rank: rank, Steps: len(steps), GapMedianNs: -1, NsPerToken: -1, GPUNsPerToken: -1}
	p.Inferred = slices.ContainsFunc(steps, func(s index.Step) bool { return s.Inferred })
	p.ContextTokens = sumTokens(steps, func(s *index.Step) int64 { return s.ContextTokens })
	p.GenerationTokens = sumTokens(steps, func(s *index.Step) int64 { return s.GenerationTokens })
	for i := range steps {
		if s := &steps[i]; s.Unmeasured {
			p.Unmeasured++
		} else {
			p.TimeNs += s.TimeNs
			p.GPUBusyNs += gpuBusy(s)
		}
	}
	measured := slices.DeleteFunc(slices.Clone(steps), func(s index.Step) bool { return !s.Closed() })
	if len(measured) == 0 {
		measured = slices.DeleteFunc(slices.Clone(steps), func(s index.Step) bool { return s.Unmeasured })
		p.OfOpen = len(measured) > 0
	}
	p.MeasuredSteps = len(measured)
	p.measure(measured)
	return p
}

// gpuBusy is how long a device worked in a step's iteration; 0 of a step without GPU work.
func gpuBusy(s *index.Step) int64 {
	if s.GPUEvents == 0 {
		return 0
	}
	return s.BusyNs
}

// measure sums up the steps that say what one takes.
func (p *Phase) measure(steps []index.Step) {
	if len(steps) == 0 {
		p.StepMedianNs, p.StepMeanNs, p.StepMinNs, p.StepMaxNs, p.StepP90Ns, p.StepP99Ns = -1, -1, -1, -1, -1, -1
		p.GPUBusyMedianNs, p.GPUSpanMedianNs, p.CPUMedianNs = -1, -1, -1
		return
	}
	column := func(of func(*index.Step) int64) []int64 {
		values := make([]int64, 0, len(steps))
		for i := range steps {
			if v := of(&steps[i]); v >= 0 {
				values = append(values, v)
			}
		}
		return values
	}
	median := func(of func(*index.Step) int64) int64 { return stats.Median(column(of)) }
	times := column(func(s *index.Step) int64 { return s.TimeNs })
	time := stats.Of(times)
	p.StepMedianNs, p.StepMeanNs, p.StepMinNs, p.StepMaxNs = stats.Median(times), time.Mean(), time.Min, time.Max
	p.StepP90Ns, p.StepP99Ns = stats.Percentile(times, 90), stats.Percentile(times, 99)
	if gap := column(func(s *index.Step) int64 { return s.GapNs }); len(gap) > 0 {
		p.GapMedianNs = stats.Median(gap)
	}
	p.GPUBusyMedianNs = median(gpuBusy)
	p.CPUMedianNs = median(func(s *index.Step) int64 { return s.CPUNs })
	p.GPUSpanMedianNs = median(func(s *index.Step) int64 { return s.GPUSpanNs })
	p.LaunchesMedian = median(func(s *index.Step) int64 { return int64(s.Launches) })
	p.GraphsMedian = median(func(s *index.Step) int64 { return int64(s.GraphLaunch) })
	p.OpsMedian = median(func(s *index.Step) int64 { return int64(s.Ops) })
	p.NsPerToken, p.GPUNsPerToken = perToken(steps, func(s *index.Step) int64 { return s.TimeNs }), perToken(steps, gpuBusy)
}

// perToken is the median over steps of what each took by its tokens; -1 where some step does not say how many it had.
func perToken(steps []index.Step, ns func(*index.Step) int64) int64 {
	values := make([]int64, 0, len(steps))
	for i := range steps {
		tokens := tokensOf(&steps[i])
		if tokens <= 0 {
			return -1
		}
		values = append(values, ns(&steps[i])/tokens)
	}
	return stats.Median(values)
}

// tokensOf are the tokens that a step's cost is shared among; 0 or less where that is not said.
func tokensOf(s *index.Step) int64 {
	switch s.Phase {
	case trace.StepPrefill:
		return s.ContextTokens
	case trace.StepDecode:
		return s.GenerationTokens
	case trace.StepMixed:
		if s.ContextTokens >= 0 && s.GenerationTokens >= 0 {
			return s.ContextTokens + s.GenerationTokens
		}
	}
	return trace.Absent
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
