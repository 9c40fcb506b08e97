package analyze

import (
	"strings"

	"github.com/inferprof/inferprof/internal/words"
)

// Finding is a conclusion from the numbers: one thing that costs time, or that makes numbers untrue, what shows it, and
// what to try. Package analyze/findings makes them.
type Finding struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // high, medium, low: by the share of a step that is at stake
	Sentence string `json:"sentence"`
	// Inferred says that part of the conclusion is an estimate or a guess; the sentence says which.
	Inferred bool `json:"inferred,omitempty"`
	// StakeNsPerStep is the time that would be saved at most, or that is misread, per step, over all steps of a rank; in
	// a trace without steps, over the whole trace. 0: unknown.
	StakeNsPerStep int64      `json:"stake_ns_per_step"`
	Evidence       []Evidence `json:"evidence"`
	Events         []EventRef `json:"events,omitempty"` // where to look
	Try            string     `json:"try"`
	// RestsOn are the parts of the result that its numbers are from, by the names that they have in JSON: a problem that
	// affects one of them (integrity.Problem.Affects) makes the finding less true.
	RestsOn []string `json:"rests_on,omitempty"`
}

// Severities of Finding. A high one is about a fifth of a step's time or more, a low one about less than a twentieth.
const (
	SeverityHigh   = "high"
	SeverityMedium = "medium"
	SeverityLow    = "low"
)

// Evidence is one number that a finding stands on.
type Evidence struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  Unit    `json:"unit"` // ns, bytes, share (of 1), count, factor (of two like things), rank (its number), flop/s, bytes/s
}

// OfItIn begins the names of evidence of what part of a time something took: what follows is the name of that op, call or frame.
const OfItIn = "of_it_in_"

// Label is what the number is, in words.
func (e Evidence) Label() string {
	if name, ok := strings.CutPrefix(e.Name, OfItIn); ok {
		return "of it in " + name
	}
	return strings.ReplaceAll(e.Name, "_", " ")
}

// Written is the number as people read it, in a sentence or beside it.
func (e Evidence) Written() string { return words.Write(e.Value, e.Unit) }

// EventRef points at an event of a trace.
type EventRef struct {
	Rank       int    `json:"rank"`
	Event      int    `json:"event"`    // its number in the file, counted from 0, declarations (ph M) left out
	StartNs    int64  `json:"start_ns"` // since the trace's base time
	DurationNs int64  `json:"duration_ns"`
	Name       string `json:"name"`
}
