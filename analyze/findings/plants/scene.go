package plants

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// A Scene is a profile as it was recorded, with the questions that plants ask of it. It is not written to, except that new
// names go to its traces' Strings: scenes of the same traces are not for several goroutines.
type Scene struct {
	Ranks []*Rank
}

// Rank is one rank's trace, in order of time.
type Rank struct {
	Trace *trace.Trace
	Work  []Work // on the device, by start
	Calls []Call // of the runtime and the driver, by start
	Steps []Span // marks of engines' steps on the host that have work, by start
}

// Work is one kernel, copy or set.
type Work struct {
	Row            int
	StartNs, EndNs int64
	Call           int // index of Rank.Calls that launched it; -1: none
	Step           int // index of Rank.Steps in which it was launched; -1: in none
	Name           string
	Category       trace.Category
	Side           uint32
	Meeting        int // number of the collective that it is part of, the same on all ranks; -1: none
}

// Call is one call of the runtime or the driver.
type Call struct {
	Row            int
	StartNs, EndNs int64
	Track          trace.TrackID
	Name           string
	Correlation    int64
	Works          int // how many pieces of work it launched
}

// Span is a time on a thread.
type Span struct {
	Row            int
	StartNs, EndNs int64
	Track          trace.TrackID
	Name           string
}

// NewScene reads a profile.
func NewScene(ranks ...*trace.Trace) *Scene {
	s := &Scene{}
	for _, t := range ranks {
		s.Ranks = append(s.Ranks, newRank(t))
	}
	s.meet()
	return s
}

func newRank(t *trace.Trace) *Rank {
	r := &Rank{Trace: t}
	e := &t.Events
	for i := range e.Len() {
		row := e.At(i)
		if row.Phase != trace.PhaseComplete || row.Side == trace.NoSide {
			continue
		}
		name := t.Strings.At(row.Name)
		switch {
		case isWork(row.Category):
			r.Work = append(r.Work, Work{i, row.StartNs, row.StartNs + row.DurationNs, -1, -1, name, row.Category, row.Side, -1})
		case row.Category == trace.CategoryRuntime, row.Category == trace.CategoryDriver:
			r.Calls = append(r.Calls, Call{i, row.StartNs, row.StartNs + row.DurationNs, row.Track, name, t.Calls.At(row.Side).Correlation, 0})
		case row.Category == trace.CategoryUserAnnotation && isStep(name):
			r.Steps = append(r.Steps, Span{i, row.StartNs, row.StartNs + row.DurationNs, row.Track, name})
		}
	}
	slices.SortStableFunc(r.Work, func(a, b Work) int { return cmp.Compare(a.StartNs, b.StartNs) })
	slices.SortStableFunc(r.Calls, func(a, b Call) int { return cmp.Compare(a.StartNs, b.StartNs) })
	slices.SortStableFunc(r.Steps, func(a, b Span) int { return cmp.Compare(a.StartNs, b.StartNs) })
	r.link()
	return r
}

func isWork(c trace.Category) bool {
	return c == trace.CategoryKernel || c == trace.CategoryMemcpy || c == trace.CategoryMemset
}

// link joins work to calls, and both to steps. A step is the time from its mark to the next one's: what the host does after
// the mark, as to choose tokens, is part of it.
func (r *Rank) link() {
	of := map[int64]int{}
	for i, c := range slices.Backward(r.Calls) {
		if c.Correlation > 0 {
			of[c.Correlation] = i
		}
	}
	for i := range r.Work {
		w := &r.Work[i]
		if c, ok := of[r.Trace.GPU.At(w.Side).Correlation]; ok {
			w.Call = c
			r.Calls[c].Works++
			w.Step = r.stepAt(r.Calls[c].StartNs)
		}
	}
	if len(r.Work) == 0 { // of a CPU
		return
	}
	worked := make([]bool, len(r.Steps))
	for _, w := range r.Work {
		if w.Step >= 0 {
			worked[w.Step] = true
		}
	}
	kept, place := r.Steps[:0:0], make([]int, len(r.Steps))
	for i, s := range r.Steps {
		if place[i] = len(kept) - 1; worked[i] {
			place[i], kept = len(kept), append(kept, s)
		}
	}
	r.Steps = kept
	for i := range r.Work {
		if w := &r.Work[i]; w.Step >= 0 {
			w.Step = place[w.Step]
		}
	}
}

// stepAt is the step that a moment of the host belongs to; -1 before the first.
func (r *Rank) stepAt(ns int64) int {
	i, found := slices.BinarySearchFunc(r.Steps, ns, func(s Span, ns int64) int { return cmp.Compare(s.StartNs, ns) })
	if found {
		return i
	}
	return i - 1
}

// isStep knows the marks of vLLM's and SGLang's steps.
func isStep(name string) bool {
	return strings.HasPrefix(name, "execute_") || strings.HasPrefix(name, "step[")
}

// Decodes tells whether a step generates tokens and nothing else.
func (s *Span) Decodes() bool {
	return strings.HasPrefix(s.Name, "step[DECODE ") || strings.HasPrefix(s.Name, "execute_context_0(0)_generation_") && !strings.HasSuffix(s.Name, "_generation_0(0)")
}

// meet numbers the collectives, if all ranks have the same ones in the same order.
func (s *Scene) meet() {
	if len(s.Ranks) < 2 {
		return
	}
	of := make([][]int, len(s.Ranks))
	for i, r := range s.Ranks {
		for k := range r.Work {
			if isCollective(r.Work[k].Name) {
				of[i] = append(of[i], k)
			}
		}
		if len(of[i]) != len(of[0]) {
			return
		}
	}
	for i, r := range s.Ranks {
		for n, k := range of[i] {
			r.Work[k].Meeting = n
		}
	}
}

func isCollective(name string) bool {
	return strings.HasPrefix(name, "ncclDevKernel_") || strings.HasPrefix(name, "ncclKernel_") || strings.Contains(name, "cross_device_reduce")
}

// launcher is the thread that launches most.
func (r *Rank) launcher() trace.TrackID {
	count := map[trace.TrackID]int{}
	most := trace.TrackID(0)
	for i := range r.Calls {
		if r.Calls[i].Works > 0 {
			count[r.Calls[i].Track]++
			if count[r.Calls[i].Track] > count[most] {
				most = r.Calls[i].Track
			}
		}
	}
	return most
}

// windowNs is the time from the first work to the end of the last.
func windowNs(work []Work) int64 {
	if len(work) == 0 {
		return 0
	}
	end := work[0].EndNs
	for _, w := range work {
		end = max(end, w.EndNs)
	}
	return end - work[0].StartNs
}

// works are the pieces of work of a step.
func (r *Rank) works(step int) []int {
	var out []int
	for i := range r.Work {
		if r.Work[i].Step == step {
			out = append(out, i)
		}
	}
	return out
}

// decodes are the steps that only generate, without the first and the last of the profile.
func (r *Rank) decodes() []int {
	var out []int
	for i := range r.Steps {
		if r.Steps[i].Decodes() && i > 0 && i < len(r.Steps)-1 {
			out = append(out, i)
		}
	}
	return out
}

// ns is the time of the rank that takes longest, without its first step, in which it may have waited for other ranks' profiles.
func (s *Scene) ns() (ns int64) {
	for _, r := range s.Ranks {
		work := r.Work
		for k, w := range work {
			if w.Step == 1 && len(r.Steps) > 4 {
				work = work[k:]
				break
			}
		}
		if n := len(r.Steps); len(work) == 0 && n > 1 { // of a CPU
			ns = max(ns, r.Steps[n-1].EndNs-r.Steps[1].StartNs)
		}
		ns = max(ns, windowNs(work))
	}
	return ns
}
