package inferprof_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof"
	"github.com/inferprof/inferprof/trace/formats"
)

func newLLM(t *testing.T, o inferprof.Options) *inferprof.LLM {
	t.Helper()
	llm, err := inferprof.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := llm.Close(); err != nil {
			t.Error(err)
		}
	})
	return llm
}

func generate(t *testing.T, llm *inferprof.LLM) {
	t.Helper()
	p := inferprof.DefaultSamplingParams()
	p.MaxTokens = 2
	if _, err := llm.Generate(context.Background(), []string{"The capital of France is"}, p); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

// Out of turn, start and stop fail and change nothing.
func TestStartAndStopOutOfTurn(t *testing.T) {
	ctx := context.Background()
	llm := newLLM(t, inferprof.Options{Profiler: inferprof.TorchProfiler(t.TempDir())})
	_, err := llm.StopProfile(ctx)
	wantError(t, "stop without start", err, inferprof.ErrNotProfiling)
	wantError(t, "start", llm.StartProfile(ctx), nil)
	wantError(t, "second start", llm.StartProfile(ctx), inferprof.ErrProfiling)
	generate(t, llm)
	traces, err := llm.StopProfile(ctx)
	wantError(t, "stop", err, nil)
	if len(traces) != 1 {
		t.Errorf("traces %v, want 1", traces)
	}
	_, err = llm.StopProfile(ctx)
	wantError(t, "second stop", err, inferprof.ErrNotProfiling)
}

// A second profile of the same model gets files of its own, which hold only its own steps.
func TestSecondProfile(t *testing.T) {
	ctx := context.Background()
	llm := newLLM(t, inferprof.Options{TensorParallelSize: 2, Profiler: inferprof.TorchProfiler(t.TempDir())})
	seen := map[string]bool{}
	for range 2 {
		wantError(t, "start", llm.StartProfile(ctx), nil)
		generate(t, llm)
		traces, err := llm.StopProfile(ctx)
		if err != nil || len(traces) != 2 {
			t.Fatalf("traces %v, error %v", traces, err)
		}
		for rank, path := range traces {
			v, err := formats.Verify(path)
			if err != nil {
				t.Fatal(err)
			}
			if seen[path] || !v.Whole || v.Rank != rank || v.Steps != 2 {
				t.Errorf("%s: seen before %t, whole %t, rank %d, %d steps; want a new whole trace of rank %d with 2",
					path, seen[path], v.Whole, v.Rank, v.Steps, rank)
			}
			seen[path] = true
		}
	}
}

func TestCloseKeepsTheProfile(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	llm := newLLM(t, inferprof.Options{Profiler: inferprof.TorchProfiler(dir)})
	wantError(t, "start", llm.StartProfile(ctx), nil)
	generate(t, llm)
	wantError(t, "close", llm.Close(), nil)
	traces, err := filepath.Glob(filepath.Join(dir, "*.pt.trace.json.gz"))
	if err != nil || len(traces) != 1 {
		t.Errorf("traces %v, %v", traces, err)
	}
	wantError(t, "second close", llm.Close(), nil)
	wantError(t, "start after close", llm.StartProfile(ctx), inferprof.ErrClosed)
	_, err = llm.StopProfile(ctx)
	wantError(t, "stop after close", err, inferprof.ErrClosed)
	_, err = llm.Generate(ctx, []string{"x"}, inferprof.DefaultSamplingParams())
	wantError(t, "generate after close", err, inferprof.ErrClosed)
}

func TestProfilingNotEnabled(t *testing.T) {
	llm := newLLM(t, inferprof.Options{})
	wantError(t, "start", llm.StartProfile(context.Background()), inferprof.ErrNoProfiler)
}

// A relative directory means the one of that name when the model was loaded.
func TestRelativeProfilerDir(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	llm := newLLM(t, inferprof.Options{Profiler: inferprof.TorchProfiler("vllm_profile")})
	if err := os.Mkdir("elsewhere", 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir("elsewhere")
	wantError(t, "start", llm.StartProfile(context.Background()), nil)
	generate(t, llm)
	traces, err := llm.StopProfile(context.Background())
	if err != nil || len(traces) != 1 {
		t.Fatalf("traces %v, error %v", traces, err)
	}
	want, err := filepath.EvalSymlinks(filepath.Join(home, "vllm_profile"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := filepath.EvalSymlinks(filepath.Dir(traces[0])); err != nil || got != want {
		t.Errorf("traces in %s (%v), want %s", got, err, want)
	}
}
