package ranks

import (
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
)

// decodes is a rank of some decode steps, of which so many are lost.
func decodes(rank int, medianNs int64, lost int) *Rank {
	return &Rank{Rank: rank, Steps: make([]index.Step, 9), Phases: []Phase{
		{Phase: "prefill", Rank: rank, Steps: 1, MeasuredSteps: 1, StepMedianNs: int64(rank+1) * 1000},
		{Phase: "decode", Rank: rank, Steps: 8, MeasuredSteps: 8 - lost, Unmeasured: lost, StepMedianNs: medianNs},
	}}
}

func TestSlowest(t *testing.T) {
	none, waiting := &Rank{Rank: 9}, decodes(0, 1000, 0)
	waiting.Steps[3].CommWaitNs = 70
	for _, c := range []struct {
		name  string
		ranks []*Rank
		want  int // -1: none
	}{
		{"nobody", nil, -1},
		{"no steps", []*Rank{none}, -1},
		{"one", []*Rank{none, decodes(1, 500, 0)}, 1},
		{"the slower", []*Rank{decodes(0, 500, 0), decodes(1, 520, 0), decodes(2, 510, 0)}, 1},
		{"as slow", []*Rank{decodes(0, 1000, 0), decodes(1, 1005, 0)}, 0},
		{"as slow, and one waits", []*Rank{waiting, decodes(1, 1005, 0)}, 1},
		{"one that has lost steps is none", []*Rank{decodes(0, 500, 0), decodes(1, 900, 5)}, 0},
		{"but if all have", []*Rank{decodes(0, 500, 3), decodes(1, 900, 5)}, 1},
		{"of prompts alone", []*Rank{decodes(0, -1, 8), decodes(1, -1, 8)}, 1},
	} {
		got := -1
		if r := Slowest(c.ranks); r != nil {
			got = r.Rank
		}
		if got != c.want {
			t.Errorf("%s: rank %d, want %d", c.name, got, c.want)
		}
	}
}

// A step's spread is over the ranks whose traces show all of it.
func TestSpreadOfAStep(t *testing.T) {
	step := func(ns int64, lost bool) *Rank {
		return &Rank{Rank: int(ns), Steps: []index.Step{{Name: "s", TimeNs: ns, Unmeasured: lost, CommWaitNs: -1}}}
	}
	for _, c := range []struct {
		ranks           []*Rank
		slowest         int
		minNs, maxNs    int64
		ranksThatTookIt int
	}{
		{[]*Rank{step(5, false), step(7, false), step(6, false)}, 7, 5, 7, 3},
		{[]*Rank{step(1, true), step(7, false), step(6, false), step(9, true)}, 7, 6, 7, 4},
		{[]*Rank{step(1, true), step(2, true)}, 1, 0, 0, 2},
	} {
		got := MergeSteps(c.ranks)[0]
		if got.SlowestRank != c.slowest || got.MinNs != c.minNs || got.MaxNs != c.maxNs || got.Ranks != c.ranksThatTookIt {
			t.Errorf("%+v, want %+v", got, c)
		}
	}
}
