package analyze

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// stepped are traces with steps: one made by hand, and the real ones of vLLM where they are at hand.
func stepped(t *testing.T) map[string][]*trace.Trace {
	t.Helper()
	b := newBuilder()
	for i := range int64(4) {
		at := i * 1000
		name := "execute_context_0(0)_generation_2(2)"
		if i == 1 {
			name = "execute_context_1(8)_generation_2(2)"
		}
		b.Annotation(name, at, 100)
		b.Call("cudaLaunchKernel", 10*i+1, at+10, 10)
		b.Call("cudaLaunchKernel", 10*i+2, at+200, 10) // after the mark: sampling
		b.Kernel("gemm", 7, 10*i+1, at+300, 500)
		b.Kernel("argmax", 7, 10*i+2, at+900, 50)
		b.Op("aten::mm", at+5, 40)
	}
	out := map[string][]*trace.Trace{"by hand": {b.Trace}, "CPU": ownTraces(t)["CPU"]}
	files, _ := filepath.Glob("../../shared/traces/own/vllm024_h200_*_[dp]*/*[yl]_rank0*.json.gz")
	for _, f := range files {
		tr, err := formats.ReadFile(f, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = []*trace.Trace{tr}
	}
	return out
}

// TestSelectionParts: the steps one by one, or phase by phase, are all of them together.
func TestSelectionParts(t *testing.T) {
	for name, traces := range stepped(t) {
		whole := Analyze(traces, Options{Steps: []index.Range{{From: 0, To: 1 << 30}}})
		if whole.Selection.SelectedSteps != whole.Selection.AllSteps || whole.Selection.AllSteps == 0 {
			t.Fatalf("%s: %+v", name, whole.Selection)
		}
		parts := map[string][]Options{}
		for i := range whole.Ranks[0].Steps {
			parts["steps"] = append(parts["steps"], Options{Steps: []index.Range{{From: i, To: i}}})
		}
		for _, p := range whole.Phases {
			parts["phases"] = append(parts["phases"], Options{Phase: p.Phase})
		}
		for what, list := range parts {
			var sum device.Time
			var self int64
			kernels, calls, steps, collectives := 0, 0, 0, 0
			for _, o := range list {
				r := Analyze(traces, o)
				sum = device.SumTimes([]device.Time{sum, r.Time})
				steps += r.Selection.SelectedSteps
				for _, k := range r.Kernels {
					kernels += k.Count
				}
				for _, a := range r.CPU.Calls {
					calls += a.Calls
				}
				for _, c := range r.Collectives {
					collectives += c.Count
				}
				self += r.CPU.OpSelfNs
				for _, rank := range r.Ranks {
					checkIdle(t, name, rank)
				}
			}
			want := whole.Time
			if kernels == 0 && whole.Kind == index.KindGPU {
				t.Errorf("%s: no kernels", name)
			}
			for _, k := range whole.Kernels {
				kernels -= k.Count
			}
			for _, a := range whole.CPU.Calls {
				calls -= a.Calls
			}
			for _, c := range whole.Collectives {
				collectives -= c.Count
			}
			if kernels != 0 || calls != 0 || collectives != 0 || steps != whole.Selection.SelectedSteps || self != whole.CPU.OpSelfNs {
				t.Errorf("%s: %s: %d kernels, %d calls, %d collectives too many, %d of %d steps, self time %d of %d",
					name, what, kernels, calls, collectives, steps, whole.Selection.SelectedSteps, self, whole.CPU.OpSelfNs)
			}
			// What copies of one step run into the next one counts in both, some µs.
			if twice := sum.BusyNs - want.BusyNs; sum.Events != want.Events || sum.IdleNs-want.IdleNs > 2000 || sum.TotalNs-want.TotalNs > 2000+twice ||
				twice < 0 || twice > want.BusyNs/1000 {
				t.Errorf("%s: %s sum to %+v, the whole is %+v", name, what, sum, want)
			}
		}
	}
}

// checkIdle: the gaps that are explained are the time that is idle.
func checkIdle(t *testing.T, name string, r *ranks.Rank) {
	t.Helper()
	for i, idle := range r.Idle {
		if sum := idle.Host.Ns + idle.Launch.Ns + idle.Other.Ns + idle.Unknown.Ns; sum != r.Time[i].IdleNs {
			t.Errorf("%s: gaps of %d ns, idle %d (windows %v)", name, sum, r.Time[i].IdleNs, r.Windows)
		}
	}
}

func TestSelectionByHand(t *testing.T) {
	traces := stepped(t)["by hand"]
	r := Analyze(traces, Options{Steps: []index.Range{{From: 1, To: 1}, {From: 3, To: 3}}})
	// Each step from its first kernel to the next step's: 1,000 ns; the last to the end of its work: 650.
	if tm := r.Time; tm.TotalNs != 1650 || tm.BusyNs != 1100 || tm.IdleNs != 550 || tm.Events != 4 {
		t.Errorf("%+v", tm)
	}
	if idle := r.Ranks[0].Idle[0]; idle.Host.Ns != 350 || idle.Launch.Ns != 200 {
		t.Errorf("%+v", idle)
	}
	if got := len(r.Steps); got != 2 || r.Steps[0].Index != 1 || r.Steps[1].Index != 3 || r.Steps[0].TimeNs != 1000 || r.Steps[0].GapNs != 350 {
		t.Errorf("%+v", r.Steps)
	}
	if r = Analyze(traces, Options{Phase: "mixed"}); len(r.Steps) != 1 || r.Time.TotalNs != 1000 {
		t.Errorf("%+v", r.Time)
	}
	r = Analyze(traces, Options{Phase: "prefill"})
	if r.Kind != index.KindEmpty || len(r.Problems) != 1 || r.Problems[0].ID != "nothing_selected" ||
		r.Problems[0].Text != "no step is selected: the traces have steps 0 to 3 (1 mixed, 3 decode)" {
		t.Errorf("%s, %+v", r.Kind, r.Problems)
	}
	r = Analyze(traces, Options{Devices: []index.Range{{From: 1, To: 1}}})
	if len(r.Kernels) != 0 || r.Kind == index.KindGPU || len(r.Problems) != 1 || r.Problems[0].Text != "no GPU work is selected: the traces have that of device 0" {
		t.Errorf("device 1 has %d kernels; %+v", len(r.Kernels), r.Problems)
	}
	r = Analyze(traces, Options{Devices: []index.Range{{From: 0, To: math.MaxInt}}}) // 0-: those that there are, and no more
	if !slices.Equal(r.Selection.Devices, []int{0}) || len(r.Kernels) == 0 {
		t.Errorf("every device: %v, %d kernels", r.Selection.Devices, len(r.Kernels))
	}
	two := []*trace.Trace{traces[0], traces[0]}
	if r = Analyze(two, Options{Phase: "prefill"}); len(r.Problems) != 1 || r.Problems[0].Text != "no step is selected: the traces have steps 0 to 3 (1 mixed, 3 decode)" {
		t.Errorf("of two ranks: %+v", r.Problems)
	}
}

// TestSelectedDevice: of ranks that have a device each, one device is one rank, in every table.
func TestSelectedDevice(t *testing.T) {
	traces := ownTraces(t)["GPU"]
	if len(traces) != 2 {
		t.Fatalf("%d traces", len(traces))
	}
	device := Analyze(traces, Options{Devices: []index.Range{{From: 1, To: 1}}})
	rank := Analyze(traces, Options{Ranks: []int{1}})
	device.Selection, rank.Selection = nil, nil
	if diff := cmp.Diff(rank, device); diff != "" || len(device.Steps) == 0 {
		t.Errorf("%d steps: %s", len(device.Steps), diff)
	}
}
