package inferprof_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/inferprof/inferprof"
	"github.com/inferprof/inferprof/analyze"
)

// rank is a trace of a small model on two H200s, of which this repository has both ranks.
func rank(n int) string {
	files, err := filepath.Glob(fmt.Sprintf("analyze/testdata/mistral8l_tp2_cudagraph_rank%d.*.pt.trace.json.gz", n))
	if err != nil || len(files) != 1 {
		log.Fatal("no trace of rank ", n)
	}
	return files[0]
}

// A profile that the embedded engine has just recorded is opened by its directory, and only its decode steps are looked at.
func ExampleOpen() {
	ctx := context.Background()
	dir, remove := profileDir()
	defer remove()

	llm, err := inferprof.New(ctx, inferprof.Options{TensorParallelSize: 2, Profiler: inferprof.TorchProfiler(dir)})
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()
	if err := llm.StartProfile(ctx); err != nil {
		log.Fatal(err)
	}
	params := inferprof.DefaultSamplingParams()
	params.MaxTokens, params.IgnoreEOS = 8, true // one step of prefill, seven of decode
	if _, err := llm.Generate(ctx, prompts, params); err != nil {
		log.Fatal(err)
	}
	if _, err := llm.StopProfile(ctx); err != nil {
		log.Fatal(err)
	}

	p, err := inferprof.Open(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	r, err := p.Report(ctx, inferprof.Selection{Phase: "decode"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ranks:", len(r.Ranks))
	fmt.Printf("%d of %d steps\n", r.Selection.SelectedSteps, r.Selection.AllSteps) // of both ranks
	// Output:
	// ranks: 2
	// 14 of 16 steps
}

// A report is plain data, and can be rendered in every format of the command line.
func ExampleReport() {
	r, err := inferprof.Report(context.Background(), rank(0), rank(1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d GPUs did something %.0f %% of the time\n", r.Devices, 100*float64(r.Time.BusyNs)/float64(r.Time.TotalNs))
	fmt.Println("the costliest kernel is of the category", r.Kernels[0].Category)

	page, err := os.CreateTemp("", "report*.html")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.Remove(page.Name()) }()
	defer page.Close()
	if err := inferprof.Render(page, "html", r, inferprof.RenderOptions{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2 GPUs did something 99 % of the time
	// the costliest kernel is of the category comm
}

// What differs between two profiles: here of a profile and itself, so that nothing does.
func ExampleCompare() {
	c, err := inferprof.Compare(context.Background(), rank(0), rank(0))
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range c.Pairs[0].Sections {
		fmt.Printf("%s: a %s takes %.0f ns more\n", s.ID, s.Unit, s.Time.Delta)
	}
	// Output:
	// decode: a step takes 0 ns more
	// prefill: a step takes 0 ns more
}

// The first steps of a rank, as a trace that every viewer opens.
func ExampleCut() {
	ctx := context.Background()
	dir, remove := profileDir()
	defer remove()
	p, err := inferprof.Open(ctx, rank(0))
	if err != nil {
		log.Fatal(err)
	}
	small := filepath.Join(dir, "small.json.gz")
	files, err := p.Cut(ctx, small, inferprof.Cut{Steps: []analyze.Range{{From: 0, To: 1}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range files {
		fmt.Println("smaller:", f.Events < f.SourceEvents && f.SizeBytes < f.SourceBytes)
	}
	v, err := inferprof.Verify(ctx, small)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("whole:", v.Whole, "steps:", v.Files[0].Steps)
	// Output:
	// smaller: true
	// whole: true steps: 2
}
