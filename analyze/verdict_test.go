package analyze

import (
	"regexp"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// messagesOf are all that a result says of itself.
func messagesOf(res *Result) []Message {
	out := append([]Message(nil), res.Verdict...)
	for _, f := range res.Figures {
		out = append(out, f.Note)
	}
	for _, r := range res.Remarks {
		out = append(out, r.Message)
	}
	for i := range res.Problems {
		out = append(out, words.Say("problem", "{problem}", words.Inner("problem", res.Problems[i].Message())))
	}
	return out
}

var numberIn = regexp.MustCompile(`\d+(?:,\d{3})*(?:\.\d+)?`)

// written are the texts of a message's params, those of inner messages too.
func written(params words.Params) string {
	var out []string
	for _, p := range params {
		switch v := p.Value.(type) {
		case Message:
			out = append(out, written(v.Params))
		case []Message:
			for _, m := range v {
				out = append(out, written(m.Params))
			}
		default:
			out = append(out, p.Text())
		}
	}
	return strings.Join(out, " ")
}

// TestSaidOfRealTraces: every sentence is whole, every number in it is one of its params, and every key number is written as its
// value is.
func TestSaidOfRealTraces(t *testing.T) {
	said := 0
	for name, res := range realResults(t) {
		for _, m := range messagesOf(res) {
			text := m.Text()
			if m.IsZero() {
				continue
			}
			if said++; text == "" || strings.ContainsAny(text, "{}") || strings.Contains(text, "<nil>") || strings.Contains(text, "%!") {
				t.Errorf("%s: %s says %q", name, m.ID, text)
			}
			params := written(m.Params)
			for _, number := range numberIn.FindAllString(text, -1) {
				if !strings.Contains(params, number) && number != "16" { // of 16-bit arithmetic
					t.Errorf("%s: %s: %s is no param in %q", name, m.ID, number, text)
				}
			}
		}
		for _, f := range res.Figures {
			if want := words.Write(f.Value, f.Unit); f.Text != want && f.Text != "+"+want {
				t.Errorf("%s: %s is %q, its value %q", name, f.ID, f.Text, want)
			}
		}
		if len(res.Verdict) == 0 {
			t.Errorf("%s: no verdict", name)
		}
	}
	if said == 0 {
		t.Error("nothing is said of any trace")
	}
}

// TestOneDecodeStep: the number in the verdict, in the figures, and of the steady state, where that has the same steps, is one.
func TestOneDecodeStep(t *testing.T) {
	said := 0
	for name, res := range realResults(t) {
		for _, p := range res.Phases {
			if p.Phase != trace.StepDecode || p.MeasuredSteps == 0 || res.OnlyCaptures() {
				continue
			}
			found := false
			for _, m := range res.Verdict {
				if phase, _ := m.Params.Get("phase"); phase.Value == string(trace.StepDecode) && m.Params.Int("step_median_ns") == p.StepMedianNs {
					found = true
				}
			}
			if said++; !found {
				t.Errorf("%s: no sentence has the decode step of %d ns", name, p.StepMedianNs)
			}
			for _, f := range res.Figures {
				if f.ID == "decode_step_ns" && f.Value != float64(p.StepMedianNs) {
					t.Errorf("%s: figure %v, median %d", name, f.Value, p.StepMedianNs)
				}
			}
			if s := res.Steady; s != nil && s.Steps == p.MeasuredSteps && s.StepMedianNs != p.StepMedianNs {
				t.Errorf("%s: steady steps of %d, decode steps of %d", name, s.StepMedianNs, p.StepMedianNs)
			}
		}
	}
	if said == 0 {
		t.Error("no verdict has a decode step")
	}
}

// decodes are ranks whose decode steps take so long.
func decodes(ns ...int64) *Result {
	r := &Result{Kind: index.KindGPU}
	for i, v := range ns {
		r.Ranks = append(r.Ranks, &Rank{Rank: i, Phases: []Phase{{Phase: trace.StepDecode, Rank: i, Steps: 9, MeasuredSteps: 8, StepMedianNs: v}}})
	}
	return r
}

func TestWhoseStepItIs(t *testing.T) {
	for _, c := range []struct {
		ns   []int64
		of   int // whose phases the result has
		want string
	}{
		{[]int64{5_000_000}, 0, "A decode step takes 5.000 ms."},
		{[]int64{5_000_000, 5_040_000}, 0, "A decode step takes 5.000 ms."},
		{[]int64{5_000_000, 5_060_000}, 1, "A decode step takes 5.060 ms on rank 1, the slowest of 2."},
		{[]int64{5_000_000, 5_060_000}, 0, "A decode step takes 5.000 ms on rank 0 (on rank 1, the slowest of 2, 5.060 ms)."},
	} {
		r := decodes(c.ns...)
		r.Phases = r.Ranks[c.of].Phases
		if got := r.phaseStep(&r.Phases[0]).Text(); got != c.want {
			t.Errorf("%v: %s", c.ns, got)
		}
	}
}

func TestStepsOfWhichAPartIsKnown(t *testing.T) {
	r := decodes(-1)
	r.Phases = r.Ranks[0].Phases
	p := &r.Phases[0]
	p.MeasuredSteps, p.Unmeasured = 0, 9
	if got := r.stepsUnknown().Text(); got != "What a decode step takes is not known: the trace does not show all work of any." || len(r.phaseFigures(p)) > 0 {
		t.Errorf("of no step: %s", got)
	}
	r.Problems = []Problem{{ID: "duplicates"}}
	if got := r.stepsUnknown().Text(); got != "What a decode step takes is not known: events are there twice." {
		t.Error(got)
	}
	mark := func(p Param) string {
		if len(p.Of) > 0 {
			return "†1"
		}
		return ""
	}
	p.StepMedianNs, p.MeasuredSteps, p.Unmeasured = 4_000_000, 3, 5
	if got := r.phaseStep(p).Marked(mark); got != "A decode step takes 4.000 ms†1 (of the 3 of 9 that the trace shows whole)." {
		t.Errorf("of a part: %s", got)
	}
	p.Steps, p.MeasuredSteps, p.OfOpen, p.Unmeasured = 1, 1, true, 0
	if got := r.phaseStep(p).Marked(mark); got != "The only decode step, which no other follows, takes 4.000 ms†1 to the end of its own work." {
		t.Errorf("of an open one: %s", got)
	}
}

func TestRankByRank(t *testing.T) {
	rank := func(n int, busy int64) *Rank {
		return &Rank{Rank: n, Time: []Time{{BusyNs: busy}}}
	}
	for want, ranks := range map[string][]*Rank{
		"": {rank(0, 5)},
		"by rank: work 5 ns (rank 1) to 9 ns (rank 0)": {rank(0, 9), rank(1, 5)},
		"by rank: work 7 ns on each":                   {rank(0, 7), rank(1, 7), rank(2, 7)},
	} {
		if got := (&Result{Ranks: ranks}).rankByRank().Text(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
