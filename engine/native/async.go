package native

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/sampling"
)

// Async runs an engine for requests that come at any time, each joining the running batch at the next step.
//
// One goroutine owns the engine and runs its steps; everybody else hands it functions to call between two of them
// (between). Answers go to streams, which never make a step wait: a reader that is slow finds more in one reading.

// Async is an engine that answers requests as they come. Its methods may be called from any goroutine.
type Async struct {
	engine  *Engine
	observe func(Observation)
	calls   chan func()
	closing chan struct{}
	ended   chan struct{}
	once    sync.Once
	number  atomic.Int64 // of requests so far

	seen    Observation // the loop's own
	profile *written    // the last that ended; nil: there was none
}

// written is a profile that has ended, and what came of it once it is written.
type written struct {
	done  chan struct{}
	files []string
	err   error
	told  atomic.Bool // a stop has returned it: the next one has nothing to stop
}

// Observation is what a step did and left.
type Observation struct {
	Tokens           int // computed in this step
	PromptTokens     int // of prompts that became complete in it
	Running, Waiting int // requests
	KVUsage          float64
	Preemptions      int // so far
	PrefixQueries    int // prompt tokens looked up in the prefix cache so far
	PrefixHits       int // and found

	FirstTokens []time.Duration  // since their request's arrival
	NextTokens  []time.Duration  // since the answer's last
	Finished    []*engine.Output // answers that ended, aborted ones too
}

// ErrClosed is what a closed engine says.
var ErrClosed = errors.New("the engine is shutting down")

// OpenAsync loads a model. observe, if not nil, is called after each step, from the engine's goroutine; what it gets is
// good until it returns.
func OpenAsync(ctx context.Context, c engine.Config, observe func(Observation)) (*Async, error) {
	e, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	if observe == nil {
		observe = func(Observation) {}
	}
	a := &Async{engine: e, observe: observe, calls: make(chan func()), closing: make(chan struct{}), ended: make(chan struct{})}
	go a.run()
	return a, nil
}

// Info tells what runs.
func (a *Async) Info() engine.Info { return a.engine.info }

// Warnings returns what there is to say of the model since the last call.
func (a *Async) Warnings() (list []string) {
	_ = a.between(func() { list = a.engine.Warnings() }) // closed: nothing
	return list
}

// Profiler is the profiler's configuration.
func (a *Async) Profiler() engine.ProfilerConfig { return a.engine.config.Profiler }

// Decode turns token ids into text, special tokens included. Without a tokenizer of the model's own it is empty.
func (a *Async) Decode(ids ...int32) string {
	if !a.engine.readable {
		return ""
	}
	return a.engine.tokenizer.Decode(ids, false)
}

// Encode turns a prompt into the tokens that the model gets.
func (a *Async) Encode(prompt string) []int32 { return a.engine.encode(prompt) }

// run is the life of the goroutine that owns the engine.
func (a *Async) run() {
	defer close(a.ended)
	for {
		if len(a.engine.live) == 0 {
			a.engine.settle()
			select {
			case f := <-a.calls:
				f()
			case <-a.closing:
				return
			}
		}
		for pending := true; pending; {
			select {
			case f := <-a.calls:
				f()
			case <-a.closing:
				a.engine.abortAll()
				return
			default:
				pending = false
			}
		}
		a.step()
		// Whoever waits for a token gets the processor now. The engine's threads may take all there are and never block:
		// readers would otherwise see tokens come in bursts, every ten milliseconds.
		runtime.Gosched()
	}
}

// step runs one step and tells the observer.
func (a *Async) step() {
	e, o := a.engine, &a.seen
	if step := e.step(); step != nil {
		o.Tokens = step.Tokens()
	}
	if e.profile.complete() {
		a.endProfile()
	}
	a.report()
}

// report tells the observer what has happened since the last report.
func (a *Async) report() {
	s, o := a.engine.scheduler, &a.seen
	o.Running, o.Waiting, o.KVUsage = s.Running(), s.Waiting(), s.KVUsage()
	stats := s.Stats()
	o.Preemptions, o.PrefixQueries, o.PrefixHits = stats.Preemptions, stats.PrefixQueries, stats.PrefixHits
	a.observe(*o)
	o.Tokens, o.PromptTokens = 0, 0
	o.FirstTokens, o.NextTokens, o.Finished = o.FirstTokens[:0], o.NextTokens[:0], o.Finished[:0]
}

// between calls f between two steps and returns when it has, or has not because the engine is closed.
func (a *Async) between(f func()) error {
	done := make(chan struct{})
	select {
	case a.calls <- func() { defer close(done); f() }:
		<-done
		return nil
	case <-a.ended:
		return ErrClosed
	}
}

// Submit lets a request join the batch. Its answers come in the stream; when ctx ends before they do, they are aborted.
// A request that cannot be answered is an engine.UsageError.
func (a *Async) Submit(ctx context.Context, r engine.Request) (*Stream, error) {
	list, err := a.engine.newGenerations(int(a.number.Add(1))-1, r)
	if err != nil {
		return nil, err
	}
	if err := a.engine.checkRoom(list); err != nil {
		return nil, err
	}
	s := &Stream{PromptTokens: list[0].sequence.Prompt, news: make(chan struct{}, 1), ended: a.ended, left: len(list)}
	s.PromptTokenIDs = list[0].out.PromptTokenIDs
	for _, g := range list {
		w := &writer{stream: s, g: g}
		g.changed = func(finished bool) { a.tokenCame(w, finished) }
	}
	err = a.between(func() {
		for _, g := range list {
			a.engine.add(g)
		}
	})
	if err != nil {
		return nil, err
	}
	s.abort = context.AfterFunc(ctx, func() {
		_ = a.between(func() { a.give(list) }) // closed: it is aborted all the same
	})
	return s, nil
}

// give gives a request's answers up that are not finished.
func (a *Async) give(list []*generation) {
	aborted := 0
	for _, g := range list {
		if _, ok := a.engine.live[&g.sequence]; ok {
			a.engine.abort(g)
			a.seen.Finished = append(a.seen.Finished, g.out)
			aborted++
		}
	}
	if aborted > 0 {
		a.report()
	}
}

// writer is one answer's way into its stream.
type writer struct {
	stream       *Stream
	g            *generation
	text, tokens int // already in the stream
	last         time.Time
}

// tokenCame is called when a token has been added to an answer, or the answer has failed.
func (a *Async) tokenCame(w *writer, finished bool) {
	out := w.g.out
	if len(out.TokenIDs) > w.tokens {
		if w.tokens == 0 {
			a.seen.FirstTokens = append(a.seen.FirstTokens, out.TTFT())
			a.seen.PromptTokens += w.g.sequence.Prompt
		} else {
			a.seen.NextTokens = append(a.seen.NextTokens, out.LastToken.Sub(w.last))
		}
		w.last = out.LastToken
	}
	d := Delta{Index: out.Index}
	if finished {
		w.g.close()
		d.Finish, d.StopReason, d.StopToken = out.Finish, out.StopReason, out.StopToken
		a.seen.Finished = append(a.seen.Finished, out)
	}
	d.Text, d.TokenIDs = string(w.g.written[w.text:]), out.TokenIDs[w.tokens:]
	if out.Logprobs != nil {
		d.Logprobs = out.Logprobs[w.tokens:]
	}
	w.text, w.tokens = len(w.g.written), len(out.TokenIDs)
	w.stream.put(d, w.g.err, finished)
}

// Delta is what has been added to one answer.
type Delta struct {
	Index      int
	Text       string
	TokenIDs   []int32
	Logprobs   []sampling.PlaceLogprobs // by token, if asked for
	Finish     engine.Finish            // "" while the answer goes on
	StopReason string
	StopToken  *int32
}

// Stream is a request's answers as they come. It has one reader.
type Stream struct {
	PromptTokens   int
	PromptTokenIDs []int32

	abort func() bool // takes the watch for the context's end away
	ended chan struct{}
	news  chan struct{}

	mu      sync.Mutex
	pending []Delta
	left    int // answers that go on
	err     error
}

func (s *Stream) put(d Delta, err error, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = err
	}
	if finished {
		s.left--
	}
	i := slices.IndexFunc(s.pending, func(p Delta) bool { return p.Index == d.Index })
	if i < 0 {
		s.pending = append(s.pending, d)
	} else {
		p := &s.pending[i]
		p.Text += d.Text
		p.TokenIDs = append(slices.Clip(p.TokenIDs), d.TokenIDs...)
		p.Logprobs = append(slices.Clip(p.Logprobs), d.Logprobs...)
		p.Finish, p.StopReason, p.StopToken = d.Finish, d.StopReason, d.StopToken
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Next waits for something new and returns it, at most one Delta for each answer. After the last it returns none.
func (s *Stream) Next(ctx context.Context) ([]Delta, error) {
	for {
		s.mu.Lock()
		deltas, left, err := s.pending, s.left, s.err
		s.pending = nil
		s.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case len(deltas) > 0:
			return deltas, nil
		case left == 0:
			s.abort()
			return nil, nil
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.ended:
			return nil, ErrClosed
		}
	}
}

// StartProfile begins recording with c, which is Profiler's or a variation of it. It fails with engine.ErrProfiling if a
// profile is being recorded. When c.MaxIterations steps are recorded the profile is written and ended without a stop.
func (a *Async) StartProfile(c engine.ProfilerConfig) error {
	var err error
	if closed := a.between(func() { err = a.engine.startProfile(c) }); closed != nil {
		return closed
	}
	return err
}

// StopProfile ends recording and returns when the traces are whole: their paths, or those of a profile that ended by
// itself since it was started. Steps go on meanwhile. Without a profile, and when its traces have been returned already, it
// fails with engine.ErrNotProfiling. One whose ctx ended may be repeated.
func (a *Async) StopProfile(ctx context.Context) ([]string, error) {
	var w *written
	err := a.between(func() {
		if a.engine.profile != nil {
			a.endProfile()
		}
		w = a.profile
	})
	switch {
	case err != nil:
		return nil, err
	case w == nil || w.told.Load():
		return nil, engine.ErrNotProfiling
	}
	select {
	case <-w.done:
		w.told.Store(true)
		return w.files, w.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// endProfile takes the profile off the engine and has it written, after those before it.
func (a *Async) endProfile() {
	p, before, w := a.engine.detachProfile(), a.profile, &written{done: make(chan struct{})}
	a.profile = w
	go func() {
		defer close(w.done)
		if before != nil {
			<-before.done
		}
		w.files, w.err = a.engine.writeProfile(p)
	}()
}

// Close aborts what is still being answered, writes a profile that is still being recorded, and frees the engine.
func (a *Async) Close() error {
	var err error
	a.once.Do(func() {
		close(a.closing)
		<-a.ended
		if a.engine.profile != nil {
			a.endProfile()
		}
		if a.profile != nil {
			<-a.profile.done
			err = a.profile.err
		}
		err = errors.Join(err, a.engine.Close())
	})
	return err
}
