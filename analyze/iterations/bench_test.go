package iterations

import (
	"bytes"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto/gen"
	"github.com/inferprof/inferprof/trace/source"
)

// BenchmarkOf divides the steps of a generated trace with Python frames, of which a comparison reads two: it may take
// a fifth of the time that reading takes.
func BenchmarkOf(b *testing.B) {
	var text bytes.Buffer
	if _, err := gen.Write(&text, gen.Options{Bytes: 256 << 20}); err != nil {
		b.Fatal(err)
	}
	t, err := formats.Read(&text, "generated", source.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(t.Events.Len()), "events")
	for b.Loop() {
		Of(t, 0, &index.Options{})
	}
}
