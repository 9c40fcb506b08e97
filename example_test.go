package inferprof_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/inferprof/inferprof"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

var prompts = []string{
	"Hello, my name is",
	"The president of the United States is",
	"The capital of France is",
	"The future of AI is",
}

// profileDir is a directory that the example's reader would keep.
func profileDir() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "vllm_profile")
	if err != nil {
		log.Fatal(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

func Example() {
	ctx := context.Background()
	dir, remove := profileDir()
	defer remove()

	llm, err := inferprof.New(ctx, inferprof.Options{Profiler: inferprof.TorchProfiler(dir)})
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	params := inferprof.DefaultSamplingParams()
	params.Temperature, params.TopP = 0.8, 0.95

	if err := llm.StartProfile(ctx); err != nil {
		log.Fatal(err)
	}
	outputs, err := llm.Generate(ctx, prompts, params)
	if err != nil {
		log.Fatal(err)
	}
	traces, err := llm.StopProfile(ctx)
	if err != nil {
		log.Fatal(err)
	}

	for _, o := range outputs {
		fmt.Printf("%q goes on: %t\n", o.Prompt, len(o.TokenIDs) > 0)
	}
	fmt.Println("traces:", len(traces))
	// Output:
	// "Hello, my name is" goes on: true
	// "The president of the United States is" goes on: true
	// "The capital of France is" goes on: true
	// "The future of AI is" goes on: true
	// traces: 1
}

// Two ranks, each with a part of every layer, write a trace each. What the model says does not depend on their number.
func ExampleNew_tensorParallel() {
	ctx := context.Background()
	dir, remove := profileDir()
	defer remove()

	llm, err := inferprof.New(ctx, inferprof.Options{
		TensorParallelSize: 2,
		Profiler:           inferprof.TorchProfiler(dir),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	greedy := inferprof.DefaultSamplingParams()
	greedy.Temperature = 0

	if err := llm.StartProfile(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := llm.Generate(ctx, prompts, greedy); err != nil {
		log.Fatal(err)
	}
	traces, err := llm.StopProfile(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range traces {
		t, err := formats.ReadFile(path, source.Options{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("rank %d of %d\n", t.Meta.Distributed.Rank, t.Meta.Distributed.WorldSize)
	}
	// Output:
	// rank 0 of 2
	// rank 1 of 2
}

// One token per prompt is the work of prefill alone.
func ExampleLLM_StartProfile_prefillOnly() {
	ctx := context.Background()
	dir, remove := profileDir()
	defer remove()

	llm, err := inferprof.New(ctx, inferprof.Options{Profiler: inferprof.TorchProfiler(dir)})
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	params := inferprof.DefaultSamplingParams()
	params.MaxTokens = 1

	if err := llm.StartProfile(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := llm.Generate(ctx, prompts, params); err != nil {
		log.Fatal(err)
	}
	traces, err := llm.StopProfile(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range traces {
		v, err := formats.Verify(path)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("whole:", v.Whole, "steps:", v.Steps)
	}
	// Output:
	// whole: true steps: 1
}
