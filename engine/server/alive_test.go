package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
	"github.com/inferprof/inferprof/engine/server"
	"github.com/inferprof/inferprof/internal/dirlock"
	"github.com/inferprof/inferprof/workload"
)

// An engine that dies while its server keeps the connection open ends the wait; what it had written is kept.
func TestEngineDies(t *testing.T) {
	for _, c := range []struct {
		in    string
		want  string
		found int
	}{
		{"start", "start the profile: the engine behind the server has died (/health is answered 503)", -1},
		{"stop", "the engine behind the server has died (/health is answered 503)", 0},
	} {
		t.Run(c.in, func(t *testing.T) {
			t.Parallel()
			s := &enginetest.Server{Kind: "vllm-body", Ranks: 2, EngineDies: c.in}
			got, err := capture.Run(t.Context(), options(t, s))
			if err == nil || strings.Count(err.Error(), c.want) != 1 {
				t.Fatalf("error %v, want %q once", err, c.want)
			}
			if (got != nil) != (c.found >= 0) || got != nil && (got.Manifest.Status != ondisk.Failed || len(got.Manifest.Ranks.Found) != c.found) {
				t.Errorf("capture %+v", got)
			}
		})
	}
}

// An interrupt before the start was sent, while it is asked whether somebody else is profiling, leaves nothing.
func TestInterruptedQuestion(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &enginetest.Server{Kind: "sglang", OnQuestion: cancel}
	o := options(t, s)
	c, err := capture.Run(ctx, o)
	if starts, stops := s.Calls(); c != nil || !errors.Is(err, capture.ErrInterrupted) || starts+stops > 0 {
		t.Errorf("capture %+v, error %v, %d starts, %d stops", c, err, starts, stops)
	}
	if _, err := os.Stat(o.ProfileDir); !os.IsNotExist(err) {
		t.Errorf("left %s behind", o.ProfileDir)
	}
}

// An engine that dies while a quiet server, a steady state or traffic is waited for ends that wait, and nothing is started.
func TestEngineDiesBeforeTheStart(t *testing.T) {
	server.SetTimeouts(t, 30*time.Second, 10*time.Millisecond)
	for name, change := range map[string]func(*capture.Options){
		"quiet":  func(*capture.Options) {},
		"steady": func(o *capture.Options) { o.Config.Server.StartAt = engine.StartAtSteadyState },
		"traffic": func(o *capture.Options) {
			o.Requests, o.Config.Server.NoLoad, o.Config.Server.Duration = nil, true, time.Minute
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &enginetest.Server{Kind: "vllm-body", EngineDies: "metrics"}
			o := options(t, s)
			o.Warmup = 0
			change(&o)
			var told []string
			o.Progress = func(p capture.Progress) { told = append(told, p.Item) }
			_, err := capture.Run(t.Context(), o)
			if err == nil || strings.Count(err.Error(), "the engine behind the server has died (/health is answered 503)") != 1 || strings.Contains(err.Error(), "start the profile") {
				t.Errorf("error %v", err)
			}
			if starts, _ := s.Calls(); starts > 0 {
				t.Errorf("%d starts", starts)
			}
			if !slices.ContainsFunc(told, func(item string) bool { return strings.HasSuffix(item, " has not answered /metrics yet") }) {
				t.Errorf("told %q", told)
			}
		})
	}
}

// A start that is not answered ends with the first interrupt: whether it took effect is not known, so a stop is sent, and the
// manifest says that there is something to recover.
func TestInterruptedStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &enginetest.Server{Kind: "vllm-body", Freeze: "start"}
	o := options(t, s)
	o.Config.Server.Patience = time.Minute
	o.Progress = func(p capture.Progress) {
		if strings.Contains(p.Item, "has not answered /start_profile yet") {
			cancel()
		}
	}
	var c *ondisk.Capture
	var err error
	enginetest.EndsSoon(t, ctx.Done(), func() { c, err = capture.Run(ctx, o) })
	if !errors.Is(err, capture.ErrInterrupted) || !strings.Contains(err.Error(), "inferprof recover "+c.Dir) {
		t.Fatalf("error %v", err)
	}
	if _, stops := s.Calls(); stops != 1 || c.Manifest.Status != ondisk.Interrupted || c.Manifest.RecordingSince == nil {
		t.Errorf("%d stops, manifest %+v", stops, c.Manifest)
	}
}

// So does a stop that is not answered: with an interrupt that comes while it is waited for, or a second one.
func TestInterruptedStop(t *testing.T) {
	for _, second := range []bool{false, true} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			giveUp := make(chan struct{})
			s := &enginetest.Server{Kind: "vllm-body", Ranks: 2, Freeze: "stop", Token: time.Millisecond}
			o := options(t, s)
			o.GiveUp, o.Warmup, o.Config.Server.Patience = giveUp, 0, time.Minute
			interrupted := ctx.Done()
			if second {
				interrupted = giveUp
				s.RequestStatus = func(int) int { cancel(); return 0 }
				s.OnStop = func() { close(giveUp) }
			} else {
				s.OnStop = cancel
			}
			var c *ondisk.Capture
			var err error
			enginetest.EndsSoon(t, interrupted, func() { c, err = capture.Run(ctx, o) })
			if !errors.Is(err, capture.ErrInterrupted) || !strings.Contains(err.Error(), "inferprof recover "+c.Dir) {
				t.Fatalf("error %v", err)
			}
			m, err := ondisk.ReadManifest(c.Dir)
			if err != nil || m.Status != ondisk.Interrupted || m.RecordingSince == nil || m.Ranks.Expected < 1 {
				t.Errorf("manifest %+v, %v", m, err)
			}
			if left := ondisk.Left(filepath.Dir(c.Dir)); len(left) != 1 || !left[0].Of(o.Config.Server.URLs[0]) {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// killed makes the directory that an inferprof leaves that is killed in the middle of the load: a copy of what it has
// written by then. The profile goes on.
func killed(t *testing.T, s *enginetest.Server, o capture.Options) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "killed")
	o.Dir, o.Warmup = filepath.Join(t.TempDir(), "alive"), 0
	s.RequestStatus = func(n int) int {
		if n == 0 {
			if err := os.CopyFS(dir, os.DirFS(o.Dir)); err != nil {
				t.Error(err)
			}
		}
		return 0
	}
	if _, err := capture.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What a killed inferprof leaves is found by the next, which ends the profile and brings its traces. A profile that has
// ended is not stopped again: what is recorded then is somebody else's.
func TestRecover(t *testing.T) {
	for _, kind := range []string{"vllm-body", "vllm", "sglang", "tensorrt-llm"} {
		for _, bound := range []int{0, 256} { // more steps than there are
			for _, state := range []string{"on", "ended", "ended, and somebody else records"} {
				t.Run(fmt.Sprintf("%s, bound %d, %s", kind, bound, state), func(t *testing.T) {
					t.Parallel()
					s := &enginetest.Server{Kind: kind, Ranks: 2}
					o := options(t, s)
					o.Config.Profiler.MaxIterations = bound
					if kind == "vllm" || kind == "tensorrt-llm" {
						o.Config.TensorParallelSize = 2 // it does not tell
					}
					dir := killed(t, s, o)
					if m, err := ondisk.ReadManifest(dir); err != nil || m.RecordingSince == nil || m.Ranks.Expected < 1 ||
						m.Engine.Endpoints[0].Traces != s.Dir || m.Engine.Endpoints[0].URL != o.Config.Server.URLs[0] {
						t.Fatalf("the manifest of a killed capture: %+v, %v", m, err)
					}
					switch state {
					case "on": // the capture that was copied from has ended its profile: this is that of the copy
						if err := errors.Join(os.RemoveAll(s.Dir), os.Mkdir(s.Dir, 0o777)); err != nil {
							t.Fatal(err)
						}
						s.Resume(3)
					case "ended, and somebody else records":
						s.Resume(3)
					}
					_, before := s.Calls()
					c, err := capture.Recover(t.Context(), capture.RecoverOptions{Dir: dir, Engine: server.Name})
					if err != nil {
						t.Fatal(err)
					}
					if m := c.Manifest; m.Status != ondisk.Interrupted || m.RecordingSince != nil || !slices.Equal(m.Ranks.Found, []int{0, 1}) || len(c.Traces) != 2 {
						t.Errorf("manifest %+v, traces %v", m, c.Traces)
					}
					_, stops := s.Calls()
					if (stops > before) != (state == "on") || s.Recording() != strings.HasSuffix(state, "else records") {
						t.Errorf("recording %t after %d stops more", s.Recording(), stops-before)
					}
					if _, err := capture.Recover(t.Context(), capture.RecoverOptions{Dir: dir, Engine: server.Name}); err == nil || !strings.Contains(err.Error(), "nothing to recover") {
						t.Errorf("again: %v", err)
					}
				})
			}
		}
	}
}

// Of a place that another capture has written to meanwhile, recover takes what is of its own profile, and then gives it free.
func TestRecoverAfterAnother(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which frees what was forgotten
	for _, kind := range []string{"vllm-body", "sglang"} {
		s := &enginetest.Server{Kind: kind, Ranks: 2}
		o := options(t, s)
		dir := killed(t, s, o)
		s.RequestStatus = nil
		o.Dir, o.Requests = filepath.Join(t.TempDir(), "another"), workload.Random(2, 4, 3, workload.AnyVocab, 1)
		if _, err := capture.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		c, err := capture.Recover(t.Context(), capture.RecoverOptions{Dir: dir, Engine: server.Name})
		if err != nil || len(c.Manifest.Files) != 2 {
			t.Fatalf("%s: capture %+v, error %v", kind, c, err)
		}
		for _, f := range c.Manifest.Files {
			if f.Steps != 24 {
				t.Errorf("%s: a trace of another capture: %+v", kind, f)
			}
		}
		o.Dir = filepath.Join(t.TempDir(), "after")
		if _, err := capture.Run(t.Context(), o); err != nil {
			t.Errorf("%s: a capture after that: %v", kind, err)
		}
	}
}

// While a capture is made in its place, nothing is recovered: the profile there is that capture's.
func TestNoRecoveryMeanwhile(t *testing.T) {
	if !dirlock.Supported() {
		t.Skip("no locks on this system")
	}
	s := &enginetest.Server{Kind: "vllm"}
	o := options(t, s)
	dir := killed(t, s, o)
	unlock, err := dirlock.Lock(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, before := s.Calls()
	_, err = capture.Recover(t.Context(), capture.RecoverOptions{Dir: dir, Engine: server.Name})
	if _, stops := s.Calls(); err == nil || !strings.Contains(err.Error(), "another capture is being made there") || stops != before {
		t.Errorf("error %v, %d stops", err, stops-before)
	}
}

// A dead server's traces are recovered, too.
func TestRecoverOfTheDead(t *testing.T) {
	t.Parallel()
	s := &enginetest.Server{Kind: "vllm-body", Ranks: 2}
	dir := killed(t, s, options(t, s))
	s.Die()
	c, err := capture.Recover(t.Context(), capture.RecoverOptions{Dir: dir, Engine: server.Name})
	if err != nil || len(c.Traces) != 2 {
		t.Errorf("capture %v, error %v", c, err)
	}
}

// A start that is refused since a killed inferprof has left the profiler on says how that is ended.
func TestRefusedByALeftProfile(t *testing.T) {
	t.Parallel()
	s := &enginetest.Server{Kind: "vllm-body"}
	o := options(t, s)
	dir := killed(t, s, o)
	s.RequestStatus = nil
	s.Resume(3)
	o.Dir = filepath.Join(filepath.Dir(dir), "next")
	_, err := capture.Run(t.Context(), o)
	if !errors.Is(err, engine.ErrProfiling) || !strings.Contains(err.Error(), "inferprof recover "+dir) {
		t.Errorf("error %v", err)
	}
}

// The verdict does not wait for a stop's answer; whoever wants to can.
func TestRest(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	s := &enginetest.Server{Kind: "vllm-body", HoldStop: hold}
	o := options(t, s)
	o.Requests = workload.Random(2, 4, 3, workload.AnyVocab, 1)
	c, err := capture.Record(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if busy := c.Busy(); !slices.Equal(busy, o.Config.Server.URLs) {
		t.Errorf("busy: %v", busy)
	}
	close(hold)
	if err := c.Rest(t.Context()); err != nil || len(c.Busy()) > 0 {
		t.Errorf("busy: %v, %v", c.Busy(), err)
	}
	m, err := ondisk.ReadManifest(c.Dir)
	if err != nil || m.Engine.Endpoints[0].StopReplyNs <= 0 || m.Status != ondisk.Complete {
		t.Errorf("manifest %+v, %v", m, err)
	}
}

// Once its API server answers again, the engine behind it may still be busy with a profile: that is waited for before anything is
// asked of the model, and it is said why.
func TestEngineEndsAProfile(t *testing.T) {
	server.SetTimeouts(t, time.Minute, 50*time.Millisecond)
	busy := make(chan struct{})
	s := &enginetest.Server{Kind: "vllm-body", HoldQuestion: busy}
	o := options(t, s)
	var free sync.Once
	o.Progress = func(p capture.Progress) {
		if strings.Contains(p.Item, "it is busy with the end of a profile") {
			if len(s.Bodies()) > 0 {
				t.Error("something else was asked")
			}
			free.Do(func() { close(busy) })
		}
	}
	if c, err := capture.Run(t.Context(), o); err != nil || len(c.Traces) != 1 {
		t.Errorf("capture %v, error %v", c, err)
	}
}

// A server that is busy with the end of a profile is waited for, and it is said why.
func TestBusyServer(t *testing.T) {
	server.SetTimeouts(t, 200*time.Millisecond, 300*time.Millisecond)
	busy := make(chan struct{})
	s := &enginetest.Server{Kind: "vllm-body", Silent: busy}
	o := options(t, s)
	var free sync.Once
	o.Progress = func(p capture.Progress) {
		if strings.Contains(p.Item, "answers nothing yet: it is loading, or busy with the end of a profile") {
			free.Do(func() { close(busy) })
		}
	}
	if c, err := capture.Run(t.Context(), o); err != nil || len(c.Traces) != 1 {
		t.Errorf("capture %v, error %v", c, err)
	}
}

// While a capture's traces come into a directory no other one is started there; both are of servers that can't say that they are
// being profiled.
func TestOneCaptureInADirectory(t *testing.T) {
	if !dirlock.Supported() {
		t.Skip("no locks on this system")
	}
	t.Parallel()
	s := &enginetest.Server{Kind: "vllm", NoMetrics: true} // else the second would wait for a quiet server
	o := options(t, s)
	var second error
	var once sync.Once
	s.RequestStatus = func(n int) int {
		if n >= len(o.Requests) { // after the warm-up
			once.Do(func() {
				p := o
				p.ProfileDir, p.Warmup = t.TempDir(), 0
				_, second = capture.Run(context.Background(), p)
			})
		}
		return 0
	}
	if _, err := capture.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	starts, _ := s.Calls()
	if second == nil || !strings.Contains(second.Error(), "another capture is being made there") || starts != 1 {
		t.Errorf("the second capture: %v; %d starts", second, starts)
	}
}
