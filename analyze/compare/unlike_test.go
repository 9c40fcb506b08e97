package compare

import (
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// What sides do not have in common of their work is said, each thing by itself, and of the same work nothing.
func TestUnlike(t *testing.T) {
	side := func(change func(r *Run)) Side {
		s := steps(8, steady(1_000_000, 20)...)
		r := &s.Runs[0]
		r.Model = analyze.Model{Dtype: "bf16", Layers: 32, Hidden: 4096}
		r.Settings = []Setting{{"model", "a"}, {"dtype", "bfloat16"}}
		r.Throughput = &Throughput{Requests: 8, PromptTokens: 1024}
		change(r)
		return s
	}
	same := func(*Run) {}
	for _, c := range []struct {
		name   string
		change func(r *Run)
		want   []string
	}{
		{"nothing", same, nil},
		{"model", func(r *Run) { r.Settings[0].Value = "b" }, []string{"another model: a in A, b in B"}},
		{"layers, no manifest", func(r *Run) { r.Settings, r.Model.Layers = nil, 16 }, []string{"attention runs 32 times a step in A, 16 times in B"}},
		{"hidden size", func(r *Run) { r.Settings, r.Model.Hidden = nil, 768 }, []string{"rows of 4096 in A, of 768 in B"}},
		{"dtype by kernels", func(r *Run) { r.Model.Dtype = "fp32" }, []string{"another type of numbers: matrix products are of bf16 in A, of fp32 in B"}},
		{"dtype by the manifest", func(r *Run) { r.Model.Dtype, r.Settings[1].Value = "", "float32" }, []string{"another type of numbers: bfloat16 in A, float32 in B"}},
		{"weights", func(r *Run) { r.Work[0].Category = "quant_gemm" }, []string{"other weights: not quantized in A, quantized in B"}},
		{"batch", func(r *Run) { r.Groups[0].Shape = decodeShape(16) }, []string{"another batch: most decode steps are of 8 requests in A, of 16 in B"}},
		{"prompts", func(r *Run) { r.Throughput.PromptTokens = 4096 }, []string{"prompts of another length: a prompt has 128 tokens in A, 512 in B"}},
		{"a little longer prompts", func(r *Run) { r.Throughput.PromptTokens = 1040 }, nil},
		{"nothing is known", func(r *Run) { r.Model, r.Settings, r.Throughput, r.Work[0].Category = analyze.Model{}, nil, nil, "" }, nil},
		{"two things", func(r *Run) { r.Settings[0].Value, r.Model.Dtype = "b", "fp16" }, []string{"another model", "another type of numbers"}},
	} {
		r := mustCompare(t, side(same), side(c.change))
		got := r.Pairs[0].Unlike
		if len(got) != len(c.want) || !slices.EqualFunc(got, c.want, func(text, part string) bool { return strings.Contains(text, part) }) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What real traces show of their models, without anybody having said it.
func TestUnlikeTraces(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want []string
	}{
		{"vllm024_h200_mistral7b-none", "vllm024_h200_mistral7b-gptq_not_in_effect", nil},
		{"vllm024_h200_mistral7b-none", "vllm024_h200_mistral7b-awq", []string{"other weights"}},
		{"vllm024_h200_llama1b_eager", "vllm024_h200_llama1b_default_stacks", nil},
		{"opt125m_h100_fp32_eager", "opt125m_h100_fp16_eager", []string{"fp32 in A, of fp16 in B"}},
		{"vllm024_h200_llama1b_eager", "vllm024_h200_mistral7b-none", []string{"16 times a step in A, 32 times in B"}},
		{"mistral8l_h200x2_tp2_eager", "mistral8l_h200x2_tp2_cudagraph", nil},
		{"vllm024_h200_mistral7b-none", "vllm024_h200_mistral7b-n32", []string{"another batch"}},
	} {
		got := mustCompare(t, read(t, c.a, 1), read(t, c.b, 1)).Pairs[0].Unlike
		if len(got) != len(c.want) || !slices.EqualFunc(got, c.want, func(text, part string) bool { return strings.Contains(text, part) }) {
			t.Errorf("%s and %s: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// TestLostKernelsAreNoOtherModel: how often attention runs in a step is not told by a trace that has lost kernels.
func TestLostKernelsAreNoOtherModel(t *testing.T) {
	for id, want := range map[string]int{"": 32, "unlinked": 32, "lost_kernels": 0, "replays_differ": 0, "duplicates": 0} {
		k := &analyze.RankIterations{Model: analyze.Model{Layers: 32}, Problems: []analyze.Problem{{ID: id, Severity: analyze.SeverityWarning}}}
		if got := Summarize(&Capture{Ranks: []*analyze.RankIterations{k}}).Model.Layers; got != want {
			t.Errorf("%q: %d layers, want %d", id, got, want)
		}
	}
}

// TestRanksOfOneWorld: some of the ranks of as many are no other split of the work.
func TestRanksOfOneWorld(t *testing.T) {
	side := func(ranks int, world string) Side {
		return Side{Runs: []Run{{Ranks: ranks, Settings: []Setting{{Name: "world size", Value: world}}}}}
	}
	for _, test := range []struct {
		world [2]string
		want  string
	}{{[2]string{"2", "2"}, "both ran on 2"}, {[2]string{"2", "1"}, "split over other numbers"}, {[2]string{"", ""}, "split over other numbers"}} {
		all := []Side{side(2, test.world[0]), side(1, test.world[1])}
		got := configurationWarnings(all, []SideInfo{describe(&all[0], "A"), describe(&all[1], "B")})
		if len(got) != 1 || !strings.Contains(got[0].Text(), test.want) {
			t.Errorf("%v: %q", test.world, texts(got))
		}
	}
}

// TestEngineWithoutVersion: an engine whose version one side does not say is no other engine.
func TestEngineWithoutVersion(t *testing.T) {
	for b, want := range map[string]bool{"sglang": false, "sglang 0.5.17": false, "sglang 0.5.16": true, "sglangx": true, "vllm 0.5.17": true} {
		side := func(engine string) Side {
			return Side{Runs: []Run{{Ranks: 1, Settings: []Setting{{Name: "engine", Value: engine}}}}}
		}
		all := []Side{side("sglang 0.5.17"), side(b)}
		warned := len(configurationWarnings(all, []SideInfo{describe(&all[0], "A"), describe(&all[1], "B")})) > 0
		if listed := len(differences(all)) > 0; warned != want || listed != want {
			t.Errorf("%s: warned %t, listed %t", b, warned, listed)
		}
	}
}

// TestNoShapes: where one side's steps do not say what they worked on, that is the reason that nothing is comparable.
func TestNoShapes(t *testing.T) {
	side := func(requests int64) *Side {
		return &Side{Runs: []Run{{Groups: []Group{{Shape: Shape{Phase: "decode", GenerationRequests: requests, ContextRequests: -1}}}}}}
	}
	c := &pairing{side: [2]*Side{side(8), side(-1)}, pair: &Pair{A: "A", B: "B"}}
	if got := c.nothing(); got.ID != "no_shapes" || !strings.Contains(got.Text(), "the steps of B do not say how many requests") {
		t.Error(got.Text())
	}
}
