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
	found         []truth
}

// truth is what a base has to have said of it, and from what that follows. It was derived from the files' JSON by hand, with
// sums and unions of times alone: by no rule, and with none of this program's code.
type truth struct{ id, because string }

const shared = "../../../../shared/traces/own/"

var bases = []base{
	{"mistral8l tp2 cudagraph", "../../testdata/mistral8l_tp2_cudagraph_rank*.json.gz", []truth{
		{"rank_start_skew", "rank 1 comes to the first of 221 all-reduces 833.931 ms before rank 0, to the others within 8 µs"},
		{"exposed_communication", "of each all-reduce the shorter side, 2.79 ms over 13 steps on one stream: 214 of 1,535 µs a step"},
		{"graph_gaps", "1,167 µs between kernels of the same of 12 replays: 97 of 1,141 µs a step"},
		{"host_idle", "984 µs of the prefill's 8.63 ms stand before launches that had not begun; none in decode"},
		{"custom_all_reduce_missing", "16 ncclDevKernel_AllReduce a decode step, median 7.0 µs, two ranks of one host"},
	}},
	{"vllm 0.32 cpu tp2", "../../testdata/second_rank*.json.gz", []truth{
		{"outside_ops", "rank 1: ops and gloo's annotations cover 44.511 of 73.014 ms: 28.503 ms, 39 %, are in none"},
		{"exposed_communication", "rank 0: 28.1 of the 47.5 ms are gloo's alone, more than the 7.48 ms that it waits in them"},
	}},
	{"llama1b delay5", shared + "vllm024_h200_llama1b_delay5_max8/*.json.gz", []truth{
		{"host_idle", "19.69 of 31.97 ms stand before launches that had not begun: 2.46 ms a step; no synchronisation reaches into one"},
		{"sampling_share", "_topk_topp_kernel and what else chooses tokens: 19.2 % of the kernels' time"},
		{"export_froze_engine", "cudaDeviceSynchronize 2.150 ms after the last mark, on its thread; 8 requests in that step"},
	}},
	{"mistral7b", shared + "vllm024_h200_mistral7b-none/*.json.gz", []truth{
		{"host_idle", "23.3 of the mixed step's 40.3 ms, 17.3 of the prefill's 24.7 and 1.7 of 154 in decode: 19 % of all"},
	}},
	{"mistral7b awq", shared + "vllm024_h200_mistral7b-awq/*.json.gz", []truth{
		{"graph_gaps", "17.1 ms between kernels of the same replay: about 540 of 4,161 µs a step"},
		{"host_idle", "5.12 of the prefill's 11.06 ms and 2.53 of the mixed step's 24.3; none in decode: 4.7 % of all"},
	}},
	{"mistral7b prefill", shared + "vllm024_h200_mistral7b_prefill/*.json.gz", nil}, // busy for 95.6 %, 88 % of that in matrix multiplications
	{"mistral7b eager", shared + "vllm024_h200_mistral7b-eager/*.json.gz", []truth{
		{"launch_bound_decode", "no graph, 445 launches a step; decode is idle for 87 % of 38.98 ms before launches that had not begun"},
		{"host_idle", "38.5 of the prefill's 44.2 ms, 26.4 of the mixed step's 45.4"},
	}},
	{"opt125m eager", shared + "opt125m_h100_fp32_eager/*.json.gz", []truth{
		{"launch_bound_decode", "no graph, 214 launches a step; decode is idle for 90 % of 8.37 ms before launches that had not begun"},
		{"host_idle", "5.67 of the prefill's 9.56 ms; and the first decode step's pauses, 28.5 ms where others take 8.4"},
		{"outlier_steps", "the second decode step takes 14.63 ms, the median is 8.37"},
		{"gemm_below_roofline", "72 addmm of [128, 768] by [768, 768] in float32 take longer than 20 µs each, at 5 TFLOP/s"},
	}},
	{"mistral8l tp2 eager", shared + "mistral8l_h200x2_tp2_eager/*.json.gz", []truth{
		{"rank_start_skew", "rank 0 comes to the first of 221 all-reduces 295.196 ms before rank 1"},
		{"launch_bound_decode", "rank 1: no graph, 135 launches a step; decode is idle for 86 % of 6.45 ms. Rank 0's steps take as long: none is late"},
		{"outlier_steps", "the sixth decode step takes 10.46 ms on both, the median is 6.4; rank 1 has a gap of 3.93 ms in it"},
		{"exposed_communication", "of each all-reduce the shorter side: 2.73 ms over 13 steps, 210 µs each, of 1.53 ms of work"},
		{"host_idle", "rank 1: 2.66 of the prefill's 10.28 ms"},
	}},
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
