package index

import (
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// PhaseOrder is the order in which phases are listed.
var PhaseOrder = []trace.StepPhase{
	trace.StepPrefill, trace.StepMixed, trace.StepDecode, trace.StepCapture, trace.StepUnknown, trace.StepEmpty,
}

// promptTimes is by how much longer than the usual step one with a prompt must be to be told by that.
const promptTimes = 1.5

// inferPhases guesses the phases of steps whose names do not tell: engines replay graphs for decode and launch prompts
// eagerly. It says nothing where no graph is used.
//
// Some replay graphs for prompts too, piece by piece: those launch more of them than the usual step and take longer.
func inferPhases(steps []Step) {
	usual, usualNs := usualReplays(steps)
	graphs := slices.ContainsFunc(steps, func(s Step) bool { return s.GraphLaunch > 0 })
	gpu := slices.ContainsFunc(steps, func(s Step) bool { return s.GPUEvents > 0 })
	for i := range steps {
		s := &steps[i]
		if s.Phase != trace.StepUnknown || !engineStep(s.Dialect) {
			continue
		}
		switch {
		case gpu && s.GPUEvents == 0 && s.LaunchNs == 0: // else it launched what the trace has lost
			s.Phase = trace.StepEmpty
		case !graphs:
			continue
		case s.GraphLaunch > usual && float64(s.GPUSpanNs) > promptTimes*usualNs:
			s.Phase = trace.StepPrefill
		case s.GraphLaunch > 0:
			s.Phase = trace.StepDecode
		default:
			s.Phase = trace.StepPrefill
		}
		s.Inferred = true
	}
}

// usualReplays are the graph launches that most steps have, and the median span of those steps.
func usualReplays(steps []Step) (n int, ns float64) {
	times := map[int][]int64{}
	for i := range steps {
		if s := &steps[i]; s.GraphLaunch > 0 {
			times[s.GraphLaunch] = append(times[s.GraphLaunch], s.GPUSpanNs)
		}
	}
	for k, t := range times {
		if len(t) > len(times[n]) || len(t) == len(times[n]) && k < n {
			n = k
		}
	}
	return n, float64(stats.Of(times[n]).Median)
}

// engineStep tells the dialects of engines from those whose steps may be of anything.
func engineStep(dialect trace.StepDialect) bool {
	return dialect != trace.DialectProfilerStep && dialect != trace.DialectXDiT
}
