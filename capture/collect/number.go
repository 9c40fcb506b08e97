package collect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
)

// File is a trace of the profile, in the capture.
type File struct {
	ondisk.File     // Path is one of this machine
	GPUEvents   int // in it
}

// learnRanks takes from whole traces how many there must be: the world that each says it is part of.
func (c *Collection) learnRanks() {
	for i := range c.exports {
		x := &c.exports[i]
		if !x.AtLeast {
			continue
		}
		for _, f := range x.place.files {
			if f.whole && f.ofRank() && f.v.WorldSize > 0 {
				x.Ranks, x.learned = max(x.Ranks, f.v.WorldSize*max(x.Worlds, 1)), true
			}
		}
	}
}

// sure tells whether the number of an export's traces is known, not only a least one.
func (x *export) sure() bool { return !x.AtLeast || x.learned && x.Worlds > 0 }

// expectedAt is how many traces a place gets, and how many each of the engines that write there makes.
func (c *Collection) expectedAt(p *place) (ranks, each int, sure bool) {
	worlds := 0
	sure = true
	for i := range c.exports {
		if x := &c.exports[i]; x.place == p {
			ranks += max(x.Ranks, 1)
			worlds += max(x.Worlds, 1)
			sure = sure && x.sure()
		}
	}
	return ranks, max(ranks/max(worlds, 1), 1), sure
}

// complete tells whether every trace is there and whole.
func (c *Collection) complete() bool {
	for _, p := range c.places {
		ranks, _, sure := c.expectedAt(p)
		whole, unfinished := p.progress(ranks)
		switch {
		case whole < ranks:
			return false
		case sure: // whatever else there is: the stop's answer may take long after the last byte
		case c.open || unfinished > 0:
			return false
		}
	}
	return true
}

// lacksRoom tells whether a trace could not be brought for want of room.
func (c *Collection) lacksRoom() bool {
	return slices.ContainsFunc(c.places, func(p *place) bool {
		return slices.ContainsFunc(p.sorted(), func(f *file) bool { return f.noRoom && !f.whole })
	})
}

// progress is how many of so many ranks have a whole trace, and how many files may become one.
func (p *place) progress(ranks int) (whole, unfinished int) {
	has := map[int]bool{}
	for _, f := range p.files {
		if f.ofRank() && f.rank >= 0 {
			has[f.rank] = true
		}
	}
	end := ondisk.FirstRank(has, ranks) + ranks
	for _, f := range p.files {
		switch {
		case !f.ofRank():
		case !f.whole:
			unfinished++
		case f.rank < end: // each has one, and others more than expected: a second trace of a rank, for instance
			whole++
		}
	}
	return whole, unfinished
}

// number gives every trace its rank among those of its place. Data-parallel engines may each count their own ranks from 0:
// the name may tell which engine's a trace is, and if not, two traces of one rank are of two engines.
func (c *Collection) number() {
	last := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	for _, p := range c.places {
		var list []*file
		world := 1
		for _, f := range p.sorted() {
			f.rank = -1
			if f.ofRank() {
				list = append(list, f)
				world = max(world, f.v.WorldSize, f.own()+1)
			}
		}
		slices.SortStableFunc(list, func(a, b *file) int {
			// Those of which nothing tells come last, and get the ranks that nobody has.
			return cmp.Or(cmp.Compare(last(a.own() < 0), last(b.own() < 0)), strings.Compare(a.grammar.Prefix, b.grammar.Prefix),
				cmp.Compare(a.grammar.DP, b.grammar.DP), cmp.Compare(a.own(), b.own()), cmp.Compare(last(!a.whole), last(!b.whole)))
		})
		all, each, _ := c.expectedAt(p)
		taken := map[int]bool{}
		for _, f := range list {
			rank, step := f.own(), world
			switch dp := f.grammar.DP; {
			case rank < 0:
				rank, step = 0, 1
			case dp > 0 && each < all && rank < each:
				rank += dp * each
			}
			for taken[rank] {
				rank += step
			}
			taken[rank], f.rank = true, rank
		}
	}
}

// files are the traces that are in the capture. Ranks are counted through all places, in the order of the exports.
func (c *Collection) files() []File {
	var list []File
	first := 0
	for _, p := range c.places {
		next, _, _ := c.expectedAt(p)
		next += first
		for _, f := range p.sorted() {
			if f.path == "" {
				continue
			}
			file := File{File: f.check, GPUEvents: f.v.GPUEvents}
			file.Problem = strings.ReplaceAll(file.Problem, f.readAt, f.path)
			if file.Path, file.Rank = f.path, f.rank; f.rank >= 0 {
				file.Rank += first
				next = max(next, file.Rank+1)
			}
			list = append(list, file)
		}
		first = next
	}
	slices.SortStableFunc(list, func(a, b File) int {
		return cmp.Or(cmp.Compare(uint(a.Rank), uint(b.Rank)), strings.Compare(a.Path, b.Path))
	})
	return list
}

// found is what the engine is told in the end.
func (c *Collection) found() engine.Collected {
	all := engine.Collected{Complete: c.complete(), Temporary: c.scratch.abandoned()}
	for _, x := range c.exports {
		told := 0
		if x.learned {
			told = x.Ranks
		}
		all.Ranks = append(all.Ranks, told)
	}
	for _, p := range c.places {
		at := engine.Found{Place: p.Place, Err: p.err}
		for _, f := range p.sorted() {
			at.Files = append(at.Files, engine.FoundFile{Name: f.name, SizeBytes: f.now.SizeBytes, Whole: f.whole, Steps: f.v.Steps,
				Earlier: f.earlier, Kept: f.path != "", Problem: f.problem})
		}
		all.Places = append(all.Places, at)
	}
	return all
}
