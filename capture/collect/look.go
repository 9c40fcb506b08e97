package collect

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// place is a directory that one or more parts of the engine write to.
type place struct {
	engine.Place
	before map[string]engine.Entry
	files  map[string]*file // the new ones, by name
	next   time.Time        // when to look again
	err    error            // of the last look
}

// local tells whether the place can be read without fetching.
func (p *place) local() bool { return p.At("") != "" }

func (p *place) every() time.Duration {
	if p.local() {
		return localEvery
	}
	return remoteEvery
}

// sorted are the new files by name.
func (p *place) sorted() []*file {
	var list []*file
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		list = append(list, p.files[name])
	}
	return list
}

// file is a new file that may be a trace.
type file struct {
	place   *place
	name    string
	grammar trace.FileName // what the name says

	now     engine.Entry
	changed time.Time // when that was new
	growth  growth

	next    time.Time     // not to be tried before, after a try in vain
	cost    time.Duration // of that
	problem string        // what was wrong; "" if it could be read to its end
	noRoom  bool          // there is no room for it in the capture

	read    engine.Entry // as it was when it was read; what that showed:
	readAt  string       // under which path; "" if it never was
	check   ondisk.File
	v       source.Verification
	whole   bool
	earlier bool // it is of an earlier profile
	stray   bool // it is no trace at all
	later   bool // it may be of a later profile, and is not read

	path string // in the capture; "" as long as it is not there
	rank int    // among those of its place; -1 if it is no rank's
}

// ofRank tells whether a file is a rank's: not of an API server, of graph capture, or several in one.
func (f *file) ofRank() bool {
	return !f.earlier && !f.stray && !f.later && !f.grammar.FrontEnd && !f.grammar.Capture && !f.grammar.Merged
}

// own is the rank that a trace says it has, -1 if it says none. Its name tells before its content does: several engines
// of one deployment each count their own ranks from 0.
func (f *file) own() int {
	if f.grammar.Rank >= 0 {
		return f.grammar.Rank
	}
	if f.readAt != "" {
		return f.v.Rank
	}
	return -1
}

// look lists all places whose turn it is, and tries what may be whole. answered tells that the stop has just been answered:
// then it is everybody's turn.
func (c *Collection) look(ctx context.Context, answered bool) {
	for _, p := range c.places {
		if !answered && time.Now().Before(p.next) {
			continue
		}
		files, err := p.List(ctx)
		p.next, p.err = time.Now().Add(p.every()), err
		if err != nil {
			continue
		}
		at := time.Now()
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if formats.MayBeTrace(name) && p.before[name] != files[name] {
				c.see(p, name, files[name], at)
			}
		}
		for again := true; again; {
			again = false
			c.leaveLater(p)
			for _, f := range p.sorted() {
				if f.mayBeWhole(at) || answered && f.mayBeRead(at) && p.local() { // most engines are done by then
					c.try(ctx, f)
					again = again || c.resumed && f.earlier // then what was taken for a later one may be ours
				}
			}
		}
	}
	c.learnRanks()
	c.number()
	if c.scratch.look(c.places) {
		c.moved = time.Now()
	}
}

// leaveLater leaves out what another profile has written since, into the same place, while nobody collected this one: of the
// traces of one writer the first is this profile's, unless it turns out to be of an earlier one.
func (c *Collection) leaveLater(p *place) {
	if !c.resumed {
		return
	}
	type writer struct {
		of       string // which server's, where several write to one place: prefixes end in numbers that are of one profile
		rank, dp int
		stage    string
	}
	of := func(f *file) writer {
		g := f.grammar
		if g.Rank < 0 {
			return writer{of: f.name}
		}
		return writer{of: strings.TrimRight(g.Prefix, "0123456789.-"), rank: g.Rank, dp: g.DP, stage: g.Stage}
	}
	first := map[writer]*file{}
	for _, f := range p.sorted() {
		if w := of(f); !f.earlier && (first[w] == nil || f.writtenAt() < first[w].writtenAt()) {
			first[w] = f
		}
	}
	for _, f := range p.sorted() {
		f.later = !f.earlier && !f.whole && first[of(f)] != f
	}
}

// writtenAt is when a file was written, as its name tells, or else its time.
func (f *file) writtenAt() int64 {
	if _, at, ok := formats.WriterAndTime(f.name); ok {
		return at
	}
	return f.now.ModifiedNs
}

// see notes what a listing says of a new file.
func (c *Collection) see(p *place, name string, now engine.Entry, at time.Time) {
	f := p.files[name]
	if f == nil {
		f = &file{place: p, name: name, grammar: formats.ParseFileName(name)}
		p.files[name] = f
	} else if f.now == now {
		return
	}
	f.now, f.changed, c.moved = now, at, at
	f.growth = f.growth.next(now.SizeBytes, at)
	if f.whole { // written again, under the same name
		f.whole = false
		if !c.liesThere(f) {
			_ = os.Remove(f.path)
		}
		f.path = ""
	}
}

// mayBeRead tells whether there is a point in reading a file. What failed at a state of the file that was read fails again;
// what kept it from being fetched may be gone.
func (f *file) mayBeRead(at time.Time) bool {
	return !f.whole && !f.later && f.now.SizeBytes > 0 && (f.read != f.now || f.fits()) && !at.Before(f.next)
}

// mayBeWhole tells whether it has been quiet for long enough, too.
func (f *file) mayBeWhole(at time.Time) bool {
	return f.mayBeRead(at) && at.Sub(f.changed) >= max(f.place.every()/2, f.cost)
}

// try brings a file into the capture, if it is whole.
func (c *Collection) try(ctx context.Context, f *file) {
	began := time.Now()
	err := c.bring(ctx, f)
	f.cost, f.problem, f.noRoom = time.Since(began), "", host.IsFull(err)
	switch {
	case f.noRoom:
		f.problem, f.next = c.noRoomFor(f, err), time.Now().Add(f.cost)
	case err != nil:
		f.problem, f.next = err.Error(), time.Now().Add(f.cost)
	case f.fits():
		f.whole, c.moved = true, time.Now()
	}
}

// fits tells whether what was read is a whole trace of this profile.
func (f *file) fits() bool { return f.check.Verdict == ondisk.Whole && !f.earlier && !f.stray }

// verify reads a file as it is now, under path. The end of ctx ends it soon; the file counts as not read then.
func (c *Collection) verify(ctx context.Context, f *file, path string) error {
	f.read, f.readAt, f.earlier, f.stray = f.now, path, false, false
	f.check, f.v = ondisk.File{}, source.Verification{Rank: -1}
	if !formats.NamedAsTrace(f.name) && !formats.LooksLikeTrace(path) {
		f.stray = true
		return nil
	}
	f.check, f.v = ondisk.CheckTrace(ctx, path)
	if err := ctx.Err(); err != nil {
		f.read, f.readAt = engine.Entry{}, ""
		return err
	}
	if f.check.Verdict != ondisk.Whole {
		return errors.New(f.check.Problem)
	}
	f.earlier = f.v.Events > 0 && c.precedes(f)
	return nil
}

// slack is by how much clocks may differ.
const slack = time.Second

// precedes tells whether a trace is of a profile before this one: it ends before recording began, or, where no listing from
// before the start tells old files from new, it begins before that. One that is shorter than the slack and ended within it can't be told.
func (c *Collection) precedes(f *file) bool {
	for _, x := range c.exports {
		if x.place == f.place && !x.Since.IsZero() {
			began := x.Since.Add(-slack).UnixNano()
			return f.v.EndUnixNs < began || c.resumed && f.v.StartUnixNs < began
		}
	}
	return false
}
