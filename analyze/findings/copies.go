package findings

import (
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/trace"
)

const (
	tinyCopyBytes = 4096 // a copy this small costs its launch, not its bytes
	// manyTinyCopies is how many of them a decode step must have. Engines need a few: positions, slots, tables, tokens.
	manyTinyCopies = 8
)

// isBlocking tells copies that the host waits for: of which one end is pageable memory, or whose call synchronises.
func (rv *rankView) isBlocking(w *work) bool {
	return rv.x.IsPageable(w.Work) || w.Category == trace.CategoryMemcpy && w.Call >= 0 && rv.x.IsSync(&rv.x.Calls[w.Call])
}

// exposed is for how long each copy of the rank's work runs while nothing else does; earlier copies are something else.
func (rv *rankView) exposed() []int64 {
	out := make([]int64, len(rv.work))
	var others interval.Set
	for i := range rv.work {
		if w := &rv.work[i]; w.Category != trace.CategoryMemcpy {
			others.Add(w.StartNs, w.EndNs)
		}
	}
	copied, at := int64(math.MinInt64), 0
	for i := range rv.work {
		w := &rv.work[i]
		if w.Category != trace.CategoryMemcpy || w.EndNs <= copied {
			continue
		}
		from := max(w.StartNs, copied)
		copied = w.EndNs
		for at < len(others) && others[at].End <= from {
			at++
		}
		out[i] = copied - from
		for k := at; k < len(others) && others[k].Start < copied; k++ {
			out[i] -= min(copied, others[k].End) - max(from, others[k].Start)
		}
	}
	return out
}

// loop is the kind of steps that a profile is mostly about: decode where it has such steps, else what takes most of the time.
func (rv *rankView) loop() *phaseGaps {
	var of *phaseGaps
	for _, p := range rv.idleByPhase(func(*gap) bool { return false }) {
		if p.phase == trace.StepDecode && p.steps > 0 {
			return p
		}
		if of == nil || p.stepsNs > of.stepsNs {
			of = p
		}
	}
	return of
}

// pageableCopies: copies of the loop that block the host.
func pageableCopies(rv *rankView) *analyze.Finding {
	of := rv.loop()
	inLoop := func(i int32) bool { return of.steps == 0 || rv.in(i, of.phase) }
	n, bytes, ns := 0, int64(0), int64(0)
	var longest *work
	exposed := rv.exposed()
	for i := range rv.work {
		w := &rv.work[i]
		if !inLoop(w.iteration) || !rv.isBlocking(w) {
			continue
		}
		n++
		ns += exposed[i]
		if g := rv.gpuWork(w); g != nil {
			bytes += max(0, g.Bytes)
		}
		if longest == nil || w.EndNs-w.StartNs > longest.EndNs-longest.StartNs {
			longest = w
		}
	}
	if n == 0 {
		return nil
	}
	after := rv.idle(func(g *gap) bool { return g.cause == gapBlocking && inLoop(g.iteration) })
	stepsName, shareName := "steps", "of_"+of.key()+"_time"
	if of.phase == trace.StepDecode {
		stepsName, shareName = "decode_steps", "of_decode_steps"
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(ns+after.ns, rv.steps()),
		Evidence: []analyze.Evidence{
			number("copies", n), number(stepsName, of.steps), bytesOf("bytes", bytes), nanoseconds("copying", ns),
			nanoseconds("idle_after", after.ns), share(shareName, ns+after.ns, of.stepsNs),
		},
		Events: []analyze.EventRef{rv.ref(longest.Row)},
		Try:    "copy from and to pinned memory (pin_memory=True) with non_blocking=True, and wait for the event when the value is needed",
	}
	say(f, "the host waits until copies are done, %s %s, as one end is pageable memory or the call blocks: "+
		"the GPU does nothing else for %s meanwhile", mean("copies_per_step", n, max(1, of.steps)), of.per(), nanoseconds("copying_per_step", of.each(ns)))
	if after.ns > 0 {
		say(f, ", and then stands idle for %s, as the host is late by that with what comes next", nanoseconds("idle_per_step", of.each(after.ns)))
		rv.sayBusyHost(f, after.gaps)
	}
	return f
}

// sayBusyHost says what the host does while the device stands idle after a copy, if that is mostly one thing that is no copy: copying
// otherwise wins that time only if this does not need what was copied.
func (rv *rankView) sayBusyHost(f *analyze.Finding, gaps []gap) {
	d := rv.during(gaps)
	most, half := d.Most()
	if !half || most[0].None || index.IsCopy(rv.name(most[0].Name)) {
		return
	}
	o := &most[0]
	say(f, "; for %s of that time the host is in %s", share(analyze.OfItIn+rv.occupant(o), o.Ns, d.Ns), rv.occupant(o))
	if o.Row >= 0 {
		f.Events = append(f.Events, rv.ref(o.Row))
	}
	f.Try += "; if what the host does then needs what was copied, do it ahead of time, on another thread, or on the device instead"
}

// exposedCopyShare of a step is what copies that hide behind nothing must take: engines' own inputs and outputs take 0.1 to
// 0.3 % of steps that last milliseconds.
const exposedCopyShare = 0.02

// exposedCopies: copies between host and device, from and to pinned memory, during which nothing is computed. Blocking and
// tiny ones have rules of their own.
func exposedCopies(rv *rankView) *analyze.Finding {
	type sum struct {
		n, bytes int
		ns       int64
		longest  *work
	}
	exposed := rv.exposed()
	byPhase := map[trace.StepPhase]*sum{}
	for i := range rv.work {
		w := &rv.work[i]
		if exposed[i] == 0 || w.iteration < 0 && rv.count > 0 || rv.isBlocking(w) || !rv.crosses(w) {
			continue
		}
		phase, bytes := trace.StepPhase(""), 0
		if w.iteration >= 0 {
			phase = rv.step(int(w.iteration)).Phase
		}
		if g := rv.gpuWork(w); g != nil && g.Bytes >= 0 {
			if bytes = int(g.Bytes); bytes < tinyCopyBytes {
				continue
			}
		}
		s := byPhase[phase]
		if s == nil {
			s = &sum{longest: w}
			byPhase[phase] = s
		}
		s.n++
		s.bytes += bytes
		s.ns += exposed[i]
		if w.EndNs-w.StartNs > s.longest.EndNs-s.longest.StartNs {
			s.longest = w
		}
	}
	var worst *sum
	var of *phaseGaps
	for _, p := range rv.idleByPhase(func(*gap) bool { return false }) { // for the phases' steps and time
		if s := byPhase[p.phase]; s != nil && ratio(s.ns, p.stepsNs) >= exposedCopyShare && (worst == nil || s.ns > worst.ns) {
			worst, of = s, p
		}
	}
	if worst == nil {
		return nil
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(worst.ns, rv.steps()),
		Evidence:       []analyze.Evidence{number("copies", worst.n), number("steps", of.steps), nanoseconds("exposed_copies", worst.ns)},
		Events:         []analyze.EventRef{rv.ref(worst.longest.Row)},
		Try: "copy on a stream of its own, non_blocking and from pinned memory, while the step computes; " +
			"keep on the device what the next step needs there",
	}
	say(f, "nothing is computed during %s copies between host and device %s, of %s on average: %s (%s of %s), most of it %s",
		mean("copies_per_step", worst.n, max(1, of.steps)), of.per(), bytesOf("mean_size", int64(worst.bytes/worst.n)),
		nanoseconds("exposed_per_step", of.each(worst.ns)),
		share("of_"+of.key()+"_time", worst.ns, of.stepsNs), rv.whose(of), rv.name(worst.longest.Name))
	return f
}

// crosses tells copies between the host and a device from those within one.
func (rv *rankView) crosses(w *work) bool {
	name := rv.name(w.Name)
	across := []string{"HtoD", "DtoH", "HostToDevice", "DeviceToHost"}
	return slices.ContainsFunc(across, func(way string) bool { return strings.Contains(name, way) })
}

// tinyCopies: many copies in a decode step, each of which costs a call on the host and a gap on the device.
func tinyCopies(rv *rankView) *analyze.Finding {
	steps, _ := rv.decode()
	n, bytes, device, host := 0, int64(0), int64(0), int64(0)
	var first *work
	for i := range rv.work {
		w := &rv.work[i]
		g := rv.gpuWork(w)
		if w.Category != trace.CategoryMemcpy || !rv.in(w.iteration, trace.StepDecode) || g == nil || g.Bytes < 0 || g.Bytes >= tinyCopyBytes ||
			w.Call >= 0 && rv.x.IsGraphLaunch(&rv.x.Calls[w.Call]) || rv.isBlocking(w) {
			continue
		}
		n++
		bytes += g.Bytes
		device += w.EndNs - w.StartNs
		if w.Call >= 0 {
			if ns := rv.x.Calls[w.Call].EndNs - rv.x.Calls[w.Call].StartNs; ns <= longCallNs { // else it waits for other work
				host += ns
			}
		}
		if first == nil {
			first = w
		}
	}
	if n < manyTinyCopies*steps || n == 0 {
		return nil
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(max(host, device), rv.steps()),
		Evidence: []analyze.Evidence{
			number("copies", n), number("decode_steps", steps), bytesOf("bytes", bytes), nanoseconds("calls", host), nanoseconds("copying", device),
		},
		Events: []analyze.EventRef{rv.ref(first.Row)},
		Try:    "gather the step's small inputs in one pinned buffer and copy that once",
	}
	say(f, "%s copies of less than %s per decode step, %s each on average: their calls take the host %s, the device %s",
		mean("copies_per_step", n, steps), bytesOf("below", tinyCopyBytes), bytesOf("mean_size", bytes/int64(n)),
		nanoseconds("calls_per_step", quotient(host, steps)), nanoseconds("copying_per_step", quotient(device, steps)))
	return f
}
