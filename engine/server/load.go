package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// load is requests on their way.
type load struct {
	requests []engine.Request
	outputs  []engine.Output
	errs     []error
	cancel   context.CancelFunc
	done     chan struct{}

	sent, streaming, ended, tokens atomic.Int64 // so far: sent; of those, with a first token; ended; and their tokens
}

// begin sends requests: all at once, as fast as the limit of concurrency lets them, or when a Poisson process says so. They go
// round the servers in turn.
func (e *Engine) begin(ctx context.Context, requests []engine.Request) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{requests: requests, outputs: make([]engine.Output, len(requests)), errs: make([]error, len(requests)), cancel: cancel, done: make(chan struct{})}
	for i, r := range requests {
		l.outputs[i] = engine.Output{ID: r.ID, Prompt: r.Prompt, PromptTokenIDs: r.PromptTokenIDs, Finish: engine.FinishAborted}
	}
	salt := e.newSalt()
	var arrivals []time.Duration
	if e.server.RequestRate > 0 {
		arrivals = poisson(len(requests), e.server.RequestRate, e.config.Seed)
	}
	go func() {
		defer close(l.done)
		defer cancel()
		start := time.Now()
		var places chan struct{}
		if e.server.Concurrency > 0 {
			places = make(chan struct{}, e.server.Concurrency)
		}
		var all sync.WaitGroup
		defer all.Wait()
		for i := range requests {
			if arrivals != nil && !waitUntil(ctx, start.Add(arrivals[i])) {
				return
			}
			if places != nil {
				select {
				case places <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			l.sent.Add(1)
			all.Go(func() {
				p := e.doors[i%len(e.doors)]
				e.one(ctx, l, i, p, salt)
				if places != nil {
					<-places
				}
			})
		}
	}()
	return l
}

// one answers one request.
func (e *Engine) one(ctx context.Context, l *load, i int, p *endpoint, salt string) {
	o := &l.outputs[i]
	err := p.complete(ctx, p.completion(e.modelName(p), &l.requests[i], salt), o, func() { l.streaming.Add(1) })
	if !o.FirstToken.IsZero() {
		l.streaming.Add(-1)
	}
	l.tokens.Add(int64(o.OutputCount))
	l.ended.Add(1)
	switch {
	case err == nil && o.Finish == engine.FinishAborted: // the stream ended without a reason
		o.Finish = engine.FinishStop
	case err == nil:
	case ctx.Err() != nil:
		o.Finish = engine.FinishAborted
	default:
		o.Finish, o.Error = engine.FinishError, err.Error()
		l.errs[i] = fmt.Errorf("server %s: %w", p.base, err)
	}
}

// waitUntil waits for a moment; false if ctx ended before.
func waitUntil(ctx context.Context, at time.Time) bool {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// newSalt is a word that no other round has: what a server has cached for others is not used for this one.
func (e *Engine) newSalt() string {
	if e.salt == "" {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		e.salt = hex.EncodeToString(b[:])
	}
	e.round++
	return fmt.Sprintf("inferprof-%s-%d", e.salt, e.round)
}

// Generate answers the requests, or, without a load, lets the servers work for others for so long.
func (e *Engine) Generate(ctx context.Context, requests []engine.Request) ([]engine.Output, error) {
	if e.config.Unloaded() {
		return nil, e.watch(ctx)
	}
	if err := check(requests); err != nil {
		return nil, err
	}
	l := e.load
	e.load = nil
	if l == nil {
		l = e.begin(ctx, requests)
	} else {
		defer context.AfterFunc(ctx, l.cancel)()
	}
	died := e.attend(ctx, l)
	e.outputs = l.begun()
	if died != nil {
		return l.begun(), died
	}
	if err := ctx.Err(); err != nil {
		return l.begun(), err
	}
	return l.outputs, e.failures(l)
}

// attend waits for the end of a load, and ends it if a server dies that has not hung up.
func (e *Engine) attend(ctx context.Context, l *load) error {
	telling := time.NewTicker(200 * time.Millisecond)
	defer telling.Stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deaths := e.deaths(ctx)
	for {
		select {
		case <-telling.C:
			e.say(l.progress())
		case died := <-deaths:
			l.cancel()
			<-l.done
			return fmt.Errorf("server %s: %w", died.base, died)
		case <-l.done:
			return nil
		}
	}
}

// watch lets the servers work for others for so long as was asked for.
func (e *Engine) watch(ctx context.Context) error {
	end := time.NewTimer(e.server.Duration)
	defer end.Stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-end.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case died := <-e.deaths(ctx):
		return fmt.Errorf("server %s: %w", died.base, died)
	}
}

// check refuses what a stream does not bring.
func check(requests []engine.Request) error {
	for _, r := range requests {
		if r.Params.Answers() > 1 || r.Params.Logprobs != nil {
			return usagef("request %s: several answers to one prompt (n) and logprobs are not asked of a server: leave them out", r.ID)
		}
	}
	return nil
}

func (l *load) progress() string {
	return fmt.Sprintf("%d of %d requests answered, %d in flight", l.ended.Load(), len(l.requests), l.sent.Load()-l.ended.Load())
}

// begun are the outputs of the requests that were sent: the first ones.
func (l *load) begun() []engine.Output { return l.outputs[:l.sent.Load()] }

// failures says what went wrong with requests. It is an error if none was answered; otherwise the profile shows what it
// was made for, and a warning does.
func (e *Engine) failures(l *load) error {
	failed := 0
	var first error
	for _, err := range l.errs {
		if err != nil {
			if failed++; first == nil {
				first = err
			}
		}
	}
	switch {
	case failed == 0:
		return nil
	case failed == len(l.errs):
		if failed == 1 {
			return first
		}
		return fmt.Errorf("all %d requests failed, the first with: %w", failed, first)
	}
	e.warn("%d of %d requests failed, the first with: %v", failed, len(l.errs), first)
	return nil
}

// Prepare waits for the moment to start: until the servers are quiet, or, in the middle of a load or with the load of
// others, until they work steadily. What can't be told, or doesn't come about in time, is said in a warning: it is no reason
// not to profile. That a server dies meanwhile is.
func (e *Engine) Prepare(ctx context.Context, requests []engine.Request) error {
	if err := check(requests); err != nil {
		return err
	}
	ctx, cancel := e.whileAlive(ctx)
	defer cancel()
	switch {
	case e.config.Unloaded():
		e.say("for traffic")
		return e.awaitTraffic(ctx)
	case e.server.StartAt == engine.StartAtSteadyState:
		return e.awaitSteady(ctx, requests)
	}
	e.say("for a quiet server")
	ok, told, err := e.await(ctx, e.timing.quiet, func(running, waiting float64) bool { return running+waiting == 0 })
	if told && !ok && err == nil {
		e.warn("the server was still busy with other requests after %v: they are in the profile, too", e.timing.quiet)
	}
	return err
}

// whileAlive is a context that ends with ctx, or when a server dies: then its cause says which, and how.
func (e *Engine) whileAlive(ctx context.Context) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	deaths := e.deaths(ctx)
	go func() {
		select {
		case died := <-deaths:
			end(fmt.Errorf("server %s: %w", died.base, died))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { end(nil) }
}

func (e *Engine) awaitTraffic(ctx context.Context) error {
	var s steadiness
	ok, told, err := e.await(ctx, e.timing.traffic, func(running, _ float64) bool { return s.add(running) })
	switch {
	case err != nil || ok:
	case !told:
		e.warn("no /metrics tell what the server is doing: the profile started without waiting for traffic")
	case s.highest() == 0:
		e.warn("no request was running for %v: the profile may hold no step", e.timing.traffic)
	default:
		e.warn("the number of running requests did not become steady within %v: the profile started all the same", e.timing.traffic)
	}
	return err
}

// awaitSteady begins the load and waits until it is in its middle: every request that may run at once runs, as the servers
// count them, or, without their metrics, as their streams show.
func (e *Engine) awaitSteady(ctx context.Context, requests []engine.Request) error {
	e.load = e.begin(context.WithoutCancel(ctx), requests) // it goes on in Generate
	stop := context.AfterFunc(ctx, e.load.cancel)
	defer stop()
	l := e.load
	var s steadiness
	ended := func() bool { return l.ended.Load() == int64(len(requests)) }
	ok, told, err := e.await(ctx, e.timing.steady, func(running, _ float64) bool {
		e.say("for a steady state: " + l.progress())
		return ended() || s.add(running) && e.full(l)
	})
	if !told && err == nil {
		e.warn("no /metrics tell what the server is doing: its streams were taken for its running requests")
		ok, err = e.pollFor(ctx, e.timing.steady, func() bool {
			e.say("for a steady state: " + l.progress())
			return ended() || s.add(float64(l.streaming.Load())) && e.full(l)
		})
	}
	switch {
	case err != nil:
		return err
	case ended():
		if err := e.failures(l); err != nil {
			return err
		}
		return errors.New("the load was over before it was steady: give it more or longer requests (--num-prompts, --random-output-len), or profile it from its beginning (--start-at first-request)")
	case !ok:
		e.warn("the number of running requests did not become steady within %v: the profile started all the same", e.timing.steady)
	}
	return nil
}

// full tells whether a load no longer builds up: all that may be in flight is, or, if nothing limits that, the first request
// has been answered, so that some leave while others come.
func (e *Engine) full(l *load) bool {
	if n := e.server.Concurrency; n > 0 && l.sent.Load()-l.ended.Load() >= int64(min(n, len(l.requests))) {
		return true
	}
	return l.ended.Load() > 0 || l.sent.Load() == int64(len(l.requests))
}

// steadiness watches a number of running requests.
type steadiness struct{ seen []float64 }

// steadyLooks is how many looks must agree. Requests of one length come and go in waves, with a lull between them, so it must
// not be many.
const steadyLooks = 3

// add takes a look, and tells whether the last ones agree: within a quarter, or one request, of each other, and none is 0.
func (s *steadiness) add(running float64) bool {
	s.seen = append(s.seen, running)
	if len(s.seen) < steadyLooks {
		return false
	}
	low, high := math.Inf(1), 0.0
	for _, r := range s.seen[len(s.seen)-steadyLooks:] {
		low, high = min(low, r), max(high, r)
	}
	return low > 0 && high-low <= max(1, high/4)
}

func (s *steadiness) highest() float64 {
	high := 0.0
	for _, r := range s.seen {
		high = max(high, r)
	}
	return high
}

// await looks at the servers' metrics until they are as they should be; ok is false if they were not within limit, and
// told if no server has metrics. When ctx ends the error is its cause.
func (e *Engine) await(ctx context.Context, limit time.Duration, good func(running, waiting float64) bool) (ok, told bool, err error) {
	if _, _, told := e.requests(ctx); !told {
		return false, false, context.Cause(ctx)
	}
	ok, err = e.pollFor(ctx, limit, func() bool {
		running, waiting, told := e.requests(ctx)
		return told && good(running, waiting)
	})
	return ok, true, err
}

// pollFor asks again and again until done says so; ok is false if it did not within limit.
func (e *Engine) pollFor(ctx context.Context, limit time.Duration, done func() bool) (ok bool, err error) {
	deadline := time.Now().Add(limit)
	for !done() {
		if time.Now().After(deadline) {
			return false, context.Cause(ctx)
		}
		if !waitUntil(ctx, time.Now().Add(e.timing.poll)) {
			return false, context.Cause(ctx)
		}
	}
	return true, context.Cause(ctx)
}

// requests adds up what all servers run and let wait. told is false if none of them has metrics that say so.
func (e *Engine) requests(ctx context.Context) (running, waiting float64, told bool) {
	var mu sync.Mutex
	e.each(func(p *endpoint) error {
		if len(p.dialect.running) == 0 {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		defer time.AfterFunc(tellAfter, func() { e.say(p.base + " has not answered /metrics yet") }).Stop()
		a, err := p.call(limited, http.MethodGet, "/metrics", nil)
		if err != nil || !a.ok() {
			return nil // a server that does not tell
		}
		m := parseMetrics(a.text)
		r, ok := m.sum(p.dialect.running)
		w, _ := m.sum(p.dialect.waiting)
		mu.Lock()
		defer mu.Unlock()
		running, waiting, told = running+r, waiting+w, told || ok
		return nil
	})
	return running, waiting, told
}
