package index

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// A step is one iteration of the engine, by the mark that counts (marks.go). Its own GPU work is what was launched by calls
// that began during the mark on the mark's own thread, graph replays included. It usually runs later than the mark, since
// launching is asynchronous. When it runs says when the step took place, and how long that took: iterations.go.

// Step is one engine iteration of one rank. Counts are -1 where the step's name does not say.
type Step struct {
	Index   int               `json:"index"`
	Name    string            `json:"name"`
	Dialect trace.StepDialect `json:"dialect"`
	Phase   trace.StepPhase   `json:"phase"`
	// Inferred says that the phase is a conclusion from graph launches, not a fact from the name; of dialect graph_launch,
	// that the step itself is.
	Inferred bool `json:"inferred,omitempty"`

	ContextRequests    int64 `json:"context_requests"`
	ContextTokens      int64 `json:"context_tokens"`
	GenerationRequests int64 `json:"generation_requests"`
	GenerationTokens   int64 `json:"generation_tokens"`

	StartNs int64 `json:"start_ns"` // of the mark, since the trace's base time
	CPUNs   int64 `json:"cpu_ns"`   // of the mark
	// TimeNs is how long its iteration took (iterations.go): from the start of its first GPU work to the start of the next
	// step's first (in a CPU-only trace, from mark to mark); of an open step, to the end of its own work; of an empty one,
	// the mark. 0 of a step whose work is not in the trace.
	TimeNs int64 `json:"time_ns"`
	// BusyNs is the part of TimeNs in which the device worked, on whatever: |∪ all work|. In a CPU-only trace, in which the
	// thread that takes the step was inside an op.
	BusyNs int64 `json:"busy_ns"`
	// GapNs is the end of TimeNs: what is idle between the iteration's last work and the next step's first. -1 if there is
	// no such gap: of open and unmeasured steps, and of those without GPU work among others.
	GapNs int64 `json:"gap_ns"`
	// Open says that traffic pauses after the step (pauses.go), or that it is the last.
	Open bool `json:"open,omitempty"`
	// Unmeasured says that the trace has lost work of the step, or what followed it (measured.go).
	Unmeasured bool `json:"unmeasured,omitempty"`

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

// StepTable finds the steps of a trace and measures them, all but Step.Ops (CountOps).
func (x *Index) StepTable() []Step {
	marks := x.ChooseMarks()
	if len(marks) == 0 {
		marks = x.inferSteps()
	}
	x.chosen = marks
	steps, stepOf := x.measureSteps(marks)
	inferPhases(steps)
	x.timeSteps(steps, stepOf)
	return steps
}

// StepsOf are the steps that one dialect's marks give, whether or not they are those that count: what their marks launched.
// Their iterations are not measured, and Step.Ops are not counted.
func (x *Index) StepsOf(dialect trace.StepDialect) []Step {
	steps, _ := x.measureSteps(x.innermost(dialect, false))
	return steps
}

// measureSteps attributes calls and GPU work to marks, which are in order of time and, on each thread, disjoint. stepOf is the
// step of each of the index's calls, or -1.
func (x *Index) measureSteps(marks []Mark) (steps []Step, stepOf []int32) {
	if len(marks) == 0 {
		return nil, nil
	}
	steps = make([]Step, len(marks))
	byTrack := make([][]int32, len(x.Trace.Tracks)) // marks of each thread, in order of time
	for i, m := range marks {
		steps[i] = Step{
			Index: i, Name: x.Name(m.Name), Dialect: m.Step.Dialect, Phase: m.Step.Phase,
			ContextRequests: m.Step.ContextRequests, ContextTokens: m.Step.ContextTokens,
			GenerationRequests: m.Step.GenerationRequests, GenerationTokens: m.Step.GenerationTokens,
			StartNs: m.StartNs, CPUNs: m.EndNs - m.StartNs,
		}
		byTrack[m.Track] = append(byTrack[m.Track], int32(i))
	}
	next := make([]int, len(byTrack)) // of each thread: its first mark that begins later; calls come in order of time
	// stepAt is the mark that contains a moment of a thread, or -1.
	stepAt := func(track trace.TrackID, at int64) int32 {
		own, i := byTrack[track], next[track]
		for i < len(own) && marks[own[i]].StartNs <= at {
			i++
		}
		next[track] = i
		if i == 0 || at >= marks[own[i-1]].EndNs {
			return -1
		}
		return own[i-1]
	}

	stepOf = make([]int32, len(x.Calls))
	for i := range x.Calls {
		c := &x.Calls[i]
		s := stepAt(c.Track, c.StartNs)
		stepOf[i] = s
		if s < 0 {
			continue
		}
		steps[s].RuntimeCalls++
		steps[s].RuntimeNs += c.EndNs - c.StartNs
		switch facts := c.facts; {
		case facts&factLaunch != 0:
			steps[s].LaunchNs += c.EndNs - c.StartNs
		case facts&factSync != 0:
			steps[s].SyncNs += c.EndNs - c.StartNs
		}
		if c.GPUEvents > 0 {
			steps[s].Launches++
		}
		if x.IsGraphLaunch(c) {
			steps[s].GraphLaunch++
		}
	}
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Call < 0 || stepOf[g.Call] < 0 {
			continue
		}
		s := &steps[stepOf[g.Call]]
		if s.GPUEvents == 0 {
			s.GPUFirstNs, s.GPULastNs = g.StartNs, g.StartNs
		}
		s.GPUEvents++
		s.GPUSumNs += g.EndNs - g.StartNs
		s.GPUBusyNs += max(0, g.EndNs-max(g.StartNs, s.GPULastNs))
		s.GPULastNs = max(s.GPULastNs, g.EndNs)
		s.GPUSpanNs = s.GPULastNs - s.GPUFirstNs
	}
	return steps, stepOf
}

// MarkRow is the row of the event that marks a step of StepTable; -1 of a step that is inferred.
func (x *Index) MarkRow(s *Step) int32 { return x.chosen[s.Index].Row }

// CountOps fills Step.Ops of the steps that StepTable gave: what began inside each mark on its own thread, the mark itself
// and runtime calls excluded. It files the host's threads, which who compares steps does without.
func (x *Index) CountOps(steps []Step) {
	marks, host := x.chosen, x.Host()
	byTrack := map[trace.TrackID][]int32{} // marks of each thread, in order of time
	for i := range marks {
		byTrack[marks[i].Track] = append(byTrack[marks[i].Track], int32(i))
	}
	for track, own := range byTrack {
		at, _ := slices.BinarySearchFunc(host, track, func(s Span, t trace.TrackID) int { return cmp.Compare(s.Track, t) })
		k := 0
		for ; at < len(host) && host[at].Track == track && k < len(own); at++ {
			h := &host[at]
			for k < len(own) && marks[own[k]].EndNs <= h.StartNs {
				k++
			}
			if k == len(own) || h.StartNs < marks[own[k]].StartNs {
				continue
			}
			m := &marks[own[k]]
			switch c := x.CategoryOf(h); {
			case c != trace.CategoryCPUOp && c != trace.CategoryUserAnnotation:
			case h.StartNs == m.StartNs && h.EndNs == m.EndNs && x.Trace.Events.Name(int(h.Row)) == m.Name:
			default:
				steps[own[k]].Ops++
			}
		}
	}
}
