package analyze

import (
	"cmp"
	"slices"
	"sort"

	"github.com/inferprof/inferprof/trace"
)

// A step is one iteration of the engine. Which events mark it differs by engine and version, and one iteration is
// often marked several times: AMD's SGLang puts vLLM's annotation around its own, Python frames lie around both, a GPU
// copy of the annotation lies on every stream. Each step is counted once: of the dialects that a trace has, the most
// telling is taken (the order is dialects), and of nested marks of that dialect on one thread the innermost. What only
// an outer mark says (token counts, attention sums) is taken over from it.
//
// The GPU work of a step is what was launched by calls that began during the step's mark on the step's own thread,
// graph replays included. It usually runs later than the mark, since launching is asynchronous.

// Step is one engine iteration of one rank. Counts are -1 where the step's name does not say.
type Step struct {
	Index   int    `json:"index"`
	Name    string `json:"name"`
	Dialect string `json:"dialect"`
	Phase   string `json:"phase"`
	// Inferred says that the phase is a conclusion from graph launches, not a fact from the name; of dialect graph_launch,
	// that the step itself is.
	Inferred bool `json:"inferred,omitempty"`

	ContextRequests    int64 `json:"context_requests"`
	ContextTokens      int64 `json:"context_tokens"`
	GenerationRequests int64 `json:"generation_requests"`
	GenerationTokens   int64 `json:"generation_tokens"`

	StartNs int64 `json:"start_ns"` // of the mark, since the trace's base time
	CPUNs   int64 `json:"cpu_ns"`   // of the mark
	// TimeNs is how long the step took where it took place: from the start of its first GPU work to the end of its
	// last, or to the next step's first, whichever is earlier; of a step without GPU work, the mark. The times of
	// steps do not overlap, though a host that runs ahead may have launched several steps before the first one ends.
	TimeNs int64 `json:"time_ns"`
	// GapNs is the time from there to the next such step's first GPU work (or mark, in a CPU-only trace): scheduling,
	// sampling, output, and waiting for requests. -1 for the last step, and for steps without GPU work among others.
	GapNs int64 `json:"gap_ns"`

	// CommWaitNs is how long the rank waited for others in the collectives of its iteration (those that began before the
	// next step's first work, or mark, did); -1 if it is not known of some of them, 0 if there are none.
	CommWaitNs int64 `json:"comm_wait_ns"`

	Ops          int   `json:"ops"` // ops and annotations that began inside on the same thread
	RuntimeCalls int   `json:"runtime_calls"`
	RuntimeNs    int64 `json:"runtime_ns"` // Σ durations of the calls
	LaunchNs     int64 `json:"launch_ns"`  // of those that launch kernels and graphs
	SyncNs       int64 `json:"sync_ns"`    // of those that wait for the device
	Launches     int   `json:"launches"`   // calls that started GPU work
	GraphLaunch  int   `json:"graph_launches"`

	GPUEvents  int   `json:"gpu_events"`
	GPUSumNs   int64 `json:"gpu_sum_ns"`
	GPUBusyNs  int64 `json:"gpu_busy_ns"` // |∪|
	GPUFirstNs int64 `json:"gpu_first_ns"`
	GPULastNs  int64 `json:"gpu_last_ns"`
	GPUSpanNs  int64 `json:"gpu_span_ns"` // last − first
}

// dialects, the most telling first.
var dialects = []trace.StepDialect{
	trace.DialectSGLang, trace.DialectVLLMDetailed, trace.DialectVLLM, trace.DialectVLLMOld, trace.DialectATOM,
	trace.DialectCapture, trace.DialectXDiT, trace.DialectProfilerStep, trace.DialectPython,
}

// phaseOrder is the order in which phases are listed.
var phaseOrder = []trace.StepPhase{
	trace.StepPrefill, trace.StepMixed, trace.StepDecode, trace.StepCapture, trace.StepUnknown, trace.StepEmpty,
}

// stepTable finds the steps of a trace and measures them.
func (x *index) stepTable() []Step {
	marks := x.chooseSteps()
	if len(marks) == 0 {
		marks = x.inferSteps()
	}
	steps := x.measureSteps(marks)
	inferPhases(steps)
	return steps
}

// chooseSteps picks, of all marks, one per step, in order of time.
func (x *index) chooseSteps() []stepSpan {
	for _, d := range dialects {
		for _, draft := range []bool{false, true} {
			if marks := x.innermost(d, draft); len(marks) > 0 {
				x.fillFromOuter(marks, d)
				slices.SortStableFunc(marks, func(a, b stepSpan) int { return cmp.Compare(a.start, b.start) })
				return marks
			}
		}
	}
	return nil
}

// innermost are the marks of one dialect that have no other such mark inside. x.steps is sorted so that parents come
// directly before their first child.
func (x *index) innermost(d trace.StepDialect, draft bool) []stepSpan {
	var marks []stepSpan
	for _, s := range x.steps {
		if s.step.Dialect != d || s.step.Draft != draft {
			continue
		}
		if n := len(marks); n > 0 && marks[n-1].track == s.track && s.end <= marks[n-1].end {
			marks[n-1] = s
			continue
		}
		marks = append(marks, s)
	}
	return marks
}

// fillFromOuter takes over what an enclosing mark of another dialect says and the mark itself does not.
func (x *index) fillFromOuter(marks []stepSpan, d trace.StepDialect) {
	for i := range marks {
		m := &marks[i]
		at := sort.Search(len(x.steps), func(j int) bool {
			s := &x.steps[j]
			return s.track > m.track || s.track == m.track && s.start > m.start
		})
		for j := at - 1; j >= 0 && j >= at-8 && x.steps[j].track == m.track; j-- {
			o := &x.steps[j]
			if o.step.Dialect == d || o.end < m.end {
				continue
			}
			fill(&m.step.ContextRequests, o.step.ContextRequests)
			fill(&m.step.ContextTokens, o.step.ContextTokens)
			fill(&m.step.GenerationRequests, o.step.GenerationRequests)
			fill(&m.step.GenerationTokens, o.step.GenerationTokens)
			if m.step.Phase == trace.StepUnknown {
				m.step.Phase = o.step.Phase
			}
		}
	}
}

func fill(to *int64, from int64) {
	if *to == trace.Absent {
		*to = from
	}
}

// measureSteps attributes calls, ops and GPU work to marks, which are in order of time and, on each thread, disjoint.
func (x *index) measureSteps(marks []stepSpan) []Step {
	if len(marks) == 0 {
		return nil
	}
	steps := make([]Step, len(marks))
	byTrack := map[trace.TrackID][]int32{} // marks of each thread, in order of time
	for i, m := range marks {
		steps[i] = Step{
			Index: i, Name: x.name(m.name), Dialect: string(m.step.Dialect), Phase: string(m.step.Phase),
			ContextRequests: m.step.ContextRequests, ContextTokens: m.step.ContextTokens,
			GenerationRequests: m.step.GenerationRequests, GenerationTokens: m.step.GenerationTokens,
			StartNs: m.start, CPUNs: m.end - m.start,
		}
		byTrack[m.track] = append(byTrack[m.track], int32(i))
	}
	// stepAt is the mark that contains a moment of a thread, or -1.
	stepAt := func(track trace.TrackID, at int64) int32 {
		own := byTrack[track]
		i := sort.Search(len(own), func(i int) bool { return marks[own[i]].start > at }) - 1
		if i < 0 || at >= marks[own[i]].end {
			return -1
		}
		return own[i]
	}

	stepOf := make([]int32, len(x.calls))
	for i := range x.calls {
		c := &x.calls[i]
		s := stepAt(c.track, c.start)
		stepOf[i] = s
		if s < 0 {
			continue
		}
		steps[s].RuntimeCalls++
		steps[s].RuntimeNs += c.end - c.start
		switch facts := x.facts(c.name); {
		case facts&factLaunch != 0:
			steps[s].LaunchNs += c.end - c.start
		case facts&factSync != 0:
			steps[s].SyncNs += c.end - c.start
		}
		if c.gpuEvents > 0 {
			steps[s].Launches++
		}
		if x.isGraphLaunch(c) {
			steps[s].GraphLaunch++
		}
	}
	for i := range x.gpu {
		g := &x.gpu[i]
		if g.call < 0 || stepOf[g.call] < 0 {
			continue
		}
		s := &steps[stepOf[g.call]]
		if s.GPUEvents == 0 {
			s.GPUFirstNs, s.GPULastNs = g.start, g.start
		}
		s.GPUEvents++
		s.GPUSumNs += g.end - g.start
		s.GPUBusyNs += max(0, g.end-max(g.start, s.GPULastNs))
		s.GPULastNs = max(s.GPULastNs, g.end)
		s.GPUSpanNs = s.GPULastNs - s.GPUFirstNs
	}
	x.countOps(marks, byTrack, steps)
	timeSteps(steps)
	return steps
}

// timeSteps fills TimeNs and GapNs.
func timeSteps(steps []Step) {
	gpu := slices.ContainsFunc(steps, func(s Step) bool { return s.GPUEvents > 0 })
	last := -1 // the step before, of those with work
	for i := range steps {
		s := &steps[i]
		s.TimeNs, s.GapNs = s.CPUNs, -1
		start := s.StartNs
		if gpu {
			if s.GPUEvents == 0 {
				continue
			}
			start, s.TimeNs = s.GPUFirstNs, s.GPUSpanNs
		}
		if last >= 0 {
			before := &steps[last]
			begin := before.StartNs
			if gpu {
				begin = before.GPUFirstNs
			}
			before.TimeNs = max(0, min(before.TimeNs, start-begin))
			before.GapNs = max(0, start-begin-before.TimeNs)
		}
		last = i
	}
}

// countOps counts what began inside each mark on its own thread, the mark itself and runtime calls excluded.
func (x *index) countOps(marks []stepSpan, byTrack map[trace.TrackID][]int32, steps []Step) {
	e := &x.t.Events
	for track, own := range byTrack {
		at, _ := slices.BinarySearchFunc(x.host, track, func(s hostSpan, t trace.TrackID) int { return cmp.Compare(s.track, t) })
		k := 0
		for ; at < len(x.host) && x.host[at].track == track && k < len(own); at++ {
			h := &x.host[at]
			for k < len(own) && marks[own[k]].end <= h.start {
				k++
			}
			if k == len(own) || h.start < marks[own[k]].start {
				continue
			}
			m := &marks[own[k]]
			switch c := e.Category(int(h.row)); {
			case c != trace.CategoryCPUOp && c != trace.CategoryUserAnnotation:
			case h.start == m.start && h.end == m.end && e.Name(int(h.row)) == m.name:
			default:
				steps[own[k]].Ops++
			}
		}
	}
}

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
		if s.Phase != string(trace.StepUnknown) || s.Dialect == string(trace.DialectProfilerStep) || s.Dialect == string(trace.DialectXDiT) {
			continue
		}
		switch {
		case gpu && s.GPUEvents == 0:
			s.Phase = string(trace.StepEmpty)
		case !graphs:
			continue
		case s.GraphLaunch > usual && float64(s.TimeNs) > promptTimes*usualNs:
			s.Phase = string(trace.StepPrefill)
		case s.GraphLaunch > 0:
			s.Phase = string(trace.StepDecode)
		default:
			s.Phase = string(trace.StepPrefill)
		}
		s.Inferred = true
	}
}

// promptTimes is by how much longer than the usual step one with a prompt must be to be told by that.
const promptTimes = 1.5

// usualReplays are the graph launches that most steps have, and the median time of those steps.
func usualReplays(steps []Step) (n int, ns float64) {
	times := map[int][]int64{}
	for i := range steps {
		if s := &steps[i]; s.GraphLaunch > 0 {
			times[s.GraphLaunch] = append(times[s.GraphLaunch], s.TimeNs)
		}
	}
	for k, t := range times {
		if len(t) > len(times[n]) || len(t) == len(times[n]) && k < n {
			n = k
		}
	}
	return n, float64(stats(times[n]).median)
}
