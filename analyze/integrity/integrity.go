// Package integrity says what is wrong with traces and what is less true for it: with one trace by itself (trace.go), and with
// several together (ranks.go).
package integrity

import "slices"

// Problem is a reason not to believe some of the numbers. Every profiler drops and cuts things now and then; a report
// says so before anything else.
type Problem struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // error: a part is missing; warning: numbers are affected; note: good to know
	Rank     int    `json:"rank"`     // AllRanks: of the capture
	Text     string `json:"text"`     // one sentence
	Count    int    `json:"count,omitempty"`
	Ns       int64  `json:"ns,omitempty"`
	// Affects are the parts of the result that are less true for it, by the names that they have in JSON: of all ranks, or
	// of Rank's alone. Reports mark them.
	Affects []string `json:"affects,omitempty"`
}

// affected says which parts of a result each problem makes doubtful.
var affected = map[string][]string{
	"damaged":            {"time", "kernels", "categories", "ops", "cpu", "parallel", "steps", "phases", "collectives", "memory"},
	"unlinked":           {"steps", "phases", "launch", "roofline", "modules"},
	"empty_graphs":       {"time", "kernels", "categories", "steps", "phases", "roofline", "graphs"},
	"empty_launches":     {"launch"},
	"early_kernels":      {"launch", "queues", "idle"},
	"one_long_gap":       {"time"},
	"missing_ranks":      {"collectives"},
	"different_profiles": {"time", "kernels", "categories", "ops", "cpu", "parallel", "memory_ops", "collectives", "steps", "phases"},
	"rank_numbers":       {"collectives"},
	"replays_differ":     {"time", "kernels", "categories", "steps", "phases", "graphs"},
}

// AllRanks is Problem.Rank of what concerns the capture.
const AllRanks = -1

// Severities of Problem.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityNote    = "note"
)

var severityOrder = []string{SeverityError, SeverityWarning, SeverityNote}

// SortProblems sorts the worst first, and fills in what each affects.
func SortProblems(p []Problem) {
	for i := range p {
		if p[i].Affects == nil {
			p[i].Affects = affected[p[i].ID]
		}
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return slices.Index(severityOrder, a.Severity) - slices.Index(severityOrder, b.Severity)
	})
}
