package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// The number in the headline, in the table, and of the steady state, where that has the same steps, is one.
func TestOneDecodeStep(t *testing.T) {
	said := 0
	for name, r := range results(t) {
		text := verdict(r)
		for _, p := range r.Phases {
			if p.Phase != "decode" || p.MeasuredSteps == 0 {
				continue
			}
			said++
			number := "a decode step takes " + plain(p.StepMedianNs)
			if p.OfOpen {
				number = "decode step, which no other follows, takes " + plain(p.StepMedianNs)
			}
			if !strings.Contains(strings.ToLower(text), strings.ToLower(number)) {
				t.Errorf("%s does not say %q: %s", name, number, text)
			}
			for _, f := range figures(r) {
				if f.label == "Decode step" && f.value != plain(p.StepMedianNs) {
					t.Errorf("%s: figure %s, median %s", name, f.value, plain(p.StepMedianNs))
				}
			}
			if s := r.Steady; s != nil && s.Steps == p.MeasuredSteps && s.StepMedianNs != p.StepMedianNs {
				t.Errorf("%s: steady steps of %d, decode steps of %d", name, s.StepMedianNs, p.StepMedianNs)
			}
		}
	}
	if said == 0 {
		t.Error("no headline has a decode step")
	}
}

// decodes are ranks whose decode steps take so long.
func decodes(ns ...int64) *analyze.Result {
	r := &analyze.Result{Kind: analyze.KindGPU}
	for i, v := range ns {
		r.Ranks = append(r.Ranks, &analyze.Rank{Rank: i, Phases: []analyze.Phase{{Phase: "decode", Rank: i, Steps: 9, MeasuredSteps: 8, StepMedianNs: v}}})
	}
	return r
}

func TestWhoseStepItIs(t *testing.T) {
	for _, c := range []struct {
		ns   []int64
		of   int // whose phases the result has
		want string
	}{
		{[]int64{5_000_000}, 0, "A decode step takes 5.000 ms."},
		{[]int64{5_000_000, 5_040_000}, 0, "A decode step takes 5.000 ms."},
		{[]int64{5_000_000, 5_060_000}, 1, "A decode step takes 5.060 ms on rank 1, the slowest of 2."},
		{[]int64{5_000_000, 5_060_000}, 0, "A decode step takes 5.000 ms on rank 0 (on rank 1, the slowest of 2, 5.060 ms)."},
	} {
		r := decodes(c.ns...)
		r.Phases = r.Ranks[c.of].Phases
		if got := stepVerdict(r, ""); got != c.want {
			t.Errorf("%v: %s", c.ns, got)
		}
	}
	r := decodes(-1)
	r.Phases = r.Ranks[0].Phases
	r.Phases[0].MeasuredSteps, r.Phases[0].Unmeasured = 0, 9
	twice := *r
	twice.Problems = []analyze.Problem{{ID: "duplicates"}}
	if got := stepVerdict(&twice, ""); got != "What a decode step takes is not known: events are there twice." {
		t.Error(got)
	}
	if got := stepVerdict(r, "†1"); got != "What a decode step takes is not known: the trace does not show all work of any." || phaseFigures(r, &r.Phases[0], "") != nil {
		t.Errorf("of no step: %s", got)
	}
	r.Phases[0].StepMedianNs, r.Phases[0].MeasuredSteps, r.Phases[0].Unmeasured = 4_000_000, 3, 5
	if got := stepVerdict(r, "†1"); got != "A decode step takes 4.000 ms†1 (of the 3 of 9 that the trace shows whole)." {
		t.Errorf("of a part: %s", got)
	}
	r = decodes(4_000_000)
	r.Phases = r.Ranks[0].Phases
	r.Phases[0].Steps, r.Phases[0].MeasuredSteps, r.Phases[0].OfOpen = 1, 1, true
	if got := stepVerdict(r, "†1"); got != "The only decode step, which no other follows, takes 4.000 ms†1 to the end of its own work." {
		t.Errorf("of an open one: %s", got)
	}
}

// A trace without GPU work is a CPU's only if nothing shows a GPU.
func TestNoGPUWork(t *testing.T) {
	for why, want := range map[string]string{
		"": "· CPU only ·", analyze.NoGPUTruncated: "no GPU work recorded (the file ends before it)", analyze.NoGPULaunched: "no GPU work recorded (though it was launched)",
		analyze.NoGPUIdle:   "no GPU work recorded (nothing was launched)",
		analyze.NoGPUUnseen: "no GPU work recorded (nor any call that could launch it)",
	} {
		r := &analyze.Result{Kind: analyze.KindCPU, Devices: 1, Time: analyze.Time{TotalNs: 100, BusyNs: 60, IdleNs: 40},
			Ranks: []*analyze.Rank{{Hardware: "NVIDIA H200", NoGPU: why, Events: 3}}}
		var out bytes.Buffer
		if err := Text(&out, r, Options{Width: 120}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) || why != "" && strings.Contains(out.String(), "CPU only") {
			t.Errorf("%q: %s", why, out.String())
		}
	}
}

// A finding carries the marks of the problems that its numbers have, on the ranks that it is about.
func TestFindingsCarryMarks(t *testing.T) {
	r := &analyze.Result{Problems: []analyze.Problem{
		{ID: "damaged", Severity: analyze.SeverityError, Rank: 1, Affects: []string{"time", "steps"}},
		{ID: "unlinked", Severity: analyze.SeverityWarning, Rank: analyze.AllRanks, Affects: []string{"steps", "launch"}},
		{ID: "one_long_gap", Severity: analyze.SeverityNote, Rank: 1, Affects: []string{"time"}},
		{ID: "rank_lost_work", Severity: analyze.SeverityError, Rank: 2, Affects: []string{"kernels", "collectives"}},
	}}
	on := func(rank int) []analyze.EventRef { return []analyze.EventRef{{Rank: rank}} }
	for _, c := range []struct {
		f    analyze.Finding
		want string
	}{
		{analyze.Finding{RestsOn: []string{"time"}, Events: on(1)}, "†1"},
		{analyze.Finding{RestsOn: []string{"time"}}, "†1"},
		{analyze.Finding{RestsOn: []string{"time", "steps"}, Events: on(0)}, "†2"},
		{analyze.Finding{RestsOn: []string{"steps"}, Events: on(1)}, "†1,2"},
		{analyze.Finding{RestsOn: []string{"memory"}, Events: on(1)}, ""},
		{analyze.Finding{RestsOn: []string{"collectives"}, Events: on(0)}, "†3"}, // who waited for whom, all ranks say
		{analyze.Finding{RestsOn: []string{"kernels"}, Events: on(0)}, ""},
	} {
		if got := findingMark(notices(r), &c.f); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}
