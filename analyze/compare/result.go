package compare

import "github.com/inferprof/inferprof/internal/words"

// SchemaVersion is Result.SchemaVersion: it grows when a field changes its meaning or goes away.
const SchemaVersion = 2

// Result is a comparison. The first side is the baseline.
type Result struct {
	SchemaVersion int          `json:"schema_version"`
	Level         float64      `json:"level"` // of all intervals
	Sides         []SideInfo   `json:"sides"`
	Differences   []Difference `json:"differences"` // of configuration
	Warnings      []string     `json:"warnings"`
	// WarningMessages are the warnings as data.
	WarningMessages []words.Message `json:"warning_messages"`
	Pairs           []Pair          `json:"pairs"` // the baseline with each other side
	Gate            *Gate           `json:"gate,omitempty"`
}

// SideInfo is what is said of one side.
type SideInfo struct {
	Letter   string   `json:"letter"` // A, B, C …
	Label    string   `json:"label" redact:"side"`
	Captures int      `json:"captures"`
	Ranks    int      `json:"ranks"`
	Kind     string   `json:"kind"`
	About    []string `json:"about"` // engine, device …, in words
	Problems []string `json:"problems"`
	// ProblemMessages are the problems as data.
	ProblemMessages []words.Message `json:"problem_messages"`
}

// Pair is the baseline against one other side.
type Pair struct {
	A         string          `json:"a"` // letters
	B         string          `json:"b"`
	Unlike    []string        `json:"unlike"` // what differs of the work: model, type of numbers, batch, prompts
	Sections  []Section       `json:"sections"`
	Requests  []RequestMetric `json:"requests"`
	Unmatched [2]LeftOut      `json:"unmatched"` // of A and B: steps that no section has
	Notes     []string        `json:"notes"`
	Error     string          `json:"error,omitempty"` // why nothing could be compared

	// The same as data.
	UnlikeMessages []words.Message `json:"unlike_messages"`
	NoteMessages   []words.Message `json:"note_messages"`
	ErrorMessage   words.Message   `json:"error_message,omitzero"` // absent if there is no error
}

// RequestMetric is a number that requests saw.
type RequestMetric struct {
	Name         string `json:"name"` // output_tokens_per_s, ttft, tpot, memory
	Unit         string `json:"unit"` // 1/s, ns, bytes
	HigherBetter bool   `json:"higher_is_better"`
	Estimate
}

// Section is one like-for-like comparison.
type Section struct {
	ID       SectionID  `json:"id"`   // decode, prefill, mixed, prompt, generated, step, whole
	Unit     string     `json:"unit"` // step, prompt token, generated token, trace
	Matched  []Matched  `json:"matched"`
	LeftOut  [2]LeftOut `json:"left_out"`  // of these shapes, on A and B
	LeadRank [2]int     `json:"lead_rank"` // whose steps they are
	Cold     bool       `json:"cold,omitempty"`

	Time      Estimate     `json:"time"`          // per unit: of steps the median, of tokens by the median step of each shape
	Mean      Estimate     `json:"mean"`          // over all steps that count
	P99       *Estimate    `json:"p99,omitempty"` // of steps
	Busy      Estimate     `json:"busy"`
	Idle      Estimate     `json:"idle"`
	Comm      Estimate     `json:"comm"`
	ATotalNs  int64        `json:"a_total_ns"` // what the waterfall divides: means of typical steps
	BTotalNs  int64        `json:"b_total_ns"`
	Typical   [2]int       `json:"typical_steps"` // how many those are, on A and B
	Parts     []Part       `json:"parts"`
	MeanParts []Part       `json:"mean_parts"` // of Mean: work and causes of idleness
	Kernels   []KernelRow  `json:"kernels"`
	Layers    []LayerRow   `json:"layers,omitempty"`
	Ranks     []RankRow    `json:"ranks,omitempty"` // where a side has several
	First     *FirstSteps  `json:"first_steps,omitempty"`
	PerToken  *Estimate    `json:"per_generated_token,omitempty"` // of decode steps
	PerPrompt *Estimate    `json:"per_prompt_token,omitempty"`    // of prefill steps
	Samples   [2][]float64 `json:"samples"`                       // step times, for drawing: at most 500 a side
	Sentence  string       `json:"sentence"`
	Notes     []string     `json:"notes"`

	// The same as data.
	SentenceMessage words.Message   `json:"sentence_message"`
	NoteMessages    []words.Message `json:"note_messages"`
}

// SectionID is what a section compares.
type SectionID string

// Sections.
const (
	SectionDecode    SectionID = "decode"    // decode steps of equal batch
	SectionPrefill   SectionID = "prefill"   // steps that read prompts, of equal shape
	SectionMixed     SectionID = "mixed"     // steps that do both, of equal shape
	SectionStep      SectionID = "step"      // steps of unknown phase
	SectionPrompt    SectionID = "prompt"    // prompt tokens, where no shape is on both sides
	SectionGenerated SectionID = "generated" // generated tokens, where no batch is on both sides
	SectionWhole     SectionID = "whole"     // traces without steps
)

// Answer is the number that the section's answer rests on: the median's, or where it shows no difference and the mean does,
// the mean's.
func (s *Section) Answer() *Estimate {
	if s.Time.Verdict == VerdictNone && s.Mean.Shown() {
		return &s.Mean
	}
	return &s.Time
}

// Matched is a shape that both sides have.
type Matched struct {
	Shape
	Text   string `json:"text"`
	ASteps int    `json:"a_steps"`
	BSteps int    `json:"b_steps"`
	Tokens int64  `json:"tokens,omitempty"` // of a step, in sections per token
}

// LeftOut counts steps that do not count, and of those that do the ones that are in no typical step for how far off they are.
type LeftOut struct {
	Open          int      `json:"open,omitempty"`
	Outliers      int      `json:"outliers,omitempty"` // these count in medians, means and percentiles
	OutliersNs    int64    `json:"outliers_ns,omitempty"`
	UnderRecorded int      `json:"under_recorded,omitempty"`
	Steps         int      `json:"steps,omitempty"` // of other shapes
	Shapes        []string `json:"shapes,omitempty"`
}

// Part is one bar of the waterfall.
type Part struct {
	Name    string `json:"name"`
	Idle    bool   `json:"idle,omitempty"`
	ANs     int64  `json:"a_ns"`
	BNs     int64  `json:"b_ns"`
	DeltaNs int64  `json:"delta_ns"`
}

// LayerRow is a layer of the model, where ops name their modules.
type LayerRow struct {
	Layer   int   `json:"layer"`
	ANs     int64 `json:"a_ns"`
	BNs     int64 `json:"b_ns"`
	DeltaNs int64 `json:"delta_ns"`
}

// RankRow is what one rank of a side spends per step.
type RankRow struct {
	Side    string `json:"side"`
	Rank    int    `json:"rank"`
	TotalNs int64  `json:"total_ns"`
	BusyNs  int64  `json:"busy_ns"`
	IdleNs  int64  `json:"idle_ns"`
	CommNs  int64  `json:"comm_ns"`
}

// FirstSteps are the medians of the first steps, which count in the other numbers, too.
type FirstSteps struct {
	ANs    int64 `json:"a_ns"`
	BNs    int64 `json:"b_ns"`
	ASteps int   `json:"a_steps"`
	BSteps int   `json:"b_steps"`
}
