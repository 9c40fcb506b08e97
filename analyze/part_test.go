package analyze

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// TestParts: traces that are analysed side by side, under numbers that turn out to be wrong, come to the same as all at
// once.
func TestParts(t *testing.T) {
	for _, pattern := range []string{"mistral8l_*.gz", "second_*.gz"} {
		files, _ := filepath.Glob(filepath.Join("testdata", pattern))
		var traces []*trace.Trace
		for _, f := range files {
			tr, err := formats.ReadFile(f, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			traces = append(traces, tr)
		}
		if len(traces) != 2 {
			t.Fatalf("testdata/%s: %d files", pattern, len(traces))
		}
		for _, o := range []Options{{}, {Ranks: []int{1}}, {Phase: "decode"}, {Steps: []index.Range{{From: 1, To: 2}}}, {Phase: "mixed"}, {Devices: []index.Range{{From: 1, To: 1}}}} {
			parts := make([]*Part, len(traces))
			var all sync.WaitGroup
			for i, tr := range traces {
				all.Go(func() { parts[i] = NewPart(File(tr, o), 7, o) })
			}
			all.Wait()
			if diff := cmp.Diff(Analyze(traces, o), Join(parts, o)); diff != "" {
				t.Errorf("%s, %+v: %s", pattern, o, diff)
			}
		}
	}
}

// TestClaimedRank: traces that claim different ranks have those.
func TestClaimedRank(t *testing.T) {
	metas := []trace.Meta{
		named("x_rank3.1.pt.trace.json"), named("a.json"), named("y_rank1.1.pt.trace.json"), named("z_rank4.1.pt.trace.json"),
	}
	metas[1].Distributed = &trace.Distributed{Rank: 5, WorldSize: 8}
	metas[2].Distributed = &trace.Distributed{Rank: 2, WorldSize: 8}
	metas[3].Distributed = &trace.Distributed{}
	var claimed []int
	for i := range metas {
		claimed = append(claimed, ranks.Claimed(&metas[i]))
	}
	if want := []int{3, 5, 2, 4}; !slices.Equal(claimed, want) || !slices.Equal(RankNumbers(metas), want) {
		t.Errorf("claimed %v, numbered %v, want %v", claimed, RankNumbers(metas), want)
	}
	for _, m := range []trace.Meta{named("b.json"), named("vm_1.async_llm.17.pt.trace.json.gz")} {
		if r := ranks.Claimed(&m); r != -1 {
			t.Errorf("%s claims rank %d", m.Path, r)
		}
	}
}
