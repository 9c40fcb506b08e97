package index

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

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
