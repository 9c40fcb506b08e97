// Package host says what CPU threads did: ops and calls with their self times, modules, memory, and how many cores worked.
package host

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/interval"
	"github.com/inferprof/inferprof/internal/runs"
	"github.com/inferprof/inferprof/internal/tables"
	"github.com/inferprof/inferprof/trace"
)

// Ops nest: aten::linear calls aten::addmm calls cudaLaunchKernel, each inside the other on one thread. One sweep over
// a thread's spans, sorted so that parents come before their children, with the open ones on a stack, gives every
// question about nesting at once: self times, the thread's busy time, and which op is innermost at each moment.
//
// Real traces nest badly now and then (a span that outlives its parent by some µs). Such a child takes from its
// parent only what lies inside it, and is never dropped.

// Op is what all CPU ops, or all annotations, of one name took, in their own threads' time.
type Op struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"` // the event category: cpu_op, user_annotation
	Category string `json:"category"`
	Calls    int    `json:"calls"`
	TotalNs  int64  `json:"total_ns"` // Σ durations
	// SelfNs is Σ durations less the parts inside which other ops, annotations or runtime calls ran, as in PyTorch's
	// own table ("Self CPU").
	SelfNs int64 `json:"self_ns"`
	// FLOPs and Bytes are what the ops say of themselves; 0 if they say nothing.
	FLOPs int64 `json:"flops,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
}

// Kinds of Op.
const (
	KindOp         = "cpu_op"
	KindAnnotation = "user_annotation"
)

// API is one runtime or driver function: cudaLaunchKernel, cudaStreamSynchronize …
type API struct {
	Name    string `json:"name"`
	Use     string `json:"use"` // launch, sync, copy, other
	Calls   int    `json:"calls"`
	TotalNs int64  `json:"total_ns"`
	SelfNs  int64  `json:"self_ns"` // less other calls and ops inside
	MaxNs   int64  `json:"max_ns"`
}

// Thread is one CPU thread that did something.
type Thread struct {
	PID     int64  `json:"pid"`
	TID     int64  `json:"tid"`
	Name    string `json:"name,omitempty"`
	Events  int    `json:"events"`
	BusyNs  int64  `json:"busy_ns"`   // moments inside any op, annotation or runtime call
	InOpsNs int64  `json:"in_ops_ns"` // moments whose innermost span is an op or a runtime call
}

// Work is what the sweep over all threads finds.
type Work struct {
	Ops     []Op
	apis    []API
	threads []Thread
	sets    [index.Classes]interval.Set // moments by the class of an innermost span, over all threads, in a CPU-only trace

	BadNests         int // spans that outlive their parent
	opSelfNs         int64
	annotationSelfNs int64
}

// openSpan is a span that the sweep is inside of: an op or annotation (op ≥ 0) or a call (api ≥ 0).
type openSpan struct {
	end     int64
	op, api int32
	class   index.Class
}

type hostSweep struct {
	x    *index.Index
	work *Work
	// Rows by StringID, counted from 1: of calls, in which all libraries' are one row per function; of ops; of annotations.
	callRows, opRows, annotationRows []int32
	// The thread being swept: its open spans, outermost first; the moment up to which its time is accounted for; the
	// time in ops so far.
	stack   []openSpan
	clock   int64
	inOpsNs int64
	timed   bool                           // moments are accounted for: in a CPU-only trace
	pieces  [index.Classes][]interval.Span // accounted time of all threads so far
}

// Sweep measures everything that happened on CPU threads.
func Sweep(x *index.Index) *Work {
	n := x.Trace.Strings.Len()
	s := &hostSweep{x: x, work: &Work{}, callRows: make([]int32, n), opRows: make([]int32, n), annotationRows: make([]int32, n)}
	if s.timed = !x.OnGPU; s.timed {
		s.pieces[index.ClassCompute] = make([]interval.Span, 0, len(x.Host())) // about as many: growing a list of millions copies it often
	}
	for i := 0; i < len(x.Host()); {
		j := i
		for j < len(x.Host()) && x.Host()[j].Track == x.Host()[i].Track {
			j++
		}
		s.thread(x.Host()[i:j])
		i = j
	}
	return s.finish()
}

// thread sweeps the spans of one thread.
func (s *hostSweep) thread(spans []index.Span) {
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
				s.work.BadNests++
			}
			inside := min(span.EndNs, parent.end) - span.StartNs
			if parent.op >= 0 {
				s.work.Ops[parent.op].SelfNs -= inside
			} else {
				s.work.apis[parent.api].SelfNs -= inside
			}
		}
		s.stack = append(s.stack, open)
		busy += max(0, span.EndNs-max(span.StartNs, busyUntil))
		busyUntil = max(busyUntil, span.EndNs)
	}
	s.closeUntil(math.MaxInt64)
	s.work.threads = append(s.work.threads, Thread{
		PID: track.PID, TID: track.TID, Name: track.ThreadName, Events: len(spans), BusyNs: busy, InOpsNs: s.inOpsNs})
}

// closeUntil pops the spans that have ended by then, and accounts for the time up to each one's end.
func (s *hostSweep) closeUntil(then int64) {
	for n := len(s.stack); n > 0 && s.stack[n-1].end <= then; n-- {
		s.advance(s.stack[n-1].end)
		s.stack = s.stack[:n-1]
	}
}

// advance accounts the time from the clock to then to the innermost open span.
func (s *hostSweep) advance(then int64) {
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
func (s *hostSweep) account(c index.Class, then int64) {
	p := s.pieces[c]
	if k := len(p); k > 0 && p[k-1].End == s.clock {
		p[k-1].End = then
		return
	}
	s.pieces[c] = append(p, interval.Span{Start: s.clock, End: then})
}

// open counts a span in its row.
func (s *hostSweep) open(span index.Span) openSpan {
	x, w, e := s.x, s.work, &s.x.Trace.Events
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
	rows, op := s.opRows, Op{Kind: KindOp}
	if kind == trace.CategoryUserAnnotation {
		rows, op.Kind = s.annotationRows, KindAnnotation
	}
	if rows[name] == 0 {
		op.Name = x.Name(name)
		op.Category = opCategory(x, op.Name, op.Kind)
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

// opCategory is the category of an op. An annotation is communication if its name says so; else it is whatever ran
// inside it, and what remains is the Python around the ops.
func opCategory(x *index.Index, name, kind string) string {
	category := x.OpCategories.Of(name)
	if kind == KindAnnotation && category != categories.Comm {
		return categories.Python
	}
	return category
}

func opClass(o *Op) index.Class {
	switch o.Category {
	case categories.Comm:
		return index.ClassComm
	case categories.Python:
		return index.ClassNone
	}
	return index.ClassCompute
}

func apiUse(name string) string {
	switch {
	case index.IsKernelLaunch(name):
		return "launch"
	case index.IsSync(name):
		return "sync"
	case index.IsCopy(name):
		return "copy"
	}
	return "other"
}

func (s *hostSweep) finish() *Work {
	w := s.work
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
func CPUTime(x *index.Index, w *Work) device.Time {
	t := device.Time{Device: device.CPUDevice, Events: len(x.Host())}
	for i, s := range x.Host() {
		if i == 0 {
			t.FirstNs, t.LastNs = s.StartNs, s.EndNs
		}
		t.FirstNs, t.LastNs = min(t.FirstNs, s.StartNs), max(t.LastNs, s.EndNs)
	}
	t.Fill(w.sets, x.HostWindows)
	return t
}

// OpCategories sums ops and annotations by category, most self time first.
func OpCategories(ops []Op) []device.Category {
	rows := make([]device.Category, len(ops))
	for i, o := range ops {
		rows[i] = device.Category{Name: o.Category, Count: o.Calls, TotalNs: o.TotalNs, ExclusiveNs: o.SelfNs}
	}
	return device.SumCategories(rows)
}

// MergeOps gives one row per name and kind over all ranks.
func MergeOps(ranks ...[]Op) []Op {
	type key struct{ name, kind string }
	rows := tables.Merge(func(o *Op) key { return key{o.Name, o.Kind} }, func(sum, o *Op) {
		sum.Calls += o.Calls
		sum.TotalNs += o.TotalNs
		sum.SelfNs += o.SelfNs
		sum.FLOPs += o.FLOPs
		sum.Bytes += o.Bytes
	}, ranks...)
	sortOps(rows)
	return rows
}

// MergeAPIs gives one row per function over all ranks.
func MergeAPIs(ranks ...[]API) []API {
	rows := tables.Merge(func(a *API) string { return a.Name }, func(sum, a *API) {
		sum.Calls += a.Calls
		sum.TotalNs += a.TotalNs
		sum.SelfNs += a.SelfNs
		sum.MaxNs = max(sum.MaxNs, a.MaxNs)
	}, ranks...)
	sortAPIs(rows)
	return rows
}

func sortOps(rows []Op) {
	slices.SortFunc(rows, func(a, b Op) int {
		return cmp.Or(cmp.Compare(b.SelfNs, a.SelfNs), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
}

func sortAPIs(rows []API) {
	slices.SortFunc(rows, func(a, b API) int {
		return cmp.Or(cmp.Compare(b.TotalNs, a.TotalNs), cmp.Compare(a.Name, b.Name))
	})
}
