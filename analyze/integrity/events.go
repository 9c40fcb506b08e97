package integrity

import (
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// Single events: what lasts no time, and what is there twice.

// fewWithout is how many pieces of GPU work may last no time before it is more than a curiosity, and noneShare which part.
const (
	fewWithout = 10
	noneShare  = 100 // a hundredth
)

// durations finds GPU work that lasts no time, where times are fine enough to tell: files of 2021 and before have whole µs.
func (c *inspection) durations() (int, Reason) {
	x := c.x
	fine, without := false, 0
	for i := range x.GPU {
		g := &x.GPU[i]
		fine = fine || g.StartNs%1000 != 0 || g.EndNs%1000 != 0
		if g.EndNs == g.StartNs && g.Category == trace.CategoryKernel {
			without++
		}
	}
	if !fine && len(x.GPU) > 0 {
		return 0, WholeMicros
	}
	for _, d := range c.rank.Damage { // which says so already
		if d.Kind == "duration" || d.Kind == "more" {
			without--
		}
	}
	if without > 0 {
		severity := SeverityNote
		if without >= fewWithout || without*noneShare >= len(x.GPU) {
			severity = SeverityWarning
		}
		c.say(severity, without, 0, words.Say("no_duration", choose(without == 1, "{kernels} of {gpu_events} GPU events lasts 0 ns", "{kernels} of {gpu_events} GPU events last 0 ns")+
			", which no kernel does: busy times are too low", words.Things("kernels", without, "kernel"), words.Number("gpu_events", len(x.GPU))))
	}
	return len(x.GPU), NoReason
}

// duplicates finds events that are there twice: GPU work and calls with the same correlation at the same time in the same place,
// and spans of the host that say the same of themselves. Profilers write no event twice; files that were put together do.
func (c *inspection) duplicates() (int, Reason) {
	x := c.x
	gpu := c.doubledWork
	host := x.Host()
	cpu := doubles(len(host), func(a, b int) (together, same bool) {
		l, r := host[a], host[b]
		return l.StartNs == r.StartNs && l.EndNs == r.EndNs && l.Track == r.Track, c.sameSpan(l, r)
	})
	if n := gpu + cpu; n > 0 {
		c.say(SeverityWarning, n, 0, words.Say("duplicates", choose(n == 1, "{events} is", "{events} are")+" there twice ({of_gpu_work} of GPU work): "+
			"sums and counts are too high, as where files were put together", words.Things("events", n, "event"), words.Number("of_gpu_work", gpu)))
	}
	return len(x.GPU) + len(host), NoReason
}

// doubleWork counts the pieces of GPU work that are there twice.
func (c *inspection) doubleWork() int {
	x := c.x
	return doubles(len(x.GPU), func(a, b int) (together, same bool) {
		l, r := &x.GPU[a], &x.GPU[b]
		return l.StartNs == r.StartNs && l.EndNs == r.EndNs, l.Name == r.Name && l.Stream == r.Stream && l.Device == r.Device &&
			l.Category == r.Category && l.Call == r.Call && c.correlation(l) == c.correlation(r)
	})
}

// isTwice tells whether a hundredth of all work is there twice. Then nothing is said of lost kernels: of two calls one seems to have
// lost what the other has, and of two replays one has the kernels of both.
func (c *inspection) isTwice() bool { return c.doubledWork*noneShare >= max(1, len(c.x.GPU)) }

// doubles counts, of n things in an order that has those together that are alike, those that are the same as one before.
func doubles(n int, compare func(a, b int) (together, same bool)) int {
	count, first := 0, 0
	for i := 1; i < n; i++ {
		if together, _ := compare(first, i); !together {
			first = i
			continue
		}
		for k := i - 1; k >= first && k >= i-mostTogether; k-- {
			if _, same := compare(k, i); same {
				count++
				break
			}
		}
	}
	return count
}

// mostTogether bounds how many events at the same time are held against each other.
const mostTogether = 16

// sameSpan tells whether two spans of one thread, at the same time, are one that is there twice. Ops have a number of their own;
// without one, and without the time that only one span of a name can have, two may be one in the other.
func (c *inspection) sameSpan(a, b index.Span) bool {
	e := &c.x.Trace.Events
	i, k := int(a.Row), int(b.Row)
	if e.Name(i) != e.Name(k) || e.Category(i) != e.Category(k) {
		return false
	}
	s, t := e.Side(i), e.Side(k)
	if s == trace.NoSide || t == trace.NoSide {
		return false
	}
	switch e.Category(i) {
	case trace.CategoryRuntime, trace.CategoryDriver:
		l, r := c.x.Trace.Calls.At(s), c.x.Trace.Calls.At(t)
		return l.Correlation > 0 && l.Correlation == r.Correlation
	case trace.CategoryCPUOp, trace.CategoryUserAnnotation:
		l, r := c.x.Trace.Ops.At(s), c.x.Trace.Ops.At(t)
		if l.ExternalID != trace.Absent || r.ExternalID != trace.Absent {
			return l.ExternalID == r.ExternalID
		}
		return a.StartNs%1000 != 0 && a.EndNs > a.StartNs
	}
	return false
}

// correlation is that of GPU work; trace.Absent if it has none.
func (c *inspection) correlation(g *index.Work) int64 {
	if g.Side == trace.NoSide {
		return trace.Absent
	}
	return c.x.Trace.GPU.At(g.Side).Correlation
}
