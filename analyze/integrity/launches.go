package integrity

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// Launches and their work, from either side.
//
// What a profile legitimately has: GPU work at its start whose launch came before the profiler did; launches at its end whose work
// the stop cut off; launches into a graph that is being recorded, of which nothing runs. A stream runs its work in order, so that
// work without a launch that comes after work with one can't be of a launch before the profile (of a stream without any launch, after
// work of other streams); and a launch without work between
// launches with work was no cut.

// streamID is a stream of a device.
type streamID struct {
	device int32
	stream int64
}

// launches finds GPU work without launches, or that began before them.
func (c *inspection) launches() (int, string) {
	x := c.x
	switch {
	case len(x.GPU) == 0:
		return 0, ""
	case len(x.Calls) == 0:
		return 0, "the trace has no runtime calls"
	}
	ever, linked := map[streamID]bool{}, int64(0) // streams with launched work, and when the first of it ran
	for i := range x.GPU {
		if g := &x.GPU[i]; g.Call >= 0 {
			if len(ever) == 0 {
				linked = g.StartNs
			}
			ever[streamID{g.Device, g.Stream}] = true
		}
	}
	before, lost := 0, 0 // the first launch of its stream, or of any if its own has none, and after it
	var beforeNs, lostNs int64
	launched := map[streamID]bool{}
	for i := range x.GPU {
		g := &x.GPU[i]
		s := streamID{g.Device, g.Stream}
		switch ns := g.EndNs - g.StartNs; {
		case g.Call >= 0:
			launched[s] = true
		case launched[s], len(ever) > 0 && !ever[s] && g.StartNs > linked:
			lost++
			lostNs += ns
		default:
			before++
			beforeNs += ns
		}
	}
	of := words.Grouped(int64(len(x.GPU)))
	if len(launched) == 0 {
		c.say("lost_launches", SeverityWarning, before, beforeNs, "none of %s has its launch among the %s of the trace: "+
			"they count as work, but belong to no op and no step", words.Plural(before, "GPU event", "GPU events"),
			words.Plural(len(x.Calls), "call", "calls"))
		return len(x.GPU), ""
	}
	if before > 0 && !c.selectsTime() {
		text := "%s of %s were launched before the profiler began; they count as work, but belong to no op and no step"
		if before == 1 {
			text = "%s of %s was launched before the profiler began; it counts as work, but belongs to no op and no step"
		}
		c.say("unlinked", SeverityWarning, before, beforeNs, text, words.Plural(before, "GPU event", "GPU events"), of)
	}
	if lost > 0 {
		c.say("lost_launches", SeverityWarning, lost, lostNs, "%s of %s without a launch in the trace, though what ran before "+
			"has one: calls were lost, or not all kinds were recorded; such work belongs to no op and no step",
			words.Plural(lost, "GPU event", "GPU events"), of+choose(lost == 1, " is", " are"))
	}
	c.early()
	return len(x.GPU), ""
}

func choose(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// early finds GPU work that began before its launch did.
func (c *inspection) early() {
	n := 0
	for i := range c.x.Calls {
		if call := &c.x.Calls[i]; call.GPUEvents > 0 && c.x.GPU[call.FirstGPU].StartNs < call.StartNs {
			n++
		}
	}
	if n > 0 {
		c.say("early_kernels", SeverityWarning, n, 0, "%s before the call that launched them: the clocks of CPU and GPU disagree",
			words.Plural(n, "GPU event begins", "GPU events begin"))
	}
}

// launchesOf are the calls that launch kernels and graphs, in order of time, and which of them are recorded into a graph. Of a
// call that is there twice the one is taken that has the work.
func launchesOf(x *index.Index) (calls []*index.Call, captured []bool) {
	capturing := map[trace.TrackID]bool{}
	for i := range x.Calls {
		c := &x.Calls[i]
		switch name := x.Name(c.Name); {
		case strings.Contains(name, "StreamBeginCapture"):
			capturing[c.Track] = true
		case strings.Contains(name, "StreamEndCapture"):
			capturing[c.Track] = false
		case i > 0 && c.GPUEvents == 0 && c.Correlation > 0 && c.Correlation == x.Calls[i-1].Correlation && c.StartNs == x.Calls[i-1].StartNs:
		case x.IsGraphLaunch(c) || index.IsKernelLaunch(name):
			calls = append(calls, c)
			captured = append(captured, c.GPUEvents == 0 && (capturing[c.Track] || inCapture(x, c)))
		}
	}
	return calls, captured
}

// inCapture tells whether a call is in a step that records a graph.
func inCapture(x *index.Index, c *index.Call) bool {
	return slices.ContainsFunc(x.Marks, func(m index.Mark) bool {
		return m.Step.Phase == trace.StepCapture && m.Track == c.Track && m.StartNs <= c.StartNs && c.StartNs < m.EndNs
	})
}

// emptyLaunches are launches without work, by where they stand.
type emptyLaunches struct {
	captured                   int
	head, tail                 int // before the first launch with work, and after the last one
	between                    int
	betweenGraphs, graphs      int   // of between, and of all, launches of graphs
	firstNs, headNs            int64 // of the first launch and of the first with work
	lastNs, lastWorkNs, gpuEnd int64 // of the last launch, of the last with work, and the last work's end
}

// kernels finds launches without GPU work.
func (c *inspection) kernels() (int, string) {
	x := c.x
	calls, captured := launchesOf(x)
	switch {
	case !x.OnGPU:
		c.noGPU(len(calls), len(calls) > 0 && !slices.Contains(captured, false))
		return len(calls), ""
	case len(calls) == 0:
		return 0, "no call of the trace launches a kernel"
	case c.isTwice():
		return 0, twice
	}
	c.lostCopies()
	first := slices.IndexFunc(calls, func(c *index.Call) bool { return c.GPUEvents > 0 })
	if first < 0 {
		return c.noKernels(captured)
	}
	e := emptyLaunches{firstNs: calls[0].StartNs, headNs: calls[first].StartNs, lastNs: calls[len(calls)-1].StartNs}
	last := first
	for i, call := range calls {
		if call.GPUEvents > 0 {
			last = i
		}
		if x.IsGraphLaunch(call) {
			e.graphs++
		}
	}
	e.lastWorkNs = calls[last].StartNs
	for i := range x.GPU {
		e.gpuEnd = max(e.gpuEnd, x.GPU[i].EndNs)
	}
	looked := len(calls)
	for i, call := range calls {
		switch {
		case call.GPUEvents > 0:
		case captured[i]:
			e.captured++
		case i < first:
			e.head++
		case i > last:
			e.tail++
		case x.IsGraphLaunch(call): // which replays() tells
			e.betweenGraphs++
		default:
			e.between++
		}
	}
	looked -= e.captured + e.head + e.tail
	c.emptyLaunches(&e, len(calls))
	return looked, ""
}

// noKernels is kernels where no launch has any. If other calls have their work, what correlates them is there, and kernels are not.
func (c *inspection) noKernels(captured []bool) (int, string) {
	lost := 0
	for _, recorded := range captured {
		if !recorded {
			lost++
		}
	}
	linked := slices.ContainsFunc(c.x.Calls, func(c index.Call) bool { return c.GPUEvents > 0 })
	if !linked || lost < cutLaunches || c.selectsTime() {
		return 0, "none of the launches has GPU work" // which launches() has said
	}
	c.say("lost_kernels", SeverityWarning, lost, 0, "none of %s has a kernel in the trace, though copies or sets are there: kernels were lost, "+
		"or not recorded, and busy times are too low", words.Plural(lost, "kernel launch", "kernel launches"))
	return lost, ""
}

// lostCopies finds that no copy is in the trace, or no set, of all that calls made.
func (c *inspection) lostCopies() {
	x := c.x
	for _, kind := range []struct {
		of      trace.Category
		in, one string
	}{{trace.CategoryMemcpy, "Memcpy", "copy"}, {trace.CategoryMemset, "Memset", "set"}} {
		calls := 0
		for i := range x.Calls {
			if call := &x.Calls[i]; strings.Contains(x.Name(call.Name), kind.in) && call.GPUEvents == 0 && !inCapture(x, call) {
				calls++
			}
		}
		there := slices.ContainsFunc(x.GPU, func(g index.Work) bool { return g.Category == kind.of })
		if calls >= cutLaunches && !there && !c.selectsTime() {
			c.say("lost_copies", SeverityWarning, calls, 0, "none of %s that %s has a %s in the trace: they were lost, or not recorded",
				words.Plural(calls, "call", "calls"), choose(kind.of == trace.CategoryMemcpy, "copy", "set memory"), kind.one)
		}
	}
}

// The bounds of what a start and a stop cut off: fewer launches, or less of the time in which work was launched.
const (
	cutLaunches = 10
	cutShare    = 20 // a twentieth
)

func (c *inspection) emptyLaunches(e *emptyLaunches, launches int) {
	of := words.Grouped(int64(launches))
	if e.between > 0 {
		c.say("lost_kernels", SeverityWarning, e.between, 0, "%s of %s no kernel in the trace, though launches before and after have: "+
			"kernels were lost, and busy times are too low", words.Plural(e.between, "kernel launch", "kernel launches"),
			of+choose(e.between == 1, " has", " have"))
	}
	all := e.lastNs - e.firstNs
	late, early := e.headNs-e.firstNs, e.lastNs-max(e.lastWorkNs, e.gpuEnd)
	if e.tail >= cutLaunches && early > all/cutShare && !c.selectsTime() {
		c.say("gpu_ends_early", SeverityWarning, e.tail, early, "GPU work ends %s before the launches do: %s at the end of the trace have none, "+
			"which was lost", inUnit(early), words.Plural(e.tail, "launch", "launches"))
		e.tail = 0
	}
	if e.head >= cutLaunches && late > all/cutShare && !c.selectsTime() {
		c.say("gpu_begins_late", SeverityWarning, e.head, late, "GPU work begins %s after the launches do: %s at the start of the trace have "+
			"none, which was lost", inUnit(late), words.Plural(e.head, "launch", "launches"))
		e.head = 0
	}
	if n := e.captured + e.head + e.tail; n > 0 && !c.selectsTime() {
		var why []string
		for _, w := range []struct {
			n    int
			text string
		}{
			{e.captured, "recorded into a graph"}, {e.head, "launched before the profiler saw the GPU"},
			{e.tail, "still queued when the profiler stopped"},
		} {
			if w.n > 0 {
				why = append(why, w.text)
			}
		}
		c.say("empty_launches", SeverityNote, n, 0, "%s of %s no kernel in the trace: %s",
			words.Plural(n, "kernel launch", "kernel launches"), of+choose(n == 1, " has", " have"), strings.Join(why, ", or "))
	}
}

// noGPU says why a trace without GPU work should have some, if it should. CPU events are written first, so that the GPU's are
// what is missing of a file that ends early.
func (c *inspection) noGPU(launches int, captured bool) {
	n := words.Plural(launches, "kernel launch", "kernel launches")
	switch why := c.x.NoGPU(); {
	case why == index.NoGPUTruncated:
		c.say("no_gpu_events", SeverityError, launches, 0, "%s, but the trace has no GPU work: the file ends before it",
			choose(launches > 0, n, "it is of a machine with a GPU"))
	case captured:
		c.say("empty_launches", SeverityNote, launches, 0, "%s of %s have no kernel in the trace: recorded into a graph", n,
			words.Grouped(int64(launches)))
	case launches > 0:
		c.say("no_gpu_events", SeverityError, launches, 0, "%s, but the trace has no GPU work: the profiler recorded CPU activity alone "+
			"(another tool held the GPU's profiling interface, or only CPU was asked for)", n)
	}
}

// unlinkedKernels counts kernels without a launch: of graph launches without kernels, they may be those.
func (c *inspection) unlinkedKernels() (n int) {
	for i := range c.x.GPU {
		if g := &c.x.GPU[i]; g.Call < 0 && g.Category == trace.CategoryKernel {
			n++
		}
	}
	return n
}

// replays finds graph launches whose kernels are missing.
func (c *inspection) replays() (int, string) {
	l := c.rank.Replays
	if l == nil || !c.x.OnGPU {
		return 0, ""
	}
	if c.isTwice() {
		return 0, twice
	}
	of := words.Grouped(int64(l.Launches))
	if l.Empty > 0 && !(l.Short == 0 && l.LostKernels > 0 && c.unlinkedKernels() >= l.LostKernels) {
		c.say("empty_graphs", SeverityWarning, l.Empty, 0, "%s of %s no kernels in the trace: busy times are too low",
			words.Plural(l.Empty, "graph launch", "graph launches"), of+choose(l.Empty == 1, " has", " have"))
	}
	if l.Short > 0 {
		text := ""
		if len(l.Lost) > 0 {
			k := l.Lost[0]
			text = ", such as " + shortName(k.Name) + ", number " + words.Grouped(int64(k.Position)) + " of " + words.Grouped(int64(k.Kernels))
		}
		ns := l.LostNs
		c.say("replays_differ", SeverityWarning, l.Short, ns, "%s of %s %s that other replays of the same graph have%s: busy times are too low",
			words.Plural(l.Short, "graph launch", "graph launches"), of+choose(l.Short == 1, " lacks", " lack"),
			choose(l.ShortKernels == 1, "a kernel", words.Grouped(int64(l.ShortKernels))+" kernels"), text)
	}
	if l.Compared == 0 {
		return 0, choose(l.Launches == 1, "the one graph launch has none to be compared with", "no graph was launched twice")
	}
	return l.Compared, ""
}

// shortName is the part of a kernel's name that a sentence has room for.
func shortName(name string) string {
	const most = 60
	if i := strings.IndexAny(name, "(<"); i > 12 {
		name = name[:i]
	}
	name = strings.TrimPrefix(name, "void ")
	if r := []rune(name); len(r) > most {
		return string(r[:most]) + "…"
	}
	return cmp.Or(name, "a kernel without a name")
}
