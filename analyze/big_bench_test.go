package analyze

import (
	"io"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto/gen"
	"github.com/inferprof/inferprof/trace/source"
)

// BenchmarkAnalyzeMillions is every analysis of a trace of 4 million events, after reading. The bar is 1 s of CPU.
func BenchmarkAnalyzeMillions(b *testing.B) {
	for _, c := range []struct {
		name   string
		stacks bool
	}{{"stacks", true}, {"no_stacks", false}} {
		b.Run(c.name, func(b *testing.B) {
			t := generated(b, 4_000_000, c.stacks)
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				Analyze([]*trace.Trace{t}, Options{})
			}
			b.ReportMetric((cpuTime()-before).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(t.Events.Len()), "events")
		})
	}
}

// generated is a generator's trace of about so many events.
func generated(tb testing.TB, events int, stacks bool) *trace.Trace {
	tb.Helper()
	o := gen.Options{Steps: 4, NoStacks: !stacks}
	totals, err := gen.Write(io.Discard, o)
	if err != nil {
		tb.Fatal(err)
	}
	o.Steps = events * 4 / totals.Events
	r, w := io.Pipe()
	go func() {
		_, err := gen.Write(w, o)
		w.CloseWithError(err)
	}()
	t, err := formats.Read(r, "generated", source.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}
