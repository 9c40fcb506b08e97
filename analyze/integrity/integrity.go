// Package integrity says what is wrong with traces and what is less true for it: with one trace by itself (trace.go and what it
// calls), and with several together (ranks.go).
//
// Nothing is said to be right that was not looked at. Each thing that is looked for is a Check, which found nothing in so many
// events, or found a Problem, or could not be made, and says why.
package integrity

import (
	"slices"

	"github.com/inferprof/inferprof/internal/words"
)

// Problem is a reason not to believe some of the numbers. Every profiler drops and cuts things now and then; a report
// says so before anything else.
type Problem struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // error: a part is missing; warning: numbers are affected; note: good to know
	Rank     int    `json:"rank"`     // AllRanks: of the capture
	Text     string `json:"text"`     // one sentence
	// Params are the numbers and names in it.
	Params words.Params `json:"params,omitempty"`
	Count  int          `json:"count,omitempty"`
	Ns     int64        `json:"ns,omitempty"`
	// Affects are the parts of the result that are less true for it, by the names that they have in JSON: of all ranks, or
	// of Rank's alone. Reports mark them.
	Affects []string `json:"affects,omitempty"`
}

// Message is the problem as a message.
func (p *Problem) Message() words.Message { return words.Said(p.ID, p.Params, p.Text) }

// NamesRank tells whether the sentence says itself which rank it is about.
func (p *Problem) NamesRank() bool {
	return slices.ContainsFunc(p.Params, func(param words.Param) bool {
		return param.Unit == words.UnitRank && param.Name == "rank" && p.Params.Int("rank") == int64(p.Rank)
	})
}

// problem is a message as a problem.
func problem(m words.Message, severity string, rank int) Problem {
	return Problem{ID: m.ID, Severity: severity, Rank: rank, Text: m.Text(), Params: m.Params}
}

// affected says which parts of a result each problem makes doubtful.
var affected = map[string][]string{
	Damaged:              {"time", "kernels", "categories", "ops", "cpu", "parallel", "steps", "phases", "collectives", "memory"},
	"unlinked":           {"steps", "phases", "launch", "roofline", "modules"},
	"lost_launches":      {"steps", "phases", "launch", "roofline", "modules", "idle"},
	"lost_kernels":       {"time", "kernels", "categories", "steps", "phases", "roofline", "idle"},
	"lost_copies":        {"time", "categories", "memory_ops", "steps", "phases", "idle"},
	"gpu_ends_early":     {"time", "kernels", "categories", "steps", "phases", "idle"},
	"gpu_begins_late":    {"time", "kernels", "categories", "steps", "phases", "idle"},
	"no_duration":        {"time", "kernels", "categories", "steps", "phases", "roofline"},
	"duplicates":         {"kernels", "categories", "ops", "cpu", "launch", "steps", "phases", "graphs", "roofline", "collectives"},
	"lost_steps":         {"steps", "phases"},
	"unread_device":      {"time", "kernels", "categories", "steps", "phases", "idle"},
	"empty_graphs":       {"time", "kernels", "categories", "steps", "phases", "roofline", "graphs"},
	"empty_launches":     {"launch"},
	"early_kernels":      {"launch", "queues", "idle"},
	"one_long_gap":       {"time"},
	"missing_ranks":      {"collectives"},
	"different_profiles": {"time", "kernels", "categories", "ops", "cpu", "parallel", "memory_ops", "collectives", "steps", "phases"},
	"late_rank":          {"time", "collectives", "steps", "phases"},
	"early_rank":         {"time", "collectives", "steps", "phases"},
	"rank_lost_work":     {"time", "kernels", "categories", "collectives", "steps", "phases"},
	"same_trace":         {"time", "kernels", "categories", "ops", "cpu", "collectives", "steps", "phases"},
	"rank_numbers":       {"collectives"},
	"replays_differ":     {"time", "kernels", "categories", "steps", "phases", "graphs"},
}

// Damaged is Problem.ID of a file that could not be read as it was written.
const Damaged = "damaged"

// AllRanks is Problem.Rank of what concerns the capture.
const AllRanks = -1

// Severities of Problem.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityNote    = "note"
)

var severityOrder = []string{SeverityError, SeverityWarning, SeverityNote}

// Check is one thing that was looked for, and what came of it.
type Check struct {
	ID      string `json:"id"`
	Rank    int    `json:"rank"` // AllRanks: of the capture
	Outcome string `json:"outcome"`
	Looked  int    `json:"looked_at"`     // how many were looked at: of events, launches …, as each check counts
	Why     string `json:"why,omitempty"` // it was not checked
	WhyID   Reason `json:"why_id,omitempty"`
}

// Reason is why a check could not be made.
type Reason string

// Reasons, and what they are in words.
const (
	NoReason       Reason = ""
	NoCalls        Reason = "no_calls"
	NoKernelLaunch Reason = "no_kernel_launch"
	NoneHasWork    Reason = "no_launch_has_work"
	EventsTwice    Reason = "events_twice"
	OneReplay      Reason = "one_replay"
	NoReplayTwice  Reason = "no_replay_twice"
	WholeMicros    Reason = "whole_microseconds"
	NoSteps        Reason = "no_steps"
	NoWorkOfSteps  Reason = "no_work_of_steps"
	SomeSelected   Reason = "some_selected"
	WorldUnknown   Reason = "world_unknown"
	NoneMet        Reason = "no_common_collective"
)

var reasonWords = map[Reason]string{
	NoCalls: "the trace has no runtime calls", NoKernelLaunch: "no call of the trace launches a kernel", NoneHasWork: "none of the launches has GPU work", EventsTwice: "events are there twice",
	OneReplay: "the one graph launch has none to be compared with", NoReplayTwice: "no graph was launched twice",
	WholeMicros: "times are in whole µs, in which short kernels last 0", NoSteps: "no steps are marked", NoWorkOfSteps: "no work is known to be of a step",
	SomeSelected: "some are selected", WorldUnknown: "the traces do not say how many there are", NoneMet: "they are known to meet in no collective",
}

// notChecked says why a check could not be made.
func (c *Check) notChecked(why Reason) {
	c.Outcome, c.Why, c.WhyID = NotChecked, reasonWords[why], why
}

// Outcomes of a Check.
const (
	Passed     = "passed"
	Failed     = "failed" // there is a problem that is more than a note
	NotChecked = "not_checked"
)

// The checks, in the order in which they are told.
const (
	CheckFile       = "file"       // of all events: the file could be read as it was written
	CheckLaunches   = "launches"   // of GPU work: the call that launched it is there, and began before it
	CheckKernels    = "kernels"    // of launches: what they launched is there
	CheckReplays    = "replays"    // of graph launches: they have the kernels that others of the same graph have
	CheckDurations  = "durations"  // of GPU work: it lasts
	CheckDuplicates = "duplicates" // of events: none is there twice
	CheckSteps      = "steps"      // of steps: none is missing between them
	CheckRanksGiven = "ranks"      // of ranks: none is missing
	CheckMet        = "together"   // of collectives: the ranks that meet in them have all that others have, and are of one profile
)

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
