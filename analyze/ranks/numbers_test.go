package ranks

import (
	"slices"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
)

// named is what is known of a trace by its file's name.
func named(path string) trace.Meta {
	n := formats.ParseFileName(path)
	return trace.Meta{Path: path, FileName: &n}
}

func TestNumbers(t *testing.T) {
	at := func(path string, rank, world int) trace.Meta {
		m := named(path)
		if world > 0 {
			m.Distributed = &trace.Distributed{Rank: rank, WorldSize: world}
		}
		return m
	}
	for _, c := range []struct {
		name  string
		metas []trace.Meta
		want  []int
	}{
		{"the trace says", []trace.Meta{at("b_rank7.1.pt.trace.json", 1, 2), at("a.json", 0, 2)}, []int{1, 0}},
		{"two say the same", []trace.Meta{at("dp0_pp0_tp0_dcp0_ep0_rank0.1.pt.trace.json.gz", 0, 1), at("dp1_pp0_tp0_dcp0_ep1_rank1.1.pt.trace.json.gz", 0, 1)}, []int{0, 1}},
		{"vLLM's older names", []trace.Meta{at("x-rank-3.1.pt.trace.json.gz", 0, 0)}, []int{3}},
		{"vLLM 0.32 on CPU", []trace.Meta{at("rank1.17.pt.trace.json.gz", 0, 0)}, []int{1}},
		{"SGLang", []trace.Meta{at("1700-TP-5-DP-0.trace.json.gz", 0, 0)}, []int{5}},
		{"DLRM", []trace.Meta{at("worker3_step_12.1.pt.trace.json", 0, 0)}, []int{3}},
		{"nothing", []trace.Meta{at("x.json", 0, 0), at("y.json", 0, 0)}, []int{0, 1}},
	} {
		if got, guessed := Numbers(c.metas); !slices.Equal(got, c.want) || guessed != (c.name == "nothing") {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestClaimed: traces that claim different ranks have those.
func TestClaimed(t *testing.T) {
	metas := []trace.Meta{
		named("x_rank3.1.pt.trace.json"), named("a.json"), named("y_rank1.1.pt.trace.json"), named("z_rank4.1.pt.trace.json"),
	}
	metas[1].Distributed = &trace.Distributed{Rank: 5, WorldSize: 8}
	metas[2].Distributed = &trace.Distributed{Rank: 2, WorldSize: 8}
	metas[3].Distributed = &trace.Distributed{}
	var claimed []int
	for i := range metas {
		claimed = append(claimed, Claimed(&metas[i]))
	}
	numbers, guessed := Numbers(metas)
	if want := []int{3, 5, 2, 4}; !slices.Equal(claimed, want) || !slices.Equal(numbers, want) || guessed {
		t.Errorf("claimed %v, numbered %v (guessed %v), want %v", claimed, numbers, guessed, want)
	}
	for _, m := range []trace.Meta{named("b.json"), named("vm_1.async_llm.17.pt.trace.json.gz")} {
		if r := Claimed(&m); r != -1 {
			t.Errorf("%s claims rank %d", m.Path, r)
		}
	}
}
