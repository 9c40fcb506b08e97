package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/trace/formats"
	tracesource "github.com/inferprof/inferprof/trace/source"
)

// Waiting for traces.
//
// A trace may appear before the stop is answered, with it, or minutes after it. It may appear under its final name with
// no bytes and grow, stop growing for a while, or stay cut off for good. So a file counts when it can be read to its last
// byte, and the only thing that is ever waited for is something that moves: the answer of a stop, a file that grows, a
// temporary file of a writer. When nothing has moved for a while (Patience, less if the server is gone), no more is
// to come.
//
// Which files are new is told by comparing with a listing from before the start: names that were not there, and those
// whose size or time has changed. A late trace of somebody's earlier profile is new, too; it ends before our start, which
// its own events tell.
//
// Reading a growing file again and again would cost more than it tells. It is tried once it has kept its size from one
// look to the next, and after a failure not before it has changed, and been quiet for as long as the last try took.

// place is a directory that one or more servers write to.
type place struct {
	source
	before map[string]entry
	files  map[string]*candidate
	next   time.Time // when to look again
	err    error     // of the last look
}

// candidate is a new file.
type candidate struct {
	place *place
	name  string
	entry
	appeared time.Time
	changed  time.Time     // when its size was last seen to change
	tried    entry         // as it was when it could not be read to its end
	cost     time.Duration // of that
	problem  string
	rate     float64 // bytes per second, while it grows
	whole    bool
	foreign  bool // of an earlier profile
	path     string
	v        tracesource.Verification
}

// baseline lists what is there before the start.
func (e *Engine) baseline(ctx context.Context) error {
	for _, p := range e.endpoints {
		if p.dialect.needsDir {
			if err := p.place.make(ctx); err != nil {
				return fmt.Errorf("traces of %s: %w", p.place, err)
			}
		}
	}
	for _, p := range e.places {
		before, err := p.list(ctx)
		if err != nil {
			return fmt.Errorf("traces of %s: %w", p, err)
		}
		p.before, p.files, p.next, p.err = before, map[string]*candidate{}, time.Time{}, nil
	}
	return nil
}

// vigil is one wait.
type vigil struct {
	*Engine
	answers   <-chan stopAnswer
	open      int // stops without an answer
	stopErrs  []error
	doubts    []error   // stops that failed as they do when a profile has ended by itself
	answered  time.Time // the last stop's answer
	moved     time.Time // when something moved last
	gone      []string  // servers that no longer answer
	nextAlive time.Time
	scratch   map[string]int64 // temporary files of writers on this machine, by path
	nextText  time.Time
}

// collect waits for the traces of a profile whose servers have been told to stop.
func (e *Engine) collect(ctx context.Context, answers <-chan stopAnswer, running int) ([]string, error) {
	v := &vigil{Engine: e, answers: answers, open: running, moved: time.Now(), scratch: map[string]int64{}}
	looking := time.NewTicker(localEvery)
	defer looking.Stop()
	for {
		v.look(ctx)
		if v.complete() || v.hopeless() {
			break
		}
		select {
		case a := <-answers:
			v.take(a)
		case <-looking.C:
		case <-ctx.Done():
			return v.end(ctx)
		}
	}
	return v.end(ctx)
}

// take notes a stop's answer.
func (v *vigil) take(a stopAnswer) {
	v.open--
	a.p.stopReply = time.Since(a.p.stopped)
	v.answered, v.moved = time.Now(), time.Now()
	switch {
	case a.err == nil:
	case a.doubtful:
		v.doubts = append(v.doubts, a.err)
	default:
		v.stopErrs = append(v.stopErrs, a.err)
	}
	for _, p := range v.places {
		p.next = time.Time{} // now is when to look
	}
}

// look lists all places whose turn it is, and tries what may be whole.
func (v *vigil) look(ctx context.Context) {
	for _, p := range v.places {
		now := time.Now()
		if now.Before(p.next) {
			continue
		}
		files, err := p.list(ctx)
		p.next, p.err = time.Now().Add(p.every()), err
		if err != nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if entry := files[name]; namedAsTrace(name) && p.before[name] != entry {
				v.see(p, name, entry)
			}
		}
		for _, c := range p.files {
			v.try(ctx, c)
		}
	}
	v.learnRanks()
	v.lookAtScratch()
	v.tellProgress()
}

// see notes what a listing says of a new file.
func (v *vigil) see(p *place, name string, now entry) {
	c := p.files[name]
	if c == nil {
		at := time.Now()
		p.files[name] = &candidate{place: p, name: name, entry: now, appeared: at, changed: at}
		v.moved = at
		return
	}
	if c.entry == now {
		return
	}
	at := time.Now()
	if d := at.Sub(c.changed).Seconds(); d > 0 {
		rate := float64(now.size-c.size) / d
		if c.rate == 0 {
			c.rate = rate
		}
		c.rate += 0.3 * (rate - c.rate)
	}
	c.entry, c.changed, v.moved = now, at, at
	if c.whole { // written again, under the same name
		c.whole = false
		_ = os.Remove(c.path)
		delete(v.checked, c.path)
	}
}

// try reads a file to its end, if it may be whole by now.
func (v *vigil) try(ctx context.Context, c *candidate) {
	quiet := time.Since(c.changed)
	if c.whole || c.foreign || c.size == 0 || c.tried == c.entry && c.problem != "" || quiet < c.place.every()/2 || quiet < c.cost {
		return
	}
	began := time.Now()
	path, err := v.bring(ctx, c)
	c.tried, c.cost, c.problem = c.entry, time.Since(began), ""
	if err != nil {
		c.problem = err.Error()
		return
	}
	if c.foreign {
		return
	}
	c.whole, c.path, v.moved = true, path, time.Now()
}

// bring reads a file, where it lies if that is this machine, and puts it into the capture if it is whole.
func (v *vigil) bring(ctx context.Context, c *candidate) (string, error) {
	final := v.nameFor(c)
	if here := c.place.at(c.name); here != "" {
		if err := v.read(c, here); err != nil || c.foreign {
			return "", err
		}
		return final, c.place.fetch(ctx, c.name, final)
	}
	temporary := unfinished(final)
	if err := c.place.fetch(ctx, c.name, temporary); err != nil {
		return "", err
	}
	if err := v.read(c, temporary); err != nil {
		return "", err // what was fetched stays: rsync goes on from there
	}
	if c.foreign {
		return "", os.Remove(temporary)
	}
	return final, os.Rename(temporary, final)
}

// read verifies a file, and tells whether it is of an earlier profile.
func (v *vigil) read(c *candidate, path string) error {
	found, err := formats.Verify(path)
	if err != nil {
		return err
	}
	if !found.Whole {
		if found.Closed {
			return errors.New("it is damaged")
		}
		return errors.New("it ends before it is closed")
	}
	c.v = found
	c.foreign = found.Events > 0 && found.EndUnixNs < v.firstStart().Add(-time.Second).UnixNano()
	return nil
}

// firstStart is when the first start was sent, by the servers' clocks.
func (e *Engine) firstStart() time.Time {
	var first time.Time
	for _, p := range e.endpoints {
		at := p.started.Add(p.skew)
		if !p.started.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// nameFor is where a file goes in the capture: under its own name, unless another server's has that.
func (v *vigil) nameFor(c *candidate) string {
	path := filepath.Join(v.config.Profiler.Dir, c.name)
	for n := 1; ; n++ {
		if _, err := os.Lstat(path); err != nil {
			return path
		}
		path = filepath.Join(v.config.Profiler.Dir, fmt.Sprintf("server%d_%s", n+1, c.name))
	}
}

// ranksOf are the candidates of one place that are ranks' traces: not of an API server, of graph capture or merged ones.
func (p *place) ranks() []*candidate {
	var list []*candidate
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if c := p.files[name]; !c.foreign && isRank(c.name) {
			list = append(list, c)
		}
	}
	return list
}

func isRank(name string) bool {
	n := formats.ParseFileName(name)
	return !n.FrontEnd && !n.Capture && !n.Merged
}

// learnRanks takes from whole traces how many there must be: the world that each says it is part of.
func (e *Engine) learnRanks() {
	for _, p := range e.endpoints {
		if e.sure(p) {
			continue
		}
		for _, c := range p.place.ranks() {
			if c.whole && c.v.WorldSize > 0 {
				p.ranks = max(p.ranks, c.v.WorldSize*p.engines)
			}
		}
	}
}

// expectedAt is how many traces a place gets.
func (e *Engine) expectedAt(p *place) (n int, sure bool) {
	sure = true
	for _, q := range e.endpoints {
		if q.place == p {
			n += e.expected(q)
			sure = sure && e.sure(q)
		}
	}
	return n, sure
}

// complete tells whether every trace is there and whole.
func (v *vigil) complete() bool {
	for _, p := range v.places {
		whole, unfinished := 0, 0
		for _, c := range p.ranks() {
			if c.whole {
				whole++
			} else {
				unfinished++
			}
		}
		n, sure := v.expectedAt(p)
		switch {
		case whole < n:
			return false
		case sure: // whatever else there is: the stop's answer may take long after the last byte
		case v.open > 0 || unfinished > 0:
			return false
		}
	}
	return v.open == 0 || time.Since(v.moved) > graceForAnswer
}

// graceForAnswer is how long a stop may stay without an answer when all traces are whole: the verdict does not wait for the
// table that an engine prints after them.
const graceForAnswer = 100 * time.Millisecond

// hopeless tells whether nothing moves any more.
func (v *vigil) hopeless() bool {
	if v.open > 0 {
		return false // no time limit: writing takes what it takes
	}
	quiet := v.server.Patience
	if len(v.stopErrs) > 0 {
		quiet = min(quiet, 5*time.Second)
	}
	if v.alive(); len(v.gone) == len(v.endpoints) {
		quiet = min(quiet, 1500*time.Millisecond)
	}
	return time.Since(v.moved) > quiet
}

// alive asks now and then whether the servers still listen.
func (v *vigil) alive() {
	if time.Now().Before(v.nextAlive) {
		return
	}
	v.nextAlive = time.Now().Add(500 * time.Millisecond)
	v.gone = nil
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for i, err := range v.each(func(p *endpoint) error {
		_, err := p.call(ctx, http.MethodGet, "/v1/models", nil) // SGLang generates a token for /health
		return err
	}) {
		if errors.Is(err, errRefused) {
			v.gone = append(v.gone, v.endpoints[i].base)
		}
	}
}

// end gives back what there is.
func (v *vigil) end(ctx context.Context) ([]string, error) {
	var all []*candidate
	for _, p := range v.places {
		for _, name := range slices.Sorted(maps.Keys(p.files)) {
			c := p.files[name]
			if c.foreign {
				text := c.name + ": left out, it is of a profile that ended before this one began"
				if slices.ContainsFunc(v.endpoints, func(p *endpoint) bool { return p.place == c.place && p.dialect.stopFirst }) {
					text += "; if somebody was recording it, the stop that is sent before a start has ended it, since this server ignores a second start"
				}
				v.warn("%s", text)
				continue
			}
			if !c.whole && v.keepDamaged(ctx, c) != nil {
				continue
			}
			all = append(all, c)
		}
	}
	v.number(all)
	paths := make([]string, 0, len(all))
	for _, c := range all {
		paths = append(paths, c.path)
	}
	slices.Sort(paths)
	if n := v.config.Profiler.MaxIterations; n == maxSteps && slices.ContainsFunc(all, func(c *candidate) bool { return c.whole && c.v.Steps >= n }) {
		v.warn("the profile ended after its first %d steps, and requests may have waited while the traces were written: --max-iterations says how many, 0 for all", n)
	}
	if v.complete() {
		for _, err := range v.stopErrs {
			v.warn("stop the profile: %v; all traces are there all the same", err)
		}
		return paths, nil
	}
	return paths, v.explain(all)
}

// keepDamaged takes a file that is not whole into the capture, for what can still be read of it. An empty one is only
// told of.
func (v *vigil) keepDamaged(ctx context.Context, c *candidate) error {
	if c.size == 0 {
		return errors.New("empty")
	}
	c.path = v.nameFor(c)
	if temporary := unfinished(c.path); c.place.at(c.name) == "" {
		if info, err := os.Stat(temporary); err == nil && info.Size() == c.size {
			return os.Rename(temporary, c.path) // all of it is here
		}
		defer func() { _ = os.Remove(temporary) }()
	}
	return c.place.fetch(ctx, c.name, c.path)
}

// unfinished is the name of a file that is being fetched.
func unfinished(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
}

// number gives every trace the rank that it has in the whole deployment: those of the first server first. Data-parallel
// engines of one server may each count their own ranks from 0.
func (v *vigil) number(all []*candidate) {
	next := 0
	for _, p := range v.places {
		n, _ := v.expectedAt(p)
		group := slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return c.place != p || !isRank(c.name) })
		world := 1
		for _, c := range group {
			world = max(world, c.v.WorldSize, c.own()+1)
		}
		taken := map[int]bool{}
		slices.SortStableFunc(group, func(a, b *candidate) int {
			x, y := formats.ParseFileName(a.name), formats.ParseFileName(b.name)
			return cmp.Or(strings.Compare(x.Prefix, y.Prefix), cmp.Compare(x.DP, y.DP), cmp.Compare(a.own(), b.own()), strings.Compare(a.name, b.name))
		})
		for _, c := range group {
			rank := max(c.own(), 0)
			for taken[rank] {
				rank += world
			}
			taken[rank] = true
			v.checked[c.path] = checked{c.v, next + rank}
			n = max(n, rank+1)
		}
		next += n
	}
	for _, c := range all {
		if !isRank(c.name) {
			v.checked[c.path] = checked{c.v, -1}
		}
		if !c.whole {
			rank := v.checked[c.path].rank
			damaged, err := formats.Verify(c.path)
			if err == nil {
				v.checked[c.path] = checked{damaged, rank}
			} else {
				delete(v.checked, c.path) // whoever reads it finds the same error, and says so
			}
		}
	}
}

// own is the rank that a trace says it has, -1 if it says none.
func (c *candidate) own() int {
	if r := formats.ParseFileName(c.name).Rank; r >= 0 {
		return r
	}
	if c.whole {
		return c.v.Rank
	}
	return -1
}

// namedAsTrace tells whether a file's name is a trace's. Names that begin with a dot and those of writers at work are not.
func namedAsTrace(name string) bool {
	plain := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	return formats.MayBeTrace(name) && plain != "server_args.json" && plain != "capture.json"
}
