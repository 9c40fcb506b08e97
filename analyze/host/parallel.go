package host

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/trace"
)

// Parallel is how many threads of a CPU-only trace worked at once, and how many cores they left idle. A thread works
// while it is inside an op or a runtime call, annotations left out; one that waits for other ranks in a collective
// counts as working.
//
// Threads that no op names, such as those of OpenMP or of the embedded engine's pool, are not in a trace; the work they
// share in is their master's op. So a mean near 1 says that ops follow each other, not that cores are idle, and idle
// core time has two bounds: all cores were idle while no thread was inside any op, and at most the cores beyond the
// threads at work were idle at any other moment.
type Parallel struct {
	Threads   int     `json:"threads"`    // that ran ops
	SpanNs    int64   `json:"span_ns"`    // from the first op to the last one's end
	BusyNs    int64   `json:"busy_ns"`    // moments in which at least one thread was in an op
	MeanBusy  float64 `json:"mean_busy"`  // threads at work, over BusyNs
	MostBusy  int     `json:"most_busy"`  // at one moment
	ByThreads []int64 `json:"by_threads"` // time during which exactly i threads worked, from 0

	// Cores are what the rank had to work with, which is a fraction where ranks share a machine unevenly; 0: neither the
	// trace nor the capture says, and there were MostBusy or more.
	Cores     float64 `json:"cores,omitempty"`
	CoresFrom string  `json:"cores_from,omitempty"`

	// Parts are the whole (first, without a phase) and, in a trace with steps, the marks of the steps of each phase and
	// the time outside of any.
	Parts []CoreTime `json:"parts"`
}

// What Parallel.Cores is taken from.
const (
	CoresOfEngine  = "engine"  // the threads that the engine says each rank had
	CoresOfMachine = "machine" // the machine's processors, divided by the ranks on it
)

// PartBetween is CoreTime.Phase of the time outside of any step.
const PartBetween = "between steps"

// CoreTime is what cores did during a part of the time. Core time is time · cores.
type CoreTime struct {
	Phase    trace.StepPhase `json:"phase"`
	SpanNs   int64           `json:"span_ns"`
	MeanBusy float64         `json:"mean_busy"` // threads at work, over SpanNs
	// Of the cores; -1 if it is not known how many there were.
	CoreNs        int64 `json:"core_ns"`          // Cores · SpanNs
	IdleMinCoreNs int64 `json:"idle_min_core_ns"` // while no thread worked
	IdleMaxCoreNs int64 `json:"idle_max_core_ns"` // and, at all other times, of the cores beyond the threads at work
}

// workers follows how many threads work, in order of time: from at on, n of them.
type workers struct {
	at int64
	n  int
}

// Parallelism measures a CPU-only trace; nil if it has no ops. machine is how many cores the machine has for each rank; 0: not
// known.
func Parallelism(x *index.Index, steps []index.Step, machine float64) *Parallel {
	p := &Parallel{}
	curve := countWorkers(x, p)
	if curve == nil {
		return nil
	}
	p.Cores, p.CoresFrom = cores(x, machine)
	parts := phaseParts(steps)
	of := make([][]int64, len(parts)) // time by the number of threads at work
	all := make([]int64, p.MostBusy+1)
	for i := range of {
		of[i] = make([]int64, p.MostBusy+1)
	}
	first := make([]int, len(parts)) // mark of each part that may still begin after the moment
	for i := range curve[:len(curve)-1] {
		from, to, n := curve[i].at, curve[i+1].at, curve[i].n
		ns := to - from
		if n == 0 {
			ns = x.HostWindows.Within(interval.Span{Start: from, End: to})
		}
		all[n] += ns
		for k := range parts {
			marks := parts[k].marks
			for first[k] < len(marks) && marks[first[k]].End <= from {
				first[k]++
			}
			for _, m := range marks[first[k]:] {
				if m.Start >= to {
					break
				}
				of[k][n] += min(to, m.End) - max(from, m.Start)
			}
		}
	}
	p.ByThreads = all
	for n, ns := range all {
		p.SpanNs += ns
		if n > 0 {
			p.BusyNs += ns
			p.MeanBusy += float64(n) * float64(ns)
		}
	}
	p.MeanBusy /= float64(max(1, p.BusyNs))
	p.Parts = append(p.Parts, p.coreTime("", all))
	rest := slices.Clone(all)
	for k, part := range parts {
		p.Parts = append(p.Parts, p.coreTime(part.phase, of[k]))
		for n, ns := range of[k] {
			rest[n] -= ns
		}
	}
	if between := p.coreTime(PartBetween, rest); len(parts) > 0 && between.SpanNs > 0 {
		p.Parts = append(p.Parts, between)
	}
	return p
}

// countWorkers counts the threads at work, and fills Threads and MostBusy; nil if there are none.
func countWorkers(x *index.Index, p *Parallel) []workers {
	var edges []workers
	host := x.Host()
	for i := 0; i < len(host); {
		track := host[i].Track
		var busy interval.Set
		for ; i < len(host) && host[i].Track == track; i++ {
			if x.CategoryOf(&host[i]) != trace.CategoryUserAnnotation {
				busy.Add(host[i].StartNs, host[i].EndNs)
			}
		}
		if len(busy) > 0 {
			p.Threads++
		}
		for _, b := range busy {
			edges = append(edges, workers{b.Start, 1}, workers{b.End, -1})
		}
	}
	slices.SortFunc(edges, func(a, b workers) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n)) })
	n := 0
	for i := range edges {
		n += edges[i].n
		edges[i].n = n
		p.MostBusy = max(p.MostBusy, n)
	}
	return edges
}

// coreTime sums up a time that is given by the number of threads at work.
func (p *Parallel) coreTime(phase trace.StepPhase, byThreads []int64) CoreTime {
	c := CoreTime{Phase: phase, CoreNs: -1, IdleMinCoreNs: -1, IdleMaxCoreNs: -1}
	var working, idle float64
	for n, ns := range byThreads {
		c.SpanNs += ns
		working += float64(n) * float64(ns)
		idle += max(0, p.Cores-float64(n)) * float64(ns)
	}
	if c.SpanNs > 0 {
		c.MeanBusy = working / float64(c.SpanNs)
	}
	if p.Cores > 0 {
		c.CoreNs, c.IdleMinCoreNs, c.IdleMaxCoreNs = int64(p.Cores*float64(c.SpanNs)), int64(p.Cores*float64(byThreads[0])), int64(idle)
	}
	return c
}

// cores says what a rank had to work with: what its engine says, or else its part of the machine.
func cores(x *index.Index, machine float64) (n float64, from string) {
	if n := x.Trace.Meta.Engine.ThreadsPerRank; n > 0 {
		return float64(n), CoresOfEngine
	}
	if machine > 0 {
		return machine, CoresOfMachine
	}
	return 0, ""
}

// phasePart is the part of the time that the marks of a phase's steps take.
type phasePart struct {
	phase trace.StepPhase
	marks interval.Set
}

// phaseParts are the parts of the phases that there are, in the order in which phases are listed.
func phaseParts(steps []index.Step) []phasePart {
	var parts []phasePart
	for _, phase := range index.PhaseOrder {
		part := phasePart{phase: phase}
		for i := range steps {
			if s := &steps[i]; s.Phase == phase {
				part.marks.Add(s.StartNs, s.StartNs+s.CPUNs)
			}
		}
		if part.marks != nil {
			parts = append(parts, part)
		}
	}
	return parts
}
