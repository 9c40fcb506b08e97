package trace

import "slices"

// A large trace is cut to what matters: some steps, a window of time, without the Python frames. What is left must
// still make sense to a reader that links events, so that a cut keeps groups together: the launch and everything that
// it launched (equal correlation), the op that the launch belongs to (equal external id), and both ends of an arrow or
// none. Events are kept as they are, never shortened: one that reaches into a window is kept whole.

// Window is a time from FromNs to before ToNs, in the trace's own time (since Meta.BaseTimeNanoseconds).
type Window struct {
	FromNs, ToNs int64
}

func (w Window) meets(start, end int64) bool {
	return start < w.ToNs && (end > w.FromNs || end == start && start >= w.FromNs)
}

// Cut says what to keep of a trace.
type Cut struct {
	Windows []Window // the times to keep; none: all
	// ByLaunch lets windows choose calls on the CPU alone, and the device's work follow its launch, wherever in time
	// it runs: right for steps. Otherwise work on the device that runs in a window is kept too.
	ByLaunch bool
	Drop     []string // categories to leave out, as the file calls them today (python_function)
	Only     []string // categories to keep; none: all. Arrows follow the events that they join
}

// Rows is a set of rows of a trace.
type Rows struct {
	bits []uint64
	n    int
}

// Has says whether row i is in the set.
func (r *Rows) Has(i int) bool { return r.bits[i>>6]>>(i&63)&1 == 1 }

// Len is how many rows are in the set.
func (r *Rows) Len() int { return r.n }

func (r *Rows) add(i int) {
	if !r.Has(i) {
		r.bits[i>>6] |= 1 << (i & 63)
		r.n++
	}
}

// Rows chooses the events of t that the cut keeps. The profiler's own window and marks are always kept.
func (c Cut) Rows(t *Trace) *Rows {
	kept := &Rows{bits: make([]uint64, (t.Events.Len()+63)/64)}
	g := c.groups(t)
	for i := range t.Events.Len() {
		e := t.Events.At(i)
		switch {
		case e.Category == CategoryTrace || e.Category == CategoryNone && e.Phase == PhaseInstant:
			kept.add(i)
		case !c.wanted(t, i) || e.Category == CategoryFlow:
		case c.inWindow(t, i, g), g.linked(t, e):
			kept.add(i)
		}
	}
	c.keepFlows(t, kept, g)
	return kept
}

// wanted says whether the cut keeps the category of event i.
func (c Cut) wanted(t *Trace, i int) bool {
	if len(c.Drop) == 0 && len(c.Only) == 0 {
		return true
	}
	name := t.Events.CategoryName(i)
	return !slices.Contains(c.Drop, name) && (len(c.Only) == 0 || slices.Contains(c.Only, name))
}

// inWindow says whether event i is kept for its own time.
func (c Cut) inWindow(t *Trace, i int, g *groups) bool {
	if len(c.Windows) == 0 {
		return true
	}
	if c.ByLaunch && g.launched(t, i) {
		return false
	}
	start, end := t.Events.StartNs(i), t.Events.EndNs(i)
	return slices.ContainsFunc(c.Windows, func(w Window) bool { return w.meets(start, end) })
}

// groups are the links that a cut must not tear.
type groups struct {
	launches  map[int64]bool // correlations that a call has
	kept      map[int64]bool // correlations of which a member is kept for its time
	externals map[int64]bool // external ids of calls and device work that are kept
	all       bool           // there are no windows: everything is kept for its time
}

// groups finds the groups that are kept.
func (c Cut) groups(t *Trace) *groups {
	g := &groups{launches: map[int64]bool{}, kept: map[int64]bool{}, externals: map[int64]bool{}, all: len(c.Windows) == 0}
	if g.all {
		return g
	}
	for i := range t.Events.Len() {
		if e := t.Events.At(i); e.Category.Table() == TableCall && e.Side != NoSide {
			g.launches[t.Calls.At(e.Side).Correlation] = true
		}
	}
	for i := range t.Events.Len() {
		if correlation, ok := correlationOf(t, t.Events.At(i)); ok && c.inWindow(t, i, g) {
			g.kept[correlation] = true
		}
	}
	for i := range t.Events.Len() {
		e := t.Events.At(i)
		if correlation, ok := correlationOf(t, e); ok && g.kept[correlation] {
			if external := externalOf(t, e); external > 0 {
				g.externals[external] = true
			}
		}
	}
	return g
}

// correlationOf is the correlation of a call or of work on a device; false if it has none.
func correlationOf(t *Trace, e Event) (int64, bool) {
	if e.Side == NoSide {
		return 0, false
	}
	v := int64(0) // 0 is what files write for no correlation
	switch e.Category.Table() {
	case TableCall:
		v = t.Calls.At(e.Side).Correlation
	case TableGPU:
		v = t.GPU.At(e.Side).Correlation
	}
	return v, v > 0
}

// externalOf is the external id of an event; Absent if it has none.
func externalOf(t *Trace, e Event) int64 {
	if e.Side == NoSide {
		return Absent
	}
	switch e.Category.Table() {
	case TableCall:
		return t.Calls.At(e.Side).ExternalID
	case TableGPU:
		return t.GPU.At(e.Side).ExternalID
	case TableOp:
		return t.Ops.At(e.Side).ExternalID
	}
	return Absent
}

// launched says whether event i is work on a device whose launch is in the trace.
func (g *groups) launched(t *Trace, i int) bool {
	e := t.Events.At(i)
	if e.Category.Table() != TableGPU {
		return false
	}
	correlation, ok := correlationOf(t, e)
	return ok && g.launches[correlation]
}

// linked says whether an event is kept for its links.
func (g *groups) linked(t *Trace, e Event) bool {
	if e.Category == CategoryCPUOp {
		return g.externals[externalOf(t, e)]
	}
	correlation, ok := correlationOf(t, e)
	return ok && g.kept[correlation]
}

// arrow names a flow: arrows of different kinds may share ids.
type arrow struct {
	name StringID
	id   int64
}

// place is where an arrow's end stands: at the event of the track that starts then.
type place struct {
	track TrackID
	start int64
}

// The state of a place.
const (
	placeEmpty uint8 = iota // no event of the file starts there
	placeGone               // one did, and is not kept
	placeKept
)

// keepFlows keeps the arrows both of whose ends are kept: the event that starts where the end stands, or, if none does,
// the time. An arrow of which the file has only one end is kept with that.
func (c Cut) keepFlows(t *Trace, kept *Rows, g *groups) {
	places := map[place]uint8{}
	for i := range t.Events.Len() {
		if e := t.Events.At(i); e.Category == CategoryFlow {
			places[place{e.Track, e.StartNs}] = placeEmpty
		}
	}
	if len(places) == 0 {
		return
	}
	for i := range t.Events.Len() {
		e := t.Events.At(i)
		if e.Phase != PhaseComplete {
			continue
		}
		at := place{e.Track, e.StartNs}
		if _, ok := places[at]; ok {
			state := placeGone
			if kept.Has(i) {
				state = placeKept
			}
			places[at] = max(places[at], state)
		}
	}
	torn := map[arrow]bool{}
	for i := range t.Events.Len() {
		e := t.Events.At(i)
		if e.Category != CategoryFlow || e.Side == NoSide {
			continue
		}
		state := places[place{e.Track, e.StartNs}]
		if state == placeGone || slices.Contains(c.Drop, t.Events.CategoryName(i)) || state == placeEmpty && !c.inWindow(t, i, g) {
			torn[arrow{e.Name, t.Flows.At(e.Side).ID}] = true
		}
	}
	for i := range t.Events.Len() {
		if e := t.Events.At(i); e.Category == CategoryFlow && e.Side != NoSide && !torn[arrow{e.Name, t.Flows.At(e.Side).ID}] {
			kept.add(i)
		}
	}
}
