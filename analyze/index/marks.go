package index

import (
	"cmp"
	"slices"
	"sort"

	"github.com/inferprof/inferprof/trace"
)

// A step is one iteration of the engine. Which events mark it differs by engine and version, and one iteration is
// often marked several times: AMD's SGLang puts vLLM's annotation around its own, Python frames lie around both, a GPU
// copy of the annotation lies on every stream. Each step is counted once: of the dialects that a trace has, the most
// telling is taken (the order is that of Dialects), and of nested marks of that dialect on one thread the innermost. What
// only an outer mark says (token counts, attention sums) is taken over from it.

// Dialects are those of steps, the most telling first.
var Dialects = []trace.StepDialect{
	trace.DialectSGLang, trace.DialectVLLMDetailed, trace.DialectVLLM, trace.DialectVLLMOld, trace.DialectATOM,
	trace.DialectCapture, trace.DialectXDiT, trace.DialectProfilerStep, trace.DialectPython,
}

// Mark is an event whose name is a step's.
type Mark struct {
	StartNs, EndNs int64
	Row            int32
	Track          trace.TrackID
	Name           trace.StringID
	Step           trace.Step
}

func sortMarks(marks []Mark) {
	slices.SortFunc(marks, func(a, b Mark) int {
		if a.Track != b.Track {
			return cmp.Compare(a.Track, b.Track)
		}
		if a.StartNs != b.StartNs {
			return cmp.Compare(a.StartNs, b.StartNs)
		}
		return cmp.Compare(b.EndNs, a.EndNs)
	})
}

// stepNames parses each distinct name once.
type stepNames struct {
	strings *trace.Strings
	known   []*trace.Step // by StringID; noStep: the name is none's; nil: not asked yet
}

var noStep = &trace.Step{}

func newStepNames(s *trace.Strings) *stepNames {
	return &stepNames{s, make([]*trace.Step, s.Len())}
}

func (n *stepNames) annotation(id trace.StringID) *trace.Step { return n.parse(id, trace.ParseStep) }
func (n *stepNames) frame(id trace.StringID) *trace.Step      { return n.parse(id, trace.ParsePythonStep) }

func (n *stepNames) parse(id trace.StringID, parse func(string) (trace.Step, bool)) *trace.Step {
	if n.known[id] == nil {
		n.known[id] = noStep
		if s, ok := parse(n.strings.At(id)); ok {
			n.known[id] = &s
		}
	}
	if n.known[id] == noStep {
		return nil
	}
	return n.known[id]
}

// ChooseMarks picks, of all marks, one per step, in order of time.
func (x *Index) ChooseMarks() []Mark {
	for _, d := range Dialects {
		for _, draft := range []bool{false, true} {
			if marks := x.innermost(d, draft); len(marks) > 0 {
				x.fillFromOuter(marks, d)
				slices.SortStableFunc(marks, func(a, b Mark) int { return cmp.Compare(a.StartNs, b.StartNs) })
				return marks
			}
		}
	}
	return nil
}

// innermost are the marks of one dialect that have no other such mark inside. x.Marks is sorted so that parents come
// directly before their first child.
func (x *Index) innermost(d trace.StepDialect, draft bool) []Mark {
	var marks []Mark
	for _, s := range x.Marks {
		if s.Step.Dialect != d || s.Step.Draft != draft {
			continue
		}
		if n := len(marks); n > 0 && marks[n-1].Track == s.Track && s.EndNs <= marks[n-1].EndNs {
			marks[n-1] = s
			continue
		}
		marks = append(marks, s)
	}
	return marks
}

// fillFromOuter takes over what an enclosing mark of another dialect says and the mark itself does not.
func (x *Index) fillFromOuter(marks []Mark, d trace.StepDialect) {
	for i := range marks {
		m := &marks[i]
		at := sort.Search(len(x.Marks), func(j int) bool {
			s := &x.Marks[j]
			return s.Track > m.Track || s.Track == m.Track && s.StartNs > m.StartNs
		})
		for j := at - 1; j >= 0 && j >= at-8 && x.Marks[j].Track == m.Track; j-- {
			o := &x.Marks[j]
			if o.Step.Dialect == d || o.EndNs < m.EndNs {
				continue
			}
			fill(&m.Step.ContextRequests, o.Step.ContextRequests)
			fill(&m.Step.ContextTokens, o.Step.ContextTokens)
			fill(&m.Step.GenerationRequests, o.Step.GenerationRequests)
			fill(&m.Step.GenerationTokens, o.Step.GenerationTokens)
			if m.Step.Phase == trace.StepUnknown {
				m.Step.Phase = o.Step.Phase
			}
		}
	}
}

func fill(to *int64, from int64) {
	if *to == trace.Absent {
		*to = from
	}
}
