package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// rankTrace is a trace of one op that claims to be a rank of two; of none if it is negative.
func rankTrace(rank int) string {
	claim := ""
	if rank >= 0 {
		claim = fmt.Sprintf(`"distributedInfo": {"backend": "nccl", "rank": %d, "world_size": 2}, `, rank)
	}
	return `{` + claim + `"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1, "ts": 1, "dur": 5}]}`
}

// TestSelectedRanks: a rank is found by the number that it comes to have, whatever it claims; traces that claim another
// are not analysed for nothing.
func TestSelectedRanks(t *testing.T) {
	for _, c := range []struct {
		name   string
		claims []int // by file: a.json, b.json …
		asked  int
		want   []string // files of the ranks in the result
		read   int      // how many are analysed at first
	}{
		{"as claimed", []int{1, 0}, 0, []string{"b.json"}, 1},
		{"replicas of one rank", []int{0, 0, 1}, 2, []string{"c.json"}, 0},
		{"one of replicas by its claim, which is another's number", []int{1, 1}, 1, []string{"b.json"}, 2},
		{"by order", []int{-1, -1}, 1, []string{"b.json"}, 2},
		{"not there", []int{0, 1}, 5, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var paths []string
			for i, rank := range c.claims {
				path := filepath.Join(dir, string(rune('a'+i))+".json")
				if err := os.WriteFile(path, []byte(rankTrace(rank)+strings.Repeat("\n", i)), 0o600); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
			selected := Selection{Ranks: []analyze.Range{{From: c.asked, To: c.asked}}}
			likely := 0
			for _, rank := range c.claims {
				if selected.likely(rank) {
					likely++
				}
			}
			if likely != c.read {
				t.Errorf("%d are likely to be asked for, want %d", likely, c.read)
			}
			p, err := Open(t.Context(), paths, Options{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := p.Report(t.Context(), selected)
			if c.want == nil {
				if e, ok := errors.AsType[*SelectionError](err); !ok || e.By != ByRanks || e.Asked != fmt.Sprint(c.asked) {
					t.Errorf("%v, want an error of the ranks", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, rank := range r.Ranks {
				got = append(got, filepath.Base(rank.Path))
				if rank.Rank != c.asked {
					t.Errorf("%s is rank %d, want %d", rank.Path, rank.Rank, c.asked)
				}
			}
			if !slices.Equal(got, c.want) || !slices.Equal(r.Selection.Ranks, []int{c.asked}) {
				t.Errorf("%v of ranks %v, want %v of rank %d", got, r.Selection.Ranks, c.want, c.asked)
			}
		})
	}
}

// TestGraphCapturesOfRanks: a rank's graph captures are read for it alone, those of no rank for all, and what can't be
// read is told.
func TestGraphCapturesOfRanks(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a_rank0.json": rankTrace(0), "a_rank1.json": rankTrace(1),
		"capture_traces/graph_capture_rank_0.1.pt.trace.json": rankTrace(-1),
		"capture_traces/graph_capture_rank_1.1.pt.trace.json": rankTrace(-1),
		"capture_traces/graph_capture_rank_2.1.pt.trace.json": `{"traceEvents": 5}`,
		"capture_traces/any.json":                             rankTrace(-1),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := findGraphCaptures([]string{filepath.Join(dir, "a_rank0.json"), filepath.Join(dir, "a_rank1.json")})
	for rank, want := range map[int][]string{
		0: {"any.json", "graph_capture_rank_0.1.pt.trace.json"}, 1: {"any.json", "graph_capture_rank_1.1.pt.trace.json"}, 3: {"any.json"}, -1: nil,
	} {
		var got []string
		for _, m := range analyze.Metas(g.of(rank)) {
			got = append(got, filepath.Base(m.Path))
		}
		if !slices.Equal(got, want) {
			t.Errorf("rank %d: %v, want %v", rank, got, want)
		}
	}
	if len(g.problems()) != 0 {
		t.Errorf("notes of what nobody asked for: %q", g.problems())
	}
	if got := g.of(2); len(got) != 1 || len(g.problems()) != 1 {
		t.Errorf("rank 2: %d traces, notes %q", len(got), g.problems())
	}
}
