package index

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/internal/runs"
	"github.com/inferprof/inferprof/trace"
)

// Span is one op, annotation or call on a CPU thread.
type Span struct {
	StartNs, EndNs int64
	Row            int32
	Track          trace.TrackID
}

// CompareSpans orders spans of one thread: parents before children.
func CompareSpans(a, b Span) int {
	if a.StartNs != b.StartNs {
		return cmp.Compare(a.StartNs, b.StartNs)
	}
	if a.EndNs != b.EndNs {
		return cmp.Compare(b.EndNs, a.EndNs)
	}
	return cmp.Compare(a.Row, b.Row)
}

// Host is what ran on CPU threads, by (track, start, longest first, row): parents before children.
func (x *Index) Host() []Span {
	if x.hostRows != nil {
		x.fileHost()
	}
	return x.host
}

// fileHost sorts spans by thread first, since files hold those of one thread nearly in order.
func (x *Index) fileHost() {
	e := &x.Trace.Events
	if x.HostWindows != nil {
		x.hostRows = slices.DeleteFunc(x.hostRows, func(row int32) bool { return x.HostWindows.At(e.StartNs(int(row))) < 0 })
	}
	ends := make([]int, len(x.Trace.Tracks)+1)
	for _, row := range x.hostRows {
		ends[e.Track(int(row))]++
	}
	sum := 0
	for i, n := range ends {
		ends[i] = sum
		sum += n
	}
	x.host = make([]Span, sum)
	for _, row := range x.hostRows {
		track := e.Track(int(row))
		x.host[ends[track]] = Span{e.StartNs(int(row)), e.EndNs(int(row)), row, track}
		ends[track]++
	}
	from := 0
	for _, to := range ends[:len(x.Trace.Tracks)] {
		runs.Sort(x.host[from:to], CompareSpans)
		from = to
	}
	x.hostRows = nil
}

// Ops are the ops of CPU threads, in each other.
func (x *Index) Ops() *Nest {
	if x.ops == nil {
		host := x.Host()
		n := 0
		for i := range host {
			if x.CategoryOf(&host[i]) == trace.CategoryCPUOp {
				n++
			}
		}
		x.ops = NewNest(n)
		for i := range host {
			if x.CategoryOf(&host[i]) == trace.CategoryCPUOp {
				x.ops.Add(host[i])
			}
		}
	}
	return x.ops
}

// OpOf is the row of the innermost op that a call was made in; -1 if there is none.
func (x *Index) OpOf(c *Call) int32 {
	ops := x.Ops()
	if i := ops.At(c.Track, c.StartNs); i >= 0 {
		return ops.Spans[i].Row
	}
	return -1
}

// CategoryOf is the category of a span's event.
func (x *Index) CategoryOf(s *Span) trace.Category { return x.Trace.Events.Category(int(s.Row)) }

// onThread tells events that say what a CPU thread did.
func onThread(c trace.Category) bool {
	switch c {
	case trace.CategoryCPUOp, trace.CategoryUserAnnotation, trace.CategoryRuntime, trace.CategoryDriver, trace.CategoryPythonFunction:
		return true
	}
	return false
}
