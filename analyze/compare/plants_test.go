package compare

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	tracesource "github.com/inferprof/inferprof/trace/source"
)

// Differences of known size, planted into the steps of real traces.

// iterated are the divided steps of real traces.
func iterated(t testing.TB, name string) []*analyze.RankIterations {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(ownTraces, name, "*.pt.trace.json.gz"))
	if len(files) == 0 {
		t.Skip("no traces at " + filepath.Join(ownTraces, name))
	}
	var traces []*trace.Trace
	for _, f := range files {
		tr, err := formats.ReadFile(f, tracesource.Options{})
		if err != nil {
			t.Fatal(err)
		}
		traces = append(traces, tr)
	}
	var ranks []*analyze.RankIterations
	for i, rank := range analyze.RankNumbers(analyze.Metas(traces)) {
		ranks = append(ranks, analyze.Iterate(traces[i], rank, analyze.Options{}))
	}
	return ranks
}

// planted is a side of the same ranks, in which the i-th decode step takes factor(i) times as long, and pause(i) more.
func planted(ranks []*analyze.RankIterations, factor func(i, n int) float64, pause func(i int) int64) Side {
	c := &Capture{}
	for _, r := range ranks {
		out := *r
		out.Steps = slices.Clone(r.Steps)
		n := 0
		for _, s := range r.Steps {
			if s.Phase == "decode" {
				n++
			}
		}
		at := 0
		for i := range out.Steps {
			it := &out.Steps[i]
			if it.Phase != "decode" {
				continue
			}
			f := factor(at, n)
			scale := func(ns int64) int64 { return int64(math.Round(f * float64(ns))) }
			it.Shares = slices.Clone(it.Shares)
			var whole int64
			for k := range it.Shares {
				it.Shares[k].Ns = scale(it.Shares[k].Ns)
				whole += it.Shares[k].Ns
			}
			it.CommNs, it.LayerNs = scale(it.CommNs), nil
			for cause := range it.IdleNs {
				it.IdleNs[cause] = scale(it.IdleNs[cause])
				whole += it.IdleNs[cause]
			}
			it.IdleNs[analyze.IdleHost] += pause(at)
			it.EndNs = it.BeginNs + whole + pause(at)
			at++
		}
		c.Ranks = append(c.Ranks, &out)
	}
	return Side{Runs: []Run{Summarize(c)}}
}

func by(f float64) func(i, n int) float64 { return func(int, int) float64 { return f } }

func TestPlantedDifferences(t *testing.T) {
	none := func(int) int64 { return 0 }
	pauses := func(i int) int64 { return int64(i % 8 / 7 * 20_000_000) }
	for _, base := range []struct {
		name  string
		noise float64 // what two captures are allowed to differ by, in percent, at most: beyond it everything is shown
	}{
		{"vllm024_h200_mistral7b-awq", 2.5}, {"vllm024_h200_mistral7b-none", 2.5}, {"mistral8l_h200x2_tp2_cudagraph", 2.5}, {"vllm024_h200_llama1b_default_stacks", 9},
		{"vllm024_h200_llama1b_eager", 12}, {"llama1b_h100_bf16_eager", 30}, {"vllm024_h200_llama1b_delay5_max8", 15}, {"opt125m_h100_fp16_eager", 25},
		{"vllm024_h200_mistral7b-eager", 40},
	} {
		ranks := iterated(t, base.name)
		a := planted(ranks, by(1), none)
		verdicts := func(b Side) (*Section, Outcome) {
			r := mustCompare(t, a, b)
			if err := r.Judge([]Side{a, b}, "decode-step", 5); err != nil {
				t.Fatal(err)
			}
			s := sectionOf(t, r, "decode")
			checkSums(t, base.name, s)
			t.Logf("%-36s median %+6.1f %% (%+.1f to %+.1f, %s), mean %+6.1f %% (%+.1f to %+.1f, %s), 5 %%: %s",
				base.name, s.Time.Percent, s.Time.LowPercent(), s.Time.HighPercent(), s.Time.Verdict,
				s.Mean.Percent, s.Mean.LowPercent(), s.Mean.HighPercent(), s.Mean.Verdict, r.Gate.Outcome)
			return s, r.Gate.Outcome
		}
		said := func(s *Section, text string) bool { return strings.Contains(strings.Join(s.Notes, "\n"), text) }

		s, outcome := verdicts(planted(ranks, by(1), none))
		if s.Time.Shown() || s.Mean.Shown() || s.P99.Shown() || outcome == OutcomeFailed || s.Time.HighPercent() > base.noise {
			t.Errorf("%s against itself: %+v, %s", base.name, s.Time, outcome)
		}
		if s, outcome = verdicts(planted(ranks, by(1.5), none)); outcome != OutcomeFailed || s.Time.Verdict != VerdictMore || s.Mean.Verdict != VerdictMore {
			t.Errorf("%s, half as slow again: %+v, %s", base.name, s.Time, outcome)
		}
		if s, outcome = verdicts(planted(ranks, by(1.02), none)); outcome == OutcomeFailed || base.noise < 5 && outcome != OutcomePassed {
			t.Errorf("%s, 2 %% slower: %+v, %s", base.name, s.Time, outcome)
		}
		s, _ = verdicts(planted(ranks, by(1), pauses))
		if n := s.Matched[0].BSteps; n >= 16 && base.noise < 10 && (s.Mean.Verdict != VerdictMore || s.Answer() != &s.Mean || s.Time.Shown() || !said(s, "far off the median of B")) {
			t.Errorf("%s, pauses of 20 ms: %s; %+v; %v", base.name, s.Sentence, s.Mean, s.Notes)
		}
		s, _ = verdicts(planted(ranks, func(i, n int) float64 { return 1 + float64(i)/float64(n) }, none))
		if s.Matched[0].BSteps >= 16 && (!said(s, "steps of B get longer over the capture") || s.Time.Verdict != VerdictMore) {
			t.Errorf("%s, growing to twice: %+v; %v", base.name, s.Time, s.Notes)
		}
		s, _ = verdicts(planted(ranks, func(i, _ int) float64 { return 1 + float64(i%2)/2 }, none))
		if s.Matched[0].BSteps >= 16 && base.noise < 30 && !said(s, "steps of B are of two kinds") {
			t.Errorf("%s, every other step half as slow again: %v", base.name, s.Notes)
		}
	}
}
