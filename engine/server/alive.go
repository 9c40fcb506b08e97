package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
// minutes. What is found dead must be so twice in a row, since a proxy may be restarting.

// deadError is what became of a server that will not answer any more.
type deadError struct {
	base, how string
}

func (e *deadError) Error() string { return e.how }

// vitals is what is known of a server's life.
type vitals struct {
	family []processes.Process // what it has started

	mu     sync.Mutex
	doubts int // looks in a row that found it dead
}

// familyOf is what a server on this machine consists of, besides the process that listens.
func familyOf(pid int) []processes.Process {
	return slices.DeleteFunc(processes.Descendants(pid), func(p processes.Process) bool {
		return !strings.Contains(p.Name, "::") // the title of an engine's part; helpers come and go
	})
}

// dead is how a server has died; nil as long as nothing shows that it has.
func (p *endpoint) dead(ctx context.Context) *deadError {
	how := p.death(ctx)
	p.vitals.mu.Lock()
	defer p.vitals.mu.Unlock()
	if how == "" {
		p.vitals.doubts = 0
		return nil
	}
	if p.vitals.doubts++; p.vitals.doubts < 2 {
		return nil
	}
	return &deadError{p.base, how}
}

// death takes one look; "" if a server seems alive, or too busy to tell.
func (p *endpoint) death(ctx context.Context) string {
	if ended := processes.Ended(p.vitals.family); len(ended) > 0 {
		return fmt.Sprintf("%s: a part of the server has died, its log says why", ended[0])
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
		return "it no longer listens: the server has died, its log says why"
	case err == nil && p.dialect.health != "" && a.status == http.StatusServiceUnavailable && len(a.text) == 0: // no proxy's page
		return "the engine behind the server has died (" + path + " is answered 503): its log says why"
	}
	return ""
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

// answered posts something and waits for the answer: until ctx ends, or the server is found dead. The post itself goes on
// when ctx ends: whether one took effect that was cut short would not be known.
func (e *Engine) answered(ctx context.Context, p *endpoint, path string, body any) (*answer, error) {
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
			e.say(fmt.Sprintf("%s has not answered %s yet", p.base, path))
		}
	}
}

// tellAfter is after how long it is said what is waited for.
var tellAfter = 2 * time.Second
