package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/dirlock"
	"github.com/inferprof/inferprof/internal/words"
)

// StartProfile tells all servers at once. A start is never cut short: whether it took effect would not be known; when ctx
// ends, or a server dies, its answer is not waited for any more. If one server refuses, those that began are stopped again,
// except one that somebody else is profiling.
func (e *Engine) StartProfile(ctx context.Context) error {
	for _, p := range e.endpoints {
		if p.dialect.needsDir {
			if err := p.place.make(ctx); err != nil {
				return fmt.Errorf("traces of %s: %w", p.place, err)
			}
		}
	}
	if err := e.lockPlaces(); err != nil {
		return err
	}
	err := errors.Join(e.each(func(p *endpoint) error {
		if !p.dialect.overruns {
			return nil // its start is refused, or it was warned of
		}
		return e.leaveAlone(ctx, p)
	})...)
	if err != nil {
		return err
	}
	e.each(func(p *endpoint) error { // all before the first start: none starts while another is still being spoken to
		if p.dialect.stopFirst {
			_, _ = e.answered(ctx, p, p.dialect.stopPath, nil, "") // nothing recorded: no harm
		}
		return nil
	})
	err = errors.Join(e.each(func(p *endpoint) error { return e.start(ctx, p) })...)
	if err == nil || ctx.Err() != nil { // whoever was interrupted stops what may have begun
		return err
	}
	e.each(func(p *endpoint) error {
		if p.startedProfile {
			_, _ = e.answered(ctx, p, p.dialect.stopPath, nil, "") // the start's error is the one to tell
			p.startedProfile = false
		}
		return nil
	})
	return err
}

// lockPlaces keeps other captures off the directories that traces will come into, where they are on this machine: whose
// traces are whose could not be told, and of some servers not who is profiling them.
func (e *Engine) lockPlaces() error {
	if len(e.locks) > 0 {
		return nil // for an earlier profile of ours
	}
	for _, p := range e.places {
		l, ok := p.(local)
		if !ok || string(l.Directory) == e.config.Profiler.Dir {
			continue // that is the capture's own, and locked
		}
		unlock, err := dirlock.Lock(string(l.Directory))
		if errors.Is(err, dirlock.ErrInUse) {
			e.unlockPlaces()
			return fmt.Errorf("traces of %s: another capture is being made there, and whose traces are whose could not be told: wait for its end, or give another --trace-dir", l)
		}
		if err == nil { // else it is not there yet
			e.locks = append(e.locks, unlock)
		}
	}
	return nil
}

func (e *Engine) unlockPlaces() {
	for _, unlock := range e.locks {
		unlock()
	}
	e.locks = nil
}

// start starts one server's profiler.
func (e *Engine) start(ctx context.Context, p *endpoint) error {
	var body any
	if p.dialect.body != nil {
		if b := p.dialect.body(e.ask(p)); len(b) > 0 {
			body = b
		}
	}
	p.startedProfile = true // until it is known that it did not
	p.started = time.Now()
	a, err := e.sendStart(ctx, p, body)
	p.startReply = time.Since(p.started)
	if _, died := errors.AsType[*deadError](err); died {
		p.startedProfile = false
	}
	if err != nil {
		return fmt.Errorf("server %s: start the profile: %w", p.base, err)
	}
	if a == nil {
		p.startReply = 0
		e.warn("server %s: the start was not answered within %v: it was taken for one that is held back until its steps are done", p.base, startHeld)
		return nil
	}
	if skew := p.clock.skew(); skew.Abs() > time.Second {
		p.skew = skew
		e.warn("server %s: its clock is %s off that of this machine: times of different machines don't match", p.base, words.Duration(skew.Abs()))
	}
	if a.ok() {
		return nil
	}
	if p.dialect.mute && a.status == http.StatusInternalServerError {
		p.startedProfile = false // whosever the profile is that there may be, it is not ours
		return fmt.Errorf("server %s: start the profile: %s is answered 500, and the reason is in the server's log alone: a profile may be being recorded already; %s",
			p.base, p.dialect.startPath, p.howToEnd())
	}
	if p.refused(a) {
		p.startedProfile = false
		return fmt.Errorf("server %s: %w (it says: %s); %s", p.base, engine.ErrProfiling, a.words(), p.howToEnd())
	}
	return fmt.Errorf("server %s: start the profile: %s", p.base, p.explainStatus(a, p.dialect.startPath))
}

// startHeld is after how long a start without an answer is taken for one that is held back.
var startHeld = 10 * time.Second

// sendStart sends a start. Some servers answer one that is bounded only when its steps are done, which without a load they
// never are: then there is no answer, and no error.
func (e *Engine) sendStart(ctx context.Context, p *endpoint, body any) (*answer, error) {
	if !p.dialect.holdsStart {
		return e.answered(ctx, p, p.dialect.startPath, body, "")
	}
	waiting, cancel := context.WithTimeout(ctx, startHeld)
	defer cancel()
	a, err := e.answered(waiting, p, p.dialect.startPath, body, "")
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, nil
	}
	return a, err
}

// refused tells whether a start was refused because a profile is being recorded already.
func (p *endpoint) refused(a *answer) bool {
	words := strings.ToLower(a.words())
	return a.status == http.StatusConflict ||
		a.status >= 400 && p.dialect.busy != "" && strings.Contains(words, p.dialect.busy) && strings.Contains(words, "prof")
}

// ask is what this capture wants of one server.
func (e *Engine) ask(p *endpoint) ask {
	c := e.config.Profiler
	a := ask{steps: c.MaxIterations, delay: c.DelayIterations, shapes: c.RecordShapes, stack: c.WithStack}
	if p.dialect.clientDir {
		a.dir = p.place.dir()
	}
	if len(e.places) < len(e.endpoints) {
		for i, q := range e.endpoints {
			if q == p {
				a.prefix = fmt.Sprintf("server%d", i+1) // whose traces they are, in a directory that several write to
			}
		}
	}
	return a
}

// stops are what came of telling the servers to stop.
type stops struct {
	errs   []error
	doubts []error // stops that failed as they do when a profile has ended by itself
	// How servers have died, and when to look again.
	gone      []*deadError
	nextAlive time.Time
}

// stopAnswer is how one server's stop went.
type stopAnswer struct {
	p   *endpoint
	err error // nil: it was answered as it should be, or had ended by itself
	// doubtful: the error may mean no more than that the profile had ended by itself. Then the traces come.
	doubtful bool
}

// StopProfile tells all servers at once. A server makes the table of its profile before it answers, and may have written
// its traces long before: when ctx ends the answers are not waited for any more (Rest does), and the stops go on.
func (e *Engine) StopProfile(ctx context.Context) error {
	e.stops, e.restSince = stops{}, time.Time{}
	running := 0
	answers := make(chan stopAnswer, len(e.endpoints))
	for _, p := range e.endpoints {
		if !p.startedProfile {
			continue
		}
		p.startedProfile = false
		running++
		p.stopped = time.Now()
		p.stopAnswered, p.stopReply = make(chan struct{}), 0
		go func() {
			var doubtful bool
			var err error
			if on, known := e.stillOn(p); on || !known {
				doubtful, err = e.stop(context.WithoutCancel(ctx), p, e.config.Profiler.MaxIterations > 0)
			}
			e.mu.Lock()
			if _, died := errors.AsType[*deadError](err); !died && !errors.Is(err, errBroken) && !errors.Is(err, errRefused) {
				p.stopReply = time.Since(p.stopped)
			}
			p.stopErr = err
			e.mu.Unlock()
			close(p.stopAnswered)
			answers <- stopAnswer{p, err, doubtful}
		}()
	}
	if running == 0 {
		return engine.ErrNotProfiling
	}
	for range running {
		select {
		case a := <-answers:
			e.take(a)
		case <-ctx.Done():
			e.restSince = time.Now()
			return ctx.Err()
		}
	}
	return errors.Join(slices.Concat(e.stops.errs, e.stops.doubts)...)
}

// stillOn asks whether a profile that another process has started is still being recorded. Ours is, or needs its stop all
// the same.
func (e *Engine) stillOn(p *endpoint) (on, known bool) {
	if e.config.Resume == nil {
		return true, true
	}
	on, known, err := p.recording(context.Background())
	return on, known && err == nil
}

// take notes a stop's answer.
func (e *Engine) take(a stopAnswer) {
	switch {
	case a.err == nil:
	case a.doubtful:
		e.stops.doubts = append(e.stops.doubts, a.err)
	default:
		e.stops.errs = append(e.stops.errs, a.err)
	}
}

// SettleTime is how long a trace may be late: less when a stop failed, and little when all servers are gone.
func (e *Engine) SettleTime(ctx context.Context) time.Duration {
	quiet := e.server.Patience
	if len(e.stops.errs) > 0 {
		quiet = min(quiet, 5*time.Second)
	}
	if e.stillAlive(ctx); len(e.stops.gone) == len(e.endpoints) {
		quiet = min(quiet, 1500*time.Millisecond)
	}
	return quiet
}

// stillAlive looks now and then whether the servers are alive.
func (e *Engine) stillAlive(ctx context.Context) {
	if time.Now().Before(e.stops.nextAlive) {
		return
	}
	e.stops.gone = e.dead(ctx)
	e.stops.nextAlive = time.Now().Add(e.timing.look)
}

// Resting names the servers whose stops are not answered yet: until then they make the tables of their profiles, and answer
// nothing else.
func (e *Engine) Resting() []string {
	var list []string
	for _, p := range e.endpoints {
		if p.stopAnswered == nil {
			continue
		}
		select {
		case <-p.stopAnswered:
		default:
			list = append(list, p.base)
		}
	}
	return list
}

// Rest waits until all stops are answered, or their servers have died. That others had to wait for long is worth a warning.
func (e *Engine) Rest(ctx context.Context) error {
	for _, p := range e.endpoints {
		if p.stopAnswered == nil {
			continue
		}
		select {
		case <-p.stopAnswered:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, p := range e.endpoints {
		e.mu.Lock()
		err, answered := p.stopErr, p.stopReply > 0
		e.mu.Unlock()
		switch took := time.Since(e.restSince); {
		case e.restSince.IsZero(): // every stop was waited for
		case err != nil:
			e.warn("stop the profile: %v; all traces are there all the same", err)
		case answered && took > longRest:
			why := "it makes a table of its profile after the traces, or writes one of its own API server's"
			if p.recordsStacks() == yes {
				why += ", which takes longest with Python's stacks: start it with torch_profiler_with_stack false"
			}
			e.warn("after the last trace was whole %s answered no request for another %s: %s", p.base, words.Duration(took), why)
		}
	}
	return nil
}

// longRest is a rest that is worth a warning.
const longRest = 2 * time.Second

// stop stops one server's profiler, which may have been told to stop by itself after some steps.
func (e *Engine) stop(ctx context.Context, p *endpoint, bounded bool) (doubtful bool, err error) {
	a, err := e.answered(ctx, p, p.dialect.stopPath, nil, "")
	switch {
	case err != nil:
		return false, fmt.Errorf("server %s: %w", p.base, err)
	case a.ok():
		return false, nil
	case p.dialect.idle != "" && strings.Contains(strings.ToLower(a.words()), p.dialect.idle):
		return false, nil // it had ended by itself, as it was told to
	}
	doubtful = p.dialect.mute && bounded && a.status == http.StatusInternalServerError
	return doubtful, fmt.Errorf("server %s: %s", p.base, p.explainStatus(a, p.dialect.stopPath))
}
