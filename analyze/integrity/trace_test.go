package integrity

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/graphs"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// event is one event of the base that plants change.
type event struct {
	kind        string // step, call, kernel or op
	name        string
	correlation int64
	start, ns   int64
}

// base is six decode steps, each of a graph with 40 kernels, eight kernels by themselves, and two more for sampling after the mark.
func base() []event {
	var all []event
	correlation := int64(0)
	for step := range int64(6) {
		at := 100_001 * (step + 1)
		runs := at + 2_003 // when the device comes to the next kernel
		launch := func(call string, at int64, kernels ...string) {
			correlation++
			all = append(all, event{"call", call, correlation, at, 500})
			for _, k := range kernels {
				runs = max(runs, at+2_003)
				all = append(all, event{"kernel", k, correlation, runs, 1_001})
				runs += 1_100
			}
		}
		all = append(all, event{"step", "execute_context_0(0)_generation_4(4)", 0, at, 30_000}, event{"op", "aten::mm", 0, at + 11, 900})
		var layers []string
		for i := range 40 {
			layers = append(layers, fmt.Sprint("layer_", i%5))
		}
		launch("cudaGraphLaunch", at+1_000, layers...)
		for i := range int64(8) {
			launch("cudaLaunchKernel", at+2_000+i*1_000, fmt.Sprint("head_", i))
		}
		launch("cudaLaunchKernel", at+40_000, "sample")
		launch("cudaLaunchKernel", at+41_000, "argmax")
	}
	return all
}

// built is the trace of events, checked.
func built(all []event, damage []ranks.Damage, o index.Options) ([]Problem, []Check) {
	b := tracetest.New()
	for _, e := range all {
		switch e.kind {
		case "step":
			b.Annotation(e.name, e.start, e.ns)
		case "call":
			b.Call(e.name, e.correlation, e.start, e.ns)
		case "op":
			b.Op(e.name, e.start, e.ns)
		default:
			b.Kernel(e.name, 7, e.correlation, e.start, e.ns)
		}
	}
	x := index.New(b.Trace, &o)
	r := &ranks.Rank{Damage: damage, Steps: x.StepTable()}
	if x.OnGPU {
		r.Replays = graphs.Losses(x)
	}
	return CheckTrace(x, r, 0)
}

// without are the events of which keep is true; it is told which event of its kind each is.
func without(all []event, lost func(e event, n int) bool) []event {
	counts := map[string]int{}
	return slices.DeleteFunc(slices.Clone(all), func(e event) bool {
		counts[e.kind]++
		return lost(e, counts[e.kind]-1)
	})
}

// TestCheckTrace: each plant is found by the check that is there for it, the trace without it is found sound, and what can't be
// looked at is not said to be right.
func TestCheckTrace(t *testing.T) {
	all := base()
	last := all[len(all)-1].start
	for _, test := range []struct {
		name   string
		events []event
		want   string // problems, severity and id
		checks string // that did not pass
	}{
		{"whole", all, "", ""},
		{"no calls", without(all, func(e event, _ int) bool { return e.kind == "call" }), "", "launches not_checked, kernels not_checked, steps not_checked"},
		{"no steps", without(all, func(e event, _ int) bool { return e.kind == "step" }), "", "steps not_checked"},
		{"no GPU work", without(all, func(e event, _ int) bool { return e.kind == "kernel" }), "error no_gpu_events", "kernels failed"},
		{"calls before the profile", without(all, func(e event, n int) bool { return e.kind == "call" && n == 0 }), "warning unlinked", "launches failed"},
		{"lost calls", without(all, func(e event, n int) bool { return e.kind == "call" && n%7 == 3 }), "warning lost_launches", "launches failed"},
		{"no call fits", slices.Collect(func(yield func(event) bool) {
			for _, e := range all {
				if e.kind == "call" {
					e.correlation += 1 << 20
				}
				if !yield(e) {
					return
				}
			}
		}), "warning lost_launches, warning lost_launches", "launches failed"},
		{"lost kernels", without(all, func(e event, _ int) bool { return e.name == "head_3" }), "warning lost_kernels", "kernels failed"},
		{"a kernel of a replay", without(all, func(e event, n int) bool { return e.kind == "kernel" && n == 50+50+17 }), "warning replays_differ", "replays failed"},
		{"a replay", without(all, func(e event, _ int) bool { return e.kind == "kernel" && e.correlation == 12 }), "warning empty_graphs", "replays failed"},
		{"the end of GPU work", without(all, func(e event, _ int) bool { return e.kind == "kernel" && e.start > last/2 }),
			"warning gpu_ends_early, warning empty_graphs", "kernels failed, replays failed"},
		{"the start of GPU work", without(all, func(e event, _ int) bool { return e.kind == "kernel" && e.start < last/2 }),
			"warning gpu_begins_late, warning empty_graphs", "kernels failed, replays failed"},
		{"what the stop cuts off", without(all, func(e event, _ int) bool { return e.kind == "kernel" && e.start > last-500 }), "note empty_launches", ""},
		{"events twice", slices.Concat(all, all[30:40]), "warning duplicates", "kernels not_checked, replays not_checked, duplicates failed"},
		{"half of the marks", without(all, func(e event, n int) bool { return e.kind == "step" && n%2 == 1 }), "warning lost_steps", "steps failed"},
		{"numbers left out", append(without(all, func(e event, _ int) bool { return e.kind == "step" }),
			event{"step", "ProfilerStep#3", 0, all[0].start, 90_000}, event{"step", "ProfilerStep#6", 0, all[0].start + 100_001, 90_000}), "warning lost_steps", "steps failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			problems, checks := built(test.events, nil, index.Options{})
			var got []string
			for _, p := range problems {
				got = append(got, p.Severity+" "+p.ID)
				if strings.Contains(p.Text, "%!") {
					t.Errorf("%s: %s", p.ID, p.Text)
				}
			}
			if test.name == "no call fits" { // a launch of everything is lost, and the calls have none
				if len(got) == 0 || got[0] != "warning lost_launches" {
					t.Errorf("problems %s", got)
				}
				return
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("problems %q, want %q", s, test.want)
			}
			var not []string
			for _, c := range checks {
				if c.Outcome != Passed {
					not = append(not, c.ID+" "+c.Outcome)
				}
				if (c.Why != "") != (c.Outcome == NotChecked) || c.Outcome == Passed && c.Looked == 0 {
					t.Errorf("%+v", c)
				}
			}
			if s := strings.Join(not, ", "); s != test.checks {
				t.Errorf("checks %q, want %q", s, test.checks)
			}
		})
	}
}

// TestDurations: kernels of 0 ns are told where times are fine enough, and not again where they were damaged.
func TestDurations(t *testing.T) {
	zero := func(n int) []event {
		all := base()
		for i := range all {
			if all[i].kind == "kernel" && n > 0 {
				all[i].ns = 0
				n--
			}
		}
		return all
	}
	whole := base()
	for i := range whole {
		whole[i].start, whole[i].ns = whole[i].start/1000*1000, 0
	}
	negative := []ranks.Damage{{Kind: "duration"}, {Kind: "duration"}}
	for _, test := range []struct {
		name   string
		events []event
		damage []ranks.Damage
		want   string
	}{
		{"none", zero(0), nil, "passed"},
		{"one", zero(1), nil, "passed note"},
		{"many", zero(20), nil, "failed warning"},
		{"that ended before they began", zero(2), negative, "passed"},
		{"whole µs", whole, nil, "not_checked"},
	} {
		problems, checks := built(test.events, test.damage, index.Options{})
		got := ""
		for _, c := range checks {
			if c.ID == CheckDurations {
				got = c.Outcome
			}
		}
		for _, p := range problems {
			if p.ID == "no_duration" {
				got += " " + p.Severity
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestCaptured: what is launched into a graph that is recorded runs nothing, and is not lost.
func TestCaptured(t *testing.T) {
	b := tracetest.New()
	b.Call("cudaLaunchKernel", 1, 0, 5)
	b.Kernel("a", 7, 1, 10, 5)
	b.Call("cudaStreamBeginCapture", 2, 20, 5)
	for i := range int64(20) {
		b.Call("cudaLaunchKernel", 3+i, 30+10*i, 5)
	}
	b.Call("cudaStreamEndCapture", 90, 300, 5)
	b.Call("cudaLaunchKernel", 91, 310, 5)
	b.Kernel("a", 7, 91, 320, 5)
	problems, checks := CheckTrace(index.New(b.Trace, &index.Options{}), &ranks.Rank{}, 0)
	if len(problems) != 1 || problems[0].ID != "empty_launches" || problems[0].Severity != SeverityNote || problems[0].Count != 20 {
		t.Errorf("%+v", problems)
	}
	if i := slices.IndexFunc(checks, func(c Check) bool { return c.ID == CheckKernels }); i < 0 || checks[i].Outcome != Passed || checks[i].Looked != 2 {
		t.Errorf("%+v", checks)
	}
}

// TestNotRecorded: that no kernel is there, or no copy, is found where other work has its launches.
func TestNotRecorded(t *testing.T) {
	for _, test := range []struct{ lost, want string }{
		{"", ""}, {"kernel", "lost_kernels"}, {"copy", "lost_copies"}, {"set", "lost_copies"},
	} {
		b := tracetest.New()
		for i := range int64(12) {
			at := 1000 * i
			b.Call("cudaLaunchKernel", 3*i+1, at, 5)
			b.Call("cudaMemcpyAsync", 3*i+2, at+10, 5)
			b.Call("cudaMemsetAsync", 3*i+3, at+20, 5)
			if test.lost != "kernel" {
				b.Kernel("k", 7, 3*i+1, at+100, 50)
			}
			if test.lost != "copy" {
				b.GPU(trace.CategoryMemcpy, "Memcpy DtoD (Device -> Device)", 7, 3*i+2, at+200, 50)
			}
			if test.lost != "set" {
				b.GPU(trace.CategoryMemset, "Memset (Device)", 7, 3*i+3, at+300, 50)
			}
		}
		problems, _ := CheckTrace(index.New(b.Trace, &index.Options{}), &ranks.Rank{}, 0)
		got := ""
		for _, p := range problems {
			if p.Severity == SeverityWarning {
				got += p.ID
			}
		}
		if got != test.want {
			t.Errorf("without any %s: %q, want %q: %+v", test.lost, got, test.want, problems)
		}
	}
}

// TestTruncated: of a file that ends before its GPU work it is not said that the profiler recorded none.
func TestTruncated(t *testing.T) {
	b := tracetest.New()
	b.Op("aten::mm", 0, 50)
	b.Trace.Meta.Devices = []trace.Device{{Name: "NVIDIA H200"}}
	b.Trace.Damage = []trace.Damage{{Kind: "truncated"}}
	problems, _ := CheckTrace(index.New(b.Trace, &index.Options{}), &ranks.Rank{Damage: ranks.DamageOf(b.Trace)}, 0)
	if len(problems) != 2 || problems[1].ID != "no_gpu_events" || !strings.Contains(problems[1].Text, "the file ends before it") {
		t.Errorf("%+v", problems)
	}
}
