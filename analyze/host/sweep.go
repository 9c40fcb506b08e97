// Package host says what CPU threads did: ops and calls with their self times, modules, memory, and how many cores worked.
package host

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/internal/runs"
	"github.com/inferprof/inferprof/trace"
)

// Ops nest: aten::linear calls aten::addmm calls cudaLaunchKernel, each inside the other on one thread. One sweep over
// a thread's spans, sorted so that parents come before their children, with the open ones on a stack, gives every
// question about nesting at once: self times, the thread's busy time, and which op is innermost at each moment.
//
// Real traces nest badly now and then (a span that outlives its parent by some µs). Such a child takes from its
// parent only what lies inside it, and is never dropped.

// Swept is what the sweep over all threads finds.
type Swept struct {
	Ops      []Op
	BadNests int // spans that outlive their parent

	apis    []API
	threads []Thread
	sets    [index.Classes]interval.Set // moments by the class of an innermost span, over all threads, in a CPU-only trace

	opSelfNs, annotationSelfNs int64
}

// openSpan is a span that the sweep is inside of: an op or annotation (op ≥ 0) or a call (api ≥ 0).
type openSpan struct {
	end     int64
	op, api int32
	class   index.Class
}

// sweep is the state of going through all threads, one after the other.
type sweep struct {
	x     *index.Index
	swept *Swept
	// Rows by StringID, counted from 1: of calls, in which all libraries' are one row per function; of ops; of annotations.
	callRows, opRows, annotationRows []int32
	// The same of what a compiler ran; nil if none did.
	compilerOpRows, compilerAnnotationRows []int32
	// The thread being swept: its open spans, outermost first; the moment up to which its time is accounted for; the
	// time in ops so far.
	stack   []openSpan
	clock   int64
	inOpsNs int64
	timed   bool                           // moments are accounted for: in a CPU-only trace
	pieces  [index.Classes][]interval.Span // accounted time of all threads so far
}

// Sweep measures everything that happened on CPU threads.
func Sweep(x *index.Index) *Swept {
	n := x.Trace.Strings.Len()
	s := &sweep{x: x, swept: &Swept{}, callRows: make([]int32, n), opRows: make([]int32, n), annotationRows: make([]int32, n)}
	host := x.Host()
	if len(x.Compiles()) > 0 {
		s.compilerOpRows, s.compilerAnnotationRows = make([]int32, n), make([]int32, n)
	}
	if s.timed = !x.OnGPU; s.timed {
		s.pieces[index.ClassCompute] = make([]interval.Span, 0, len(host)) // about as many: growing a list of millions copies it often
	}
	for i := 0; i < len(host); {
		j := i
		for j < len(host) && host[j].Track == host[i].Track {
			j++
		}
		s.thread(host[i:j])
		i = j
	}
	return s.finish()
}

// thread sweeps the spans of one thread.
func (s *sweep) thread(spans []index.Span) {
	track := &s.x.Trace.Tracks[spans[0].Track]
	s.stack, s.clock, s.inOpsNs = s.stack[:0], spans[0].StartNs, 0
	busyUntil, busy := spans[0].StartNs, int64(0)
	for _, span := range spans {
		s.closeUntil(span.StartNs)
		s.advance(span.StartNs)
		open := s.open(span)
		if n := len(s.stack); n > 0 {
			parent := &s.stack[n-1]
			if span.EndNs > parent.end {
				s.swept.BadNests++
			}
			inside := min(span.EndNs, parent.end) - span.StartNs
			if parent.op >= 0 {
				s.swept.Ops[parent.op].SelfNs -= inside
			} else {
				s.swept.apis[parent.api].SelfNs -= inside
			}
		}
		s.stack = append(s.stack, open)
		busy += max(0, span.EndNs-max(span.StartNs, busyUntil))
		busyUntil = max(busyUntil, span.EndNs)
	}
	s.closeUntil(math.MaxInt64)
	s.swept.threads = append(s.swept.threads, Thread{
		PID: track.PID, TID: track.TID, Name: track.ThreadName, Events: len(spans), BusyNs: busy, InOpsNs: s.inOpsNs})
}

// closeUntil pops the spans that have ended by then, and accounts for the time up to each one's end.
func (s *sweep) closeUntil(then int64) {
	for n := len(s.stack); n > 0 && s.stack[n-1].end <= then; n-- {
		s.advance(s.stack[n-1].end)
		s.stack = s.stack[:n-1]
	}
}

// advance accounts the time from the clock to then to the innermost open span.
func (s *sweep) advance(then int64) {
	if then <= s.clock {
		return
	}
	if n := len(s.stack); n > 0 {
		c := s.stack[n-1].class
		if c != index.ClassNone {
			s.inOpsNs += then - s.clock
		}
		if s.timed {
			s.account(c, then)
		}
	}
	s.clock = then
}

// account adds the time from the clock to then to a class's moments.
func (s *sweep) account(c index.Class, then int64) {
	p := s.pieces[c]
	if k := len(p); k > 0 && p[k-1].End == s.clock {
		p[k-1].End = then
		return
	}
	s.pieces[c] = append(p, interval.Span{Start: s.clock, End: then})
}

// open counts a span in its row.
func (s *sweep) open(span index.Span) openSpan {
	x, w, e := s.x, s.swept, &s.x.Trace.Events
	i, ns := int(span.Row), span.EndNs-span.StartNs
	name, kind := e.Name(i), e.Category(i)
	if kind == trace.CategoryRuntime || kind == trace.CategoryDriver {
		if s.callRows[name] == 0 {
			w.apis = append(w.apis, API{Name: x.Name(name), Use: apiUse(x.Name(name))})
			s.callRows[name] = int32(len(w.apis))
		}
		r := s.callRows[name] - 1
		a := &w.apis[r]
		a.Calls++
		a.TotalNs += ns
		a.SelfNs += ns
		a.MaxNs = max(a.MaxNs, ns)
		return openSpan{span.EndNs, -1, r, index.ClassCompute}
	}
	rows, op := s.rowsOf(&span, kind), Op{Kind: KindOp}
	if kind == trace.CategoryUserAnnotation {
		op.Kind = KindAnnotation
	}
	if rows[name] == 0 {
		op.Name = x.Name(name)
		op.Category = opCategory(x, &span, op.Kind)
		w.Ops = append(w.Ops, op)
		rows[name] = int32(len(w.Ops))
	}
	r := rows[name] - 1
	o := &w.Ops[r]
	o.Calls++
	o.TotalNs += ns
	o.SelfNs += ns
	if side := e.Side(i); side != trace.NoSide {
		facts := x.Trace.Ops.At(side)
		o.FLOPs += max(facts.FLOPs, 0)
		o.Bytes += max(facts.Bytes, 0)
	}
	return openSpan{span.EndNs, r, -1, opClass(o)}
}

// rowsOf are the rows among which an op or annotation counts.
func (s *sweep) rowsOf(span *index.Span, kind trace.Category) []int32 {
	compiling := s.x.Compiling(span.Track, span.StartNs)
	switch annotation := kind == trace.CategoryUserAnnotation; {
	case compiling && annotation:
		return s.compilerAnnotationRows
	case compiling:
		return s.compilerOpRows
	case annotation:
		return s.annotationRows
	}
	return s.opRows
}

func (s *sweep) finish() *Swept {
	w := s.swept
	for i := range w.Ops {
		if w.Ops[i].Kind == KindOp {
			w.opSelfNs += w.Ops[i].SelfNs
		} else {
			w.annotationSelfNs += w.Ops[i].SelfNs
		}
	}
	for c, p := range s.pieces {
		runs.Sort(p, func(a, b interval.Span) int { return cmp.Compare(a.Start, b.Start) })
		w.sets[c] = p[:0] // a set is no longer than the pieces that it has been made of so far
		for _, v := range p {
			w.sets[c].Add(v.Start, v.End)
		}
	}
	sortOps(w.Ops)
	sortAPIs(w.apis)
	slices.SortStableFunc(w.threads, func(a, b Thread) int { return cmp.Compare(b.BusyNs, a.BusyNs) })
	return w
}

// CPUTime is the time breakdown of a CPU-only trace.
func CPUTime(x *index.Index, w *Swept) device.Time {
	host := x.Host()
	t := device.Time{Device: device.CPUDevice, Events: len(host)}
	for i, s := range host {
		if i == 0 {
			t.FirstNs, t.LastNs = s.StartNs, s.EndNs
		}
		t.FirstNs, t.LastNs = min(t.FirstNs, s.StartNs), max(t.LastNs, s.EndNs)
	}
	t.Fill(w.sets, x.HostWindows)
	return t
}
