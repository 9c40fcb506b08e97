package capture

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// stuck is an engine whose nth call (from 0) of one kind does not end by itself, but with its context. Its stop does not even
// then, where a test has it deaf. Calls: open, prepare, generate, start, stop, rest.
type stuck struct {
	engine.Engine
	in      string
	n       int
	deaf    bool // the stop
	reached func()
	calls   map[string]int
	let     <-chan struct{} // lets a deaf stop return
	tell    func(string)
}

// at counts a call, and waits in it if it is the one.
func (e *stuck) at(ctx context.Context, call string) error {
	n := e.calls[call]
	e.calls[call]++
	if call != e.in || n != e.n {
		return nil
	}
	e.reached()
	<-ctx.Done()
	return ctx.Err()
}

func (e *stuck) Prepare(ctx context.Context, _ []engine.Request) error { return e.at(ctx, "prepare") }

func (e *stuck) Generate(ctx context.Context, requests []engine.Request) ([]engine.Output, error) {
	if err := e.at(ctx, "generate"); err != nil {
		return nil, err
	}
	return e.Engine.Generate(ctx, requests)
}

func (e *stuck) StartProfile(ctx context.Context) error {
	if err := e.at(ctx, "start"); err != nil {
		return err
	}
	return e.Engine.StartProfile(ctx)
}

func (e *stuck) StopProfile(ctx context.Context) error {
	e.tell("stopping") // by a goroutine of its own
	if e.deaf && (e.in != "stop" || e.calls["stop"] == e.n) {
		if e.in == "stop" {
			e.reached()
		}
		<-e.let
		e.tell("stopped at last")
		return nil
	}
	if err := e.at(ctx, "stop"); err != nil {
		return err
	}
	return e.Engine.StopProfile(ctx)
}

func (e *stuck) Resting() []string {
	if e.in != "rest" {
		return nil
	}
	return []string{"fake"}
}

func (e *stuck) Rest(ctx context.Context) error { return e.at(ctx, "rest") }
func (e *stuck) Report(tell func(string))       { e.tell = tell }
func (e *stuck) Close() error                   { return nil }

// The first interrupt ends every wait within a second; in the middle of a profiled round, which is stopped and then waited
// for, the second does. Nothing is told of a stop that goes on after that. Time is the bubble's, where a minute later
// everything ends by itself.
func TestInterruptEndsEveryWait(t *testing.T) {
	for _, c := range []struct {
		name     string
		in       string
		n        int
		deaf     bool
		overhead int
		second   bool // needs a second interrupt
		left     bool // the profiler may be on: the manifest says so
	}{
		{name: "open", in: "open"},
		{name: "warm-up", in: "generate"},
		{name: "prepare", in: "prepare"},
		{name: "start", in: "start", deaf: true, left: true},
		{name: "generate", in: "generate", n: 1, deaf: true, second: true, left: true},
		{name: "stop", in: "stop", left: true},
		{name: "deaf stop", in: "stop", deaf: true, left: true},
		{name: "round without the profiler", in: "generate", n: 1, overhead: 2},
		{name: "start for time", in: "start", deaf: true, overhead: 2, left: true},
		{name: "start for time, answered", in: "start", overhead: 2},
		{name: "round for time", in: "generate", n: 2, deaf: true, overhead: 2, second: true, left: true},
		{name: "round for time, stopped", in: "generate", n: 2, overhead: 2},
		{name: "stop for time", in: "stop", deaf: true, overhead: 2, left: true},
		{name: "rest", in: "rest", overhead: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				let, giveUp := make(chan struct{}), make(chan struct{})
				letGo := sync.OnceFunc(func() { close(let) })
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var interrupted time.Time
				e := &stuck{in: c.in, n: c.n, deaf: c.deaf, calls: map[string]int{}, let: let, tell: func(string) {}, reached: func() {
					time.AfterFunc(20*time.Second, func() {
						interrupted = time.Now()
						cancel()
						time.AfterFunc(time.Minute, letGo)
						if c.second {
							time.AfterFunc(20*time.Second, func() { interrupted = time.Now(); close(giveUp) })
						}
					})
				}}
				script := &enginetest.Script{Settle: func(int) time.Duration {
					select {
					case <-let:
						return 0
					default:
						return forever
					}
				}}
				o := options(t, script)
				o.Engine += "-stuck"
				engine.Register(o.Engine, func(ctx context.Context, config engine.Config) (engine.Engine, error) {
					if err := e.at(ctx, "open"); err != nil {
						return nil, err
					}
					var err error
					e.Engine, err = script.Open(ctx, config)
					return e, err
				})
				o.ProfileDir, o.Dir, o.GiveUp, o.MeasureOverhead = "", filepath.Join(dir, "capture"), giveUp, c.overhead
				var told []string
				o.Progress = func(p Progress) { told = append(told, p.Item) }
				got, err := Run(ctx, o)
				if took := time.Since(interrupted); interrupted.IsZero() || took > time.Second {
					t.Errorf("ended %v after the interrupt", took)
				}
				if !errors.Is(err, ErrInterrupted) || (got != nil) != c.left {
					t.Fatalf("%v, %v", got, err)
				}
				if m, err := ondisk.ReadManifest(o.Dir); c.left && (err != nil || m.Status != ondisk.Interrupted || m.RecordingSince == nil) || !c.left && err == nil {
					t.Errorf("manifest %+v, %v", m, err)
				}
				letGo()
				synctest.Wait()
				if slices.Contains(told, "stopped at last") {
					t.Error("told after Run had returned")
				}
			})
		})
	}
}

// listed is a place on another machine, of which somebody's looks are counted.
type listed struct {
	engine.Place
	listed func(n int)
	n      int
}

func (p *listed) List(ctx context.Context) (map[string]engine.Entry, error) {
	p.n++
	p.listed(p.n)
	return nil, ctx.Err()
}
func (*listed) String() string   { return "far" }
func (*listed) At(string) string { return "" }

// left is an engine that takes over a profile; its traces are in a place of the test's.
type left struct {
	stuck
	place engine.Place
}

func (e *left) Info() engine.Info        { return engine.Info{Engine: "fake", Ranks: 1} }
func (e *left) Exports() []engine.Export { return []engine.Export{{Place: e.place, Ranks: 1}} }
func (e *left) Disown(bool)              {}

// An interrupted recovery ends within a second, too, and can be begun anew.
func TestInterruptEndsRecovery(t *testing.T) {
	for _, in := range []string{"open", "first look", "second look", "stop"} {
		t.Run(in, func(t *testing.T) {
			dir := t.TempDir()
			o := options(t, &enginetest.Script{})
			o.Engine += "-left"
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				let := make(chan struct{})
				letGo := sync.OnceFunc(func() { close(let) })
				var interrupted time.Time
				interrupt := func() {
					interrupted = time.Now()
					cancel()
					time.AfterFunc(time.Minute, letGo)
				}
				place := &listed{listed: func(n int) {
					if in == "first look" && n == 1 || in == "second look" && n == 2 {
						interrupt()
					}
				}}
				e := &left{stuck{in: in, deaf: true, calls: map[string]int{}, let: let, reached: interrupt}, place}
				engine.Register(o.Engine, func(ctx context.Context, _ engine.Config) (engine.Engine, error) { return e, e.at(ctx, "open") })
				since := time.Now()
				m := &ondisk.Manifest{SchemaVersion: ondisk.SchemaVersion, ID: filepath.Base(dir), Status: ondisk.Interrupted, RecordingSince: &since,
					Engine: engine.Info{Engine: "fake", Ranks: 1}, Config: engine.Config{Server: &engine.ServerConfig{URLs: []string{"http://s"}}}}
				m.Config.Profiler.Dir = dir
				if err := m.Write(dir); err != nil {
					t.Fatal(err)
				}
				_, err := Recover(ctx, RecoverOptions{Dir: dir, Engine: o.Engine})
				if took := time.Since(interrupted); interrupted.IsZero() || took > time.Second {
					t.Errorf("ended %v after the interrupt", took)
				}
				if m, readErr := ondisk.ReadManifest(dir); !errors.Is(err, ErrInterrupted) || readErr != nil || m.RecordingSince == nil {
					t.Errorf("%v; manifest %+v, %v", err, m, readErr)
				}
				letGo()
			})
		})
	}
}

// Between the profiled rounds nothing is recorded, and the manifest says so.
func TestNothingIsRecordedBetweenRounds(t *testing.T) {
	o := options(t, &enginetest.Script{})
	o.Dir, o.ProfileDir = filepath.Join(t.TempDir(), "capture"), ""
	o.MeasureOverhead = 2
	var recording []bool // in the rounds
	script := &enginetest.Script{Generate: func(context.Context, int) error {
		m, err := ondisk.ReadManifest(o.Dir)
		if err != nil {
			return err
		}
		recording = append(recording, m.RecordingSince != nil)
		return nil
	}}
	o.Engine = script.Register()
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if want := []bool{false, false, true, false, true}; !slices.Equal(recording, want) {
		t.Errorf("recording %v, want %v", recording, want)
	}
}

// Progress is told one thing at a time, whoever says it, and nothing after the end.
func TestProgressOneAtATime(t *testing.T) {
	var talking sync.WaitGroup
	quiet := make(chan struct{})
	var e *stuck
	script := &enginetest.Script{Stop: func() {
		for range 4 {
			talking.Go(func() {
				for {
					select {
					case <-quiet:
						return
					default:
						e.tell("busy")
					}
				}
			})
		}
	}}
	o := options(t, script)
	o.Engine += "-talks"
	engine.Register(o.Engine, func(ctx context.Context, c engine.Config) (engine.Engine, error) {
		inner, err := script.Open(ctx, c)
		e = &stuck{Engine: inner, calls: map[string]int{}}
		return e, err
	})
	told := 0 // a race if two tell at once
	o.Progress = func(Progress) { told++ }
	_, err := Run(t.Context(), o)
	was := told
	close(quiet)
	talking.Wait()
	if err != nil || told != was {
		t.Errorf("%v; %d told, %d after the end", err, was, told-was)
	}
}
