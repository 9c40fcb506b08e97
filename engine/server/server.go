package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// Name is what the engine is registered as.
const Name = "server"

func init() {
	// What a profile records is mostly the server's own to say: nothing is asked for unless somebody does.
	engine.RegisterProfiler(Name, func(ctx context.Context, c engine.Config) (engine.Engine, error) { return Open(ctx, c) },
		engine.ProfilerConfig{Profiler: "torch", UseGzip: true, MaxIterations: maxSteps})
}

// maxSteps is how many steps a profile has unless somebody says otherwise, where the server can be told: what comes after
// them repeats itself, and traces of whole benchmarks grow to gigabytes.
const maxSteps = 256

// DefaultPatience is how long a trace may be late after a stop while nothing moves: background exports write gigabytes
// to a temporary file first, which is not seen from everywhere.
const DefaultPatience = 30 * time.Second

// Engine is one deployment: one server or several.
type Engine struct {
	config    engine.Config
	server    engine.ServerConfig
	endpoints []*endpoint
	doors     []*endpoint // where requests go
	places    []place     // each once
	info      engine.Info

	mu       sync.Mutex
	tell     func(string)
	warnings []string

	locks     []func()        // to be given back, of the places while a profile is recorded
	outputs   []engine.Output // of the last load
	load      *load           // begun in Prepare; nil otherwise
	salt      string
	round     int
	stops     stops     // of the last profile
	restSince time.Time // when a stop was left to itself
	timing    timing
}

// timing is how often and how long things are looked at; tests are in a hurry.
type timing struct {
	poll, look, steady, quiet, traffic time.Duration
}

var usualTiming = timing{poll: 100 * time.Millisecond, look: 500 * time.Millisecond, steady: 60 * time.Second, quiet: 10 * time.Second, traffic: 30 * time.Second}

// endpoint is one server.
type endpoint struct {
	*client
	facts   *facts
	dialect *Dialect
	place   place
	process *serverProcess // nil: it is not on this machine, or can't be seen
	told    settings       // of its profiler, as far as that can be seen
	ranks   int            // traces to expect; 0 as long as it is not known
	engines int            // how many engines there are, each a world of its own; at least 1
	counted bool           // the number of engines is known
	vitals  vitals

	startedProfile bool
	started        time.Time // when the start was sent
	startReply     time.Duration
	stopped        time.Time
	stopReply      time.Duration
	stopErr        error         // how that went
	stopAnswered   chan struct{} // closed when the last stop was; nil: none was sent
	skew           time.Duration // server's clock less ours, if they differ by seconds
}

// Open finds out what the servers are. Nothing is started, and nothing asked of a model.
func Open(ctx context.Context, c engine.Config) (*Engine, error) {
	if c.Server == nil || len(c.Server.URLs) == 0 {
		return nil, usagef("no server to profile: give its address with --url http://host:8000")
	}
	if c.Resume != nil {
		return resume(ctx, c)
	}
	e := &Engine{config: c, server: *c.Server, timing: usualTiming}
	if e.server.Patience == 0 {
		e.server.Patience = DefaultPatience
	}
	for _, u := range e.server.URLs {
		cl, err := newClient(u, e.server.APIKey)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(e.endpoints, func(p *endpoint) bool { return p.base == cl.base }) {
			return nil, usagef("--url %s: given twice", cl.base)
		}
		e.endpoints = append(e.endpoints, &endpoint{client: cl})
	}
	given, err := givenPlaces(&e.server)
	if err != nil {
		return nil, err
	}
	errs := e.each(func(p *endpoint) error { return e.identify(ctx, p) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := e.setLoad(ctx); err != nil {
		return nil, err
	}
	if err := e.setPlaces(given); err != nil {
		return nil, err
	}
	e.describe()
	return e, e.checkFlags(ctx)
}

// each calls f for all endpoints at once.
func (e *Engine) each(f func(*endpoint) error) []error {
	errs := make([]error, len(e.endpoints))
	var all sync.WaitGroup
	for i, p := range e.endpoints {
		all.Go(func() { errs[i] = f(p) })
	}
	all.Wait()
	return errs
}

// patientProbe asks a server what it is, and waits while it is too busy to say: one that has just been profiled answers nothing
// until its tables are made.
func (e *Engine) patientProbe(ctx context.Context, c *client) (*facts, error) {
	telling := time.AfterFunc(tellAfter, func() {
		if e.config.Report != nil {
			e.config.Report(c.base + " takes connections and answers nothing yet: it is loading, or busy with the end of a profile")
		}
	})
	defer telling.Stop()
	f, err := probe(ctx, c)
	for deadline := time.Now().Add(busyPatience); errors.Is(err, errSilent) && time.Now().Before(deadline); {
		f, err = probe(ctx, c)
	}
	return f, err
}

// identify finds out what a server is.
func (e *Engine) identify(ctx context.Context, p *endpoint) error {
	f, err := e.patientProbe(ctx, p.client)
	if err != nil {
		return err
	}
	c := &e.server
	p.facts, p.dialect = f, f.recognise()
	if c.Dialect != "" {
		if p.dialect = dialectNamed(c.Dialect); p.dialect == nil {
			return usagef("--dialect %s: must be one of %s", c.Dialect, strings.Join(Dialects(), ", "))
		}
	}
	if on, known := f.profiling(p.dialect); known && !on {
		return fmt.Errorf("server %s: it has no %s: %s", p.base, p.dialect.startPath, p.dialect.enable)
	}
	p.find()
	if p.process != nil {
		p.vitals.family = familyOf(p.process.pid)
	}
	p.ranks, p.engines = f.ranks(), f.engines(p.dialect)
	p.counted = p.ranks > 0 || p.engines > 0
	p.engines = max(p.engines, 1)
	return nil
}

// busyPatience is how long a server may take connections and answer nothing.
const busyPatience = 5 * time.Minute

// setLoad finds where requests go: to the servers that are profiled, in turn, or to what stands in front of them, as it must
// be with prefill and decode servers.
func (e *Engine) setLoad(ctx context.Context) error {
	e.doors = e.endpoints
	if e.server.LoadURL == "" {
		return nil
	}
	c, err := newClient(e.server.LoadURL, e.server.APIKey)
	if err != nil {
		return err
	}
	door := &endpoint{client: c, dialect: e.endpoints[0].dialect}
	if door.facts, err = probe(ctx, c); err != nil {
		return err
	}
	if door.facts.model == "" {
		door.facts.model = e.endpoints[0].facts.model
	}
	e.doors = []*endpoint{door}
	return nil
}

// describe fills in what Info tells.
func (e *Engine) describe() {
	first := e.endpoints[0]
	i := engine.Info{Engine: first.dialect.Engine, Version: first.facts.version, Model: e.modelName(first), MaxModelLen: first.facts.maxModelLen}
	i.TensorParallelSize = max(e.config.TensorParallelSize, first.facts.number("tp_size"), 1)
	if d, ok := first.facts.info["dtype"].(string); ok {
		i.Dtype = d
	}
	e.mu.Lock() // stops may be answered meanwhile
	defer e.mu.Unlock()
	for _, p := range e.endpoints {
		i.Endpoints = append(i.Endpoints, engine.Endpoint{
			URL: p.base, Dialect: p.dialect.Name, Version: p.facts.version, Ranks: e.expected(p), Traces: p.place.String(),
			StartSentAt: p.started, StartReplyNs: p.startReply.Nanoseconds(), StopSentAt: p.stopped, StopReplyNs: p.stopReply.Nanoseconds(),
		})
		i.Ranks += e.expected(p)
	}
	e.info = i
}

// expected is how many traces an endpoint makes, as far as that is known: at least one.
func (e *Engine) expected(p *endpoint) int {
	c := &e.config
	return max(p.ranks, max(c.TensorParallelSize, 1)*max(c.PipelineParallelSize, 1)*max(c.DataParallelSize, p.engines))
}

// sure tells whether an endpoint's number of traces is known, not only a least one.
func (e *Engine) sure(p *endpoint) bool {
	return p.counted && (p.ranks > 0 || e.config.Ranks() > 1)
}

// modelName is the name that a server's requests must have.
func (e *Engine) modelName(p *endpoint) string {
	if e.config.Model != "" {
		return e.config.Model
	}
	return p.facts.model
}

// Info tells what runs.
func (e *Engine) Info() engine.Info {
	e.describe()
	return e.info
}

// Report sets who is told what goes on.
func (e *Engine) Report(tell func(string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tell = tell
}

func (e *Engine) say(text string) {
	e.mu.Lock()
	tell := e.tell
	e.mu.Unlock()
	if tell != nil {
		tell(text)
	}
}

// Warnings returns what is worth knowing.
func (e *Engine) Warnings() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.warnings
	e.warnings = nil
	return w
}

func (e *Engine) warn(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(e.warnings, text) {
		e.warnings = append(e.warnings, text)
	}
}

// Exports are the traces of the servers, one export of each.
func (e *Engine) Exports() []engine.Export {
	var list []engine.Export
	for _, p := range e.endpoints {
		x := engine.Export{Place: p.place, Ranks: e.expected(p), AtLeast: !e.sure(p), Since: e.firstStart()}
		if p.counted {
			x.Worlds = p.engines
		}
		if p.process != nil {
			x.Scratch = p.process.seen(p.process.temp().dir)
		}
		list = append(list, x)
	}
	return list
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

// Close ends a load that is still running, and a profile that is still being recorded.
func (e *Engine) Close() error {
	if e.load != nil {
		e.load.cancel()
		<-e.load.done
	}
	var err error
	if slices.ContainsFunc(e.endpoints, func(p *endpoint) bool { return p.startedProfile }) {
		err = e.StopProfile(context.Background())
	}
	for _, p := range e.endpoints {
		p.http.CloseIdleConnections()
	}
	e.unlockPlaces()
	return err
}
