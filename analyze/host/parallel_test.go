package host

import (
	"math"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// TestCores: two threads, two steps, and what is known of the cores. The whole begins with the first op.
//
//	main    ┌ step 0–100 ─────────────┐       ┌ step 140–200 ┐
//	        op 10–60     op 70–100            op 150–200          op 230–250
//	other        op 40–80
func TestCores(t *testing.T) {
	build := func() *tracetest.Builder {
		b := tracetest.New()
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
		threads int             // that the engine says it has
		machine float64         // cores for each rank
		phase   trace.StepPhase // selected
		cores   float64
		from    string
		parts   []CoreTime // MeanBusy left out
	}{
		{name: "unknown", parts: []CoreTime{
			{"", 240, 0, -1, -1, -1}, {"prefill", 90, 0, -1, -1, -1}, {"decode", 60, 0, -1, -1, -1}, {"between steps", 90, 0, -1, -1, -1}}},
		// nobody works in 100–150 and 200–230; two do in 40–60 and 70–80
		{name: "engine", threads: 4, cores: 4, from: CoresOfEngine, parts: []CoreTime{
			{"", 240, 0, 960, 320, 770}, {"prefill", 90, 0, 360, 0, 240}, {"decode", 60, 0, 240, 40, 190}, {"between steps", 90, 0, 360, 280, 340}}},
		{name: "fewer cores than threads", threads: 1, cores: 1, from: CoresOfEngine, parts: []CoreTime{
			{"", 240, 0, 240, 80, 80}, {"prefill", 90, 0, 90, 0, 0}, {"decode", 60, 0, 60, 10, 10}, {"between steps", 90, 0, 90, 70, 70}}},
		{name: "machine", machine: 1.5, cores: 1.5, from: CoresOfMachine, parts: []CoreTime{
			{"", 240, 0, 360, 120, 185}, {"prefill", 90, 0, 135, 0, 30}, {"decode", 60, 0, 90, 15, 40}, {"between steps", 90, 0, 135, 105, 115}}},
		{name: "only decode", threads: 2, phase: "decode", cores: 2, from: CoresOfEngine, parts: []CoreTime{
			{"", 100, 0, 200, 60, 130}, {"decode", 50, 0, 100, 0, 50}, {"between steps", 50, 0, 100, 60, 80}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := build()
			b.Trace.Meta.Engine.ThreadsPerRank = test.threads
			x := index.New(b.Trace, &index.Options{Phase: test.phase})
			p := Parallelism(x, x.Narrow(x.StepTable()), test.machine)
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
