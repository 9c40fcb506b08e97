package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/inferprof/inferprof/internal/processes"
)

// Liveness. A server can die in the middle of an answer without hanging up: when vLLM's engine is killed, the API server in
// front of it stops listening, and then waits for its open connections, of which ours is one. So whoever waits for an answer
// looks now and then whether anybody is left to give it:
//
//   - the processes that the server has started on this machine, as its first call found them, where there are such;
//   - whether it still listens;
//   - what its health route says, where asking that makes no work (SGLang generates a token for it).
//
// A server that does not answer these either is busy for all that is known: one that exports its trace answers nothing for
// minutes. What is found dead must stay so for a moment, and what does not listen for three seconds, unless its process is gone: a
// proxy or a tunnel may be restarting.

// deadError is what became of a server that will not answer any more.
type deadError struct {
	base, how string
}

func (e *deadError) Error() string { return e.how }

// vitals is what is known of a server's life.
type vitals struct {
	family []processes.Process // what it consists of, as far as that is on this machine

	mu     sync.Mutex
	doubts time.Time // since when every look has found it dead; zero if the last one has not
}

// How long a server must be found dead: by its processes or its own words, and by nobody's listening.
const (
	sureAfter       = 700 * time.Millisecond
	notListeningFor = 3 * time.Second
)

// familyOf is what a server on this machine consists of: the process that listens, and the parts of its engine. Helpers come
// and go.
func familyOf(pid int) []processes.Process {
	family := slices.DeleteFunc(processes.Descendants(pid), func(p processes.Process) bool { return !p.Titled() })
	if p, ok := processes.ByPID(pid); ok {
		family = append(family, p)
	}
	return family
}

// dead is how a server has died; nil as long as nothing shows that it has.
func (p *endpoint) dead(ctx context.Context) *deadError {
	how, after := p.death(ctx)
	p.vitals.mu.Lock()
	defer p.vitals.mu.Unlock()
	switch {
	case how == "":
		p.vitals.doubts = time.Time{}
		return nil
	case p.vitals.doubts.IsZero():
		p.vitals.doubts = time.Now()
	}
	if time.Since(p.vitals.doubts) < after {
		return nil
	}
	return &deadError{p.base, how}
}

// death takes one look; "" if a server seems alive, or too busy to tell. after is for how long looks must find the same.
func (p *endpoint) death(ctx context.Context) (how string, after time.Duration) {
	if ended := processes.Ended(p.vitals.family); len(ended) > 0 {
		return fmt.Sprintf("%s: a part of the server has died, its log says why", ended[0]), sureAfter
	}
	path := p.dialect.health
	if path == "" {
		path = "/v1/models"
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	a, err := p.call(ctx, http.MethodGet, path, nil)
	switch {
	case errors.Is(err, errRefused):
		return "it no longer listens: the server has died, or what stands in front of it; their logs say why", notListeningFor
	case err == nil && p.dialect.health != "" && a.status == http.StatusServiceUnavailable && len(a.text) == 0: // no proxy's page
		return "the engine behind the server has died (" + path + " is answered 503): its log says why", sureAfter
	}
	return "", 0
}

// dead are the servers that have died.
func (e *Engine) dead(ctx context.Context) []*deadError {
	var all []*deadError
	for _, err := range e.each(func(p *endpoint) error {
		if d := p.dead(ctx); d != nil {
			return d
		}
		return nil
	}) {
		if d, ok := errors.AsType[*deadError](err); ok {
			all = append(all, d)
		}
	}
	return all
}

// deaths looks at the servers until ctx ends, and tells of the first that has died.
func (e *Engine) deaths(ctx context.Context) <-chan *deadError {
	died := make(chan *deadError, 1)
	go func() {
		looking := time.NewTicker(e.timing.look)
		defer looking.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-looking.C:
			}
			if dead := e.dead(ctx); len(dead) > 0 {
				died <- dead[0]
				return
			}
		}
	}()
	return died
}

// answered posts something and waits for the answer: until ctx ends, or the server is found dead. The post itself goes on
// when ctx ends: whether one took effect that was cut short would not be known. why is said when it takes long; "": that there
// is no answer.
func (e *Engine) answered(ctx context.Context, p *endpoint, path string, body any, why string) (*answer, error) {
	type reply struct {
		a   *answer
		err error
	}
	posting, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	replies := make(chan reply, 1)
	go func() {
		defer hangUp()
		a, err := p.call(posting, http.MethodPost, path, body)
		replies <- reply{a, err}
	}()
	sent := time.Now()
	looking := time.NewTicker(e.timing.look)
	defer looking.Stop()
	for {
		select {
		case r := <-replies:
			return r.a, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-looking.C:
		}
		if died := p.dead(ctx); died != nil && ctx.Err() == nil {
			hangUp() // for which it may be waiting
			return nil, died
		}
		if time.Since(sent) > tellAfter {
			e.say(cmp.Or(why, fmt.Sprintf("%s has not answered %s yet", p.base, path)))
		}
	}
}

// tellAfter is after how long it is said what is waited for.
var tellAfter = 2 * time.Second
