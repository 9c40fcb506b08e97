package profile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/engine/enginetest"
	"github.com/inferprof/inferprof/trace"
)

func TestCut(t *testing.T) {
	dir := ranksOf(t, 2, 3) // of each step a mark and an op, 1 ms apart
	p := open(t, Options{}, dir)
	for _, c := range []struct {
		name   string
		keep   Cut
		ranks  []int
		events int // of each, the profiler's own window aside
	}{
		{"steps", Cut{Steps: []analyze.Range{{From: 1, To: 2}}}, []int{0, 1}, 4},
		{"steps that touch", Cut{Steps: []analyze.Range{{From: 1, To: 1}, {From: 0, To: 0}}}, []int{0, 1}, 4},
		{"a category", Cut{Only: []string{"cpu_op"}}, []int{0, 1}, 3},
		{"all but one", Cut{Drop: []string{"cpu_op"}}, []int{0, 1}, 3},
		{"a rank", Cut{Ranks: []int{1}}, []int{1}, 6},
		{"a time", Cut{FromNs: 1_000_000, ToNs: 2_000_000}, []int{0, 1}, 2},
		{"to the end", Cut{FromNs: 1_000_000}, []int{0, 1}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			output := filepath.Join(t.TempDir(), "cut")
			files, err := p.Cut(t.Context(), output, c.keep)
			if err != nil {
				t.Fatal(err)
			}
			var ranks []int
			for _, f := range files {
				ranks = append(ranks, f.Rank)
				info, err := os.Stat(f.Path)
				if err != nil || info.Size() != f.SizeBytes || f.SourceEvents < f.Events || filepath.Dir(f.Path) != output {
					t.Errorf("%+v, %v", f, err)
				}
			}
			again, err := open(t, Options{}, output).Traces(t.Context())
			if err != nil || len(again) != len(files) || !slices.Equal(ranks, c.ranks) {
				t.Fatalf("ranks %v, %d traces read back, %v", ranks, len(again), err)
			}
			for _, r := range again {
				events := 0
				for i := range r.Trace.Events.Len() {
					if e := &r.Trace.Events; e.DurationNs(i) > 0 && e.Category(i) != trace.CategoryTrace {
						events++
					}
				}
				if events != c.events {
					t.Errorf("rank %d: %d events, want %d", r.Number, events, c.events)
				}
			}
		})
	}
}

func TestCutRefuses(t *testing.T) {
	dir := ranksOf(t, 2, 3)
	stepless := filepath.Join(t.TempDir(), "a.json")
	lay(t, stepless, []byte(rankTrace(0)))
	twin := filepath.Join(t.TempDir(), rankFile(0))
	lay(t, twin, enginetest.Trace(0, 1, 1))
	source := filepath.Join(dir, rankFile(0))
	out := filepath.Join(t.TempDir(), "out")
	ops := Cut{Only: []string{"cpu_op"}}
	by := func(s Selector) func(error) bool {
		return func(err error) bool { e, ok := errors.AsType[*SelectionError](err); return ok && e.By == s }
	}
	output := func(problem OutputProblem) func(error) bool {
		return func(err error) bool { e, ok := errors.AsType[*OutputError](err); return ok && e.Problem == problem }
	}
	for _, c := range []struct {
		name   string
		paths  []string
		output string
		keep   Cut
		is     func(error) bool
		text   string
	}{
		{"two times", []string{dir}, out, Cut{Steps: []analyze.Range{{From: 0, To: 0}}, FromNs: 1}, by(BySteps), "one of them"},
		{"no time", []string{dir}, out, Cut{FromNs: 5, ToNs: 5}, by(ByTime), "end later"},
		{"a step too far", []string{dir}, out, Cut{Steps: []analyze.Range{{From: 2, To: 3}}}, by(BySteps), "has steps 0 to 2"},
		{"no such category", []string{dir}, out, Cut{Only: []string{"kernel"}}, by(ByOnly), "(they have cpu_op"},
		{"nor to drop", []string{dir}, out, Cut{Drop: []string{"kernel"}}, by(ByDrop), "(they have cpu_op"},
		{"no such rank", []string{dir}, out, Cut{Ranks: []int{2}}, by(ByRanks), "the traces are of ranks 0, 1"},
		{"nothing left", []string{dir}, out, Cut{FromNs: 1e12}, func(err error) bool { return errors.Is(err, ErrNothingLeft) }, "2 traces"},
		{"no steps", []string{stepless}, out, Cut{Steps: []analyze.Range{{From: 0, To: 0}}}, isError[*NoStepsError], "has no steps"},
		{"no name", []string{dir}, "", ops, output(OutputNoName), "name a file"},
		{"two in one file", []string{dir}, out + ".json", ops, output(OutputOneFile), "2 traces"},
		{"over something", []string{dir}, dir, ops, output(OutputExists), "there already"},
		{"over itself", []string{source}, source, ops, output(OutputIsSource), "name another file"},
		{"of the same name", []string{source, twin}, out, ops, func(error) bool { return true }, "two of the traces are called"},
	} {
		before, _ := os.ReadFile(source)
		_, err := open(t, Options{}, c.paths...).Cut(t.Context(), c.output, c.keep)
		if err == nil || !c.is(err) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: something was written", c.name)
		}
		if after, _ := os.ReadFile(source); string(after) != string(before) {
			t.Errorf("%s: the source was changed", c.name)
		}
	}
}
