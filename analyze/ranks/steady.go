package ranks

import (
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// Steady is the steady state of decoding: the longest run of decode steps that follow each other with nearly as many
// requests as the engine ever decodes at once. What a token costs is best read here: prompts, a batch that fills or
// drains, and the profiler's start are not in it.
//
// "Nearly" is within a tenth of the most requests, and at least within one, as TraceLens has it; where most of that is a
// few requests, or the steps do not say how many they have, every decode step counts. Both ends are included. Empty steps
// between them, which vLLM has with a pipeline's stages, do not end the run and are not counted.
type Steady struct {
	FromIndex int   `json:"from_index"` // Step.Index
	ToIndex   int   `json:"to_index"`
	Steps     int   `json:"steps"`
	Requests  int64 `json:"requests"` // the most of any of its steps; -1: the steps do not say
	Tokens    int64 `json:"tokens"`   // generated; -1: the steps do not say
	Inferred  bool  `json:"inferred,omitempty"`

	// TimeNs is from the first step's begin to the end of the last one's iteration: Σ Step.TimeNs, gaps included. There are
	// as many gaps in it as steps.
	TimeNs       int64 `json:"time_ns"`
	StepMedianNs int64 `json:"step_median_ns"` // what a request waits for its next token
	StepSpreadNs int64 `json:"step_spread_ns"` // median deviation from it
	GPUBusyNs    int64 `json:"gpu_busy_ns"`    // Σ Step.BusyNs; 0 in a CPU-only trace
	GapNs        int64 `json:"gap_ns"`         // Σ Step.GapNs

	// Per token: medians over steps, as of phases; -1 without Tokens.
	NsPerToken      int64   `json:"ns_per_token"`
	GPUNsPerToken   int64   `json:"gpu_ns_per_token"`
	TokensPerSecond float64 `json:"tokens_per_s"` // Tokens in TimeNs: of one rank's steps, so of its whole group; 0 without Tokens
}

// steadySteps are the fewest that are a state.
const steadySteps = 6

// SteadyState finds the steady state in the steps of a rank; nil if there is none.
func SteadyState(steps []index.Step) *Steady {
	most, told := int64(-1), true
	for i := range steps {
		if s := &steps[i]; s.Phase == trace.StepDecode {
			most = max(most, s.GenerationRequests)
			told = told && s.GenerationRequests >= 0
		}
	}
	near := func(s *index.Step) bool {
		return s.Phase == trace.StepDecode && s.Closed() && (!told || most-s.GenerationRequests <= max(1, most/10))
	}
	empty := func(s *index.Step) bool { return s.Phase == trace.StepEmpty }
	from, to, n := 0, 0, 0
	for i := 0; i < len(steps); {
		j, end, count := i, i, 0
		for ; j < len(steps) && (near(&steps[j]) || count > 0 && empty(&steps[j])); j++ {
			if !empty(&steps[j]) {
				end, count = j+1, count+1
			}
		}
		if count > n {
			from, to, n = i, end, count
		}
		i = max(i+1, j)
	}
	if n < steadySteps {
		return nil
	}
	run := slices.DeleteFunc(slices.Clone(steps[from:to]), func(s index.Step) bool { return empty(&s) })
	s := &Steady{FromIndex: run[0].Index, ToIndex: run[n-1].Index, Steps: n, Requests: -1, NsPerToken: -1, GPUNsPerToken: -1}
	times := make([]int64, 0, n)
	for i := range run {
		times = append(times, run[i].TimeNs)
		s.TimeNs += run[i].TimeNs
		s.GapNs += run[i].GapNs
		s.GPUBusyNs += gpuBusy(&run[i])
		s.Requests = max(s.Requests, run[i].GenerationRequests)
		s.Inferred = s.Inferred || run[i].Inferred
	}
	s.StepMedianNs, s.StepSpreadNs = medianAndSpread(times)
	if s.Tokens = sumTokens(run, func(s *index.Step) int64 { return s.GenerationTokens }); s.Tokens > 0 {
		s.NsPerToken, s.GPUNsPerToken = perToken(run, func(s *index.Step) int64 { return s.TimeNs }), perToken(run, gpuBusy)
		if s.TimeNs > 0 {
			s.TokensPerSecond = float64(s.Tokens) / (float64(s.TimeNs) / 1e9)
		}
	}
	return s
}
