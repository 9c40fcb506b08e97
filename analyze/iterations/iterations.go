// Package iterations divides the steps of a trace for comparing them: every ns of a step is some work or some cause of idleness.
package iterations

import (
	"slices"

	"github.com/inferprof/inferprof/analyze/graphs"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/integrity"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
)

// To compare two profiles is to compare their steps, and to say where a step's time went without losing any of it. A
// step's time is its iteration's, as package index lays it out.
//
// Each nanosecond of an iteration belongs to one piece of work or to one reason for idleness. Where GPU work overlaps,
// the piece that started first has the time, as in device.Kernel.ExclusiveNs; of nested ops the innermost has it. Work that
// crosses the border of two iterations is cut there. So the parts of an iteration sum to its length, exactly.
//
// This is a lighter pass than a whole analysis: a comparison reads traces of gigabytes, and needs neither ops nor the other
// tables of a GPU trace. Of several devices in one trace the busiest counts; engines have one per process.

// Work is one kind of work: a name in a place of the step.
type Work struct {
	Name     string `json:"name"`
	Category string `json:"category"`
	// Role is the place: of an op its module with the layer's number left out ("layers.*.mlp.down_proj"), of a kernel
	// what its neighbours tell ("gemm qkv": between a norm and attention). "" if nothing tells.
	Role string `json:"role,omitempty"`
}

// Share is what one kind of work took of an iteration.
type Share struct {
	Work  int   `json:"work"` // of RankIterations.Work
	Count int   `json:"count"`
	Ns    int64 `json:"ns"`
}

// Iteration is one step, divided: Σ Shares.Ns + Σ IdleNs = EndNs − BeginNs.
type Iteration struct {
	index.Step
	BeginNs, EndNs int64
	Shares         []Share
	IdleNs         [index.IdleCauses]int64
	Events         int     // pieces of work that began in it
	CommNs         int64   // of Shares, communication
	LayerNs        []int64 // of Shares, by the layer that the op's module names; nil where none does
}

// Ns is the iteration's length.
func (it *Iteration) Ns() int64 { return it.EndNs - it.BeginNs }

// WorkNs is the iteration without idleness: Σ Shares.Ns.
func (it *Iteration) WorkNs() int64 {
	ns := it.Ns()
	for _, idle := range it.IdleNs {
		ns -= idle
	}
	return ns
}

// RankIterations are the steps of one trace.
type RankIterations struct {
	Rank      int
	Path      string
	Kind      string // KindGPU, KindCPU or KindEmpty
	Hardware  string
	Engine    string
	Version   string
	WorldSize int
	Stacks    bool  // Python frames were recorded
	PeakBytes int64 // most that any allocator reported as allocated; 0 if none did
	Recorded  trace.Recorded
	Model     Model

	Work     []Work
	Steps    []Iteration // with work, or in a CPU-only trace all
	Whole    *Iteration  // of a trace without steps: from the first work to the last
	Problems []integrity.Problem
}

// Of divides a trace's steps. The rank's number is the caller's (ranks.Numbers).
func Of(t *trace.Trace, rank int, o *index.Options) *RankIterations {
	x := index.New(t, o)
	r := &RankIterations{Rank: rank, Path: t.Meta.Path, Kind: index.KindEmpty, Recorded: t.Meta.Recorded, Stacks: x.Frames > 0}
	for _, row := range x.Memory {
		r.PeakBytes = max(r.PeakBytes, t.Memory.At(t.Events.Side(int(row))).TotalAllocatedBytes)
	}
	steps := x.StepTable()
	devices := x.Devices()
	full := &ranks.Rank{Rank: rank, Steps: steps, Damage: ranks.DamageOf(t)}
	r.Hardware = ranks.HardwareOf(t, devices)
	r.Engine, r.Version = ranks.EngineOf(t, steps, nil)
	if r.Engine == "" && hasVLLMOps(t) {
		r.Engine = "vllm"
	}
	if d := t.Meta.Distributed; d != nil {
		r.WorldSize = d.WorldSize
	}
	d := &divider{x: x, out: r, rowOf: map[workKey]int{}}
	if len(devices) > 0 {
		r.Kind = index.KindGPU
		full.Replays = graphs.Losses(x)
		d.gpu(steps, devices)
	} else if ops := opsOf(x); len(ops) > 0 && !x.LostGPU() { // what launched work that is lost is no CPU-only engine
		r.Kind = index.KindCPU
		d.cpu(steps, ops)
	}
	r.Model = modelOf(x, r)
	r.Problems, _ = integrity.CheckTrace(x, full, 0)
	return r
}

// opsOf are the ops and annotations of a CPU-only trace, as index.Index.Host has them.
func opsOf(x *index.Index) []index.Span {
	return slices.DeleteFunc(slices.Clone(x.Host()), func(s index.Span) bool {
		c := x.CategoryOf(&s)
		return c == trace.CategoryRuntime || c == trace.CategoryDriver
	})
}

// hasVLLMOps finds vLLM by the names of its ops, which of a trace with GPU work are not filed here.
func hasVLLMOps(t *trace.Trace) bool {
	for id := range t.Strings.Len() {
		if ranks.IsVLLMOp(t.Strings.At(trace.StringID(id))) {
			return true
		}
	}
	return false
}
