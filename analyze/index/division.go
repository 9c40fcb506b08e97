package index

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// Time that is divided among what a thread was inside makes a tree: a node is a name inside those of its parents, and has
// the time in which it was the innermost. All questions are sums over it. A name's own time is that of its nodes, and what a
// name takes in all is that of all nodes below one of its, once even where it lies in itself. Own times, that inside nothing
// and that after the launch sum to the whole.
//
// Spans of real traces outlive the one around them now and then. Innermost is, of those open, the one that began last; when
// one that is not ends, those above it move to where they would have been without it.

// Division is some gaps' time, divided among what the host did.
type Division struct {
	Gaps    int
	Ns      int64 // of the gaps
	DelayNs int64 // of it, after what ended them was launched
	NoneNs  int64 // of it, inside nothing

	x    *Index
	tree *occupations
	own  []occupation // by node
}

// Occupant is what a thread was inside during gaps.
type Occupant struct {
	Name  trace.StringID
	None  bool  // it is nothing: it has no name
	Ns    int64 // of the gaps' time, inside it
	OwnNs int64 // of it, inside nothing else that is inside it
	Row   int32 // one event of it, as far as is known that which shares most time with them; -1 of nothing
}

// occupations are the names that threads were inside, in each other. Node 0 is outside of all.
type occupations struct {
	nodes []occupationNode
	child map[uint64]int32 // by parent and name
}

type occupationNode struct {
	parent int32
	name   trace.StringID
	latest int32 // its child that was asked for last: most are asked for again
	row    int32 // the event that it was first asked for
}

// occupation is a node's share in a division.
type occupation struct {
	ns        int64
	longestNs int64 // of the gaps' time in one event
	row       int32 // that event
}

// divider divides stretches.
type divider struct {
	x      *Index
	tree   occupations
	groups []Division

	stack   []openSpan
	now     int64
	covered int64 // of the stretches' time, until now
	group   int32 // that was given time last
	at      int   // first stretch that is not over
}

// openSpan is a span that a moment lies in.
type openSpan struct {
	endNs     int64
	soonestNs int64 // end of it and those around it, the soonest
	covered   int64 // divider.covered when it began
	node, row int32
	name      trace.StringID
}

func newDivider(x *Index, groups int) *divider {
	return &divider{x: x, tree: occupations{nodes: make([]occupationNode, 1), child: map[uint64]int32{}}, groups: make([]Division, groups)}
}

// count counts a stretch.
func (d *divider) count(s *Stretch) {
	g := &d.groups[s.Group]
	g.Gaps++
	g.Ns += s.EndNs - s.StartNs
	g.DelayNs += s.EndNs - s.LaunchedNs
}

// walk divides the stretches of one thread among its rows. Both are in order.
func (d *divider) walk(stretches []Stretch, rows []occupied) {
	d.stack, d.at, d.now = d.stack[:0], 0, stretches[0].StartNs
	for i := range rows {
		r := &rows[i]
		d.closeUntil(stretches, r.startNs)
		d.advance(stretches, r.startNs)
		d.push(openSpan{endNs: r.endNs, covered: d.covered, row: r.row, name: r.name})
	}
	last := stretches[len(stretches)-1].EndNs
	d.closeUntil(stretches, last)
	d.advance(stretches, last)
	for len(d.stack) > 0 {
		d.pop()
	}
}

// advance goes on to a moment until which what is open stays open.
func (d *divider) advance(stretches []Stretch, to int64) {
	for ; d.at < len(stretches); d.at++ {
		s := &stretches[d.at]
		if ns := min(to, s.LaunchedNs) - max(d.now, s.StartNs); ns > 0 {
			node := int32(0)
			if n := len(d.stack); n > 0 {
				node = d.stack[n-1].node
			}
			d.share(s.Group, node).ns += ns
			d.covered += ns
			d.group = s.Group
		}
		if s.LaunchedNs > to {
			break
		}
	}
	d.now = max(d.now, to)
}

// share is a node's share in a group's division.
func (d *divider) share(group, node int32) *occupation {
	g := &d.groups[group]
	if n := int(node) + 1 - len(g.own); n > 0 {
		g.own = append(g.own, make([]occupation, n)...)
	}
	return &g.own[node]
}

// closeUntil closes what ends no later than a moment.
func (d *divider) closeUntil(stretches []Stretch, to int64) {
	for n := len(d.stack); n > 0 && d.stack[n-1].soonestNs <= to; n = len(d.stack) {
		soonest := d.stack[n-1].soonestNs
		d.advance(stretches, soonest)
		i := n - 1
		for d.stack[i].endNs != soonest {
			i--
		}
		above := slices.Clone(d.stack[i+1:])
		d.stack = d.stack[:i+1]
		d.pop()
		for _, s := range above {
			d.push(s)
		}
	}
}

// push opens a span inside those that are open.
func (d *divider) push(s openSpan) {
	parent := int32(0)
	s.soonestNs = s.endNs
	if n := len(d.stack); n > 0 {
		parent, s.soonestNs = d.stack[n-1].node, min(s.endNs, d.stack[n-1].soonestNs)
	}
	s.node = d.tree.inside(parent, s.name, s.row)
	d.stack = append(d.stack, s)
}

// pop closes the innermost span.
func (d *divider) pop() {
	s := &d.stack[len(d.stack)-1]
	if ns := d.covered - s.covered; ns > 0 {
		if o := d.share(d.group, s.node); ns > o.longestNs {
			o.longestNs, o.row = ns, s.row
		}
	}
	d.stack = d.stack[:len(d.stack)-1]
}

// inside is the node of a name inside another node, made for an event if there is none.
func (t *occupations) inside(parent int32, name trace.StringID, row int32) int32 {
	if latest := t.nodes[parent].latest; latest > 0 && t.nodes[latest].name == name {
		return latest
	}
	key := uint64(parent)<<32 | uint64(name)
	node, ok := t.child[key]
	if !ok {
		node = int32(len(t.nodes))
		t.nodes = append(t.nodes, occupationNode{parent: parent, name: name, row: row})
		t.child[key] = node
	}
	t.nodes[parent].latest = node
	return node
}

func (d *divider) divisions() []Division {
	for i := range d.groups {
		g := &d.groups[i]
		g.x, g.tree = d.x, &d.tree
		inside := int64(0)
		for k := range g.own {
			if k > 0 {
				inside += g.own[k].ns
			}
		}
		g.NoneNs = g.Ns - g.DelayNs - inside
	}
	return d.groups
}

// Occupants are all that the threads were inside, the most time first, nothing among them. Of equals the innermost comes
// first.
func (d *Division) Occupants() []Occupant {
	type found struct {
		Occupant
		longestNs, depth int64
	}
	below := make([]int64, len(d.own)) // time of each node and those below it
	for i, o := range slices.Backward(d.own) {
		if below[i] += o.ns; i > 0 {
			below[d.tree.nodes[i].parent] += below[i]
		}
	}
	byName := map[trace.StringID]*found{}
	for i := 1; i < len(d.own); i++ {
		if below[i] == 0 {
			continue
		}
		n := &d.tree.nodes[i]
		f := byName[n.name]
		if f == nil {
			f = &found{Occupant: Occupant{Name: n.name, Row: n.row}}
			byName[n.name] = f
		}
		f.OwnNs += d.own[i].ns
		depth, again := int64(1), false
		for p := n.parent; p > 0; p = d.tree.nodes[p].parent {
			depth++
			again = again || d.tree.nodes[p].name == n.name
		}
		if !again {
			f.Ns += below[i]
		}
		f.depth = max(f.depth, depth)
		if d.own[i].longestNs > f.longestNs {
			f.longestNs, f.Row = d.own[i].longestNs, d.own[i].row
		}
	}
	all := make([]*found, 0, len(byName)+1)
	for _, f := range byName {
		all = append(all, f)
	}
	if d.NoneNs > 0 {
		all = append(all, &found{Occupant: Occupant{None: true, Ns: d.NoneNs, OwnNs: d.NoneNs, Row: -1}})
	}
	slices.SortFunc(all, func(a, b *found) int {
		return cmp.Or(cmp.Compare(b.Ns, a.Ns), cmp.Compare(b.depth, a.depth), cmp.Compare(a.Name, b.Name))
	})
	out := make([]Occupant, len(all))
	for i, f := range all {
		out[i] = f.Occupant
	}
	return out
}

const (
	// mostNamed is how many names are told where none fills half of the time.
	mostNamed = 3
	// loopShare of the trace's time in one event makes it the thread's main loop: it is around all that the thread does,
	// and explains nothing.
	loopShare = 0.9
	// sameShare of what is around it is what something inside it fills to be told instead of it.
	sameShare = 0.9
	// considered is how many of the names with most time may be told.
	considered = 64
)

// Most is what the host mostly did: what fills at least half of the time, and of several the one that is inside the others for
// most of it; false and, if none does, the few that fill most of it and do not lie in each other. Loops that a thread never
// leaves are left out, but for what one gap fills, and so is what only calls modules, whichever.
func (d *Division) Most() (all []Occupant, half bool) {
	window := loopShare * float64(d.x.LastNs-d.x.FirstNs)
	occupants := slices.DeleteFunc(d.Occupants(), func(o Occupant) bool {
		if o.Row < 0 {
			return false
		}
		ns := float64(d.x.Trace.Events.DurationNs(int(o.Row)))
		longGap := d.Gaps == 1 && float64(o.Ns) >= loopShare*ns // that fills it: it is no loop around the gap
		return ns >= window && !longGap || d.x.facts(o.Name)&factWrapper != 0
	})
	if n := slices.IndexFunc(occupants, func(o Occupant) bool { return 2*o.Ns < d.Ns }); n != 0 && len(occupants) > 0 {
		if n < 0 {
			n = len(occupants)
		}
		i := d.innermost(occupants[:n])
		return occupants[i : i+1], true
	}
	return d.apart(occupants), false
}

// innermost is which of some occupants no other is inside of for most time; of equals the one with the least. It is not the one with
// the least in all: a call is made from more than one op.
func (d *Division) innermost(of []Occupant) int {
	at := map[trace.StringID]int{}
	own := make([]int64, len(of))
	for i, o := range of {
		if o.None {
			own[i] = o.Ns
		} else {
			at[o.Name] = i
		}
	}
	inside := make([]int, len(d.own)) // of each node: the innermost occupant that it is in; -1: none
	inside[0] = -1
	for k := 1; k < len(d.own); k++ {
		n := &d.tree.nodes[k]
		inside[k] = inside[n.parent]
		if i, ok := at[n.name]; ok {
			inside[k] = i
		}
		if i := inside[k]; i >= 0 {
			own[i] += d.own[k].ns
		}
	}
	best := len(of) - 1
	for i := best; i >= 0; i-- {
		if own[i] > own[best] {
			best = i
		}
	}
	return best
}

// apart are the few that fill most of the time and do not lie in each other. Something that is little more than what is
// inside it is passed over for that.
func (d *Division) apart(occupants []Occupant) []Occupant {
	occupants = occupants[:min(len(occupants), considered)]
	shared := d.shared(occupants)
	var chosen []int
	for i := range occupants {
		deepest := i
		for k := i + 1; k < len(occupants); k++ {
			if a, b := occupants[deepest].Ns, occupants[k].Ns; shared[deepest][k] == b && float64(b) >= sameShare*float64(a) {
				deepest = k
			}
		}
		if !slices.ContainsFunc(chosen, func(c int) bool { return shared[c][deepest] > 0 || shared[c][i] > 0 }) {
			chosen = append(chosen, deepest)
		}
		if len(chosen) == mostNamed {
			break
		}
	}
	out := make([]Occupant, len(chosen))
	for i, c := range chosen {
		out[i] = occupants[c]
	}
	return out
}

// shared says of at most 64 occupants for how long the threads were inside each two at once.
func (d *Division) shared(occupants []Occupant) [][]int64 {
	bit := map[trace.StringID]uint64{}
	out := make([][]int64, len(occupants))
	for i, o := range occupants {
		out[i] = make([]int64, len(occupants))
		if !o.None {
			bit[o.Name] = 1 << i
		}
	}
	path := make([]uint64, len(d.own)) // of each node: which occupants it is inside
	for i := 1; i < len(d.own); i++ {
		n := &d.tree.nodes[i]
		path[i] = path[n.parent] | bit[n.name]
		for a := path[i]; a != 0 && d.own[i].ns > 0; a &= a - 1 {
			for b := path[i]; b != 0; b &= b - 1 {
				out[bits.TrailingZeros64(a)][bits.TrailingZeros64(b)] += d.own[i].ns
			}
		}
	}
	return out
}
