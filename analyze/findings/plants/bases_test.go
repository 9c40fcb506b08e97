package plants

import (
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// base is a real profile to plant in: a directory of traces, below ../shared/traces/own or, so that there are some without it,
// in testdata of analyze.
type base struct {
	name, pattern string
}

const shared = "../../../../shared/traces/own/"

var bases = []base{
	{"mistral8l tp2 cudagraph", "../../testdata/mistral8l_tp2_cudagraph_rank*.json.gz"},
	{"vllm 0.32 cpu tp2", "../../testdata/second_rank*.json.gz"},
	{"llama1b delay5", shared + "vllm024_h200_llama1b_delay5_max8/*.json.gz"},
	{"mistral7b", shared + "vllm024_h200_mistral7b-none/*.json.gz"},
	{"mistral7b awq", shared + "vllm024_h200_mistral7b-awq/*.json.gz"},
	{"mistral7b prefill", shared + "vllm024_h200_mistral7b_prefill/*.json.gz"},
	{"mistral7b eager", shared + "vllm024_h200_mistral7b-eager/*.json.gz"},
	{"opt125m eager", shared + "opt125m_h100_fp32_eager/*.json.gz"},
	{"mistral8l tp2 eager", shared + "mistral8l_h200x2_tp2_eager/*.json.gz"},
}

// read gives the ranks of a base; nil if it is not here.
func (b base) read(t testing.TB) []*trace.Trace {
	t.Helper()
	files, err := filepath.Glob(b.pattern)
	if err != nil {
		t.Fatal(err)
	}
	var ranks []*trace.Trace
	for _, f := range files {
		x, err := formats.ReadFile(f, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ranks = append(ranks, x)
	}
	return ranks
}
