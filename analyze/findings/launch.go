package findings

import (
	"fmt"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

const (
	// eagerLaunches is how many launches a decode step has at least before launching can be what holds it up: models of
	// two layers have as many, and a step that replays a graph has about a dozen.
	eagerLaunches = 32
	// launchBoundShare of a decode step spent waiting for launches makes launching what its time hangs on, rather than
	// one cost among others. Traces of eager engines on H100 and H200 show 86 to 94 %.
	launchBoundShare = 0.30
)

// launchBound finds the gaps inside decode steps during which kernels had not been launched yet, if the steps are eager
// and these gaps are much of their time.
func (rv *rankView) launchBound() (idle *idleGaps, steps int, stepNs int64) {
	var launches, graphs []int64
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) {
			s := rv.step(i)
			launches, graphs = append(launches, int64(s.Launches)), append(graphs, int64(s.GraphLaunch))
			stepNs += s.TimeNs
		}
	}
	if stats.Median(launches) < eagerLaunches || stats.Median(graphs) > 0 {
		return nil, 0, 0
	}
	idle = rv.idle(func(g *gap) bool { return g.cause == gapHost && g.inside && rv.in(g.iteration, trace.StepDecode) })
	if ratio(idle.ns, stepNs) < launchBoundShare {
		return nil, 0, 0
	}
	return idle, len(launches), stepNs
}

// launchBoundDecode: decode without graphs, in which the GPU finishes each kernel before the next one is launched.
func launchBoundDecode(rv *rankView) *analyze.Finding {
	idle, steps, stepNs := rv.launchBound()
	if idle == nil {
		return nil
	}
	launches := 0
	for i := range rv.iterations {
		if rv.in(int32(i), trace.StepDecode) {
			launches += rv.step(i).Launches
		}
	}
	next := rv.x.GPU[idle.longest.Next]
	return &analyze.Finding{
		Sentence: fmt.Sprintf("decode is launch-bound: without CUDA graphs the host makes %s launches per decode step, and the GPU waits for them %s of its %s (%s)",
			times(launches, steps), duration(quotient(idle.ns, steps)), duration(quotient(stepNs, steps)), percent(idle.ns, stepNs)),
		StakeNsPerStep: quotient(idle.ns, rv.steps()),
		Evidence: []analyze.Evidence{
			number("decode_steps", steps), number("launches", launches), number("gaps", len(idle.gaps)),
			nanoseconds("waiting_for_launches", idle.ns), nanoseconds("decode_step_time", stepNs), share("of_decode_steps", idle.ns, stepNs),
		},
		Events: []analyze.EventRef{rv.ref(next.Row), rv.ref(rv.x.Calls[next.Call].Row)},
		Try:    "replay decode from CUDA graphs: in vLLM drop --enforce-eager, in SGLang --disable-cuda-graph; in plain PyTorch torch.compile(mode=\"reduce-overhead\") with a static KV cache",
	}
}
