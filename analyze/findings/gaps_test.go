package findings

import (
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings/plants"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
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
		byPhase := map[string]int64{}
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
