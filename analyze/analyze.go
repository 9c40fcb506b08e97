// Package analyze turns traces into results: pure functions from a trace.Trace per rank to plain structs, one file per
// question. It does no I/O and prints nothing; package report renders the structs.
//
// Analyze answers all questions at once. Each trace is filed first (index.go: one pass, one sort), and every analysis
// is then one pass over the list it needs.
//
// Times are integer ns. Each number's definition stands at its struct; where a peer computes the same (HTA, TraceLens,
// gputrc2graph, PyTorch's own table) the definition names it, and says where it differs on purpose.
package analyze

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// SchemaVersion is Result.SchemaVersion: it grows when a field changes its meaning or goes away.
const SchemaVersion = 1

// DefaultLaunchGapNs is how long a gap between kernels may be and still be the device's own delay. HTA has the same.
const DefaultLaunchGapNs = 30_000

// Options say what to analyse and how. The zero value is the usual.
type Options struct {
	Capture        *Capture // what is known of the capture that the traces belong to; nil if nothing
	Ranks          []int    // only these; nil: all
	Devices        []int    // only the GPU work of these, by their numbers in the traces; nil: all
	FromNs, ToNs   int64    // only events that start in [FromNs, ToNs), since the trace's base time; ToNs 0: to the end
	CommRule       CommRule // "": CommWide
	MemsetIsMemory bool     // sets count as memory rather than computation, as HTA has it
	LaunchGapNs    int64    // 0: DefaultLaunchGapNs
	GPUEvents      bool     // list all GPU work in Rank.GPUEvents

	// Steps and Phase leave only the work of some steps (select.go says what that is): those with these Step.Index, on
	// every rank; those of this trace.StepPhase. If both are given, those of which both are true. If none is, the result
	// has the problem nothing_selected and no work.
	Steps []StepRange // nil: all
	Phase string      // "": all

	CaptureTraces []*trace.Trace // of graph captures (capture_traces/): they say what replayed kernels are
}

func (o *Options) in(startNs int64) bool {
	return startNs >= o.FromNs && (o.ToNs == 0 || startNs < o.ToNs)
}

// Capture is what is known of a capture beside its traces.
type Capture struct {
	Name          string `json:"name"`
	Engine        string `json:"engine,omitempty"`
	EngineVersion string `json:"engine_version,omitempty"`
	Model         string `json:"model,omitempty"`
	Quantization  string `json:"quantization,omitempty"` // as configured: awq, gptq, fp8 …
	Device        string `json:"device,omitempty"`
	ExpectedRanks int    `json:"expected_ranks,omitempty"`
	FoundRanks    int    `json:"found_ranks,omitempty"`
	HostCPUs      int    `json:"host_cpus,omitempty"` // of the machine that all ranks ran on; 0: unknown
}

// Kinds of Result.
const (
	KindGPU   = "gpu"   // some rank has GPU work
	KindCPU   = "cpu"   // only CPU ops
	KindEmpty = "empty" // nothing at all
)

// Result is the answer. The tables outside Ranks are over all ranks: counts, times and bytes are sums.
type Result struct {
	SchemaVersion int      `json:"schema_version"`
	Kind          string   `json:"kind"`
	Capture       *Capture `json:"capture,omitempty"`
	// Selection is what Options left of the traces; nil: all.
	Selection *Selection `json:"selection,omitempty"`
	Problems  []Problem  `json:"problems"` // the worst first
	Findings  []Finding  `json:"findings"` // most time at stake first; Analyze leaves them to package findings

	Devices     int          `json:"devices"` // that Time sums over
	Time        Time         `json:"time"`
	Kernels     []Kernel     `json:"kernels"` // by exclusive time
	Categories  []Category   `json:"categories"`
	MemoryOps   []MemoryOp   `json:"memory_ops"`
	Ops         []Op         `json:"ops"` // by self time
	CPU         CPU          `json:"cpu"`
	Modules     []Module     `json:"modules,omitempty"` // by GPU time
	Collectives []Collective `json:"collectives"`
	Steps       []RankStep   `json:"steps"`
	Phases      []Phase      `json:"phases"` // of Steps
	// Steady is the steady state of decoding, on the lowest rank that has one.
	Steady   *Steady   `json:"steady,omitempty"`
	Roofline *Roofline `json:"roofline,omitempty"`

	Ranks     []*Rank `json:"ranks"`               // in order of rank
	Frontends []*Rank `json:"frontends,omitempty"` // traces of API servers, which are in no table
}

// Analyze analyses traces, one per rank.
func Analyze(traces []*trace.Trace, o Options) *Result {
	o.CommRule = cmp.Or(o.CommRule, CommWide)
	o.LaunchGapNs = cmp.Or(o.LaunchGapNs, int64(DefaultLaunchGapNs))
	res := &Result{SchemaVersion: SchemaVersion, Kind: KindEmpty, Capture: o.Capture, Selection: o.selection()}
	kernelNames, opNames := newCategorizer(kernelRules), newCategorizer(opRules)

	var workers, frontends []*trace.Trace
	for _, t := range traces {
		if isFrontend(t) {
			frontends = append(frontends, t)
		} else {
			workers = append(workers, t)
		}
	}
	var (
		kernels [][]kernelDurations
		runs    []map[collectiveKey]*collectiveRuns
	)
	var captures []*capturedGraph
	for _, t := range o.CaptureTraces {
		captures = append(captures, capturedGraphs(t)...)
	}
	var most []Step // of any rank
	var devices []int32
	numbers, guessed := numberRanks(workers)
	if duplicates := checkDuplicates(workers); guessed && len(duplicates) > 0 {
		res.Problems = append(res.Problems, duplicates...)
	} else if guessed {
		res.Problems = append(res.Problems, Problem{ID: "rank_numbers", Severity: SeverityNote, Rank: AllRanks,
			Text: "the traces do not say which ranks they are; they are numbered in the order given"})
	}
	for i, number := range numbers {
		if o.Ranks != nil && !slices.Contains(o.Ranks, number) {
			continue
		}
		x := newIndex(workers[i], &o, kernelNames, opNames)
		devices = append(devices, x.allDevices...)
		if x.onGPU && len(x.gpu) == 0 { // another device's
			continue
		}
		steps := x.stepTable()
		if len(steps) > len(most) {
			most = steps
		}
		r, k := x.rank(number, x.narrow(steps))
		if s := res.Selection; s != nil {
			s.AllSteps += len(steps)
			s.SelectedSteps += len(r.Steps)
		}
		x.deepen(r, ofRank(captures, number))
		res.Problems = append(res.Problems, x.checkTrace(r, k.badNests)...)
		res.Ranks = append(res.Ranks, r)
		kernels = append(kernels, k.kernels)
		runs = append(runs, k.collectives)
	}
	for _, t := range frontends {
		x := newIndex(t, &o, kernelNames, opNames)
		r, _ := x.rank(-1, x.narrow(x.stepTable()))
		r.Role = "frontend"
		res.Frontends = append(res.Frontends, r)
	}
	res.meet(runs)
	res.Kernels = finishKernels(mergeKernels(kernels...))
	res.merge()
	res.Roofline = mergeRooflines(res.Ranks)
	res.Problems = slices.Concat(checkFrontends(res, len(workers)), checkRanks(res.Ranks, o), checkClocks(res.Ranks), res.Problems)
	res.checkSelection(&o, devices, most)
	sortProblems(res.Problems)
	return res
}

// meet compares what the ranks, in the order of runs, say of the collectives that they ran together, and sorts the ranks.
func (res *Result) meet(runs []map[collectiveKey]*collectiveRuns) {
	numbers := make([]int, len(res.Ranks))
	of := map[*Rank]map[collectiveKey]*collectiveRuns{}
	for i, r := range res.Ranks {
		numbers[i], of[r] = r.Rank, runs[i]
	}
	perRank, all := splitWaits(numbers, runs)
	for i, r := range res.Ranks {
		r.Collectives = perRank[i]
		r.waitInSteps(runs[i])
	}
	res.Collectives = all
	slices.SortStableFunc(res.Ranks, func(a, b *Rank) int { return cmp.Compare(a.Rank, b.Rank) })
	clocks(res.Ranks, of)
}

// rankExtras is what merging ranks needs beyond their rows.
type rankExtras struct {
	kernels     []kernelDurations
	collectives map[collectiveKey]*collectiveRuns
	badNests    int
}

// rank answers everything about one trace.
func (x *index) rank(number int, steps []Step) (*Rank, rankExtras) {
	t := x.t
	devices := x.devices()
	host := x.sweepHost()
	r := &Rank{
		Rank: number, Path: t.Meta.Path, Host: t.Meta.HostName, Hardware: hardwareOf(t, devices), BaseTimeNs: t.Meta.BaseTimeNanoseconds,
		Events: x.eventCount, FirstNs: x.firstNs, LastNs: x.lastNs, ProfilerNs: x.profiler.end - x.profiler.start,
		Ops: host.ops, CPU: host.cpu(), Memory: x.memoryPools(), Steps: steps,
		Windows: x.deviceWindows.exported(), HostWindows: x.hostWindows.exported(), Damage: damageOf(t),
	}
	if d := t.Meta.Distributed; d != nil {
		r.WorldSize = d.WorldSize
	}
	r.Engine, r.Version = engineOf(t, r.Steps, r.Ops)
	r.Modules = x.moduleTable()
	r.Phases, r.Steady = phaseTable(r.Steps), steadyState(r.Steps)
	extras := rankExtras{collectives: x.collectives(!x.onGPU), badNests: host.badNests}
	if !x.onGPU {
		if len(x.host) > 0 {
			r.Time = []Time{x.cpuTime(host)}
		}
		r.Categories = opCategories(r.Ops)
		return r, extras
	}
	for _, d := range devices {
		r.Time = append(r.Time, x.deviceTime(d))
		r.Idle = append(r.Idle, x.idle(d))
	}
	launch := x.launches()
	r.Launch = &launch
	r.Streams, r.MemoryOps = x.streams(), x.memoryOps()
	extras.kernels = x.kernelTable()
	r.Kernels = finishKernels(extras.kernels)
	r.Categories = kernelCategories(r.Kernels)
	return r, extras
}

// merge fills the tables over all ranks, Kernels and Collectives excepted.
func (res *Result) merge() {
	var times []Time
	for _, r := range res.Ranks {
		for _, t := range r.Time {
			switch {
			case t.Device != CPUDevice && res.Kind != KindGPU:
				res.Kind, times = KindGPU, times[:0] // ranks without GPU work are no devices
			case t.Device == CPUDevice && res.Kind == KindGPU:
				continue
			case res.Kind == KindEmpty:
				res.Kind = KindCPU
			}
			times = append(times, t)
		}
	}
	res.Devices, res.Time = len(times), sumTimes(times)
	memoryOps, ops := make([][]MemoryOp, len(res.Ranks)), make([][]Op, len(res.Ranks))
	for i, r := range res.Ranks {
		memoryOps[i], ops[i] = r.MemoryOps, r.Ops
	}
	res.MemoryOps, res.Ops, res.CPU = mergeMemoryOps(memoryOps...), mergeOps(ops...), mergeCPU(res.Ranks)
	if res.Kind == KindGPU {
		res.Categories = kernelCategories(res.Kernels)
	} else {
		res.Categories = opCategories(res.Ops)
	}
	res.Modules = mergeModules(res.Ranks)
	res.Steps = mergeSteps(res.Ranks)
	plain := make([]Step, len(res.Steps))
	for i, s := range res.Steps {
		plain[i] = s.Step
	}
	res.Phases, res.Steady = phaseTable(plain), steadyOf(res.Ranks)
}
