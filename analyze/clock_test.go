package analyze

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/integrity"
	"github.com/inferprof/inferprof/trace"
)

// meetings makes a rank's trace of all-reduces that end together with the other ranks'. Its clock is skewed, and the
// first skipped ones happened before its profiler began.
func meetings(number, skipped int, base, skew int64, late func(i int) int64) *trace.Trace {
	b := newBuilder()
	b.Trace.Meta.BaseTimeNanoseconds = base
	b.Trace.Meta.Distributed = &trace.Distributed{Rank: number, WorldSize: 2}
	for i := skipped; i < 40; i++ {
		end := 5_000_000_000 + int64(i*i)*1000 + int64(i)*100_000 // by the first rank's clock
		start := end - 20_000 + late(i)
		b.Annotation("execute_context_0(0)_generation_1(1)", start-base+skew-50_000, 40_000)
		b.Collective("allreduce", start-base+skew, end-start, trace.Absent, 1<<20)
	}
	return b.Trace
}

func TestClock(t *testing.T) {
	early := func(int) int64 { return -30_000 }
	intime := func(int) int64 { return 0 }
	for _, c := range []struct {
		name    string
		skipped int
		base    int64
		skew    int64
		found   int
	}{
		{"one clock", 0, 4_000_000_000, 0, 40},
		{"another base", 0, 1_000_000_000, 0, 40},
		{"ahead", 0, 4_000_000_000, 7_000_000, 40},
		{"behind", 0, 3_999_000_000, -12_345_678, 40},
		{"began later", 5, 4_000_000_000, 3_000_000, 35},
	} {
		r := Analyze([]*trace.Trace{meetings(0, 0, 4_000_000_000, 0, early), meetings(1, c.skipped, c.base, c.skew, intime)}, Options{})
		got := r.Ranks[1].Clock
		if got == nil || got.SkewNs != c.skew || got.SpreadNs != 0 || got.Collectives != c.found {
			t.Errorf("%s: %+v, want %d", c.name, got, c.skew)
		}
		want := 30_000 + int64(c.skipped*c.skipped*1000+c.skipped*100_000)
		if got.LateNs != want || r.Ranks[0].Clock.LateNs != 0 {
			t.Errorf("%s: %d late, want %d", c.name, got.LateNs, want)
		}
		said := slices.ContainsFunc(r.Problems, func(p integrity.Problem) bool { return p.ID == "clock_skew" })
		if said != (c.skew != 0) {
			t.Errorf("%s: %+v", c.name, r.Problems)
		}
		// Rank 1 came last each time: rank 0 waited 30 µs.
		all := r.Collectives[0]
		if all.LateRank != 1 || all.LateCount != c.found || all.Kind != "all_reduce" {
			t.Errorf("%s: %+v", c.name, all)
		}
		if c.skipped > 0 {
			continue
		}
		if all.WaitNs != 40*30_000 || all.TransferNs != 80*20_000 || all.BusBytesPerS != 52_428_800_000 {
			t.Errorf("%s: %+v", c.name, all)
		}
		for _, s := range r.Steps[:39] {
			if s.LateRank != 1 || s.MostWaitNs != 30_000 {
				t.Fatalf("%s: step %+v", c.name, s)
			}
		}
	}
}

func TestDuplicateAndLateRanks(t *testing.T) {
	intime := func(int) int64 { return 0 }
	ids := func(traces ...*trace.Trace) string {
		var out []string
		for _, p := range Analyze(traces, Options{}).Problems {
			out = append(out, p.ID)
		}
		return strings.Join(out, " ")
	}
	if got := ids(meetings(0, 0, 0, 0, intime), meetings(0, 0, 0, 0, intime)); got != "same_trace duplicate_rank" {
		t.Errorf("the same rank twice: %q", got)
	}
	if got := ids(meetings(0, 0, 0, 0, intime), meetings(1, 20, 0, 0, intime)); got != "late_rank" {
		t.Errorf("a rank that began half way: %q", got)
	}
}

func TestDoubts(t *testing.T) {
	b := newBuilder()
	b.Call("cudaGraphLaunch", 1, 0, 10)
	b.Kernel("gemm", 7, 2, 20, 10)
	r := b.analyze(Options{})
	if d := r.Doubts("steps", 0); len(d) == 0 {
		t.Errorf("unlinked work, and steps are not in doubt: %+v", r.Problems)
	}
	if d := r.Doubts("collectives", 0); len(d) != 0 {
		t.Errorf("%+v", d)
	}
}

// TestDifferentProfiles: traces that never ran at the same time, and met in no collective, are not the ranks of one profile.
func TestDifferentProfiles(t *testing.T) {
	at := func(start int64) *trace.Trace {
		b := newBuilder()
		b.Trace.Meta.BaseTimeNanoseconds = 1
		b.Op("aten::mm", start, 1_000_000)
		b.Op("aten::mm", start+5_000_000, 1_000_000)
		return b.Trace
	}
	for _, c := range []struct {
		starts []int64
		want   string
	}{
		{[]int64{0, 60_000_000_000}, "the traces of rank 0 and rank 1 lie 59.99 s apart"},
		{[]int64{60_000_000_000, 0, 3_000_000}, "the traces of rank 2 and rank 0 lie 59.99 s apart"},
		{[]int64{0, 5_000_000, 10_000_000}, ""},
	} {
		var traces []*trace.Trace
		for _, s := range c.starts {
			traces = append(traces, at(s))
		}
		i := slices.IndexFunc(Analyze(traces, Options{}).Problems, func(p integrity.Problem) bool { return p.ID == "different_profiles" })
		switch problems := Analyze(traces, Options{}).Problems; {
		case c.want == "" && i >= 0, c.want != "" && (i < 0 || !strings.HasPrefix(problems[i].Text, c.want)):
			t.Errorf("%v: %+v", c.starts, problems)
		}
	}
	far := Analyze([]*trace.Trace{meetings(0, 0, 4_000_000_000, 0, func(int) int64 { return 0 }),
		meetings(1, 0, 4_000_000_000, 900_000_000_000, func(int) int64 { return 0 })}, Options{})
	if slices.ContainsFunc(far.Problems, func(p integrity.Problem) bool { return p.ID == "different_profiles" }) {
		t.Errorf("clocks that differ are no profiles that do: %+v", far.Problems)
	}
}

// crew is two ranks of one engine that meet in a thousand all-reduces, in steps that are alike but for some µs, of which rank 1
// keeps those that keep holds of; its clock is ahead.
func crew(ahead int64, keep func(i int) bool, change func(r int, t *trace.Trace)) []*trace.Trace {
	random := rand.New(rand.NewPCG(4, 4))
	var traces []*trace.Trace
	for r := range 2 {
		b := newBuilder()
		b.Trace.Meta.BaseTimeNanoseconds = 1_000_000_000
		b.Trace.Meta.Distributed = &trace.Distributed{Rank: r, WorldSize: 2}
		traces = append(traces, b.Trace)
		if change != nil {
			change(r, b.Trace)
		}
		at := int64(5_000_000)
		steps := rand.New(rand.NewPCG(9, 9))
		for i := range 1000 {
			if at += 60_000 + steps.Int64N(3000); i%20 == 0 {
				at += 100_000 + steps.Int64N(20_000)
			}
			if r == 1 && !keep(i) {
				continue
			}
			came := at - 5_000 - random.Int64N(20_000)
			b.Op("aten::mm", came+ahead*int64(r)-20_000, 15_000)
			b.Collective("allreduce", came+ahead*int64(r), at-came, trace.Absent, 4096)
		}
	}
	return traces
}

// What one of two ranks lacks of what the other has is told, whatever its clock says; a trace of another run is no rank that
// lacks something.
func TestRanksTogether(t *testing.T) {
	all := func(int) bool { return true }
	hour := int64(3_600_000_000_000)
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name   string
		traces []*trace.Trace
		want   string
	}{
		{"nothing is missing", crew(0, all, nil), ""},
		{"a clock an hour ahead", crew(hour, all, nil), "note clock_skew"},
		{"began a step later", crew(0, func(i int) bool { return i >= 15 }, nil), ""},
		{"began at a third", crew(0, func(i int) bool { return i >= 333 }, nil), "error late_rank"},
		{"began at a twentieth, by a clock that is ahead", crew(20_000_000, func(i int) bool { return i >= 50 }, nil), "warning late_rank note clock_skew"},
		{"ended at two thirds", crew(0, func(i int) bool { return i < 667 }, nil), "error early_rank"},
		{"lost half", crew(0, func(int) bool { return random.IntN(2) == 0 }, nil), "error rank_lost_work"},
		{"lost a twentieth", crew(0, func(int) bool { return random.IntN(20) > 0 }, nil), "warning rank_lost_work"},
		{"of another run", crew(hour, func(i int) bool { return i > 300 && i < 800 }, nil), "error different_profiles"},
		{"of another world", crew(0, all, func(r int, t *trace.Trace) { t.Meta.Distributed.WorldSize = 2 + 2*r }), "error different_profiles note missing_ranks"},
		{"of another version", crew(0, all, func(r int, t *trace.Trace) {
			t.Meta.Engine = trace.Engine{Name: "vllm", Version: []string{"0.24", "0.32"}[r]}
		}),
			"error different_profiles"},
	} {
		var got []string
		for _, p := range Analyze(c.traces, Options{}).Problems {
			got = append(got, p.Severity+" "+p.ID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Replicas that do not meet begin, end and run what they like.
func TestReplicasLackNothing(t *testing.T) {
	var traces []*trace.Trace
	for r := range 3 {
		b := newBuilder()
		b.Trace.Meta.BaseTimeNanoseconds = 1_000_000_000
		b.Trace.Meta.Distributed = &trace.Distributed{Rank: 0, WorldSize: 1}
		random := rand.New(rand.NewPCG(5, uint64(r)))
		at := int64(r) * 9_000_000
		for range 200 + 100*r {
			at += 50_000 + random.Int64N(40_000)
			b.Op("aten::mm", at-30_000, 20_000)
			b.Collective("allreduce", at-7_000, 7_000, trace.Absent, 4096)
		}
		traces = append(traces, b.Trace)
	}
	for _, p := range Analyze(traces, Options{}).Problems {
		if p.ID != "duplicate_rank" {
			t.Errorf("%s: %s", p.ID, p.Text)
		}
	}
}
