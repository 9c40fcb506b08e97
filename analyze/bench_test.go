package analyze

import (
	"os"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// bigTrace is 48 MB of JSON, 178,750 events: vLLM on four H100 with Python stacks, one rank.
const bigTrace = realTraces + "/public/x__vllm_h100_1000isl_10osl_32con/vllm_h100_1000isl_10osl_32con.pt.trace.json.gz"

func readBig(b *testing.B) *trace.Trace {
	b.Helper()
	if _, err := os.Stat(bigTrace); err != nil {
		b.Skip("no trace at " + bigTrace)
	}
	t, err := formats.ReadFile(bigTrace, source.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return t
}

// BenchmarkAnalyze is everything but reading. The bar is 1 s of CPU for 4 million events: 250 ns each.
func BenchmarkAnalyze(b *testing.B) {
	t := readBig(b)
	b.ReportAllocs()
	for b.Loop() {
		Analyze([]*trace.Trace{t}, Options{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(t.Events.Len()), "ns/event")
}

// BenchmarkIndex is the part that all analyses share.
func BenchmarkIndex(b *testing.B) {
	t := readBig(b)
	o := index.Options{}
	for b.Loop() {
		index.New(t, &o)
	}
}
