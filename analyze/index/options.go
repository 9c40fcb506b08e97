package index

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/inferprof/inferprof/trace"

	"github.com/inferprof/inferprof/analyze/categories"
)

// DefaultLaunchGapNs is how long a gap between kernels may be and still be the device's own delay. HTA has the same.
const DefaultLaunchGapNs = 30_000

// Options say what of a trace is looked at, and by which rules. The zero value is all of it, by the usual ones.
type Options struct {
	FromNs, ToNs int64   // only events that start in [FromNs, ToNs), since the trace's base time; ToNs 0: to the end
	Devices      []Range // only the GPU work of these, by their numbers in the trace; nil: all
	// Steps and Phase leave only the work of some steps (select.go says what that is): those with these Step.Index, those of
	// this trace.StepPhase; if both are given, those of which both are true.
	Steps []Range         // nil: all
	Phase trace.StepPhase // "": all

	CommRule       categories.CommRule // "": CommWide
	MemsetIsMemory bool                // sets count as memory rather than computation, as HTA has it
	LaunchGapNs    int64               // 0: DefaultLaunchGapNs
	Categories     *categories.Table   // rules that come before the usual ones; nil: none
}

// Range is numbers From to To, both included: of steps (Step.Index), or of devices.
type Range struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// String is the range as people write it: 3, 10-12, and 40- where it has no end.
func (r Range) String() string {
	switch {
	case r.To == math.MaxInt:
		return fmt.Sprintf("%d-", r.From)
	case r.From == r.To:
		return fmt.Sprint(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}

// InRanges reports whether one of the ranges has n; where ranges are nil, all have.
func InRanges(ranges []Range, n int) bool {
	return ranges == nil || slices.ContainsFunc(ranges, func(r Range) bool { return r.From <= n && n <= r.To })
}

func (o *Options) setDefaults() {
	o.CommRule = cmp.Or(o.CommRule, categories.CommWide)
	o.LaunchGapNs = cmp.Or(o.LaunchGapNs, int64(DefaultLaunchGapNs))
}

func (o *Options) in(startNs int64) bool {
	return startNs >= o.FromNs && (o.ToNs == 0 || startNs < o.ToNs)
}

// SelectsSteps reports whether some steps may be left out.
func (o *Options) SelectsSteps() bool { return o.Steps != nil || o.Phase != "" }

func (o *Options) selects(s *Step) bool {
	if o.Phase != "" && s.Phase != o.Phase {
		return false
	}
	return InRanges(o.Steps, s.Index)
}

// Kinds of traces, and of what is said of them.
const (
	KindGPU   = "gpu"   // some rank has GPU work
	KindCPU   = "cpu"   // only CPU ops
	KindEmpty = "empty" // nothing at all
)
