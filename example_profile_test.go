package inferprof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/inferprof/inferprof"
	"github.com/inferprof/inferprof/trace"
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
	files, err := p.Cut(ctx, small, inferprof.Cut{Steps: []inferprof.Range{{From: 0, To: 1}}})
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

// Options refuse what is damaged and tell how far reading has come; errors have types.
func ExampleOpenWith() {
	ctx := context.Background()
	dir, remove := profileDir()
	defer remove()
	whole, err := os.ReadFile(rank(0))
	if err != nil {
		log.Fatal(err)
	}
	half := filepath.Join(dir, "half.json.gz")
	if err := os.WriteFile(half, whole[:len(whole)/2], 0o666); err != nil {
		log.Fatal(err)
	}
	o := inferprof.ProfileOptions{Strict: true, Progress: func(e inferprof.ProfileEvent) { fmt.Println(e.Kind, e.N, "of", e.Of) }}
	for _, path := range []string{rank(0), half} {
		p, err := inferprof.OpenWith(ctx, o, path)
		if err != nil {
			log.Fatal(err)
		}
		_, err = p.Report(ctx, inferprof.Selection{Ranks: []inferprof.Range{{From: 7, To: 7}}})
		var selection *inferprof.SelectionError
		var strict *inferprof.StrictError
		switch {
		case errors.As(err, &selection):
			fmt.Println(selection.Problem)
		case errors.As(err, &strict):
			fmt.Println("damaged")
		}
	}
	// Output:
	// reading 0 of 1
	// read 1 of 1
	// the traces are of rank 0
	// reading 0 of 1
	// damaged
}

// A trace that is kept is gone through in blocks of columns; what no column has is asked for by the name that it has in
// the file.
func ExampleOpen_trace() {
	ctx := context.Background()
	p, err := inferprof.Open(ctx, rank(0))
	if err != nil {
		log.Fatal(err)
	}
	traces, err := p.Trace(ctx, 0) // several, if ranks were merged into one file
	if err != nil {
		log.Fatal(err)
	}
	t := traces[0]
	longest, row := int64(0), 0
	for b := range t.Events.Blocks() {
		for j, category := range b.Category {
			if category == trace.CategoryKernel && b.DurationNs[j] > longest {
				longest, row = b.DurationNs[j], b.First+j
			}
		}
	}
	grid, _ := t.Arg(row, "grid")
	fmt.Printf("%.40s…: %d ns, grid %s\n", t.Strings.At(t.Events.Name(row)), longest, strings.Join(grid.Texts(), "×"))
	// Output:
	// nvjet_sm90_tst_256x128_64x4_1x2_h_bz_coo…: 276127 ns, grid 2×66×1
}

// Formats of other tools are defined by those tools' rules, which a profile is opened with.
func ExampleFormatOptions() {
	ctx := context.Background()
	for _, format := range inferprof.Formats() {
		p, err := inferprof.OpenWith(ctx, inferprof.FormatOptions(format), rank(0), rank(1))
		if err != nil {
			log.Fatal(err)
		}
		r, err := p.Report(ctx, inferprof.Selection{})
		if err != nil {
			log.Fatal(err)
		}
		var b bytes.Buffer
		if err := inferprof.Render(&b, format, r, inferprof.RenderOptions{}); err != nil {
			log.Fatal(err)
		}
		if format == "hta" {
			first, _, _ := strings.Cut(b.String(), "\n")
			fmt.Println(first)
		}
	}
	// Output:
	// rank,idle_time(us),compute_time(us),non_compute_time(us),kernel_time(us),idle_time_pctg,compute_time_pctg,non_compute_time_pctg
}

// A check in CI: what is known to be good is kept in a small file, and what is new must not be worse by more than 5 %.
func ExampleCompareSides() {
	ctx := context.Background()
	dir, remove := profileDir()
	defer remove()
	baseline := filepath.Join(dir, "perf.json")
	read := func(sides ...*inferprof.Side) []inferprof.ReadSide {
		read, err := inferprof.ReadSides(ctx, inferprof.ProfileOptions{}, sides...)
		if err != nil {
			log.Fatal(err)
		}
		return read
	}
	good, err := inferprof.OpenSide(rank(0))
	if err != nil {
		log.Fatal(err)
	}
	if err := inferprof.WriteBaseline(baseline, &read(good)[0]); err != nil {
		log.Fatal(err)
	}

	known, err := inferprof.OpenBaseline(baseline)
	if err != nil {
		log.Fatal(err)
	}
	sides := read(known, good)
	c, err := inferprof.CompareSides(sides)
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Judge(sides, "decode-step", 5); err != nil {
		log.Fatal(err)
	}
	for _, format := range inferprof.ComparisonFormats() {
		if err := inferprof.RenderComparison(io.Discard, format, c, inferprof.RenderOptions{}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("failed:", c.Gate.Failed)
	// Output:
	// failed: false
}
