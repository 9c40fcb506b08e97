package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
	"github.com/inferprof/inferprof/engine/server"
	"github.com/inferprof/inferprof/workload"
)

// options are those of a capture of servers that write to one directory each, or all to one.
func options(t testing.TB, servers ...*enginetest.Server) capture.Options {
	t.Helper()
	c := &engine.ServerConfig{Patience: 10 * time.Second}
	for _, s := range servers {
		if s.Dir == "" {
			s.Dir = t.TempDir()
		}
		c.URLs = append(c.URLs, s.Start())
		if !slices.Contains(c.TraceDirs, s.Dir) {
			c.TraceDirs = append(c.TraceDirs, s.Dir)
		}
		t.Cleanup(s.Close)
	}
	return capture.Options{
		Engine: server.Name, Config: engine.Config{Server: c, Profiler: engine.ProfilerDefaults(server.Name)},
		Requests: workload.Random(4, 8, 6, workload.AnyVocab, 1), Source: "test", Warmup: 1,
		ProfileDir: filepath.Join(t.TempDir(), "profiles"),
	}
}

func TestCapture(t *testing.T) {
	for _, kind := range []string{"vllm", "vllm-body", "vllm-env", "sglang", "sglang-old", "tensorrt-llm", "generic"} {
		for _, shape := range []struct{ ranks, engines int }{{1, 1}, {2, 1}, {2, 2}} {
			if kind != "vllm-body" && kind != "sglang" && shape.engines > 1 {
				continue // only these are told apart
			}
			t.Run(fmt.Sprintf("%s of %d ranks, %d engines", kind, shape.ranks, shape.engines), func(t *testing.T) {
				t.Parallel()
				s := &enginetest.Server{Kind: kind, Ranks: shape.ranks, Engines: shape.engines}
				if kind == "sglang-old" { // which dies if the directory is not there
					s.Dir = filepath.Join(t.TempDir(), "not", "there")
				}
				o := options(t, s)
				c, err := capture.Run(context.Background(), o)
				if err != nil {
					t.Fatal(err)
				}
				m := c.Manifest
				n := shape.ranks * shape.engines
				if m.Status != ondisk.Complete || m.Ranks.Expected != n || len(m.Ranks.Found) != n || len(c.Traces) != n {
					t.Errorf("%s, ranks %+v, traces %v", m.Status, m.Ranks, c.Traces)
				}
				if got := m.Engine.Endpoints[0]; got.Dialect != kind || got.StartSentAt.IsZero() || got.StopSentAt.IsZero() {
					t.Errorf("endpoint %+v", got)
				}
				if m.Engine.Model != "tiny" || m.Throughput.OutputTokens != 24 || m.Throughput.PromptTokens != 32 {
					t.Errorf("model %s, throughput %+v", m.Engine.Model, m.Throughput)
				}
				for _, r := range c.Requests {
					if r.OutputTokens != 6 || len(r.ITLNs) != 5 || r.TTFTNs <= 0 || r.TPOTNs <= 0 || r.FinishReason != engine.FinishLength || r.Output != " t0 t1 t2 t3 t4 t5" {
						t.Errorf("request %+v", r)
					}
				}
				if starts, stops := s.Calls(); starts != 1 || stops < 1 {
					t.Errorf("%d starts, %d stops", starts, stops)
				}
			})
		}
	}
}

// What a request asks for is said explicitly, and every round has prefixes of its own.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := &enginetest.Server{Kind: "vllm-body"}
	o := options(t, s)
	o.Config.Profiler.MaxIterations = 3
	if _, err := capture.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	salts := map[any]int{}
	for _, b := range s.Bodies() {
		if b["prompt"] == nil {
			if b["max_iterations"] != 3.0 {
				t.Errorf("start: %v", b)
			}
			continue
		}
		salts[b["cache_salt"]]++
		for name, want := range map[string]any{"temperature": 0.0, "top_k": -1.0, "min_p": 0.0, "max_tokens": 6.0, "min_tokens": 6.0, "ignore_eos": true, "stream": true} {
			if b[name] != want {
				t.Errorf("%s: %v, want %v", name, b[name], want)
			}
		}
	}
	if len(salts) != 2 {
		t.Errorf("salts of two rounds: %v", salts)
	}
}

// What went wrong is found, kept as far as it is whole, and said in one line with what to do.
func TestDiagnoses(t *testing.T) {
	half := func(rank int, whole []byte) []byte {
		if rank == 1 {
			return whole[:len(whole)/2]
		}
		return whole
	}
	only := func(keep int) func(int, []byte) []byte {
		return func(rank int, whole []byte) []byte {
			if rank != keep {
				return nil
			}
			return whole
		}
	}
	empty := func(rank int, whole []byte) []byte {
		if rank == 1 {
			return []byte{}
		}
		return whole
	}
	nothing := func(int, []byte) []byte { return nil }
	for _, c := range []struct {
		name  string
		s     *enginetest.Server
		want  []string // in the error; none: the capture is complete
		found int
	}{
		{"late files", &enginetest.Server{Kind: "vllm-body", Ranks: 2, Late: 100 * time.Millisecond}, nil, 2},
		{"growing files", &enginetest.Server{Kind: "vllm-body", Ranks: 2, Late: time.Millisecond, Pieces: 6, PieceEvery: 60 * time.Millisecond}, nil, 2},
		{"growing while the stop is open", &enginetest.Server{Kind: "sglang", Ranks: 2, Pieces: 6, PieceEvery: 60 * time.Millisecond}, nil, 2},
		{"stop fails, files are there", &enginetest.Server{Kind: "vllm-body", Ranks: 2, StopStatus: 500, StopText: `{"error":{"message":"boom"}}`}, nil, 2},
		{"no file", &enginetest.Server{Kind: "vllm-body", Trace: nothing}, []string{"no new trace appeared in", "Failed to start profiler", "no trace of rank 0"}, 0},
		{"no file, older vLLM", &enginetest.Server{Kind: "vllm", Trace: nothing}, []string{"a second profile of one server"}, 0},
		{"a missing rank", &enginetest.Server{Kind: "vllm-body", Ranks: 2, Trace: only(0)}, []string{"no trace of rank 1 was written", "nothing more came within"}, 1},
		{"an empty file", &enginetest.Server{Kind: "vllm-body", Ranks: 2, Trace: empty}, []string{"rank1.", "is empty", "no trace of rank 1"}, 1},
		{"a file cut off", &enginetest.Server{Kind: "vllm-body", Ranks: 2, Trace: half}, []string{"rank1.", "is damaged: truncated"}, 1},
		{"stop fails as after an auto-stop, no file", &enginetest.Server{Kind: "sglang", AutoStop: true, Trace: nothing},
			[]string{"/stop_profile is answered 500: Internal Server Error", "(as after a profile that ended by itself)", "no trace of rank 0"}, 0},
		{"stop fails, no file", &enginetest.Server{Kind: "vllm-body", StopStatus: 500, StopText: `{"error":{"message":"EngineCore encountered an issue"}}`, Trace: nothing},
			[]string{"/stop_profile is answered 500", "the engine behind the server has died"}, 0},
		{"no traffic reaches an auto-stop", &enginetest.Server{Kind: "sglang", Ranks: 2, AutoStop: true}, nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options(t, c.s)
			if c.want != nil {
				o.Config.Server.Patience = time.Second // what is missing stays missing
			}
			if strings.Contains(c.name, "auto-stop") {
				o.Config.Profiler.MaxIterations = 3
			}
			got, err := capture.Run(context.Background(), o)
			if c.want == nil && err != nil {
				t.Fatal(err)
			}
			if c.want != nil && (err == nil || strings.Contains(err.Error(), "\n")) {
				t.Fatalf("error %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if found := got.Manifest.Ranks.Found; len(found) != c.found {
				t.Errorf("found %v, want %d", found, c.found)
			}
			if c.s.Recording() {
				t.Error("the profile is still being recorded")
			}
		})
	}
}

// SGLang's profile may end by itself; the final stop's refusal is no failure then.
func TestAutoStop(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sglang", "vllm-body"} {
		s := &enginetest.Server{Kind: kind, Ranks: 2, AutoStop: true}
		o := options(t, s)
		o.Config.Profiler.MaxIterations = 3
		c, err := capture.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Traces) != 2 || c.Manifest.Files[0].Steps != 3 || len(c.Manifest.Warnings) != 1 || !strings.Contains(c.Manifest.Warnings[0], "ended by itself after 3 steps, and the engine stands still") {
			t.Errorf("%s: traces %+v, warnings %q", kind, c.Manifest.Files, c.Manifest.Warnings)
		}
		if _, stops := s.Calls(); stops != 1 {
			t.Errorf("%s: %d stops, want one all the same", kind, stops)
		}
	}
}

// That a long load was recorded in part, although nobody asked for a bound, is said.
func TestDefaultBound(t *testing.T) {
	for tokens, want := range map[int]int{6: 24, 70: 256} { // each of four requests makes a step per token
		s := &enginetest.Server{Kind: "vllm-body", AutoStop: true}
		o := options(t, s)
		o.Requests, o.Warmup = workload.Random(4, 8, tokens, workload.AnyVocab, 1), 0
		c, err := capture.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(strings.Join(c.Manifest.Warnings, ";"), "ended by itself after 256 steps")
		if got := c.Manifest.Files[0].Steps; got != want || said != (want == 256) {
			t.Errorf("%d tokens: %d steps, want %d; warnings %q", tokens, got, want, c.Manifest.Warnings)
		}
	}
}

// SGLang before 0.4.7 would keep a bounded start, and the stop behind it, without an answer: no bound is sent to it.
func TestOldSGLang(t *testing.T) {
	s := &enginetest.Server{Kind: "sglang-old", AutoStop: true, HoldStart: true}
	o := options(t, s)
	o.Config.Profiler.MaxIterations = 100 // more steps than there are
	c, err := capture.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if w := strings.Join(c.Manifest.Warnings, ";"); len(c.Traces) != 1 || !strings.Contains(w, "can't be bounded by the request, that takes SGLang 0.4.7") {
		t.Errorf("traces %v, warnings %q", c.Traces, w)
	}
}

// A start that is answered when its steps are done does not keep the load back, without which there are none.
func TestHeldStart(t *testing.T) {
	server.SetStartHeld(t, 50*time.Millisecond)
	s := &enginetest.Server{Kind: "tensorrt-llm", Ranks: 2, AutoStop: true, HoldStart: true}
	o := options(t, s)
	o.Config.Profiler.MaxIterations = 3
	c, err := capture.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Traces) != 2 || c.Manifest.Files[0].Steps != 3 || !strings.Contains(strings.Join(c.Manifest.Warnings, ";"), "held back until its steps are done") {
		t.Errorf("traces %+v, warnings %q", c.Manifest.Files, c.Manifest.Warnings)
	}
}

// What a profile records is only asked of servers that can be asked; of the others it is said that they can't.
func TestSwitches(t *testing.T) {
	for kind, asked := range map[string]bool{"sglang": true, "vllm-body": false, "tensorrt-llm": false} {
		s := &enginetest.Server{Kind: kind}
		o := options(t, s)
		o.Config.Profiler.WithStack = true
		c, err := capture.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		warned := strings.Contains(strings.Join(c.Manifest.Warnings, ";"), "with_stack can't be asked of it")
		sent := slices.ContainsFunc(s.Bodies(), func(b map[string]any) bool { return b["with_stack"] == true && b["record_shapes"] == false })
		if sent != asked || warned == asked {
			t.Errorf("%s: sent %t, warnings %q", kind, sent, c.Manifest.Warnings)
		}
	}
}

// What a server cannot do is found before anything is asked of it, and nothing is left behind.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		s    *enginetest.Server
		want []string
	}{
		{"profiling is off", &enginetest.Server{Kind: "vllm", NoProfiler: true}, []string{"it has no /start_profile", "--profiler-config"}},
		{"off, and old", &enginetest.Server{Kind: "vllm-env", NoProfiler: true}, []string{"VLLM_TORCH_PROFILER_DIR"}},
		{"off, and nothing says so", &enginetest.Server{Kind: "vllm", NoProfiler: true, NoOpenAPI: true}, []string{"(404)", "--profiler-config"}},
		{"busy vLLM", &enginetest.Server{Kind: "vllm-body", Busy: true}, []string{"being recorded already", "Profiler is already running", "curl -X POST"}},
		{"busy SGLang", &enginetest.Server{Kind: "sglang", Busy: true}, []string{"being recorded already", "curl -X POST"}},
		{"SGLang fails", &enginetest.Server{Kind: "sglang", StartStatus: 500, StartText: "Internal Server Error"}, []string{"answered 500, and the reason is in the server's log alone"}},
		{"start fails", &enginetest.Server{Kind: "vllm", StartStatus: 500, StartText: "boom"}, []string{"/start_profile is answered 500: boom"}},
		{"bad bounds", &enginetest.Server{Kind: "vllm-body", StartStatus: 400, StartText: `{"error":{"message":"max_iterations must be 0 or more"}}`}, []string{"400: max_iterations must be"}},
		{"key", &enginetest.Server{Kind: "vllm", Key: "secret"}, []string{"--api-key"}},
		{"requests fail", &enginetest.Server{Kind: "vllm", RequestStatus: func(int) int { return 400 }}, []string{"all 4 requests failed", "no such thing (400)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options(t, c.s)
			got, err := capture.Run(context.Background(), o)
			if err == nil || got != nil || strings.Contains(err.Error(), "\n") {
				t.Fatalf("capture %v, error %v", got, err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if _, err := os.Stat(o.ProfileDir); !os.IsNotExist(err) {
				t.Errorf("left %s behind", o.ProfileDir)
			}
			if _, stops := c.s.Calls(); c.s.Busy && stops > 0 || c.s.Overrun() {
				t.Error("somebody else's profile was stopped, or replaced")
			}
		})
	}
}

// One of two servers refuses: the other, which had begun, is stopped again.
func TestHalfStarted(t *testing.T) {
	t.Parallel()
	fine := &enginetest.Server{Kind: "vllm-body"}
	busy := &enginetest.Server{Kind: "vllm-body", StartStatus: http.StatusConflict, StartText: `{"error":{"message":"Profiler is already running."}}`} // since a moment ago
	_, err := capture.Run(context.Background(), options(t, fine, busy))
	if !errors.Is(err, engine.ErrProfiling) {
		t.Errorf("error %v", err)
	}
	if _, stops := fine.Calls(); stops != 1 || fine.Recording() {
		t.Errorf("the one that had begun was stopped %d times", stops)
	}
	if _, stops := busy.Calls(); stops != 0 {
		t.Error("somebody else's profile was stopped")
	}
}

// Several servers are one capture: their ranks are counted through, also if they write to one directory.
func TestSeveralServers(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		a, b := &enginetest.Server{Kind: "vllm-body", Ranks: 2}, &enginetest.Server{Kind: "vllm-body", Ranks: 2}
		if shared {
			a.Dir = t.TempDir()
			b.Dir = a.Dir
		}
		c, err := capture.Run(context.Background(), options(t, a, b))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.Manifest.Ranks.Found, []int{0, 1, 2, 3}) || len(c.Traces) != 4 {
			t.Errorf("shared %t: ranks %+v, traces %v", shared, c.Manifest.Ranks, c.Traces)
		}
		for _, s := range []*enginetest.Server{a, b} {
			asked := 0
			for _, body := range s.Bodies() {
				if body["prompt"] != nil {
					asked++
				}
			}
			if asked != 4 { // two rounds of half the requests
				t.Errorf("%d requests to one of two servers", asked)
			}
		}
	}
}

// Requests go to what stands in front of the servers, if there is something.
func TestLoadURL(t *testing.T) {
	t.Parallel()
	prefill, decode, router := &enginetest.Server{Kind: "vllm-body"}, &enginetest.Server{Kind: "vllm-body"}, &enginetest.Server{Kind: "generic", NoProfiler: true}
	o := options(t, prefill, decode)
	o.Config.Server.LoadURL = router.Start()
	t.Cleanup(router.Close)
	c, err := capture.Run(context.Background(), o)
	if err != nil || len(c.Traces) != 2 || len(router.Bodies()) != 8 {
		t.Errorf("traces %v, %d requests, error %v", c.Traces, len(router.Bodies()), err)
	}
}

// Without a directory it is looked for; where it can't be found, the question is asked.
func TestNoTraceDir(t *testing.T) {
	for kind, want := range map[string]string{"vllm-body": "with --trace-dir DIR", "sglang": "SGLang writes where it is told"} {
		s := &enginetest.Server{Kind: kind}
		o := options(t, s)
		o.Config.Server.TraceDirs = nil
		_, err := capture.Run(context.Background(), o)
		if _, usage := errors.AsType[*engine.UsageError](err); !usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", kind, err)
		}
	}
}

// Traces on another machine come through the user's own ssh; what is cut off there is kept here, and nothing unfinished is
// left behind.
func TestCollected(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the fake ssh is a shell script")
	}
	bin := t.TempDir()
	for name, text := range map[string]string{"ssh": `shift 4; exec sh -c "$*"`, "rsync": "exit 127"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	for _, cut := range []bool{false, true} {
		s := &enginetest.Server{Kind: "sglang", Ranks: 2, Dir: t.TempDir()}
		s.Trace = func(rank int, whole []byte) []byte {
			if cut && rank == 1 {
				return whole[:len(whole)/2]
			}
			return whole
		}
		o := options(t, s)
		o.Config.Server.TraceDirs, o.Config.Server.Collect = nil, []string{"ssh node1:" + s.Dir}
		o.Config.Server.Patience = 2 * time.Second
		c, err := capture.Run(context.Background(), o)
		if cut != (err != nil) || cut && !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("cut %t: error %v", cut, err)
		}
		if len(c.Manifest.Files) != 2 || len(c.Manifest.Ranks.Found) != 2 && !cut {
			t.Errorf("cut %t: files %+v", cut, c.Manifest.Files)
		}
		left, err := filepath.Glob(filepath.Join(c.Dir, ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("cut %t: left behind: %v, %v", cut, left, err)
		}
	}
}

// An interrupt in the middle of the load stops the profilers and keeps what they wrote.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &enginetest.Server{Kind: "vllm-body", Ranks: 2, Token: 5 * time.Millisecond}
	o := options(t, s)
	o.Requests = workload.Random(4, 8, 200, workload.AnyVocab, 1)
	o.Warmup = 0
	s.RequestStatus = func(n int) int {
		if n == 3 {
			cancel()
		}
		return 0
	}
	c, err := capture.Run(ctx, o)
	if !errors.Is(err, capture.ErrInterrupted) || !strings.Contains(err.Error(), "2 of 2 traces are whole") {
		t.Fatalf("error %v", err)
	}
	if c.Manifest.Status != ondisk.Interrupted || len(c.Traces) != 2 {
		t.Errorf("status %s, traces %v", c.Manifest.Status, c.Traces)
	}
	if _, stops := s.Calls(); stops != 1 || s.Recording() {
		t.Errorf("%d stops", stops)
	}
}

// A stop that is never answered does not hold up the verdict on traces that are whole.
func TestStopWithoutAnswer(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	defer close(hold)
	s := &enginetest.Server{Kind: "vllm-body", Ranks: 2, HoldStop: hold}
	c, err := capture.Run(context.Background(), options(t, s))
	if err != nil || len(c.Traces) != 2 {
		t.Fatalf("capture %v, error %v", c, err)
	}
	if p := c.Manifest.Engine.Endpoints[0]; p.StopReplyNs != 0 {
		t.Errorf("endpoint %+v: the stop was not answered", p)
	}
}

// A server that dies while it writes ends the wait; what is whole is kept.
func TestServerDies(t *testing.T) {
	s := &enginetest.Server{Kind: "vllm-body", Ranks: 2}
	s.Trace = func(rank int, whole []byte) []byte {
		if rank == 1 {
			s.Die()
			return whole[:len(whole)/2]
		}
		return whole
	}
	o := options(t, s)
	o.Config.Server.Patience = time.Minute
	c, err := capture.Run(context.Background(), o)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"no longer listens", "rank1.", "is damaged"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if len(c.Traces) != 1 || !slices.Equal(c.Manifest.Ranks.Found, []int{0}) {
		t.Errorf("traces %v, ranks %+v", c.Traces, c.Manifest.Ranks)
	}
}

// One that dies before the stop is said to have died, once.
func TestServerDiesEarly(t *testing.T) {
	s := &enginetest.Server{Kind: "vllm-body"}
	s.BreakStream = func(int) bool { s.Die(); return true }
	o := options(t, s)
	o.Warmup = 0
	_, err := capture.Run(context.Background(), o)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"requests failed", "stop the profile: server http", "no longer listens", "no trace of rank 0 was written", "no trace"} {
		if n := strings.Count(err.Error(), part); n != 1 {
			t.Errorf("%q says %q %d times, want once", err, part, n)
		}
	}
}

// Files of earlier profiles don't count, neither those that lie there nor one that comes late. Where a stop is sent before
// the start, it may be that which ended somebody's profile.
func TestEarlierProfiles(t *testing.T) {
	t.Parallel()
	for kind, ended := range map[string]bool{"vllm-body": false, "vllm": true} {
		s := &enginetest.Server{Kind: kind, Ranks: 2, Dir: t.TempDir()}
		old := enginetest.Trace(0, 2, 3) // its times are long gone
		write := func(name string) {
			if err := os.WriteFile(filepath.Join(s.Dir, name), old, 0o644); err != nil {
				t.Error(err)
			}
		}
		write("rank0.1794999000000000001.pt.trace.json")
		s.OnStop = func() { write("rank1.1794999000000000002.pt.trace.json") }
		c, err := capture.Run(context.Background(), options(t, s))
		if err != nil {
			t.Fatal(err)
		}
		warnings := strings.Join(c.Manifest.Warnings, "\n")
		if len(c.Traces) != 2 || !strings.Contains(warnings, "left out") || strings.Contains(warnings, "has ended it") != ended {
			t.Errorf("%s: traces %v, warnings %q", kind, c.Traces, c.Manifest.Warnings)
		}
		for _, path := range c.Traces {
			if strings.Contains(path, ".1794999") {
				t.Errorf("%s: an earlier profile's trace: %s", kind, path)
			}
		}
	}
}

// A writer that uses one name for all its traces must not write into an earlier capture.
func TestOverwritingWriter(t *testing.T) {
	t.Parallel()
	s := &enginetest.Server{Kind: "tensorrt-llm"}
	o := options(t, s)
	first, err := capture.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(first.Traces[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(first.Traces[0])
	if err != nil || string(after) != string(before) {
		t.Errorf("the first capture's trace has changed (%v)", err)
	}
}

func TestLoad(t *testing.T) {
	t.Run("rate", func(t *testing.T) {
		t.Parallel()
		s := &enginetest.Server{Kind: "vllm-body"}
		o := options(t, s)
		o.Config.Server.RequestRate = 400
		o.Warmup = 0
		o.Requests = workload.Random(40, 8, 2, workload.AnyVocab, 1)
		c, err := capture.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		planned := server.Poisson(40, 400, 0)
		// The first may be as late as any other: the plan begins with the call that generates, or a moment later.
		calls := c.Manifest.Calls
		begin := calls[slices.IndexFunc(calls, func(c ondisk.Call) bool { return c.Stage == ondisk.StageGenerate })].StartedAt
		for i, r := range c.Requests {
			if late := r.SentAt.Sub(begin) - planned[i]; late < -time.Millisecond {
				t.Errorf("request %d sent %v before its time", i, -late)
			}
		}
	})
	t.Run("concurrency", func(t *testing.T) {
		t.Parallel()
		s := &enginetest.Server{Kind: "vllm-body", Token: time.Millisecond}
		o := options(t, s)
		o.Config.Server.Concurrency = 3
		o.Warmup = 0
		o.Requests = workload.Random(12, 8, 4, workload.AnyVocab, 1)
		c, err := capture.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.Requests {
			inFlight := 0
			for _, q := range c.Requests {
				if end := q.SentAt.Add(time.Duration(q.TTFTNs + sum(q.ITLNs))); !q.SentAt.After(r.SentAt) && end.After(r.SentAt) {
					inFlight++
				}
			}
			if inFlight > 3 {
				t.Errorf("%d requests in flight", inFlight)
			}
		}
	})
	t.Run("some fail", func(t *testing.T) {
		t.Parallel()
		s := &enginetest.Server{Kind: "vllm-body", BreakStream: func(n int) bool { return n == 2 }, RequestStatus: func(n int) int {
			if n == 1 {
				return http.StatusServiceUnavailable
			}
			return 0
		}}
		o := options(t, s)
		o.Warmup = 0
		c, err := capture.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if c.Manifest.Throughput.FailedRequests != 2 || !strings.Contains(strings.Join(c.Manifest.Warnings, ""), "2 of 4 requests failed") {
			t.Errorf("throughput %+v, warnings %q", c.Manifest.Throughput, c.Manifest.Warnings)
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		s := &enginetest.Server{Kind: "vllm-body", NoMetrics: true}
		o := options(t, s)
		o.Requests, o.Warmup = nil, 0
		o.Config.Server.NoLoad, o.Config.Server.Duration = true, 20*time.Millisecond
		c, err := capture.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if w := strings.Join(c.Manifest.Warnings, "\n"); !strings.Contains(w, "no /metrics") || !strings.Contains(w, "no step ran while the profile was recorded") {
			t.Errorf("warnings %q", w)
		}
	})
	for _, noMetrics := range []bool{false, true} {
		t.Run("steady", func(t *testing.T) {
			t.Parallel()
			s := &enginetest.Server{Kind: "vllm-body", NoMetrics: noMetrics, HalfUntilStart: true} // steady until then, however long that is
			o := options(t, s)
			o.Config.Server.StartAt, o.Config.Server.Concurrency, o.Warmup = engine.StartAtSteadyState, 4, 0
			o.Requests = workload.Random(12, 8, 20, workload.AnyVocab, 1)
			c, err := capture.Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			began := c.Manifest.Engine.Endpoints[0].StartSentAt
			if !c.Requests[0].SentAt.Before(began) || len(c.Requests) != 12 || c.Manifest.Throughput.FailedRequests > 0 {
				t.Errorf("the first request was sent at %v, the profile started at %v", c.Requests[0].SentAt, began)
			}
			if told := strings.Contains(strings.Join(c.Manifest.Warnings, ""), "no /metrics"); told != noMetrics {
				t.Errorf("warnings %q", c.Manifest.Warnings)
			}
		})
	}
	t.Run("over before it is steady", func(t *testing.T) {
		t.Parallel()
		s := &enginetest.Server{Kind: "vllm-body", Unseen: true} // else three looks may see it, where tokens take long
		o := options(t, s)
		o.Config.Server.StartAt = engine.StartAtSteadyState
		_, err := capture.Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), "over before it was steady") {
			t.Errorf("error %v", err)
		}
		if starts, _ := s.Calls(); starts != 0 {
			t.Error("the profile was started")
		}
	})
}

func sum(list []int64) (sum int64) {
	for _, v := range list {
		sum += v
	}
	return sum
}

// No dialect is found by starting a profile, and what a server can't do is told.
func TestDescribe(t *testing.T) {
	for kind, want := range map[string]server.Description{
		"vllm-body":    {Dialect: "vllm-body", Version: "0.32.0", Profiling: "on", Bounded: true, Metrics: true, Engines: 2},
		"vllm":         {Dialect: "vllm", Version: "0.20.1", Profiling: "on", Metrics: true, Engines: 2},
		"vllm-env":     {Dialect: "vllm-env", Version: "0.11.2", Profiling: "on", Metrics: true, Engines: 2},
		"sglang":       {Dialect: "sglang", Version: "0.5.9", Profiling: "on", Bounded: true, Metrics: true, Ranks: 4},
		"sglang-old":   {Dialect: "sglang-old", Version: "0.4.6.post5", Profiling: "on", Metrics: true, Ranks: 4},
		"tensorrt-llm": {Dialect: "tensorrt-llm", Version: "1.2.0", Profiling: "on", Bounded: true},
	} {
		s := &enginetest.Server{Kind: kind, Ranks: 2, Engines: 2}
		url := s.Start()
		defer s.Close()
		got, err := server.Describe(context.Background(), url+"/v1/", "")
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if got.Dialect != want.Dialect || got.Version != want.Version || got.Profiling != want.Profiling || got.Bounded != want.Bounded ||
			got.Metrics != want.Metrics || got.Ranks != want.Ranks || got.Engines != want.Engines || got.Model != "tiny" || !got.Healthy || got.URL != url {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
		if starts, stops := s.Calls(); starts+stops != 0 {
			t.Errorf("%s: looking called start %d and stop %d times", kind, starts, stops)
		}
	}
	looked := &enginetest.Server{Kind: "sglang", Dir: t.TempDir()}
	looked.Start()
	defer looked.Close()
	looked.Resume(5)
	if _, err := server.Describe(t.Context(), looked.URL(), ""); err != nil || looked.Steps() != 5 {
		t.Errorf("looking put a step into somebody's profile: %d steps, %v", looked.Steps(), err)
	}
	for _, kind := range []string{"vllm-body", "vllm"} { // the one can be asked whether a profile is being recorded, the other can't
		s := &enginetest.Server{Kind: kind}
		url := s.Start()
		defer s.Close()
		for _, on := range []bool{false, true} {
			if on {
				s.Resume(1)
			}
			got, err := server.Describe(t.Context(), url, "")
			want := "unknown"
			if kind == "vllm-body" {
				want = map[bool]string{false: "no", true: "yes"}[on]
			}
			if err != nil || got.Recording != want || (len(got.Problems) > 0) != (want == "yes") || s.Recording() != on {
				t.Errorf("%s that records: %t: %+v, %v", kind, on, got, err)
			}
		}
	}
	s := &enginetest.Server{Kind: "vllm"}
	url := s.Start()
	s.Close()
	if _, err := server.Describe(context.Background(), url, ""); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody there: %v", err)
	}
}

// A problem is what makes a capture fail, and nothing else; what is said of a server is true of its version, whatever is
// missing while its profiler is off.
func TestProblemsAndNotes(t *testing.T) {
	for _, c := range []struct {
		name            string
		s               *enginetest.Server
		problems, notes string // of each, one after another: a part of what is said
		never           string
	}{
		{"vLLM 0.32", &enginetest.Server{Kind: "vllm-body"}, "", "", "VLLM"},
		{"vLLM 0.32, off", &enginetest.Server{Kind: "vllm-body", NoProfiler: true}, "it has no /start_profile", "", "that takes vLLM 0.32; second start"},
		{"vLLM 0.20, off", &enginetest.Server{Kind: "vllm", NoProfiler: true}, "--profiler-config", "that takes vLLM 0.32; second start", ""},
		{"vLLM 0.11, off", &enginetest.Server{Kind: "vllm-env", NoProfiler: true}, "VLLM_TORCH_PROFILER_DIR", "VLLM_PROFILER_MAX_ITERS; second start", "--profiler-config"},
		{"vLLM of some commit, off", &enginetest.Server{Kind: "vllm", Version: "0.1.dev7+gabc", NoProfiler: true},
			"before 0.13: with VLLM_TORCH_PROFILER_DIR", "its version (0.1.dev7+gabc) does not tell", "that takes vLLM 0.32; second start"},
		{"vLLM of some commit", &enginetest.Server{Kind: "vllm-body", Version: "0.1.dev7+gabc"}, "", "", "does not tell"},
		{"vLLM 0.12", &enginetest.Server{Kind: "vllm-env", Version: "0.12.0"}, "", "vLLM 0.12 on CPUs", ""},
		{"vLLM 0.12 on a CPU", &enginetest.Server{Kind: "vllm-env", Version: "0.12.0+cpu"}, "vLLM 0.12 on CPUs", "", ""},
		{"vLLM without metrics", &enginetest.Server{Kind: "vllm-body", NoMetrics: true}, "", "our own streams", ""},
		{"vLLM without a list of routes", &enginetest.Server{Kind: "vllm-body", NoOpenAPI: true}, "", "does not list its routes", ""},
		{"SGLang", &enginetest.Server{Kind: "sglang"}, "", "--trace-dir", "enable-metrics"},
		{"SGLang without metrics", &enginetest.Server{Kind: "sglang", NoMetrics: true}, "", "--enable-metrics", ""},
	} {
		url := c.s.Start()
		d, err := server.Describe(t.Context(), url, "")
		c.s.Close()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		problems, notes := strings.Join(d.Problems, "\n"), strings.Join(d.Notes, "\n")
		if (c.problems != "") != (len(d.Problems) > 0) {
			t.Errorf("%s: problems %q", c.name, d.Problems)
		}
		for part := range strings.SplitSeq(c.problems, "; ") {
			if !strings.Contains(problems, part) {
				t.Errorf("%s: no problem says %q: %q", c.name, part, d.Problems)
			}
		}
		for part := range strings.SplitSeq(c.notes, "; ") {
			if !strings.Contains(notes, part) {
				t.Errorf("%s: no note says %q: %q", c.name, part, d.Notes)
			}
		}
		for part := range strings.SplitSeq(c.never, "; ") {
			if part != "" && strings.Contains(problems+notes, part) {
				t.Errorf("%s: says %q: %q %q", c.name, part, d.Problems, d.Notes)
			}
		}
	}
}
