package graphs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// Which replays are of the same graph, and which of them lack kernels.
//
// The data: a trace does not name graphs. A replay is a call and the kernels that it launched, in the order in which they
// began. Replays of one graph have the same kernels, but not always in the same order (the branches of a graph run on several
// streams, and which is ahead differs), not always under the same name (a set is "Memset (Device)" in one replay and "Memset
// (Unknown)" in the next), and not always all of them (profilers lose some when their buffers are full).
//
// The idea: replays with the same names as often are one class. A class that comes again is a graph of its own, since what is
// lost at random is hardly lost twice alike. What is left are replays like no other. One whose kernels are all in a graph that
// is known, and of which too little is missing to tell them apart, is a replay of that graph with a loss, if
//
//   - the graph is large, or it is the n-th of every step that it is in, as the replay is of its own; what is missing lies
//     between what is there; and no name that comes often is missing altogether, as the kernels of another shape would be; or
//   - it stands in the n-th place of a step with as many requests, where that graph stands in other steps; or
//   - that graph was launched just before and just after it.
//
// Where all replays lost some, none is whole. Those that differ in a few kernels of names that come often are one graph, and
// what most of them have is what it has.
//
// The trade-off: graphs differ in earnest too, by the batch size they were recorded for, or as the pieces of a model do, of
// which the last is a beginning of the others. In doubt they are two graphs, and nothing is said of either.

// family is the replays of one graph, in order of their first kernels.
type family struct {
	names   []trace.StringID // of the graph's kernels, in the order of its fullest replay
	replays []replay
	alike   int                    // replays that have all of names, in any order
	counts  map[trace.StringID]int // of names
	ordered bool                   // the replays that have all of names run them in one order
}

// The bounds of what is taken for one graph.
const (
	// largeGraph is how many kernels a graph must have so that another is hardly the same but for a few.
	largeGraph = 32
	// frequent is how often a name must come in a graph so that it is one of every layer.
	frequent = 4
	// keptShare of a graph's kernels must be there where nothing but them says which graph it is.
	keptShare = 0.5
	// looseShare of the kernels must be the same in two replays neither of which is whole.
	looseShare = 0.8
)

// class is the replays with the same names as often.
type class struct {
	replays []replay
	names   []trace.StringID // in the order of the first one
	counts  map[trace.StringID]int
	ordered bool
}

// families finds the graphs of a trace, each with all its replays.
func families(x *index.Index) []*family {
	names := newCanonical(x)
	all := replays(x)
	classes := classesOf(x, names, all)
	g := &grouping{x: x, names: names, places: placesOf(x)}
	for _, c := range classes {
		if f, missing := g.graphOf(c); f != nil && (len(c.replays) == 1 || coincidence(c, f, missing)) {
			f.replays = append(f.replays, c.replays...)
			continue
		}
		g.families = append(g.families, &family{names: c.names, replays: c.replays, alike: len(c.replays), counts: c.counts, ordered: c.ordered})
	}
	g.joinLoose()
	for _, f := range g.families {
		slices.SortFunc(f.replays, func(a, b replay) int { return cmp.Compare(a.kernels[0], b.kernels[0]) })
		for i := range f.replays {
			f.place(x, names, &f.replays[i])
		}
	}
	return g.families
}

// classesOf are the classes of replays: those that come most often first, of those the ones with most kernels.
func classesOf(x *index.Index, names *canonical, all []replay) []*class {
	type key struct {
		n   int
		sum uint64
	}
	of := map[key]*class{}
	var classes []*class
	for _, r := range all {
		k := key{n: len(r.kernels)}
		for _, i := range r.kernels {
			k.sum += mix(uint64(names.of(x.GPU[i].Name)))
		}
		c := of[k]
		if c == nil {
			c = &class{counts: map[trace.StringID]int{}, ordered: true}
			for _, i := range r.kernels {
				name := names.of(x.GPU[i].Name)
				c.names = append(c.names, name)
				c.counts[name]++
			}
			of[k] = c
			classes = append(classes, c)
		} else if c.ordered {
			c.ordered = names.sameOrder(x, c.names, &r)
		}
		c.replays = append(c.replays, r)
	}
	slices.SortStableFunc(classes, func(a, b *class) int {
		return cmp.Or(cmp.Compare(len(b.replays), len(a.replays)), cmp.Compare(len(b.names), len(a.names)))
	})
	return classes
}

// mix spreads the bits of a number, so that sums of several tell sets apart (Steele, Lea and Flood's SplitMix64).
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// canonical gives names that mean the same one number.
type canonical struct {
	x     *index.Index
	known []trace.StringID // by StringID, plus one; 0: not asked yet
}

func newCanonical(x *index.Index) *canonical {
	return &canonical{x, make([]trace.StringID, x.Trace.Strings.Len())}
}

func (c *canonical) of(id trace.StringID) trace.StringID {
	if known := c.known[id]; known != 0 {
		return known - 1
	}
	same := id
	if name := c.x.Name(id); strings.HasPrefix(name, "Memset (Unknown)") {
		if device, ok := c.x.Trace.Strings.Lookup(strings.Replace(name, "Unknown", "Device", 1)); ok {
			same = device
		}
	}
	c.known[id] = same + 1
	return same
}

// sameOrder tells whether a replay with as many kernels ran them in an order.
func (c *canonical) sameOrder(x *index.Index, order []trace.StringID, r *replay) bool {
	for i, k := range r.kernels {
		if c.of(x.GPU[k].Name) != order[i] {
			return false
		}
	}
	return true
}

// coincidence tells whether a class of several replays is of losses that are alike by chance, and no graph of its own: other
// places of the order are missing in each, or, where a graph's order tells nothing, there are few beside many that are whole.
func coincidence(c *class, f *family, missing int) bool {
	if f.ordered {
		return !c.ordered
	}
	return missing <= 2 && 4*len(c.replays) <= f.alike
}

// grouping is families in the making.
type grouping struct {
	x        *index.Index
	names    *canonical
	places   map[int32]place
	families []*family
}

// graphOf is the graph of which a class lacks some kernels, and how many; nil if there is none.
func (g *grouping) graphOf(c *class) (*family, int) {
	var found *family
	fewest := 0
	for _, f := range g.families {
		missing := len(f.names) - len(c.names)
		if missing <= 0 || found != nil && missing >= fewest || !within(c.counts, f.counts) {
			continue
		}
		sure := len(c.replays) > 1 || g.inPlace(&c.replays[0], f) || g.between(&c.replays[0], f)
		if sure || g.likely(c, f) {
			found, fewest = f, missing
		}
	}
	return found, fewest
}

// within tells whether a graph has all kernels of another.
func within(part, whole map[trace.StringID]int) bool {
	for name, n := range part {
		if n > whole[name] {
			return false
		}
	}
	return true
}

// likely tells by the kernels whether a replay that lacks some is of a graph.
func (g *grouping) likely(c *class, f *family) bool {
	if float64(len(c.names)) < keptShare*float64(len(f.names)) || len(f.names) < largeGraph && !g.always(&c.replays[0], f) {
		return false
	}
	for name, n := range f.counts {
		if n >= frequent && c.counts[name] == 0 {
			return false
		}
	}
	_, lost := align(f.names, c.names)
	return !atOneEnd(lost, len(f.names))
}

// atOneEnd tells whether what is lost of n kernels is their beginning, or their end.
func atOneEnd(lost []int32, n int) bool {
	k := len(lost)
	return k == 0 || int(lost[k-1]) == k-1 || int(lost[0]) == n-k
}

// joinLoose joins graphs that were seen whole once at most and differ in a few kernels: replays of one graph, all of which lost some.
func (g *grouping) joinLoose() {
	var out []*family
	var heaps [][]*family // of those that may be one
	for _, f := range g.families {
		if f.alike > 1 {
			out = append(out, f)
			continue
		}
		i := slices.IndexFunc(heaps, func(h []*family) bool { _, ok := loosely(h[0], f); return ok })
		if i < 0 {
			i, heaps = len(heaps), append(heaps, nil)
		}
		heaps[i] = append(heaps[i], f)
	}
	for _, h := range heaps {
		if len(h) == 2 {
			if rare, _ := loosely(h[0], h[1]); rare > 0 { // nothing says which of the two is right
				out = append(out, h...)
				continue
			}
		}
		out = append(out, joined(h))
	}
	g.families = out
}

// loosely tells whether two replays neither of which has all kernels may be of one graph: most are the same, those that are
// not are of names that come often in both, and rare ones are few.
func loosely(a, b *family) (rare int, ok bool) {
	shared, differ := 0, func(n, m int) bool {
		switch {
		case n == m:
		case max(n, m) < frequent:
			rare += max(n, m) - min(n, m)
		case 2*min(n, m) < max(n, m):
			return true
		}
		return false
	}
	for name, n := range a.counts {
		m := b.counts[name]
		if differ(n, m) {
			return 0, false
		}
		shared += min(n, m)
	}
	for name, m := range b.counts {
		if a.counts[name] == 0 && differ(0, m) {
			return 0, false
		}
	}
	n := max(len(a.names), len(b.names))
	return rare, n >= largeGraph && float64(shared) >= looseShare*float64(n) && rare <= max(2, n/50)
}

// joined makes one graph of several: it has what the fullest of them has and most of the others too.
func joined(all []*family) *family {
	fullest := slices.MaxFunc(all, func(a, b *family) int { return cmp.Compare(len(a.names), len(b.names)) })
	if len(all) == 1 {
		return fullest
	}
	out := &family{alike: 1, counts: map[trace.StringID]int{}}
	having := map[trace.StringID]int{}
	for _, f := range all {
		out.replays = append(out.replays, f.replays...)
		for name := range f.counts {
			having[name]++
		}
	}
	for _, name := range fullest.names {
		if 2*having[name] > len(all) {
			out.names = append(out.names, name)
			out.counts[name]++
		}
	}
	return out
}

// place says which of the graph's kernels each of a replay's is, and which are missing.
func (f *family) place(x *index.Index, names *canonical, r *replay) {
	if len(r.kernels) == len(f.names) && names.sameOrder(x, f.names, r) {
		return
	}
	own := make([]trace.StringID, len(r.kernels))
	for i, k := range r.kernels {
		own[i] = names.of(x.GPU[k].Name)
	}
	r.slots, r.lost = align(f.names, own)
}
