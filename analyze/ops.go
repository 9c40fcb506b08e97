package analyze

import (
	"cmp"
	"math"
	"slices"

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

// hostWork is what the sweep over all threads finds.
type hostWork struct {
	ops     []Op
	apis    []API
	threads []Thread
	sets    [classes]intervals // moments by the class of an innermost span, over all threads

	badNests         int // spans that outlive their parent
	opSelfNs         int64
	annotationSelfNs int64
}

// openSpan is a span that the sweep is inside of: an op or annotation (op ≥ 0) or a call (api ≥ 0).
type openSpan struct {
	end     int64
	op, api int32
	class   class
}

type hostSweep struct {
	x    *index
	work *hostWork
	// Rows by StringID, counted from 1: of calls, in which all libraries' are one row per function; of ops; of annotations.
	callRows, opRows, annotationRows []int32
	// The thread being swept: its open spans, outermost first; the moment up to which its time is accounted for; the
	// time in ops so far.
	stack   []openSpan
	clock   int64
	inOpsNs int64
	pieces  [classes][]interval // accounted time of all threads so far
}

// sweepHost measures everything that happened on CPU threads.
func (x *index) sweepHost() *hostWork {
	n := x.t.Strings.Len()
	s := &hostSweep{x: x, work: &hostWork{}, callRows: make([]int32, n), opRows: make([]int32, n), annotationRows: make([]int32, n)}
	s.pieces[classCompute] = make([]interval, 0, len(x.host)) // about as many: growing a list of millions copies it often
	for i := 0; i < len(x.host); {
		j := i
		for j < len(x.host) && x.host[j].track == x.host[i].track {
			j++
		}
		s.thread(x.host[i:j])
		i = j
	}
	return s.finish()
}

// thread sweeps the spans of one thread.
func (s *hostSweep) thread(spans []hostSpan) {
	track := &s.x.t.Tracks[spans[0].track]
	s.stack, s.clock, s.inOpsNs = s.stack[:0], spans[0].start, 0
	busyUntil, busy := spans[0].start, int64(0)
	for _, span := range spans {
		s.closeUntil(span.start)
		s.advance(span.start)
		open := s.open(span)
		if n := len(s.stack); n > 0 {
			parent := &s.stack[n-1]
			if span.end > parent.end {
				s.work.badNests++
			}
			inside := min(span.end, parent.end) - span.start
			if parent.op >= 0 {
				s.work.ops[parent.op].SelfNs -= inside
			} else {
				s.work.apis[parent.api].SelfNs -= inside
			}
		}
		s.stack = append(s.stack, open)
		busy += max(0, span.end-max(span.start, busyUntil))
		busyUntil = max(busyUntil, span.end)
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
		if c != classNone {
			s.inOpsNs += then - s.clock
		}
		p := s.pieces[c]
		if k := len(p); k > 0 && p[k-1].end == s.clock {
			p[k-1].end = then
		} else {
			s.pieces[c] = append(p, interval{s.clock, then})
		}
	}
	s.clock = then
}

// open counts a span in its row.
func (s *hostSweep) open(span hostSpan) openSpan {
	x, w, e := s.x, s.work, &s.x.t.Events
	i, ns := int(span.row), span.end-span.start
	name, kind := e.Name(i), e.Category(i)
	if kind == trace.CategoryRuntime || kind == trace.CategoryDriver {
		if s.callRows[name] == 0 {
			w.apis = append(w.apis, API{Name: x.name(name), Use: apiUse(x.name(name))})
			s.callRows[name] = int32(len(w.apis))
		}
		r := s.callRows[name] - 1
		a := &w.apis[r]
		a.Calls++
		a.TotalNs += ns
		a.SelfNs += ns
		a.MaxNs = max(a.MaxNs, ns)
		return openSpan{span.end, -1, r, classCompute}
	}
	rows, op := s.opRows, Op{Kind: KindOp}
	if kind == trace.CategoryUserAnnotation {
		rows, op.Kind = s.annotationRows, KindAnnotation
	}
	if rows[name] == 0 {
		op.Name = x.name(name)
		op.Category = x.opCategory(op.Name, op.Kind)
		w.ops = append(w.ops, op)
		rows[name] = int32(len(w.ops))
	}
	r := rows[name] - 1
	o := &w.ops[r]
	o.Calls++
	o.TotalNs += ns
	o.SelfNs += ns
	if side := e.Side(i); side != trace.NoSide {
		facts := x.t.Ops.At(side)
		o.FLOPs += max(facts.FLOPs, 0)
		o.Bytes += max(facts.Bytes, 0)
	}
	return openSpan{span.end, r, -1, opClass(o)}
}

// opCategory is the category of an op. An annotation is communication if its name says so; else it is whatever ran
// inside it, and what remains is the Python around the ops.
func (x *index) opCategory(name, kind string) string {
	category := x.ops.of(name)
	if kind == KindAnnotation && category != categoryComm {
		return categoryPython
	}
	return category
}

func opClass(o *Op) class {
	switch o.Category {
	case categoryComm:
		return classComm
	case categoryPython:
		return classNone
	}
	return classCompute
}

func apiUse(name string) string {
	switch {
	case isKernelLaunch(name):
		return "launch"
	case isSync(name):
		return "sync"
	case isCopy(name):
		return "copy"
	}
	return "other"
}

func (s *hostSweep) finish() *hostWork {
	w := s.work
	for i := range w.ops {
		if w.ops[i].Kind == KindOp {
			w.opSelfNs += w.ops[i].SelfNs
		} else {
			w.annotationSelfNs += w.ops[i].SelfNs
		}
	}
	for c, p := range s.pieces {
		slices.SortFunc(p, func(a, b interval) int { return cmp.Compare(a.start, b.start) })
		w.sets[c] = p[:0] // a set is no longer than the pieces that it has been made of so far
		for _, v := range p {
			w.sets[c].add(v.start, v.end)
		}
	}
	sortOps(w.ops)
	sortAPIs(w.apis)
	slices.SortStableFunc(w.threads, func(a, b Thread) int { return cmp.Compare(b.BusyNs, a.BusyNs) })
	return w
}

// cpuTime is the time breakdown of a CPU-only trace.
func (x *index) cpuTime(w *hostWork) Time {
	t := Time{Device: CPUDevice, Events: len(x.host)}
	for i, s := range x.host {
		if i == 0 {
			t.FirstNs, t.LastNs = s.start, s.end
		}
		t.FirstNs, t.LastNs = min(t.FirstNs, s.start), max(t.LastNs, s.end)
	}
	t.fill(w.sets, x.hostWindows)
	return t
}

// opCategories sums ops and annotations by category, most self time first.
func opCategories(ops []Op) []Category {
	var rows []Category
	for _, o := range ops {
		i := slices.IndexFunc(rows, func(c Category) bool { return c.Name == o.Category })
		if i < 0 {
			i = len(rows)
			rows = append(rows, Category{Name: o.Category})
		}
		rows[i].Count += o.Calls
		rows[i].TotalNs += o.TotalNs
		rows[i].ExclusiveNs += o.SelfNs
	}
	sortCategories(rows)
	return rows
}

// mergeOps gives one row per name and kind over all ranks.
func mergeOps(tables ...[]Op) []Op {
	type key struct{ name, kind string }
	rowOf := map[key]int{}
	var rows []Op
	for _, table := range tables {
		for _, o := range table {
			r, ok := rowOf[key{o.Name, o.Kind}]
			if !ok {
				rowOf[key{o.Name, o.Kind}] = len(rows)
				rows = append(rows, o)
				continue
			}
			m := &rows[r]
			m.Calls += o.Calls
			m.TotalNs += o.TotalNs
			m.SelfNs += o.SelfNs
			m.FLOPs += o.FLOPs
			m.Bytes += o.Bytes
		}
	}
	sortOps(rows)
	return rows
}

// mergeAPIs gives one row per function over all ranks.
func mergeAPIs(tables ...[]API) []API {
	var rows []API
	for _, table := range tables {
		for _, a := range table {
			i := slices.IndexFunc(rows, func(r API) bool { return r.Name == a.Name })
			if i < 0 {
				rows = append(rows, a)
				continue
			}
			m := &rows[i]
			m.Calls += a.Calls
			m.TotalNs += a.TotalNs
			m.SelfNs += a.SelfNs
			m.MaxNs = max(m.MaxNs, a.MaxNs)
		}
	}
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
