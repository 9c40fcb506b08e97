package capture

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
	"github.com/inferprof/inferprof/sampling"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// options are those of a run of script on two ranks, in a new directory.
func options(t *testing.T, script *enginetest.Script) Options {
	t.Helper()
	params := sampling.Params{TopP: 1, MaxTokens: 3}
	return Options{
		Engine: script.Register(),
		Config: engine.Config{Model: "models/reverse", TensorParallelSize: 2, Profiler: engine.DefaultProfilerConfig()},
		Requests: []engine.Request{
			{ID: "0", Prompt: "one two three", Params: params},
			{ID: "1", Prompt: "four five six seven", Params: params},
		},
		Source:     "test",
		Warmup:     1,
		ProfileDir: filepath.Join(t.TempDir(), "profiles"),
	}
}

func TestRunComplete(t *testing.T) {
	script := &enginetest.Script{}
	o := options(t, script)
	var stages []ondisk.Stage
	o.Progress = func(p Progress) { stages = append(stages, p.Stage) }
	c, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []ondisk.Stage{ondisk.StageOpen, ondisk.StageWarmup, ondisk.StageStart, ondisk.StageGenerate, ondisk.StageStop}
	var calls []ondisk.Stage
	for _, call := range c.Manifest.Calls {
		calls = append(calls, call.Stage)
		if call.DurationNs < 0 || call.Error != "" {
			t.Errorf("call %+v", call)
		}
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append(want, ondisk.StageVerify, ondisk.StageVerify), stages); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	if opened, closed := script.Opened.Load(), script.Closed.Load(); opened != 1 || closed != 1 {
		t.Errorf("engine opened %d times and closed %d times", opened, closed)
	}

	m := readBack(t, c)
	if m.Status != ondisk.Complete || m.Error != "" || m.ID != filepath.Base(c.Dir) || !strings.HasSuffix(m.ID, "-reverse-tp2") {
		t.Errorf("manifest says %s %q of %s", m.Status, m.Error, m.ID)
	}
	if diff := cmp.Diff(ondisk.Ranks{Expected: 2, Found: []int{0, 1}, Missing: []int{}}, m.Ranks); diff != "" {
		t.Errorf("ranks (-want +got):\n%s", diff)
	}
	if len(m.Files) != 2 || len(c.Traces) != 2 {
		t.Fatalf("%d files, %d traces, want 2", len(m.Files), len(c.Traces))
	}
	for rank, f := range m.Files {
		text, err := os.ReadFile(filepath.Join(c.Dir, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if f.Rank != rank || f.SizeBytes != int64(len(text)) || f.SHA256 != hex.EncodeToString(sum[:]) || f.Verdict != ondisk.Whole {
			t.Errorf("file %d: %+v", rank, f)
		}
		if f.Steps != 3 || f.Events != 6 {
			t.Errorf("file %d: %d events in %d steps, want 6 in 3", rank, f.Events, f.Steps)
		}
	}
	th := m.Throughput
	if th.PromptTokens != 7 || th.OutputTokens != 6 || th.ElapsedNs != 4e6 || th.TTFT != (ondisk.Spread{MinNs: 2e6, MedianNs: 2e6, P99Ns: 2e6, MaxNs: 2e6}) || th.TPOT != (ondisk.Spread{MinNs: 1e6, MedianNs: 1e6, P99Ns: 1e6, MaxNs: 1e6}) {
		t.Errorf("throughput %+v", th)
	}
	requests := readRequests(t, c.Dir)
	wantRequests := []ondisk.RequestRecord{
		{ID: "0", Prompt: "one two three", Output: " three two one", PromptTokens: 3, OutputTokens: 3},
		{ID: "1", Prompt: "four five six seven", Output: " seven six five", PromptTokens: 4, OutputTokens: 3},
	}
	for i := range wantRequests {
		r := &wantRequests[i]
		r.TTFTNs, r.TPOTNs, r.FinishReason, r.Params = 2e6, 1e6, engine.FinishLength, o.Requests[0].Params
		r.SentAt = requests[i].SentAt // any; that it is one throughput shows
	}
	if diff := cmp.Diff(wantRequests, requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// Whatever goes wrong before the profile begins, nothing stays behind.
func TestRunKeepsNothingBeforeTheProfile(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name      string
		script    *enginetest.Script
		interrupt bool
		want      error
	}{
		{"open fails", &enginetest.Script{OpenErr: boom}, false, boom},
		{"warm-up fails", &enginetest.Script{Generate: func(context.Context, int) error { return boom }}, false, boom},
		{"start fails", &enginetest.Script{StartErr: boom}, false, boom},
		{"interrupted", &enginetest.Script{}, true, ErrInterrupted},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if c.interrupt {
				cancel()
			}
			o := options(t, c.script)
			got, err := Run(ctx, o)
			if !errors.Is(err, c.want) || got != nil {
				t.Errorf("capture %v, error %v, want %v", got, err, c.want)
			}
			if _, err := os.Stat(o.ProfileDir); !os.IsNotExist(err) {
				t.Errorf("%s is still there (%v)", o.ProfileDir, err)
			}
			if opened, closed := c.script.Opened.Load(), c.script.Closed.Load(); opened != closed {
				t.Errorf("engine opened %d times and closed %d times", opened, closed)
			}
		})
	}
}

func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := options(t, &enginetest.Script{Generate: func(ctx context.Context, round int) error {
		if round == 1 {
			cancel()
		}
		return ctx.Err()
	}})
	c, err := Run(ctx, o)
	if !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "2 of 2 traces are whole and kept in "+c.Dir) {
		t.Errorf("error %v", err)
	}
	m := readBack(t, c)
	if m.Status != ondisk.Interrupted || len(m.Ranks.Found) != 2 {
		t.Errorf("status %s, ranks %+v", m.Status, m.Ranks)
	}
	if got := readRequests(t, c.Dir); len(got) != 1 || got[0].FinishReason != engine.FinishAborted {
		t.Errorf("requests %+v, want the one that was begun", got)
	}
}

func TestRunFailed(t *testing.T) {
	boom := errors.New("boom")
	whole := enginetest.Trace(0, 2, 2)
	only := func(rank int, text []byte) func(int) []byte {
		return func(r int) []byte {
			if r == rank {
				return text
			}
			return whole
		}
	}
	for _, c := range []struct {
		name   string
		script *enginetest.Script
		want   []string // in the error
		found  []int
	}{
		{"generate fails", &enginetest.Script{Generate: func(_ context.Context, round int) error {
			if round == 1 {
				return boom
			}
			return nil
		}}, []string{"boom", "2 of 2 traces are whole"}, []int{0, 1}},
		{"stop fails", &enginetest.Script{StopErr: boom}, []string{"stop the profile", "boom"}, []int{0, 1}},
		{"disk full", &enginetest.Script{StopErr: syscall.ENOSPC, Trace: func(int) []byte { return nil }},
			[]string{"no space left on device", "free some space", "no trace of rank 0, 1"}, []int{}},
		{"a rank is missing", &enginetest.Script{Trace: only(1, nil)}, []string{"no trace of rank 1 was written"}, []int{0}},
		{"a trace is cut off", &enginetest.Script{Trace: only(0, whole[:len(whole)-60])}, []string{"rank0.", "damaged"}, []int{1}},
		{"a trace is empty", &enginetest.Script{Trace: only(1, []byte{})}, []string{"rank1.", "damaged"}, []int{0}},
		{"a trace is none", &enginetest.Script{Trace: only(1, []byte(`{"nodes":[]}`))}, []string{"rank1.", "no trace"}, []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Run(context.Background(), options(t, c.script))
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range append(c.want, got.Dir) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of more than one line: %q", err)
			}
			m := readBack(t, got)
			if m.Status != ondisk.Failed || m.Error == "" || !slices.Equal(m.Ranks.Found, c.found) {
				t.Errorf("status %s %q, found %v, want %v", m.Status, m.Error, m.Ranks.Found, c.found)
			}
			if len(got.Traces) != len(c.found) {
				t.Errorf("traces to read: %v", got.Traces)
			}
			if closed := c.script.Closed.Load(); closed != 1 {
				t.Errorf("engine closed %d times", closed)
			}
		})
	}
}

func TestRunWarns(t *testing.T) {
	o := options(t, &enginetest.Script{
		CloseErr: errors.New("stuck"),
		Trace:    func(rank int) []byte { return enginetest.Trace(rank, 2, 0) },
	})
	c, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	w := strings.Join(readBack(t, c).Warnings, "\n")
	for _, part := range []string{"close the engine: stuck", "no step ran while the profile was recorded"} {
		if !strings.Contains(w, part) {
			t.Errorf("warnings do not say %q:\n%s", part, w)
		}
	}
}

// TestRunWithoutSteps: a profile in which nothing ran is complete, and says that nothing ran; once, whatever the ranks.
func TestRunWithoutSteps(t *testing.T) {
	idle := []byte(`{"traceEvents":[{"ph":"X","cat":"cpu_op","name":"aten::recv","pid":1,"tid":1,"ts":1,"dur":2}]}`)
	for _, c := range []struct {
		name   string
		change func(*Options)
		trace  func(rank int) []byte
		want   []string // of each warning, a part
	}{
		{"with requests", func(*Options) {}, func(int) []byte { return idle }, []string{"no step ran while the profile was recorded, as far as its traces tell: 2 requests were answered"}},
		{"without", func(o *Options) {
			o.Requests, o.Config.Server = nil, &engine.ServerConfig{NoLoad: true, Duration: 3 * time.Second}
		}, func(int) []byte { return idle }, []string{"nobody asked the server for anything in those 3s, and --no-load asks for nothing"}},
		{"after a delay", func(o *Options) { o.Config.Profiler.DelayIterations = 99 }, func(int) []byte { return idle }, []string{"delay_iterations was longer"}},
		{"on one rank", func(*Options) {}, func(rank int) []byte { return enginetest.Trace(rank, 2, 3*rank) }, []string{"holds no step"}},
		{"with steps", func(*Options) {}, func(rank int) []byte { return enginetest.Trace(rank, 2, 3) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, &enginetest.Script{Trace: c.trace})
			o.Warmup = 0
			c.change(&o)
			got, err := Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			m := readBack(t, got)
			if m.Status != ondisk.Complete || !slices.EqualFunc(m.Warnings, c.want, strings.Contains) {
				t.Errorf("status %s, warnings %q; want %q", m.Status, m.Warnings, c.want)
			}
			again, err := ondisk.Open(got.Dir)
			if err != nil {
				t.Fatal(err)
			}
			noted := slices.ContainsFunc(again.Notes, func(n ondisk.Note) bool { return n.Kind == ondisk.NoteNoStep })
			if want := len(c.want) > 0 && c.name != "on one rank"; noted != want {
				t.Errorf("opened again: notes %q", again.Notes)
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no prompt", func(o *Options) { o.Requests = nil }, "at least one prompt"},
		{"empty prompt", func(o *Options) { o.Requests[1].Prompt = "" }, "prompt 2 of 2 is empty"},
		{"warm-up", func(o *Options) { o.Warmup = -1 }, "warm-up"},
		{"phase", func(o *Options) { o.Config.Profiler.Phase = "later" }, "phase"},
		{"engine", func(o *Options) { o.Engine = "steam" }, "unknown engine"},
	} {
		o := options(t, &enginetest.Script{})
		c.change(&o)
		_, err := Run(context.Background(), o)
		if _, usage := errors.AsType[*engine.UsageError](err); !usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want a usage error about %s", c.name, err, c.want)
		}
		if _, err := os.Stat(o.ProfileDir); !os.IsNotExist(err) {
			t.Errorf("%s: left %s behind", c.name, o.ProfileDir)
		}
	}
}

// While a capture runs, its manifest says that it has not ended: that is what stays if the process is killed.
func TestManifestOfAKilledRun(t *testing.T) {
	var killed *ondisk.Manifest
	o := options(t, &enginetest.Script{})
	o.Progress = func(p Progress) {
		if p.Stage != ondisk.StageGenerate {
			return
		}
		dirs, err := filepath.Glob(filepath.Join(o.ProfileDir, "*"))
		if err != nil || len(dirs) != 1 {
			t.Fatalf("directories %v, %v", dirs, err)
		}
		if killed, err = ondisk.ReadManifest(dirs[0]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if killed.Status != ondisk.Interrupted || killed.Error == "" {
		t.Errorf("status %s %q", killed.Status, killed.Error)
	}
}

func readBack(t *testing.T, c *ondisk.Capture) *ondisk.Manifest {
	t.Helper()
	m, err := ondisk.ReadManifest(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ignoreMonotonic := cmp.Transformer("wall", func(m ondisk.Manifest) string { b, _ := json.Marshal(m); return string(b) })
	if diff := cmp.Diff(*c.Manifest, *m, ignoreMonotonic); diff != "" {
		t.Errorf("the manifest on disk differs from the one returned:\n%s", diff)
	}
	leftovers, err := filepath.Glob(filepath.Join(c.Dir, ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left behind: %v %v", leftovers, err)
	}
	return m
}

func readRequests(t *testing.T, dir string) []ondisk.RequestRecord {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, ondisk.RequestsName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var records []ondisk.RequestRecord
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r ondisk.RequestRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}
