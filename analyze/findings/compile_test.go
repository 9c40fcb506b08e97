package findings

import (
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

const compiler = "_compile.compile_inner (dynamo_timed)"

// compilingRanks are two ranks of a CPU-only engine that meet once a step. Rank 1 compiles so long in those steps, and rank
// 0 waits for it.
func compilingRanks(in func(step int) int64) []*trace.Trace {
	var traces []*trace.Trace
	for r := range 2 {
		b := newBuilder(r, 2)
		b.Trace.Meta.Devices = nil
		at := int64(1000)
		for step := range 10 {
			begin, compile := at, in(step)
			if r == 1 && compile > 0 {
				b.Op(compiler, at, compile)
				at += compile
			}
			b.Op("aten::mm", at, 4_000_000)
			at += 4_000_000
			ns := int64(100_000)
			if r == 0 {
				ns += compile
			}
			b.Collective("c10d::allreduce_", at, ns, trace.Absent, 1024)
			at += ns
			b.Annotation("execute_context_0(0)_generation_4(4)", begin, at-begin+100)
			at += 200
		}
		traces = append(traces, b.Trace)
	}
	return traces
}

// TestCompilingIsWhy: what a compiler takes is said once, and no other rule advises on it.
func TestCompilingIsWhy(t *testing.T) {
	first := func(step int) int64 { return map[int]int64{0: 60_000_000}[step] }
	twice := func(step int) int64 { return map[int]int64{3: 20_000_000, 6: 30_000_000}[step] }
	onGPU := newBuilder(0, 1)
	onGPU.run(steps{n: 12, between: 2_000_000, during: compiler})
	running := newBuilder(0, 1)
	running.run(steps{n: 12, between: 1000, during: "## Call CompiledFxGraph fabc ##"})
	alone := newBuilder(0, 1)
	alone.Trace.Meta.Devices = nil
	alone.Op(compiler, 0, 1_000_000) // a trace without steps
	alone.Op("aten::mm", 1_000_000, 1_000_000)
	for _, test := range []struct {
		name   string
		want   []string
		traces []*trace.Trace
	}{
		{"running", nil, []*trace.Trace{running.Trace}},
		{"no compiling", nil, compilingRanks(func(int) int64 { return 0 })},
		{"in the first step", []string{"compiled_inside"}, compilingRanks(first)},
		{"in two steps", []string{"compiled_inside"}, compilingRanks(twice)},
		{"in one rank's first step", []string{"compiled_inside"}, compilingRanks(first)[1:]},
		{"on a GPU", []string{"compiled_inside"}, []*trace.Trace{onGPU.Trace}},
		{"without steps", []string{"compiled_inside"}, []*trace.Trace{alone.Trace}},
	} {
		var ids []string
		found := find(analyze.Options{}, test.traces...)
		for _, f := range found {
			ids = append(ids, f.ID)
		}
		if !slices.Equal(ids, test.want) {
			t.Errorf("%s: found %v, want %v: %+v", test.name, ids, test.want, found)
		}
		checkEvidence(t, found, test.traces)
	}
}

// TestCompilingOfARealTrace: the numbers of PyTorch's own recompilations, as its file has them: Dynamo takes 5,941,279,252 ns
// in the first of four steps and 7,114,198,849 in the second.
func TestCompilingOfARealTrace(t *testing.T) {
	tr, err := formats.ReadFile("../testdata/compile/recompile_cpu.pt.trace.json.gz", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := find(analyze.Options{}, tr)
	if len(found) != 1 || found[0].ID != "compiled_inside" || found[0].Severity != analyze.SeverityHigh {
		t.Fatalf("found %+v", found)
	}
	for name, want := range map[string]float64{"compiling": 5_941_279_252 + 7_114_198_849, "compilations": 2, "steps_with_it": 2, "steps": 4} {
		if !slices.ContainsFunc(found[0].Evidence, func(e analyze.Evidence) bool { return e.Name == name && e.Value == want }) {
			t.Errorf("%s is not %.0f in %+v", name, want, found[0].Evidence)
		}
	}
	if stake := int64(5_941_279_252+7_114_198_849) / 4; found[0].StakeNsPerStep != stake {
		t.Errorf("at stake: %d, want %d", found[0].StakeNsPerStep, stake)
	}
	// The steps that are left over have nothing to say of it.
	if found := find(analyze.Options{Steps: []analyze.Range{{From: 2, To: 3}}}, tr); slices.ContainsFunc(found, func(f analyze.Finding) bool { return f.ID == "compiled_inside" }) {
		t.Errorf("found %+v among steps without compiling", found)
	}
}
