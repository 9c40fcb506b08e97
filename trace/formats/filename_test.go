package formats_test

import (
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
)

func TestParseFileName(t *testing.T) {
	for name, want := range map[string]trace.FileName{
		"dp0_pp1_tp2_dcp0_ep3_rank5.1795422027476.pt.trace.json.gz":       {Rank: 5, DP: 0, PP: 1, TP: 2, EP: 3},
		"mine_dp0_pp0_tp0_dcp0_ep0_rank0.17.pt.trace.json":                {Rank: 0, Prefix: "mine", DP: 0, PP: 0, TP: 0, EP: 0},
		"rank1.1795476513305313055.pt.trace.json.gz":                      {Rank: 1, DP: -1, PP: -1, TP: -1, EP: -1},
		"second_rank1.1795476518563308612.pt.trace.json.gz":               {Rank: 1, Prefix: "second", DP: -1, PP: -1, TP: -1, EP: -1},
		"a1b2-rank-3.17.pt.trace.json.gz":                                 {Rank: 3, Prefix: "a1b2", DP: -1, PP: -1, TP: -1, EP: -1},
		"rank-34.Jul_15_10_52_41.1074.pt.trace.json.gz":                   {Rank: 34, DP: -1, PP: -1, TP: -1, EP: -1},
		"capture_traces/graph_capture_rank_0.1773709742341309550.json.gz": {Rank: 0, Capture: true, DP: -1, PP: -1, TP: -1, EP: -1},
		"vm_4348.async_llm.1795476513215417352.pt.trace.json.gz":          {Rank: -1, FrontEnd: true, DP: -1, PP: -1, TP: -1, EP: -1},
		"1763.2-TP-1.trace.json.gz":                                       {Rank: 1, Prefix: "1763.2", TP: 1, DP: -1, PP: -1, EP: -1},
		"p-1763-TP-1-DP-2-PP-0-EP-1-DECODE.trace.json.gz":                 {Rank: 1, Prefix: "p-1763", TP: 1, DP: 2, PP: 0, EP: 1, Stage: "decode"},
		"p-1763-TP-1-PP-2-prefill.trace.json.gz":                          {Rank: -1, Prefix: "p-1763", TP: 1, DP: -1, PP: 2, EP: -1, Stage: "prefill"},
		"merged-1763.trace.json.gz":                                       {Rank: -1, Prefix: "1763", Merged: true, DP: -1, PP: -1, TP: -1, EP: -1},
		"worker3_step_12.1694128201557.pt.trace.json.gz":                  {Rank: 3, DP: -1, PP: -1, TP: -1, EP: -1},
		"worker0.1623143089861.pt.trace.json":                             {Rank: 0, DP: -1, PP: -1, TP: -1, EP: -1},
		"trace.json-rank-3.gz":                                            {Rank: 3, Prefix: "trace.json", DP: -1, PP: -1, TP: -1, EP: -1},
		"host_4348.1795476513215417352.pt.trace.json.gz":                  {Rank: -1, DP: -1, PP: -1, TP: -1, EP: -1},
	} {
		if want.TP == 0 && want.Rank >= 0 && !strings.Contains(name, "tp0") {
			want.TP = -1
		}
		if got := formats.ParseFileName("/some/dir/" + name); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

// FuzzParseFileName: whatever a file is called, its numbers are none or natural.
func FuzzParseFileName(f *testing.F) {
	for _, name := range []string{"mine_dp0_pp0_tp1_dcp0_ep0_rank1.17.pt.trace.json.gz", "p-1763-TP-1-DP-2-PP-0-EP-1-DECODE.trace.json.gz", "trace.json-rank-3.gz", "rank-34.Jul_15.1", "/", "..", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := formats.ParseFileName(name)
		for _, v := range []int{n.Rank, n.TP, n.PP, n.DP, n.EP} {
			if v < -1 {
				t.Errorf("%q: %+v", name, n)
			}
		}
		if _, at, ok := formats.WriterAndTime(name); ok && at < 0 {
			t.Errorf("%q is of %d", name, at)
		}
		formats.NamedAsTrace(name)
		formats.MayBeTrace(name)
		formats.NamedAsUnfinished(name)
		formats.Title(name)
	})
}
