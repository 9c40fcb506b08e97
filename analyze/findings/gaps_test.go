package findings

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings/plants"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// bases are real profiles, to plant in.
var bases = []string{
	"../testdata/mistral8l_tp2_cudagraph_rank*.json.gz", "../../../shared/traces/own/vllm024_h200_llama1b_delay5_max8/*.json.gz",
	"../../../shared/traces/own/mistral8l_h200x2_tp2_eager/*.json.gz",
}

// TestGapsAreDivided: whatever is lost of a trace or planted in it, each ns of a gap belongs to one cause, in a step or in
// none; the gaps of a phase take no longer than its steps, and no share of anything is more than the whole.
func TestGapsAreDivided(t *testing.T) {
	for _, pattern := range bases {
		files, _ := filepath.Glob(pattern)
		var ranks []*trace.Trace
		for _, f := range files {
			read, err := formats.ReadFile(f, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ranks = append(ranks, read)
		}
		if ranks == nil {
			continue
		}
		checkGaps(t, pattern, ranks)
		scene := plants.NewScene(ranks...)
		for _, p := range plants.List {
			if planted := p.Make(scene); planted != nil {
				checkGaps(t, p.Name, planted.Ranks)
			}
		}
	}
}

func checkGaps(t *testing.T, name string, traces []*trace.Trace) {
	t.Helper()
	for _, x := range traces {
		o := analyze.Options{}
		index := analyze.File(x, o)
		rv := newRankView(index, analyze.NewPart(index, 0, o).Rank, nil)
		var until, all int64
		for i := range rv.gaps {
			g := &rv.gaps[i]
			if g.Ns() <= 0 || g.fromNs < max(until, g.StartNs) || g.toNs > g.EndNs {
				t.Fatalf("%s: %d to %d of the gap from %d to %d, after %d", name, g.fromNs, g.toNs, g.StartNs, g.EndNs, until)
			}
			until = g.toNs
			all += g.Ns()
		}
		var ofCauses int64
		byPhase := map[trace.StepPhase]int64{}
		for cause := range gapCauses {
			ofCauses += rv.idle(func(g *gap) bool { return g.cause == cause }).ns
			for _, p := range rv.idleByPhase(func(g *gap) bool { return g.cause == cause }) {
				var steps int64
				for _, ns := range p.perStep {
					steps += ns
				}
				if byPhase[p.phase] += p.ns; byPhase[p.phase] > p.stepsNs && cause != gapOutlier || p.steps > 0 && steps != p.ns || p.betweenNs > p.ns {
					t.Fatalf("%s: %d ns of gaps, %d by step, %d between, in %s steps of %d ns", name, byPhase[p.phase], steps, p.betweenNs, p.phase, p.stepsNs)
				}
			}
		}
		if ofCauses != all {
			t.Fatalf("%s: causes have %d of %d ns", name, ofCauses, all)
		}
		d := rv.during(rv.gaps)
		sum := d.DelayNs
		for _, o := range d.Occupants() {
			sum += o.OwnNs
		}
		if sum != d.Ns {
			t.Fatalf("%s: the gaps are divided into %d of %d ns", name, sum, d.Ns)
		}
	}
	for _, f := range find(analyze.Options{}, traces...) {
		for _, e := range f.Evidence {
			if e.Unit == unitShare && (e.Value < 0 || e.Value > 1) {
				t.Errorf("%s: %s: %s is %g: %s", name, f.ID, e.Name, e.Value, f.Sentence)
			}
		}
	}
}

// TestAdviceOnHost: what the trace shows done is not advised, nor is what it does not show undone.
func TestAdviceOnHost(t *testing.T) {
	for _, test := range []struct {
		name          string
		frames        []string
		ahead, stacks bool
	}{
		{name: "no stacks"},
		{name: "SGLang overlaps", frames: []string{"sglang/srt/managers/scheduler.py(1733): event_loop_overlap"}, stacks: true},
		{name: "SGLang does not", frames: []string{"sglang/srt/managers/scheduler.py(1700): event_loop_normal"}, ahead: true, stacks: true},
		{name: "vLLM overlaps", frames: []string{"vllm/v1/engine/core.py(519): step_with_batch_queue"}, stacks: true},
		{name: "vLLM does not", frames: []string{"vllm/v1/engine/core.py(340): step"}, ahead: true, stacks: true},
		{name: "other frames", frames: []string{"loop.py(3): run"}, stacks: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBuilder(0, 1)
			b.run(steps{n: 12, between: 500_000, during: "schedule"})
			for _, name := range test.frames {
				b.Frame(name, 0, 1_000)
			}
			found := find(analyze.Options{}, b.Trace)
			if len(found) == 0 || found[0].ID != "host_idle" {
				t.Fatalf("%+v", found)
			}
			try := found[0].Try
			if strings.Contains(try, "async-scheduling") != test.ahead || strings.Contains(try, "without Python stacks") != test.stacks {
				t.Errorf("advises: %s", try)
			}
		})
	}
}

// TestHostIdleByPhase: a sentence about a kind of step has its numbers, and few steps that lose most are said apart.
func TestHostIdleByPhase(t *testing.T) {
	b := newBuilder(0, 1)
	b.run(steps{n: 1, name: "execute_context_4(2048)_generation_0(0)", between: 40_000})
	b.run(steps{n: 8, before: 60_000_000, between: 500_000, during: "schedule"})
	for _, f := range find(analyze.Options{}, b.Trace) {
		if f.ID != "host_idle" {
			continue
		}
		for _, e := range f.Evidence {
			if e.Name == "waiting_per_decode" && (e.Value < 400_000 || e.Value > 500_000) {
				t.Errorf("%s: %+v", f.Sentence, e)
			}
		}
		if !strings.HasPrefix(f.Sentence, "the GPU waits for the host") || !strings.Contains(f.Sentence, "per decode step") || !strings.Contains(f.Sentence, "in schedule") {
			t.Errorf("says %q", f.Sentence)
		}
		return
	}
	t.Error("nothing found")
}

// TestOutlierSteps of a phase are few, lose many times the usual, and hold most of what is lost.
func TestOutlierSteps(t *testing.T) {
	for _, test := range []struct {
		perStep []int64
		n       int
	}{
		{[]int64{5, 5, 90}, 0}, // too few steps
		{[]int64{5, 5, 5, 5, 90}, 1},
		{[]int64{5, 5, 5, 5, 15}, 0},                      // not so many times
		{[]int64{50, 50, 50, 50, 50, 50, 50, 50, 260}, 0}, // does not hold most
		{[]int64{1, 1, 90, 90, 90}, 0},                    // too many
		{[]int64{0, 0, 0, 0, 0, 0, 0, 0, 40, 40}, 2},
	} {
		p := phaseGaps{perStep: test.perStep, steps: len(test.perStep)}
		var want int64
		for _, ns := range test.perStep {
			if p.ns += ns; ns >= 40 && test.n > 0 {
				want += ns
			}
		}
		if n, ns := p.outliers(); n != test.n || ns != want {
			t.Errorf("%v: %d outliers of %d, want %d of %d", test.perStep, n, ns, test.n, want)
		}
	}
}

// TestBesideTheHost: what waits beside the launching thread, or begins to wait when nothing runs, made nothing run dry.
func TestBesideTheHost(t *testing.T) {
	for _, beside := range []bool{true, false} {
		b := newBuilder(0, 1)
		b.run(steps{n: 12, between: 500_000})
		work, end := b.Trace.Events.Len(), int64(0)
		for i := range work {
			if e := b.Trace.Events.At(i); e.Category == trace.CategoryKernel {
				if at := e.StartNs; at-end > 400_000 && end > 0 {
					if beside {
						b.CallOn(tracetest.Thread+1, "cudaStreamSynchronize", 0, end-100_000, at-end+50_000)
					} else {
						b.Call("cudaEventSynchronize", 0, end+75_000, 5_000)
					}
				}
				end = e.StartNs + e.DurationNs
			}
		}
		for _, f := range find(analyze.Options{}, b.Trace) {
			if f.ID == "sync_in_step" {
				t.Errorf("beside: %t: %s", beside, f.Sentence)
			}
		}
	}
}

// TestSyncNamesOp: what waits is named with the op that makes it wait, and a call that begins while the device works takes
// the gap for no longer than it took itself.
func TestSyncNamesOp(t *testing.T) {
	b := newBuilder(0, 1)
	b.run(steps{n: 12, between: 300_000, sync: "cudaStreamSynchronize"})
	for i := range b.Trace.Events.Len() {
		if e := b.Trace.Events.At(i); b.Trace.Strings.At(e.Name) == "cudaStreamSynchronize" {
			b.Op("aten::item", e.StartNs-2_000, e.DurationNs+4_000)
			b.Op("aten::_local_scalar_dense", e.StartNs-1_000, e.DurationNs+2_000)
		}
	}
	found := find(analyze.Options{}, b.Trace)
	if len(found) == 0 || found[0].ID != "sync_in_step" {
		t.Fatalf("%+v", found)
	}
	// Each call takes 275 µs, from 50 µs before the device runs dry; all 11 gaps between steps are longer.
	if f := found[0]; !strings.Contains(f.Sentence, "cudaStreamSynchronize in aten::_local_scalar_dense") || f.StakeNsPerStep != 11*275_000/12 {
		t.Errorf("%d: %s", f.StakeNsPerStep, f.Sentence)
	}
}

// TestSyncCostsTheLead: what a call took that let the device run dry is missing in the gaps that follow in the step, and no more
// than that.
func TestSyncCostsTheLead(t *testing.T) {
	const n, kernelNs, waitNs, lateNs = 12, 500_000, 200_000, 90_000
	b := newBuilder(0, 1)
	at := int64(1_000_000)
	for range n {
		begin := at
		for k := range 4 { // each is launched late, and the first is waited for
			c := b.call("cudaLaunchKernel", at-8_000, 4_000)
			b.gpu(trace.CategoryKernel, "nvjet_sm90", c, at, kernelNs, trace.Absent, 1)
			at += kernelNs
			if k == 0 {
				b.call("cudaDeviceSynchronize", at-waitNs, waitNs+5_000)
			}
			at += lateNs
		}
		b.Annotation("execute_context_0(0)_generation_8(8)", begin-20_000, at-lateNs-begin)
	}
	for _, f := range find(analyze.Options{}, b.Trace) {
		if f.ID != "sync_in_step" {
			continue
		}
		// Of 4 gaps of a step, 360 µs, the call explains its own 205 µs; the last step has no gap after it.
		if want := int64(waitNs + 5_000); f.StakeNsPerStep != want || !strings.Contains(f.Sentence, "cudaDeviceSynchronize (1 per decode step)") {
			t.Errorf("%d at stake, not %d: %s", f.StakeNsPerStep, want, f.Sentence)
		}
		return
	}
	t.Error("not found")
}

// TestLongGapsHaveTheirOwnShare: pauses that rules about idleness leave out of a step take nothing from what is at stake in it.
func TestLongGapsHaveTheirOwnShare(t *testing.T) {
	at := map[bool]map[string]int64{}
	for _, paused := range []bool{false, true} {
		b := newBuilder(0, 1)
		begin := int64(1_000_000)
		for i := range 40 {
			for range 2 {
				c := b.call("cudaLaunchKernel", begin-8_000, 4_000)
				b.gpu(trace.CategoryKernel, "nvjet_sm90", c, begin, 500_000, trace.Absent, 1)
				begin += 500_000 + 300_000
			}
			b.Annotation("execute_context_0(0)_generation_8(8)", begin-1_620_000, 1_300_000)
			if paused && i%8 == 5 {
				begin += 40_000_000
			}
		}
		at[paused] = map[string]int64{}
		for _, f := range find(analyze.Options{}, b.Trace) {
			at[paused][f.ID] = f.StakeNsPerStep
		}
	}
	// 5 pauses in 40 steps, and what the host loses in each step without them.
	if got, want := at[true]["periodic_pauses"], int64(5*40_000_000/40); got < want*9/10 || got > want {
		t.Errorf("%d ns at stake in the pauses, not %d: %v", got, want, at)
	}
	if with, without := at[true]["launch_bound_decode"]+at[true]["host_idle"], at[false]["launch_bound_decode"]+at[false]["host_idle"]; without == 0 || with < without*8/10 {
		t.Errorf("%d ns at stake beside the pauses, %d without: %v", with, without, at)
	}
}

// TestLaunchedWorkWaits: a device that does not begin what was launched long ago waits for something else than the host.
func TestLaunchedWorkWaits(t *testing.T) {
	for _, heldNs := range []int64{0, 400_000, 5_000_000} {
		b := newBuilder(0, 1)
		at := int64(1_000_000)
		for range 12 {
			c := b.call("cudaGraphLaunch", at-8_000, 4_000)
			for k := range 10 {
				b.gpu(trace.CategoryKernel, "nvjet_sm90", c, at, 100_000, trace.Absent, 1)
				if at += 101_000; k == 4 {
					at += heldNs
				}
			}
			b.Annotation("execute_context_0(0)_generation_8(8)", at-1_030_000-heldNs, 1_000_000+heldNs)
		}
		stake := int64(0)
		for _, f := range find(analyze.Options{}, b.Trace) {
			if f.ID == "launched_work_waits" {
				stake = f.StakeNsPerStep
			} else if strings.Contains(f.ID, "host") || strings.Contains(f.ID, "sync") {
				t.Errorf("%d: %s", heldNs, f.Sentence)
			}
		}
		if want := heldNs; stake < want || stake > want+want/50 {
			t.Errorf("%d ns at stake, not %d", stake, want)
		}
	}
}

// TestEagerDecode: launches one by one are found where decode replays no graphs, from a twentieth of the time on, and what takes
// much longer than a launch is not theirs.
func TestEagerDecode(t *testing.T) {
	for _, test := range []struct {
		name, want, says string
		steps            steps
	}{
		{name: "bound", want: "launch_bound_decode", says: "decode is launch-bound", steps: steps{n: 10, eager: 20_000,
			kernels: func(int) []kernel { return repeat(40, kernel{name: "nvjet_sm90", ns: 4_000, blocks: 1}) }}},
		{name: "a third idle", want: "launch_bound_decode", says: "decode runs without CUDA graphs", steps: steps{n: 10, eager: 20_000,
			kernels: func(int) []kernel { return repeat(40, kernel{name: "nvjet_sm90", ns: 13_000, blocks: 1}) }}},
		{name: "few launches", steps: steps{n: 10, eager: 20_000,
			kernels: func(int) []kernel { return repeat(12, kernel{name: "nvjet_sm90", ns: 13_000, blocks: 1}) }}},
		{name: "graphs", steps: steps{n: 10, kernels: func(int) []kernel { return repeat(40, kernel{name: "nvjet_sm90", ns: 13_000, blocks: 1}) }}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBuilder(0, 1)
			b.run(test.steps)
			var bound *analyze.Finding
			for _, f := range find(analyze.Options{}, b.Trace) {
				if f.ID == "launch_bound_decode" {
					bound = &f
				}
			}
			if (bound != nil) != (test.want != "") || bound != nil && !strings.Contains(bound.Sentence, test.says) {
				t.Errorf("%+v", bound)
			}
		})
	}
}
