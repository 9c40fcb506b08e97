package analyze

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/graphs"
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/integrity"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/analyze/roofline"
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
	Rank *ranks.Rank

	devices  []int32      // if some are selected: those that worked, the others included
	steps    []index.Step // all of the trace, whatever is selected
	kernels  []device.PackedKernel
	problems []integrity.Problem
	checks   []integrity.Check
}

// File files a trace for NewPart and for the findings' rules, which share it. Options.Ranks are not looked at.
func File(t *trace.Trace, o Options) *index.Index { return index.New(t, o.filing()) }

// NewPart analyses one trace, filed with the same options, and leaves in the index what the options select. The part keeps
// nothing of the trace alive. The rank is the number that it will have as far as is known by now (ClaimedRank): Join gives it
// the right one, and only the traces of captures are chosen by this one.
// A trace of other devices than those selected is left out. Several parts may be made at the same time.
func NewPart(x *index.Index, rank int, o Options) *Part {
	t := x.Trace
	p := &Part{Meta: t.Meta}
	p.devices = x.AllDevices
	if x.OnGPU && len(x.GPU) == 0 {
		return p
	}
	p.steps = x.StepTable()
	x.CountOps(p.steps)
	badNests := p.measure(x, rank, x.Narrow(p.steps))
	if t.Meta.FrontEnd() {
		p.Rank.Role = "frontend"
		return p
	}
	p.deepen(x, rank, &o)
	p.problems, p.checks = integrity.CheckTrace(x, p.Rank, badNests)
	return p
}

// measure answers what shapes, queues and graphs are not needed for. It returns how many spans were badly nested.
func (p *Part) measure(x *index.Index, number int, steps []index.Step) (badNests int) {
	t := x.Trace
	devices := x.Devices()
	swept := host.Sweep(x)
	r := &ranks.Rank{
		Rank: number, Path: t.Meta.Path, Host: t.Meta.HostName, Hardware: ranks.HardwareOf(t, devices), NoGPU: x.NoGPU(),
		BaseTimeNs: t.Meta.BaseTimeNanoseconds, Events: x.EventCount(), FirstNs: x.FirstNs, LastNs: x.LastNs,
		ProfilerNs: x.Profiler.End - x.Profiler.Start, Time: []device.Time{},
		Ops: swept.Ops, CPU: swept.CPU(), Memory: host.MemoryPools(x), Steps: steps,
		Windows: x.DeviceWindows.List(), HostWindows: x.HostWindows.List(), Damage: ranks.DamageOf(t),
	}
	p.Rank = r
	if d := t.Meta.Distributed; d != nil {
		r.WorldSize = d.WorldSize
	}
	r.Engine, r.Version = ranks.EngineOf(t, r.Steps, r.Ops)
	r.Modules = host.Modules(x)
	r.Phases, r.Steady = ranks.PhaseTable(r.Steps, number), ranks.SteadyState(r.Steps)
	r.Runs = ranks.Collectives(x)
	if !x.OnGPU {
		if len(x.Host()) > 0 {
			r.Time = []device.Time{host.CPUTime(x, swept)}
		}
		r.Categories = host.OpCategories(r.Ops)
		return swept.BadNests
	}
	for _, d := range devices {
		r.Time = append(r.Time, device.TimeOf(x, d))
		r.Idle = append(r.Idle, device.IdleOf(x, d))
	}
	launch := device.Launches(x)
	r.Launch = &launch
	r.Streams, r.MemoryOps = device.Streams(x), device.MemoryOps(x)
	r.Kernels, p.kernels = device.Kernels(x)
	r.Categories = device.KernelCategories(r.Kernels)
	return swept.BadNests
}

// deepen answers what reads shapes, queues and graphs.
func (p *Part) deepen(x *index.Index, number int, o *Options) {
	r := p.Rank
	captures := graphs.Captures(tracesOf(o.CaptureTraces, number))
	r.Roofline = roofline.Measure(x, graphs.ReplayedOps(x, captures))
	if !x.OnGPU {
		r.Parallel = host.Parallelism(x, r.Steps, o.Capture.coresPerRank())
		return
	}
	r.Queues = device.Queues(x)
	r.Graphs, r.Replays = graphs.Measure(x, captures)
	if o.GPUEvents {
		r.GPUEvents = device.GPUEvents(x)
	}
}

// tracesOf are those of one rank's graph captures, or all if no trace says whose it is.
func tracesOf(captures []*trace.Trace, rank int) []*trace.Trace {
	claimed := func(t *trace.Trace) int { return ranks.Claimed(&t.Meta) }
	if !slices.ContainsFunc(captures, func(t *trace.Trace) bool { return claimed(t) >= 0 }) {
		return captures
	}
	return slices.DeleteFunc(slices.Clone(captures), func(t *trace.Trace) bool { return claimed(t) != rank })
}

// Join puts the parts of a profile together, in the order in which its traces were named. The result takes the parts over:
// none can be joined twice. Options are those that the parts were made with, and Ranks.
func Join(parts []*Part, o Options) *Result {
	res := &Result{SchemaVersion: SchemaVersion, Kind: index.KindEmpty, Capture: o.Capture, Selection: o.selection()}
	metas := make([]trace.Meta, len(parts))
	for i, p := range parts {
		metas[i] = p.Meta
	}
	numbers, guessed := ranks.Numbers(metas)
	if guessed {
		res.Problems = integrity.CheckNumbers(metas)
	}
	var (
		workers int
		devices []int32
		most    []index.Step // of any rank
		kernels [][]device.PackedKernel
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
		p.Rank.SetNumber(numbers[i])
		if numbers[i] < 0 {
			res.Frontends = append(res.Frontends, p.Rank)
			continue
		}
		for k := range p.problems {
			p.problems[k].Rank = numbers[i]
		}
		for k := range p.checks {
			p.checks[k].Rank = numbers[i]
		}
		res.Ranks = append(res.Ranks, p.Rank)
		res.Problems = append(res.Problems, p.problems...)
		res.Checks = append(res.Checks, p.checks...)
		if len(p.steps) > len(most) {
			most = p.steps
		}
		if s := res.Selection; s != nil {
			s.AllSteps += len(p.steps)
			s.SelectedSteps += len(p.Rank.Steps)
		}
		kernels = append(kernels, p.kernels)
	}
	res.meet()
	res.Kernels = device.MergeKernels(kernels)
	res.merge()
	missing := slices.Concat(integrity.CheckFrontends(workers, len(res.Frontends)), integrity.CheckRanks(res.Ranks, o.expectedRanks()))
	slices.SortStableFunc(res.Checks, func(a, b integrity.Check) int { return cmp.Compare(a.Rank, b.Rank) })
	res.Checks = append(res.Checks, integrity.RanksGiven(res.Ranks, o.expectedRanks(), missing))
	together := integrity.CheckTogether(res.Ranks)
	if c := integrity.RanksTogether(res.Ranks, together); c != nil {
		res.Checks = append(res.Checks, *c)
	}
	res.Problems = slices.Concat(missing, together, res.Problems)
	res.checkSelection(&o, devices, most)
	integrity.SortProblems(res.Problems)
	res.say()
	return res
}

// meet sorts the ranks, and compares what they say of the collectives that they ran together.
func (res *Result) meet() {
	slices.SortStableFunc(res.Ranks, func(a, b *ranks.Rank) int { return cmp.Compare(a.Rank, b.Rank) })
	ranks.Clocks(res.Ranks)
	perRank, all := ranks.SplitWaits(res.Ranks)
	for i, r := range res.Ranks {
		r.Collectives = perRank[i]
		r.WaitInSteps()
	}
	res.Collectives = all
}
