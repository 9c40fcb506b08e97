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
func (c *inspection) launches() (int, Reason) {
	x := c.x
	switch {
	case len(x.GPU) == 0:
		return 0, NoReason
	case len(x.Calls) == 0:
		return 0, NoCalls
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
	of := words.Number("gpu_events", len(x.GPU))
	if len(launched) == 0 {
		c.say(SeverityWarning, before, beforeNs, words.Say("lost_launches", "none of {events} has its launch among the {calls} of the trace: "+
			"they count as work, but belong to no op and no step", words.Things("events", before, "GPU event"), words.Things("calls", len(x.Calls), "call")))
		return len(x.GPU), NoReason
	}
	if before > 0 && !c.selectsTime() {
		c.say(SeverityWarning, before, beforeNs, words.Say("unlinked", choose(before == 1,
			"{events} of {gpu_events} was launched before the profiler began; it counts as work, but belongs to no op and no step",
			"{events} of {gpu_events} were launched before the profiler began; they count as work, but belong to no op and no step"),
			words.Things("events", before, "GPU event"), of))
	}
	if lost > 0 {
		c.say(SeverityWarning, lost, lostNs, words.Say("lost_launches", choose(lost == 1, "{events} of {gpu_events} is", "{events} of {gpu_events} are")+
			" without a launch in the trace, though what ran before has one: calls were lost, or not all kinds were recorded; such work belongs to no op and no step",
			words.Things("events", lost, "GPU event"), of))
	}
	c.early()
	return len(x.GPU), NoReason
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
		c.say(SeverityWarning, n, 0, words.Say("early_kernels", choose(n == 1, "{events} begins before the call that launched it", "{events} begin before the call that launched them")+
			": the clocks of CPU and GPU disagree", words.Things("events", n, "GPU event")))
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
func (c *inspection) kernels() (int, Reason) {
	x := c.x
	calls, captured := launchesOf(x)
	switch {
	case !x.OnGPU:
		c.noGPU(len(calls), len(calls) > 0 && !slices.Contains(captured, false))
		return len(calls), NoReason
	case len(calls) == 0:
		return 0, NoKernelLaunch
	case c.isTwice():
		return 0, EventsTwice
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
	return looked, NoReason
}

// noKernels is kernels where no launch has any. If other calls have their work, what correlates them is there, and kernels are not.
func (c *inspection) noKernels(captured []bool) (int, Reason) {
	lost := 0
	for _, recorded := range captured {
		if !recorded {
			lost++
		}
	}
	linked := slices.ContainsFunc(c.x.Calls, func(c index.Call) bool { return c.GPUEvents > 0 })
	if !linked || lost < cutLaunches || c.selectsTime() {
		return 0, NoneHasWork // which launches() has said
	}
	c.say(SeverityWarning, lost, 0, words.Say("lost_kernels", "none of {launches} kernel launches has a kernel in the trace, though copies or sets are there: "+
		"kernels were lost, or not recorded, and busy times are too low", words.Number("launches", lost)))
	return lost, NoReason
}

// lostCopies finds that no copy is in the trace, or no set, of all that calls made.
func (c *inspection) lostCopies() {
	x := c.x
	for _, kind := range []struct {
		of             trace.Category
		in, what, lost string
	}{
		{trace.CategoryMemcpy, "Memcpy", "copy", "none of {calls} that copy has a copy in the trace: they were lost, or not recorded"},
		{trace.CategoryMemset, "Memset", "set", "none of {calls} that set memory has a set in the trace: they were lost, or not recorded"},
	} {
		calls := 0
		for i := range x.Calls {
			if call := &x.Calls[i]; strings.Contains(x.Name(call.Name), kind.in) && call.GPUEvents == 0 && !inCapture(x, call) {
				calls++
			}
		}
		there := slices.ContainsFunc(x.GPU, func(g index.Work) bool { return g.Category == kind.of })
		if calls >= cutLaunches && !there && !c.selectsTime() {
			c.say(SeverityWarning, calls, 0, words.Say("lost_copies", kind.lost, words.Things("calls", calls, "call"), words.Name("kind", kind.what)))
		}
	}
}

// The bounds of what a start and a stop cut off: fewer launches, or less of the time in which work was launched.
const (
	cutLaunches = 10
	cutShare    = 20 // a twentieth
)

func (c *inspection) emptyLaunches(e *emptyLaunches, launches int) {
	of := words.Number("of", launches)
	if e.between > 0 {
		c.say(SeverityWarning, e.between, 0, words.Say("lost_kernels", choose(e.between == 1, "{launches} of {of} has", "{launches} of {of} have")+
			" no kernel in the trace, though launches before and after have: kernels were lost, and busy times are too low", kernelLaunches(e.between), of))
	}
	all := e.lastNs - e.firstNs
	late, early := e.headNs-e.firstNs, e.lastNs-max(e.lastWorkNs, e.gpuEnd)
	if e.tail >= cutLaunches && early > all/cutShare && !c.selectsTime() {
		c.say(SeverityWarning, e.tail, early, words.Say("gpu_ends_early", "GPU work ends {early_ns} before the launches do: "+
			"{launches} launches at the end of the trace have none, which was lost", words.Ns("early_ns", early), words.Number("launches", e.tail)))
		e.tail = 0
	}
	if e.head >= cutLaunches && late > all/cutShare && !c.selectsTime() {
		c.say(SeverityWarning, e.head, late, words.Say("gpu_begins_late", "GPU work begins {late_ns} after the launches do: "+
			"{launches} launches at the start of the trace have none, which was lost", words.Ns("late_ns", late), words.Number("launches", e.head)))
		e.head = 0
	}
	if n := e.captured + e.head + e.tail; n > 0 && !c.selectsTime() {
		var why []words.Message
		for _, w := range []struct {
			n        int
			id, text string
		}{
			{e.captured, "captured", "recorded into a graph"}, {e.head, "head", "launched before the profiler saw the GPU"},
			{e.tail, "tail", "still queued when the profiler stopped"},
		} {
			if w.n > 0 {
				why = append(why, words.Say(w.id, choose(why == nil, w.text, "or "+w.text), words.Number("launches", w.n)))
			}
		}
		c.say(SeverityNote, n, 0, words.Say("empty_launches", choose(n == 1, "{launches} of {of} has", "{launches} of {of} have")+" no kernel in the trace: {why}",
			kernelLaunches(n), of, words.Inners("why", why)))
	}
}

// kernelLaunches is a number of launches in a sentence.
func kernelLaunches(n int) words.Param {
	p := words.Number("launches", n)
	p.Short = words.Plural(n, "kernel launch", "kernel launches")
	return p
}

// noGPU says why a trace without GPU work should have some, if it should. CPU events are written first, so that the GPU's are
// what is missing of a file that ends early.
func (c *inspection) noGPU(launches int, captured bool) {
	n := kernelLaunches(launches)
	switch why := c.x.NoGPU(); {
	case why == index.NoGPUTruncated:
		c.say(SeverityError, launches, 0, words.Say("no_gpu_events", choose(launches > 0, "{launches}, but the trace has no GPU work: the file ends before it",
			"it is of a machine with a GPU, but the trace has no GPU work: the file ends before it"), n))
	case captured:
		c.say(SeverityNote, launches, 0, words.Say("empty_launches", choose(launches == 1, "{launches} has no kernel in the trace: recorded into a graph",
			"{launches} have no kernel in the trace: recorded into a graph"), n))
	case launches > 0:
		c.say(SeverityError, launches, 0, words.Say("no_gpu_events", "{launches}, but the trace has no GPU work: the profiler recorded CPU activity alone "+
			"(another tool held the GPU's profiling interface, or only CPU was asked for)", n))
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
func (c *inspection) replays() (int, Reason) {
	l := c.rank.Replays
	if l == nil || !c.x.OnGPU {
		return 0, NoReason
	}
	if c.isTwice() {
		return 0, EventsTwice
	}
	of := words.Number("of", l.Launches)
	graphs := func(n int) words.Param {
		p := words.Number("launches", n)
		p.Short = words.Plural(n, "graph launch", "graph launches")
		return p
	}
	if l.Empty > 0 && !(l.Short == 0 && l.LostKernels > 0 && c.unlinkedKernels() >= l.LostKernels) {
		c.say(SeverityWarning, l.Empty, 0, words.Say("empty_graphs", choose(l.Empty == 1, "{launches} of {of} has", "{launches} of {of} have")+
			" no kernels in the trace: busy times are too low", graphs(l.Empty), of))
	}
	if l.Short > 0 {
		var such words.Message
		if len(l.Lost) > 0 {
			k := l.Lost[0]
			such = words.Say("such_as", ", such as {kernel}, number {position} of {kernels}", words.LongName("kernel", k.Name, shortName(k.Name)), words.Number("position", k.Position),
				words.Number("kernels", k.Kernels))
		}
		c.say(SeverityWarning, l.Short, l.LostNs, words.Say("replays_differ", choose(l.Short == 1, "{launches} of {of} lacks", "{launches} of {of} lack")+
			choose(l.ShortKernels == 1, " a kernel", " {kernels}")+" that other replays of the same graph have{such_as}: busy times are too low",
			graphs(l.Short), of, words.Things("kernels", l.ShortKernels, "kernel"), words.Inner("such_as", such)))
	}
	if l.Compared == 0 {
		if l.Launches == 1 {
			return 0, OneReplay
		}
		return 0, NoReplayTwice
	}
	return l.Compared, NoReason
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
