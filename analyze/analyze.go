// Package analyze turns traces into results: pure functions from a trace.Trace per rank to plain structs. It does no I/O and
// prints nothing; package report renders the structs. Each kind of question has a room of its own below this one (device,
// host, graphs, roofline, ranks …); face.go has the names of what is in them.
//
// Analyze answers all questions at once. Each trace is filed first (package index: one pass, one sort), and every analysis
// is then one pass over the list it needs. What ranks say together, they say by what is kept of each (part.go), so that a
// profile of any number of ranks takes the memory of those that are being looked at.
//
// Times are integer ns. Each number's definition stands at its struct; where a peer computes the same (HTA, TraceLens,
// gputrc2graph, PyTorch's own table) the definition names it, and says where it differs on purpose.
package analyze

import (
	"slices"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/integrity"
	"github.com/inferprof/inferprof/analyze/iterations"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/analyze/roofline"
	"github.com/inferprof/inferprof/trace"
)

// SchemaVersion is Result.SchemaVersion: it grows when a field changes its meaning or goes away. 2: waiting in collectives is
// told from starts where ranks share a clock. 3: a step's time goes to the next one's start, its gap included; phases are of
// one rank, their busy times of all work of an iteration, and a token's cost is a median.
const SchemaVersion = 3

// Options say what to analyse and how. The zero value is the usual.
type Options struct {
	Capture        *Capture            // what is known of the capture that the traces belong to; nil if nothing
	Ranks          []int               // only these; nil: all
	Devices        []index.Range       // only the GPU work of these, by their numbers in the traces; nil: all
	FromNs, ToNs   int64               // only events that start in [FromNs, ToNs), since the trace's base time; ToNs 0: to the end
	CommRule       categories.CommRule // "": CommWide
	MemsetIsMemory bool                // sets count as memory rather than computation, as HTA has it
	LaunchGapNs    int64               // 0: DefaultLaunchGapNs
	Categories     *categories.Table   // rules of one's own, before the usual ones; nil: none
	GPUEvents      bool                // list all GPU work in Rank.GPUEvents

	// Steps and Phase leave only the work of some steps (package index says what that is): those with these Step.Index, on
	// every rank; those of this trace.StepPhase. If both are given, those of which both are true. If none is, the result
	// has the problem nothing_selected and no work.
	Steps []index.Range   // nil: all
	Phase trace.StepPhase // "": all

	CaptureTraces []*trace.Trace // of graph captures (capture_traces/): they say what replayed kernels are
}

// Iterate divides the steps of a trace, for comparing them with another's; of the options it looks at those that say what of
// one trace counts. The rank's number is the caller's (RankNumbers).
func Iterate(t *trace.Trace, rank int, o Options) *iterations.RankIterations {
	return iterations.Of(t, rank, o.filing())
}

// filing is what of the options an index goes by.
func (o *Options) filing() *index.Options {
	return &index.Options{FromNs: o.FromNs, ToNs: o.ToNs, Devices: o.Devices, Steps: o.Steps, Phase: o.Phase,
		CommRule: o.CommRule, MemsetIsMemory: o.MemsetIsMemory, LaunchGapNs: o.LaunchGapNs, Categories: o.Categories}
}

// Capture is what is known of a capture beside its traces.
type Capture struct {
	Name          string `json:"name" redact:"capture"`
	Engine        string `json:"engine,omitempty"`
	EngineVersion string `json:"engine_version,omitempty"`
	Model         string `json:"model,omitempty" redact:"model"`
	Quantization  string `json:"quantization,omitempty"` // as configured: awq, gptq, fp8 …
	Device        string `json:"device,omitempty"`
	ExpectedRanks int    `json:"expected_ranks,omitempty"`
	FoundRanks    int    `json:"found_ranks,omitempty"`
	HostCPUs      int    `json:"host_cpus,omitempty"` // of the machine that all ranks ran on; 0: unknown
}

// coresPerRank is what the machine has for each of its ranks; 0 if it is not known.
func (c *Capture) coresPerRank() float64 {
	if c == nil || c.HostCPUs == 0 || c.ExpectedRanks == 0 {
		return 0
	}
	return float64(c.HostCPUs) / float64(c.ExpectedRanks)
}

// Result is the answer. The tables outside Ranks are over all ranks: counts, times and bytes are sums.
type Result struct {
	SchemaVersion int      `json:"schema_version"`
	Kind          string   `json:"kind"`
	Capture       *Capture `json:"capture,omitempty"`
	// Selection is what Options left of the traces; nil: all.
	Selection *Selection          `json:"selection,omitempty"`
	Problems  []integrity.Problem `json:"problems"` // the worst first
	// Checks are what was looked for in the traces, and what came of it: rank by rank, and then of all together.
	Checks   []integrity.Check `json:"checks"`
	Findings []Finding         `json:"findings"` // most time at stake first; Analyze leaves them to package findings
	// Verdict is the answer in a few sentences; empty if nothing was recorded. Figures are its key numbers, and Remarks what is to
	// be said of single tables.
	Verdict []Message `json:"verdict"`
	Figures []Figure  `json:"figures"`
	Remarks []Remark  `json:"remarks"`

	// Idle is why the devices stood still; nil where there was no gap, or no device.
	Idle *IdleTotals `json:"idle,omitempty"`

	Devices     int                `json:"devices"` // that Time sums over
	Time        device.Time        `json:"time"`
	Kernels     []device.Kernel    `json:"kernels"` // by exclusive time
	Categories  []device.Category  `json:"categories"`
	MemoryOps   []device.MemoryOp  `json:"memory_ops"`
	Ops         []host.Op          `json:"ops"` // by self time
	CPU         host.CPU           `json:"cpu"`
	Modules     []host.Module      `json:"modules,omitempty"` // by GPU time
	Collectives []ranks.Collective `json:"collectives"`
	Steps       []ranks.RankStep   `json:"steps"`
	Phases      []ranks.Phase      `json:"phases"` // of the rank whose decode steps take longest (ranks.Slowest)
	// Steady is the steady state of decoding, on the same rank; nil if it has none.
	Steady   *ranks.Steady      `json:"steady,omitempty"`
	Roofline *roofline.Roofline `json:"roofline,omitempty"`

	Ranks     []*ranks.Rank `json:"ranks"`               // in order of rank
	Frontends []*ranks.Rank `json:"frontends,omitempty"` // traces of API servers, which are in no table
}

// Analyze analyses traces that are all in memory, one per rank. Where they need not be, make a Part of each as it is read,
// and Join the parts.
func Analyze(traces []*trace.Trace, o Options) *Result {
	parts := make([]*Part, len(traces))
	for i, number := range RankNumbers(Metas(traces)) {
		parts[i] = &Part{Meta: traces[i].Meta}
		if number < 0 || o.Ranks == nil || slices.Contains(o.Ranks, number) {
			parts[i] = NewPart(File(traces[i], o), number, o)
		}
	}
	return Join(parts, o)
}

// merge fills the tables over all ranks, Kernels and Collectives excepted.
func (res *Result) merge() {
	var times []device.Time
	for _, r := range res.Ranks {
		for _, t := range r.Time {
			switch {
			case t.Device != device.CPUDevice && res.Kind != index.KindGPU:
				res.Kind, times = index.KindGPU, times[:0] // ranks without GPU work are no devices
			case t.Device == device.CPUDevice && res.Kind == index.KindGPU:
				continue
			case res.Kind == index.KindEmpty:
				res.Kind = index.KindCPU
			}
			times = append(times, t)
		}
	}
	res.Devices, res.Time = len(times), device.SumTimes(times)
	memoryOps, ops := make([][]device.MemoryOp, len(res.Ranks)), make([][]host.Op, len(res.Ranks))
	modules, rooflines := make([][]host.Module, len(res.Ranks)), make([]*roofline.Roofline, len(res.Ranks))
	for i, r := range res.Ranks {
		memoryOps[i], ops[i], modules[i], rooflines[i] = r.MemoryOps, r.Ops, r.Modules, r.Roofline
	}
	res.MemoryOps, res.Ops, res.CPU = device.MergeMemoryOps(memoryOps...), host.MergeOps(ops...), ranks.MergeCPU(res.Ranks)
	if res.Kind == index.KindGPU {
		res.Categories = device.KernelCategories(res.Kernels)
	} else {
		res.Categories = host.OpCategories(res.Ops)
	}
	res.Modules, res.Roofline = host.MergeModules(modules...), roofline.Merge(rooflines)
	res.Steps = ranks.MergeSteps(res.Ranks)
	if slowest := ranks.Slowest(res.Ranks); slowest != nil {
		res.Phases, res.Steady = slowest.Phases, slowest.Steady
	}
}

// OnlyCaptures tells whether all steps are graphs being captured: kernels are recorded then, and hardly any runs.
func (res *Result) OnlyCaptures() bool {
	runs := func(s ranks.RankStep) bool { return s.Phase != trace.StepCapture }
	return len(res.Steps) > 0 && !slices.ContainsFunc(res.Steps, runs)
}

// Doubts are the problems that make a part of the result less true, by its name in JSON ("time", "steps" …): of a rank,
// or of the whole if rank is AllRanks. Notes about how things are read are among them; a report marks the rest.
func (res *Result) Doubts(part string, rank int) []integrity.Problem {
	var out []integrity.Problem
	for _, p := range res.Problems {
		if (rank == integrity.AllRanks || p.Rank == integrity.AllRanks || p.Rank == rank) && slices.Contains(p.Affects, part) {
			out = append(out, p)
		}
	}
	return out
}
