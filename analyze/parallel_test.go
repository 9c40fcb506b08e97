package analyze

import (
	"math"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// TestCores: two threads, two steps, and what is known of the cores. The whole begins with the first op.
//
//	main    ┌ step 0–100 ─────────────┐       ┌ step 140–200 ┐
//	        op 10–60     op 70–100            op 150–200          op 230–250
//	other        op 40–80
func TestCores(t *testing.T) {
	engine := func() *builder {
		b := newBuilder()
		b.Annotation("execute_context_1(8)_generation_0(0)", 0, 100)
		b.Op("aten::mm", 10, 50)
		b.Op("aten::mm", 70, 30)
		b.OpOn(tracetest.Thread+1, trace.CategoryCPUOp, "gloo:all_reduce", 40, 40)
		b.Annotation("execute_context_0(0)_generation_1(1)", 140, 60)
		b.Op("aten::mm", 150, 50)
		b.Op("aten::argmax", 230, 20)
		return b
	}
	for _, test := range []struct {
		name    string
		threads int
		o       Options
		cores   float64
		from    string
		parts   []host.CoreTime // MeanBusy left out
	}{
		{name: "unknown", parts: []host.CoreTime{
			{Phase: "", SpanNs: 240, MeanBusy: 0, CoreNs: -1, IdleMinCoreNs: -1, IdleMaxCoreNs: -1}, {Phase: "prefill", SpanNs: 90, MeanBusy: 0, CoreNs: -1, IdleMinCoreNs: -1, IdleMaxCoreNs: -1}, {Phase: "decode", SpanNs: 60, MeanBusy: 0, CoreNs: -1, IdleMinCoreNs: -1, IdleMaxCoreNs: -1}, {Phase: "between steps", SpanNs: 90, MeanBusy: 0, CoreNs: -1, IdleMinCoreNs: -1, IdleMaxCoreNs: -1}}},
		// nobody works in 100–150 and 200–230; two do in 40–60 and 70–80
		{name: "engine", threads: 4, cores: 4, from: host.CoresOfEngine, parts: []host.CoreTime{
			{Phase: "", SpanNs: 240, MeanBusy: 0, CoreNs: 960, IdleMinCoreNs: 320, IdleMaxCoreNs: 770}, {Phase: "prefill", SpanNs: 90, MeanBusy: 0, CoreNs: 360, IdleMinCoreNs: 0, IdleMaxCoreNs: 240}, {Phase: "decode", SpanNs: 60, MeanBusy: 0, CoreNs: 240, IdleMinCoreNs: 40, IdleMaxCoreNs: 190}, {Phase: "between steps", SpanNs: 90, MeanBusy: 0, CoreNs: 360, IdleMinCoreNs: 280, IdleMaxCoreNs: 340}}},
		{name: "fewer cores than threads", threads: 1, cores: 1, from: host.CoresOfEngine, parts: []host.CoreTime{
			{Phase: "", SpanNs: 240, MeanBusy: 0, CoreNs: 240, IdleMinCoreNs: 80, IdleMaxCoreNs: 80}, {Phase: "prefill", SpanNs: 90, MeanBusy: 0, CoreNs: 90, IdleMinCoreNs: 0, IdleMaxCoreNs: 0}, {Phase: "decode", SpanNs: 60, MeanBusy: 0, CoreNs: 60, IdleMinCoreNs: 10, IdleMaxCoreNs: 10}, {Phase: "between steps", SpanNs: 90, MeanBusy: 0, CoreNs: 90, IdleMinCoreNs: 70, IdleMaxCoreNs: 70}}},
		{name: "machine", o: Options{Capture: &Capture{HostCPUs: 3, ExpectedRanks: 2}}, cores: 1.5, from: host.CoresOfMachine, parts: []host.CoreTime{
			{Phase: "", SpanNs: 240, MeanBusy: 0, CoreNs: 360, IdleMinCoreNs: 120, IdleMaxCoreNs: 185}, {Phase: "prefill", SpanNs: 90, MeanBusy: 0, CoreNs: 135, IdleMinCoreNs: 0, IdleMaxCoreNs: 30}, {Phase: "decode", SpanNs: 60, MeanBusy: 0, CoreNs: 90, IdleMinCoreNs: 15, IdleMaxCoreNs: 40}, {Phase: "between steps", SpanNs: 90, MeanBusy: 0, CoreNs: 135, IdleMinCoreNs: 105, IdleMaxCoreNs: 115}}},
		{name: "only decode", threads: 2, o: Options{Phase: "decode"}, cores: 2, from: host.CoresOfEngine, parts: []host.CoreTime{
			{Phase: "", SpanNs: 100, MeanBusy: 0, CoreNs: 200, IdleMinCoreNs: 60, IdleMaxCoreNs: 130}, {Phase: "decode", SpanNs: 50, MeanBusy: 0, CoreNs: 100, IdleMinCoreNs: 0, IdleMaxCoreNs: 50}, {Phase: "between steps", SpanNs: 50, MeanBusy: 0, CoreNs: 100, IdleMinCoreNs: 60, IdleMaxCoreNs: 80}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := engine()
			b.Trace.Meta.Engine.ThreadsPerRank = test.threads
			p := b.analyze(test.o).Ranks[0].Parallel
			if p == nil {
				t.Fatal("nothing")
			}
			if p.Cores != test.cores || p.CoresFrom != test.from {
				t.Errorf("%g cores of %q, want %g of %q", p.Cores, p.CoresFrom, test.cores, test.from)
			}
			got := slices.Clone(p.Parts)
			for i := range got {
				got[i].MeanBusy = 0
			}
			if !slices.Equal(got, test.parts) {
				t.Errorf("got  %v\nwant %v", got, test.parts)
			}
			// the parts are a partition of the whole
			var span, idle int64
			var busy float64
			for _, c := range p.Parts[1:] {
				span, idle, busy = span+c.SpanNs, idle+max(0, c.IdleMaxCoreNs), busy+c.MeanBusy*float64(c.SpanNs)
			}
			if all := p.Parts[0]; span != all.SpanNs || idle != max(0, all.IdleMaxCoreNs) || math.Abs(busy-all.MeanBusy*float64(all.SpanNs)) > 1e-6 {
				t.Errorf("parts sum to %d ns, %d idle, %g at work; the whole is %+v", span, idle, busy, all)
			}
		})
	}
}
