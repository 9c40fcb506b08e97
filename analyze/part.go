package analyze

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// A profile is a trace per rank, and a trace of a real server takes hundreds of MB of memory. Nothing that is asked of all
// ranks needs them at once: a Part has the answers for one trace, and what the ranks can only say together, as little of
// it as there can be: of kernels their durations, for medians, and of collectives when they ran, for waits and clocks.
// Whoever reads traces makes a part of each and lets the trace go.

// Part is what one trace of a profile says by itself.
type Part struct {
	Meta trace.Meta // by which the ranks are numbered
	// Rank is everything about the trace; nil if it is left out. Its number is the one that NewPart was given, and its
	// clock, its collectives and its steps' waits are not known, until Join has seen the others.
	Rank *Rank

	devices     []int32 // if some are selected: those that worked, the others included
	steps       []Step  // all of the trace, whatever is selected
	kernels     []packedKernel
	collectives map[collectiveKey]*collectiveRuns
	problems    []Problem
}

// NewPart analyses one trace, of which the part keeps nothing alive. The rank is the number that it will have as far as
// is known by now (ClaimedRank): Join gives it the right one, and only the traces of captures are chosen by this one.
// Options.Ranks are not looked at. A trace of other devices than those selected is left out. Several parts may be made at
// the same time.
func NewPart(t *trace.Trace, rank int, o Options) *Part {
	p := &Part{Meta: t.Meta}
	x := newIndex(t, o.filing())
	p.devices = x.allDevices
	if x.onGPU && len(x.gpu) == 0 {
		return p
	}
	p.steps = x.stepTable()
	badNests := p.measure(x, rank, x.narrow(p.steps))
	if t.Meta.FrontEnd() {
		p.Rank.Role = "frontend"
		return p
	}
	p.deepen(x, rank, &o)
	p.problems = x.checkTrace(p.Rank, badNests)
	return p
}

// measure answers what shapes, queues and graphs are not needed for. It returns how many spans were badly nested.
func (p *Part) measure(x *index, number int, steps []Step) (badNests int) {
	t := x.t
	devices := x.devices()
	swept := x.sweepHost()
	r := &Rank{
		Rank: number, Path: t.Meta.Path, Host: t.Meta.HostName, Hardware: hardwareOf(t, devices), BaseTimeNs: t.Meta.BaseTimeNanoseconds,
		Events: x.eventCount, FirstNs: x.firstNs, LastNs: x.lastNs, ProfilerNs: x.profiler.end - x.profiler.start,
		Ops: swept.ops, CPU: swept.cpu(), Memory: x.memoryPools(), Steps: steps,
		Windows: x.deviceWindows.exported(), HostWindows: x.hostWindows.exported(), Damage: damageOf(t),
	}
	p.Rank = r
	if d := t.Meta.Distributed; d != nil {
		r.WorldSize = d.WorldSize
	}
	r.Engine, r.Version = engineOf(t, r.Steps, r.Ops)
	r.Modules = x.moduleTable()
	r.Phases, r.Steady = phaseTable(r.Steps), steadyState(r.Steps)
	p.collectives = x.collectives(!x.onGPU)
	if !x.onGPU {
		if len(x.host) > 0 {
			r.Time = []Time{x.cpuTime(swept)}
		}
		r.Categories = opCategories(r.Ops)
		return swept.badNests
	}
	for _, d := range devices {
		r.Time = append(r.Time, x.deviceTime(d))
		r.Idle = append(r.Idle, x.idle(d))
	}
	launch := x.launches()
	r.Launch = &launch
	r.Streams, r.MemoryOps = x.streams(), x.memoryOps()
	kernels := x.kernelTable()
	r.Kernels = finishKernels(kernels)
	p.kernels = packKernels(kernels)
	r.Categories = kernelCategories(r.Kernels)
	return swept.badNests
}

// deepen answers what reads shapes, queues and graphs.
func (p *Part) deepen(x *index, number int, o *Options) {
	r := p.Rank
	captures := capturesOf(tracesOf(o.CaptureTraces, number))
	r.Roofline = x.roofline(x.replayedOps(captures))
	if !x.onGPU {
		r.Parallel = x.parallelism(r.Steps, o.Capture.coresPerRank())
		return
	}
	r.Queues, r.Graphs, r.Replays = x.queues(), x.graphTable(captures), x.replayLosses(r.Steps)
	if o.GPUEvents {
		r.GPUEvents = x.gpuEvents()
	}
}

// tracesOf are those of one rank's graph captures, or all if no trace says whose it is.
func tracesOf(captures []*trace.Trace, rank int) []*trace.Trace {
	claimed := func(t *trace.Trace) int { return ClaimedRank(&t.Meta) }
	if !slices.ContainsFunc(captures, func(t *trace.Trace) bool { return claimed(t) >= 0 }) {
		return captures
	}
	return slices.DeleteFunc(slices.Clone(captures), func(t *trace.Trace) bool { return claimed(t) != rank })
}

// Join puts the parts of a profile together, in the order in which its traces were named. The result takes the parts over:
// none can be joined twice. Options are those that the parts were made with, and Ranks.
func Join(parts []*Part, o Options) *Result {
	res := &Result{SchemaVersion: SchemaVersion, Kind: KindEmpty, Capture: o.Capture, Selection: o.selection()}
	metas := make([]trace.Meta, len(parts))
	for i, p := range parts {
		metas[i] = p.Meta
	}
	numbers, guessed := numberRanks(metas)
	if duplicates := checkDuplicates(metas); guessed && len(duplicates) > 0 {
		res.Problems = append(res.Problems, duplicates...)
	} else if guessed {
		res.Problems = append(res.Problems, Problem{ID: "rank_numbers", Severity: SeverityNote, Rank: AllRanks,
			Text: "the traces do not say which ranks they are; they are numbered in the order given"})
	}
	var (
		workers int
		devices []int32
		most    []Step // of any rank
		kernels [][]packedKernel
		runs    []map[collectiveKey]*collectiveRuns
	)
	for i, p := range parts {
		if numbers[i] >= 0 {
			workers++
			if o.Ranks != nil && !slices.Contains(o.Ranks, numbers[i]) {
				continue
			}
			devices = append(devices, p.devices...)
		}
		if p.Rank == nil {
			continue
		}
		p.Rank.Rank = numbers[i]
		if numbers[i] < 0 {
			res.Frontends = append(res.Frontends, p.Rank)
			continue
		}
		for k := range p.problems {
			p.problems[k].Rank = numbers[i]
		}
		res.Ranks = append(res.Ranks, p.Rank)
		res.Problems = append(res.Problems, p.problems...)
		if len(p.steps) > len(most) {
			most = p.steps
		}
		if s := res.Selection; s != nil {
			s.AllSteps += len(p.steps)
			s.SelectedSteps += len(p.Rank.Steps)
		}
		kernels = append(kernels, p.kernels)
		runs = append(runs, p.collectives)
	}
	res.meet(runs)
	res.Kernels = mergeKernels(kernels)
	res.merge()
	res.Problems = slices.Concat(checkFrontends(workers, len(res.Frontends)), checkRanks(res.Ranks, o.expectedRanks()), checkClocks(res.Ranks), res.Problems)
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
