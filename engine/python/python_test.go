package python_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
	"github.com/inferprof/inferprof/engine/python"
	"github.com/inferprof/inferprof/sampling"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// fake lets Python find the fake vLLM of testdata, which behaves as told.
func fake(t *testing.T, behaviour string) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3 here")
	}
	dir, err := filepath.Abs("testdata/fake")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", dir)
	t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("CONDA_PREFIX", "")
	t.Setenv("FAKE_VLLM", behaviour)
}

// options are those of a capture of the fake on two ranks.
func options(t *testing.T) capture.Options {
	t.Helper()
	params := sampling.Params{TopP: 1, MaxTokens: 3}
	profiler := engine.ProfilerDefaults(python.VLLM)
	return capture.Options{
		Engine: python.VLLM,
		Config: engine.Config{Model: "models/fake", TensorParallelSize: 2, Profiler: profiler},
		Requests: []engine.Request{
			{ID: "a", Prompt: "abc", Params: params},
			{ID: "b", PromptTokenIDs: []int32{5, 6}, Params: params},
		},
		Dir: filepath.Join(t.TempDir(), "capture"),
	}
}

func run(t *testing.T, o capture.Options) (*ondisk.Capture, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return capture.Run(ctx, o)
}

func TestCapture(t *testing.T) {
	for _, c := range []struct {
		name, behaviour string
		ttft            bool
	}{
		{"current", "", true},
		{"before ProfilerConfig", "old v0-metrics", true},
		{"without metrics", "no-metrics", false},
		{"traces that come late", "late", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake(t, c.behaviour)
			o := options(t)
			o.Warmup = 1
			got, err := run(t, o)
			if err != nil {
				t.Fatal(err)
			}
			m := got.Manifest
			if m.Status != ondisk.Complete || len(got.Traces) != 2 || m.Files[0].Steps != 3 || m.Files[1].Rank != 1 {
				t.Errorf("status %s, traces %v, files %+v", m.Status, got.Traces, m.Files)
			}
			want := engine.Info{
				Engine: "vllm", Version: "0.32.0", Model: "models/fake", Architecture: "FakeForCausalLM", Dtype: "bfloat16", Quantization: "auto_gptq",
				TensorParallelSize: 2, Ranks: 2, MaxModelLen: 128, Device: "CPU",
			}
			if strings.Contains(c.behaviour, "old") {
				want.Version = "0.8.5"
			}
			if diff := cmp.Diff(want, m.Engine); diff != "" {
				t.Errorf("engine (-want +got):\n%s", diff)
			}
			first := got.Requests[0]
			if first.Output != "cba" || first.PromptTokens != 3 || first.OutputTokens != 3 || first.FinishReason != engine.FinishLength {
				t.Errorf("request %+v", first)
			}
			if second := got.Requests[1]; second.PromptTokens != 2 || second.ID != "b" {
				t.Errorf("request %+v", second)
			}
			if c.ttft && (first.TTFTNs <= 0 || first.TPOTNs < 2e6 || first.TPOTNs > 3e6) || !c.ttft && first.TTFTNs != 0 {
				t.Errorf("TTFT %d ns, TPOT %d ns", first.TTFTNs, first.TPOTNs)
			}
			log, err := os.ReadFile(filepath.Join(o.Dir, ondisk.LogName))
			if err != nil || !strings.Contains(string(log), "Processed with fake vLLM") {
				t.Errorf("log %q, %v", log, err)
			}
		})
	}
}

// Several answers to a prompt, and the log-probabilities of their tokens.
func TestAnswers(t *testing.T) {
	fake(t, "")
	o := options(t)
	n := 2
	o.Requests[0].Params.N, o.Requests[0].Params.Logprobs = 3, &n
	o.Requests[0].Params.RepetitionPenalty, o.Requests[0].Params.StopTokenIDs = 1.5, []int32{7}
	got, err := run(t, o)
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	for _, r := range got.Requests {
		answers = append(answers, fmt.Sprint(r.ID, r.Index, r.Output))
	}
	if want := []string{"a0cba", "a1cba'", "a2cba''", "b0"}; !slices.Equal(answers, want) {
		t.Errorf("answers %q, want %q", answers, want)
	}
	place := sampling.PlaceLogprobs{
		Chosen: sampling.TokenLogprob{ID: 2, Logprob: -9999, Rank: 77}, // its probability is 0
		Top:    []sampling.TokenLogprob{{ID: 1000, Logprob: -0.5, Rank: 1}, {ID: 1001, Logprob: -1.5, Rank: 2}},
	}
	first := got.Requests[0].Logprobs
	if len(first) != 3 || len(got.Requests[3].Logprobs) != 0 {
		t.Fatalf("log-probabilities %+v, and %+v of who did not ask", first, got.Requests[3].Logprobs)
	}
	if diff := cmp.Diff(place, first[2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The profiler is told what does no harm, and what somebody asked for.
func TestProfilerSettings(t *testing.T) {
	fake(t, "")
	o := options(t)
	o.Config.Profiler.MaxIterations = 2
	o.Config.Profiler.UseGzip = false
	got, err := run(t, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got.Manifest.Files {
		if f.Steps != 2 || strings.HasSuffix(f.Path, ".gz") {
			t.Errorf("file %+v, want 2 steps, not compressed", f)
		}
	}
}

// A profile of decode alone begins when every request has its first token.
func TestDecodeAlone(t *testing.T) {
	fake(t, "")
	o := options(t)
	o.Config.Profiler.Phase, o.Config.Profiler.UseGzip = "decode", false
	o.Requests[1].Params.MaxTokens = 2
	got, err := run(t, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range got.Traces {
		text, err := os.ReadFile(path)
		if prefills, decodes := strings.Count(string(text), "execute_context_4"), strings.Count(string(text), "execute_context_0"); err != nil || prefills != 0 || decodes != 2 {
			t.Errorf("%v: %d prefill and %d decode steps, want 0 and 2", err, prefills, decodes)
		}
	}
}

// That no bound is wanted is no setting that a version would have to have.
func TestNoBoundWhereThereIsNone(t *testing.T) {
	fake(t, "old")
	o := options(t)
	o.Config.Profiler.MaxIterations = 0
	if _, err := run(t, o); err != nil {
		t.Error(err)
	}
}

// What goes wrong is said in one sentence with what to do next, the log is kept, and what is whole is kept.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name, behaviour string
		change          func(*capture.Options)
		want            []string
		traces          int // -1: no capture
		usage           bool
	}{
		{name: "refused", behaviour: "refuse=the_moon_is_full", want: []string{"open: RuntimeError: the moon is full"}, traces: -1},
		{name: "GPU memory", behaviour: "refuse=CUDA_out_of_memory._Tried_to_allocate_2.00_GiB", want: []string{"the GPU's memory is full", "lower --max-num-seqs"}, traces: -1},
		{name: "no GPU", behaviour: "refuse=Failed_to_infer_device_type", want: []string{"finds no GPU", "nvidia-smi"}, traces: -1},
		{name: "port", behaviour: "say=OSError:_[Errno_98]_Address_already_in_use exit=1", want: []string{"ended with exit code 1 during open", "a port", "VLLM_PORT"}, traces: -1},
		{name: "NUMA", behaviour: "refuse=Not_enough_allowed_NUMA_nodes", want: []string{"VLLM_CPU_OMP_THREADS_BIND="}, traces: -1},
		{name: "licence", behaviour: "refuse=GatedRepoError", want: []string{"the hub refuses", "HF_TOKEN"}, traces: -1},
		{name: "killed at start", behaviour: "kill", want: []string{"killed by signal 9", "memory is short"}, traces: -1},
		{name: "killed in a step", behaviour: "die-step", want: []string{"generate: vllm was killed by signal 9", "no trace of rank 0, 1 was written"}},
		{name: "killed while writing", behaviour: "die-stop", want: []string{"killed by signal 9", "during stop_profile", "rank1", "damaged"}, traces: 1},
		{name: "lost rank", behaviour: "lose=1", want: []string{"no trace of rank 1 was written"}, traces: 1},
		{name: "empty file", behaviour: "empty=0", want: []string{"rank0", "damaged"}, traces: 1},
		{name: "cut file", behaviour: "cut=1", want: []string{"rank1", "damaged: "}, traces: 1},
		{name: "profiler did not start", behaviour: "log-start", want: []string{"no trace of rank 0, 1", "did not start: CUPTI is busy"}},
		{name: "unknown argument", change: func(o *capture.Options) { o.Config.EngineArgs = map[string]any{"gpu_memory_utilisation": 0.5} },
			want: []string{"no engine argument gpu_memory_utilisation: did you mean gpu_memory_utilization?"}, traces: -1, usage: true},
		{name: "unknown setting", change: func(o *capture.Options) {
			o.Config.Profiler, _ = engine.ParseProfilerConfig(`{"torch_profiler_with_stacks":true}`, o.Config.Profiler)
		}, want: []string{"no profiler setting torch_profiler_with_stacks: did you mean torch_profiler_with_stack?"}, traces: -1, usage: true},
		{name: "setting of another version", behaviour: "old", change: func(o *capture.Options) {
			o.Config.Profiler, _ = engine.ParseProfilerConfig(`{"detailed_trace_annotation":true}`, o.Config.Profiler)
		}, want: []string{"vLLM 0.8.5 has no profiler setting detailed_trace_annotation"}, traces: -1, usage: true},
		{name: "sampling of another version", change: func(o *capture.Options) { o.Warmup, o.Requests[0].Params.PresencePenalty = 1, 1 },
			want: []string{"vLLM 0.32.0 cannot sample so: ", "presence_penalty"}, traces: -1, usage: true},
		{name: "a bound where there is none", behaviour: "old", change: func(o *capture.Options) { o.Config.Profiler.MaxIterations = 3 },
			want: []string{"vLLM 0.8.5 has no profiler setting max_iterations"}, traces: -1, usage: true},
		{name: "no model", change: func(o *capture.Options) { o.Config.Model = "demo" }, want: []string{"needs a model"}, traces: -1, usage: true},
		{name: "decode alone, in a version that does not tell", behaviour: "old", change: func(o *capture.Options) { o.Config.Profiler.Phase = "decode" },
			want: []string{"--phase decode: vLLM 0.8.5 does not tell when prefill has ended"}, traces: -1, usage: true},
		{name: "decode alone, without any", change: func(o *capture.Options) {
			o.Config.Profiler.Phase = "decode"
			for i := range o.Requests {
				o.Requests[i].Params.MaxTokens = 1
			}
		}, want: []string{"no moment at which every request had its first token", "no trace of rank 0, 1"}},
		{name: "no such Python", change: func(o *capture.Options) { o.Config.Python = "/nonexistent/python" }, want: []string{"python /nonexistent/python", "name an interpreter"}, traces: -1, usage: true},
		{name: "no environment", change: func(o *capture.Options) { o.Config.Python = "." }, want: []string{"a directory that is no virtual environment"}, traces: -1, usage: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake(t, c.behaviour)
			python.SetSettleTime(t, 200*time.Millisecond)
			o := options(t)
			if c.change != nil {
				c.change(&o)
			}
			got, err := run(t, o)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: want %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %v", err)
			}
			var usage *engine.UsageError
			if errors.As(err, &usage) != c.usage {
				t.Errorf("%v: a usage error should be %t", err, c.usage)
			}
			if c.traces < 0 {
				if got != nil {
					t.Errorf("a capture although nothing was recorded: %+v", got.Manifest)
				}
				return
			}
			if len(got.Traces) != c.traces {
				t.Errorf("whole traces %v, want %d", got.Traces, c.traces)
			}
			again, openErr := ondisk.OpenAll(o.Dir)
			if openErr != nil || again[0].Manifest.Status != ondisk.Failed {
				t.Errorf("read again: %v", openErr)
			}
		})
	}
}

// What is odd about a capture is a warning of it.
func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		behaviour, want string
		failed          bool
	}{
		{behaviour: "gpu", want: "holds no GPU event"},
		{behaviour: "leftover", want: "tmpfake1.json.tmp is what is left of a trace", failed: true},
		{behaviour: "say=OSError:_No_space_left_on_device", want: "a disk is full"},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			fake(t, c.behaviour)
			t.Setenv("TMPDIR", t.TempDir())
			python.SetSettleTime(t, 200*time.Millisecond)
			got, err := run(t, options(t))
			if (err != nil) != c.failed {
				t.Fatal(err)
			}
			if w := strings.Join(got.Manifest.Warnings, "; "); !strings.Contains(w, c.want) {
				t.Errorf("warnings %q, want %q", w, c.want)
			}
		})
	}
}

// Something that is no Python says nothing: what to do next is said for it.
func TestNoPython(t *testing.T) {
	fake(t, "")
	path, err := exec.LookPath("false")
	if err != nil {
		t.Skip("no false here")
	}
	o := options(t)
	o.Config.Python = path
	want := "ended with exit code 1 during open without saying why: check that it is a Python: " + path + ` -c "import vllm"`
	if _, err := run(t, o); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestNoModule(t *testing.T) {
	fake(t, "")
	t.Setenv("PYTHONPATH", "")
	_, err := run(t, options(t))
	if err == nil || !strings.Contains(err.Error(), "vllm is not installed in this Python: name the Python that has it with --python") {
		t.Errorf("%v", err)
	}
}

// A second profile in one process is as good as the first, and one that comes to nothing is told.
func TestTwoProfiles(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		second    int // traces
	}{{"", 2}, {"once", 0}} {
		fake(t, c.behaviour)
		o := options(t)
		o.Config.Profiler.Dir = t.TempDir()
		ctx := context.Background()
		e, err := engine.Open(ctx, python.VLLM, o.Config)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.StopProfile(ctx); !errors.Is(err, engine.ErrNotProfiling) {
			t.Errorf("stop before start: %v", err)
		}
		traces := 0
		for round, want := range []int{2, c.second} {
			if err := e.StartProfile(ctx); err != nil {
				t.Fatal(err)
			}
			if err := e.StartProfile(ctx); !errors.Is(err, engine.ErrProfiling) {
				t.Errorf("second start: %v", err)
			}
			if _, err := e.Generate(ctx, o.Requests); err != nil {
				t.Fatal(err)
			}
			if err := e.StopProfile(ctx); err != nil {
				t.Fatal(err)
			}
			files, _ := filepath.Glob(filepath.Join(o.Config.Profiler.Dir, "*.pt.trace.json.gz"))
			if len(files)-traces != want {
				t.Errorf("%q, round %d: %d new traces, want %d", c.behaviour, round, len(files)-traces, want)
			}
			traces = len(files)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error("second close:", err)
		}
	}
}

// An interrupt ends generating between two steps; the profile is stopped and its traces are whole.
func TestInterrupt(t *testing.T) {
	fake(t, "wait")
	o := options(t)
	o.Warmup = 0
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Progress = func(p capture.Progress) {
		if p.Stage == ondisk.StageGenerate {
			cancel()
		}
	}
	got, err := capture.Run(ctx, o)
	if !errors.Is(err, capture.ErrInterrupted) {
		t.Fatal(err)
	}
	if len(got.Traces) != 2 || got.Manifest.Status != ondisk.Interrupted {
		t.Errorf("traces %v, status %s", got.Traces, got.Manifest.Status)
	}
	if r := got.Requests[0]; r.FinishReason != engine.FinishAborted {
		t.Errorf("request %+v", r)
	}
}

var workerLine = regexp.MustCompile(`worker (\d+)`)

// Whatever ends an engine, no process of it is left: a close, a failure, the death of the driver.
func TestNoOrphans(t *testing.T) {
	for _, behaviour := range []string{"worker", "worker refuse=no", "worker exit=3", "worker kill", "worker die-step"} {
		t.Run(behaviour, func(t *testing.T) {
			fake(t, behaviour)
			python.SetSettleTime(t, 200*time.Millisecond)
			o := options(t)
			_, _ = run(t, o)
			log, err := os.ReadFile(filepath.Join(o.Dir, ondisk.LogName))
			if err != nil {
				t.Fatal(err)
			}
			m := workerLine.FindSubmatch(log)
			if m == nil {
				t.Fatalf("no worker in the log:\n%s", log)
			}
			if !gone(t, string(m[1])) {
				t.Errorf("process %s is still there", m[1])
			}
		})
	}
}

var sharedLine = regexp.MustCompile(`shared (\S+)`)

// An engine that is ended by force leaves no shared memory: what clears up after it is left alone for a moment.
func TestNoSharedMemoryLeft(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("no /dev/shm here")
	}
	fake(t, "core shared core-dies=generate")
	python.SetSettleTime(t, 200*time.Millisecond)
	python.SetPatience(t, 20*time.Millisecond)
	o := options(t)
	if _, err := run(t, o); err == nil {
		t.Fatal("no error")
	}
	log, err := os.ReadFile(filepath.Join(o.Dir, ondisk.LogName))
	if err != nil {
		t.Fatal(err)
	}
	m := sharedLine.FindSubmatch(log)
	if m == nil {
		t.Fatalf("no shared memory in the log:\n%s", log)
	}
	if _, err := os.Stat(filepath.Join("/dev/shm", string(m[1]))); err == nil {
		t.Errorf("/dev/shm/%s is left", m[1])
	}
}

// When we are killed, the engine and its workers end, and the manifest says what it is.
func TestKilled(t *testing.T) {
	fake(t, "worker wait shared")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "capture")
	cmd := exec.Command(self, "-test.run=^TestCaptureToKill$")
	cmd.Env = append(os.Environ(), captureToKill+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	for lines := bufio.NewScanner(out); !strings.Contains(lines.Text(), "generating"); {
		if !lines.Scan() {
			t.Fatal("it ended by itself")
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	log, err := os.ReadFile(filepath.Join(dir, ondisk.LogName))
	if err != nil {
		t.Fatal(err)
	}
	m := workerLine.FindSubmatch(log)
	if m == nil {
		t.Fatalf("no worker in the log:\n%s", log)
	}
	awaitEnd(t, string(m[1]))
	if m := sharedLine.FindSubmatch(log); m != nil {
		awaitFileGone(t, filepath.Join("/dev/shm", string(m[1])))
	}
	manifest, err := os.ReadFile(filepath.Join(dir, ondisk.ManifestName))
	if err != nil || !strings.Contains(string(manifest), `"status": "interrupted"`) {
		t.Errorf("%v, manifest %s", err, manifest)
	}
}

const captureToKill = "INFERPROF_TEST_CAPTURE_TO_KILL"

// TestCaptureToKill is the process that TestKilled kills.
func TestCaptureToKill(t *testing.T) {
	dir := os.Getenv(captureToKill)
	if dir == "" {
		t.Skip("run by TestKilled")
	}
	o := options(t)
	o.Dir, o.Warmup = dir, 0
	o.Progress = func(p capture.Progress) {
		if p.Stage == ondisk.StageGenerate {
			fmt.Println("generating")
		}
	}
	_, err := run(t, o)
	t.Fatal("not killed:", err)
}

// awaitEnd waits until a process is gone. It is no child of ours, so that its end can only be looked for.
func awaitEnd(t *testing.T, pid string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		if gone(t, pid) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("process %s is still there", pid)
}

// awaitFileGone waits until a file is not there.
func awaitFileGone(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if _, err := os.Stat(path); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%s is left", path)
}

// gone tells whether a process has ended; a zombie that nobody waits for has.
func gone(t *testing.T, pid string) bool {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err != nil || slices.Contains(strings.Fields(string(stat)), "Z")
}
