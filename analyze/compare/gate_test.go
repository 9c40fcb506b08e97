package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze"
)

// steady are n steps that differ by a thousandth.
func steady(ns int64, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = ns + ns*int64(i%3-1)/1000
	}
	return out
}

func TestGate(t *testing.T) {
	base := steps(8, steady(1_000_000, 40)...)
	noisy := func(ns int64) Side {
		out := make([]int64, 40)
		for i := range out {
			out[i] = ns + ns*int64(i*7%11-5)/150
		}
		return steps(8, out...)
	}
	for _, c := range []struct {
		name    string
		a, b    Side
		metric  string
		limit   float64
		outcome Outcome
		text    string
	}{
		{"same", base, base, "decode-step", 5, OutcomePassed, "at most 2.0 % worse"},
		{"faster", base, steps(8, steady(800_000, 40)...), "decode-step", 0, OutcomePassed, "is at least 18."},
		{"far better", base, steps(8, steady(500_000, 40)...), "decode-step", 5, OutcomePassed, "(measured 50.0 %)"},
		{"much slower", base, steps(8, steady(1_200_000, 40)...), "decode-step", 5, OutcomeFailed, "20.0 % worse"},
		{"perhaps beyond the limit", base, steps(8, steady(1_055_000, 40)...), "decode-step", 5, OutcomeUndecided, "cannot be judged at this noise: measured +5.5 %"},
		{"at the limit", base, steps(8, steady(1_050_000, 40)...), "decode-step", 5, OutcomeUndecided, "50 captures a side would not do"},
		{"noisy", noisy(1_000_000), noisy(1_020_000), "decode-step", 5, OutcomeUndecided, "captures a side would do"},
		{"noisy, half as slow again", noisy(1_000_000), noisy(1_500_000), "decode-step", 5, OutcomeFailed, ""},
		{"no tolerance", base, base, "decode-step", 0, OutcomeUndecided, ""},
		{"mean", base, steps(8, steady(1_200_000, 40)...), "decode-step-mean", 5, OutcomeFailed, ""},
		{"p99", base, steps(8, steady(1_200_000, 40)...), "decode-step-p99", 5, OutcomeFailed, ""},
		{"busy", base, steps(8, steady(1_200_000, 40)...), "busy", 5, OutcomeFailed, "worse"},
		{"idle of none", base, steps(8, steady(1_200_000, 40)...), "idle", 5, OutcomePassed, ""},
		{"kernel", base, steps(8, steady(1_200_000, 40)...), "kernel:k", 5, OutcomeFailed, "worse"},
		{"same kernel", base, base, "kernel:k", 5, OutcomePassed, ""},
		{"kernel that is not there", base, base, "kernel:nowhere", 5, OutcomeUnjudged, "cannot be judged: no kernel's name contains"},
		{"no prompts", base, base, "prefill-token", 5, OutcomeUnjudged, "cannot be judged: no prompts"},
		{"no throughput", base, base, "tokens-per-s", 5, OutcomeUnjudged, "cannot be judged"},
		{"two steps", base, steps(8, 1_300_000, 1_300_000), "decode-step", 5, OutcomeUnjudged, "too few steps or captures to know the spread (sweep --repeat 3"},
		{"three steps, half as slow again", base, steps(8, 1_500_000, 1_510_000, 1_505_000), "decode-step", 5, OutcomeFailed, ""},
	} {
		all := []Side{c.a, c.b}
		r := mustCompare(t, all...)
		if err := r.Judge(all, c.metric, c.limit); err != nil {
			t.Fatal(err)
		}
		j := r.Gate.Judgements[0]
		if r.Gate.Outcome != c.outcome || j.Outcome != c.outcome || j.Failed != (c.outcome == OutcomeFailed) || r.Gate.Failed != j.Failed ||
			(j.Unjudged != "") != (c.outcome == OutcomeUnjudged) || !strings.Contains(j.Sentence, c.text) {
			t.Errorf("%s: %s: %s", c.name, j.Outcome, j.Sentence)
		}
	}
}

// As many captures as an undecided gate asks for decide it, if they differ as it allows for.
func TestCapturesThatWouldDo(t *testing.T) {
	for _, tooFew := range []int{1, 2, 3} {
		for _, spread := range []float64{1, 5, 20} {
			e := Estimate{A: 100, Spread: spread}
			for distance := 0.1; distance < 100; distance *= 2 {
				k := e.capturesFor(distance, tooFew)
				half := func(k int) float64 { return studentT(float64(2*k-2)) * spread / math.Sqrt(float64(k)) }
				switch {
				case k == 0 && half(mostCaptures) <= distance:
					t.Errorf("spread %g, %g away: none would do", spread, distance)
				case k > 0 && (k <= tooFew || half(k) > distance || k > tooFew+1 && half(k-1) <= distance):
					t.Errorf("spread %g, %g away, %d are too few: %d", spread, distance, tooFew, k)
				}
			}
		}
	}
	if k := (&Estimate{A: 100}).capturesFor(5, 1); k != 0 {
		t.Errorf("of no spread: %d", k)
	}
}

// A metric that is none is refused, with those that are, and nothing is judged by a kernel that happens to have its name.
func TestUnknownMetrics(t *testing.T) {
	base := steps(8, steady(1_000_000, 40)...)
	all := []Side{base, steps(8, steady(1_500_000, 40)...)}
	for _, c := range []struct {
		metric string
		limit  float64
	}{{"k", 5}, {"", 5}, {"kernel:", 5}, {"kernel: ", 5}, {"Decode-step", 5}, {"decode-step", math.NaN()}, {"decode-step", math.Inf(1)}} {
		r := mustCompare(t, all...)
		err := r.Judge(all, c.metric, c.limit)
		if err == nil || c.limit == 5 && !strings.Contains(err.Error(), strings.Join(Metrics(), ", ")) {
			t.Errorf("%q, %g: %v", c.metric, c.limit, err)
		}
		if r.Gate.Outcome != OutcomeUnjudged || r.Gate.Failed || r.Gate.Judgements[0].Unjudged == "" {
			t.Errorf("%q, %g: judged: %+v", c.metric, c.limit, r.Gate)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%q, %g: %v", c.metric, c.limit, err)
		}
	}
}

// Of several sides the worst counts: one that fails, before one that cannot be judged, before one that passes.
func TestWorstSideCounts(t *testing.T) {
	base, slow, near := steps(8, steady(1_000_000, 40)...), steps(8, steady(1_500_000, 40)...), steps(8, steady(1_050_000, 40)...)
	none := Side{Runs: []Run{{}}}
	for _, c := range []struct {
		others []Side
		want   Outcome
	}{
		{[]Side{base, base}, OutcomePassed},
		{[]Side{base, near}, OutcomeUndecided},
		{[]Side{none, near, base}, OutcomeUnjudged},
		{[]Side{slow, near, none, base}, OutcomeFailed},
		{[]Side{base, slow}, OutcomeFailed},
	} {
		all := append([]Side{base}, c.others...)
		r := mustCompare(t, all...)
		if err := r.Judge(all, "decode-step", 5); err != nil || r.Gate.Outcome != c.want || len(r.Gate.Judgements) != len(c.others) {
			t.Errorf("%v, want %s: %+v", err, c.want, r.Gate)
		}
	}
	r := mustCompare(t, base)
	if err := r.Judge(nil, "decode-step", 5); err != nil || r.Gate.Outcome != OutcomeUnjudged {
		t.Errorf("one side: %v, %+v", err, r.Gate)
	}
}

// A tighter limit that passes is followed by passes, a looser one that fails by failures, and what fails one way round does
// not fail the other. Against itself nothing fails.
func TestGateIsMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 60 {
		s := source{r: r, between: 0.05 * r.Float64(), step: 0.1 * r.Float64(), rho: 0.9 * r.Float64(), outliers: 0.1 * r.Float64(), howMuch: 3, n: float64(3 + r.IntN(60))}
		side := func(factor float64) (out Side) {
			for range 1 + r.IntN(2) {
				out.Runs = append(out.Runs, steps(8, s.run(1e6*factor)...).Runs...)
			}
			return out
		}
		a, b := side(1), side(0.8+0.5*r.Float64())
		there, back, self := mustCompare(t, a, b), mustCompare(t, b, a), mustCompare(t, a, a)
		for _, metric := range []string{"decode-step", "decode-step-mean", "decode-step-p99", "busy", "kernel:k"} {
			last := OutcomeFailed
			order := []Outcome{OutcomeFailed, OutcomeUndecided, OutcomePassed}
			for limit := -30.0; limit < 60; limit += 2.5 {
				if err := errors.Join(there.Judge([]Side{a, b}, metric, limit), back.Judge([]Side{b, a}, metric, limit), self.Judge([]Side{a, a}, metric, limit)); err != nil {
					t.Fatal(err)
				}
				if there.Gate.Outcome == OutcomeUnjudged {
					continue
				}
				if slices.Index(order, there.Gate.Outcome) < slices.Index(order, last) {
					t.Fatalf("%s: %s at %g %% and %s before", metric, there.Gate.Outcome, limit, last)
				}
				last = there.Gate.Outcome
				if limit >= 0 && (there.Gate.Failed && back.Gate.Failed || self.Gate.Failed) {
					t.Fatalf("%s at %g %%: fails both ways, or against itself: %+v", metric, limit, there.Gate)
				}
			}
		}
	}
}

// A result that was read back from JSON is judged as it was when it was made.
func TestGateOfWhatWasReadBack(t *testing.T) {
	side := func(batch, ns, rate int64) Side { // steps of two shapes, and requests
		s := steps(batch, steady(ns, 40)...)
		more := steps(batch+1, steady(2*ns, 25)...)
		run := &s.Runs[0]
		run.Groups = append(run.Groups, more.Runs[0].Groups...)
		run.Throughput = &Throughput{OutputTokensPerSecond: float64(rate)}
		return s
	}
	for name, all := range map[string][]Side{
		"equal batches":  {side(8, 1_000_000, 100), side(8, 1_200_000, 80), side(8, 900_000, 110)},
		"other batches":  {side(8, 1_000_000, 100), side(4, 1_200_000, 80)}, // by token
		"one comparable": {side(8, 1_000_000, 100), {Runs: []Run{{}}}, side(8, 1_200_000, 80)},
	} {
		for _, metric := range []string{"decode-step", "prefill-token", "busy", "idle", "comm", "kernel:k", "kernel:nowhere", "tokens-per-s"} {
			made := mustCompare(t, all...)
			text, err := json.Marshal(made)
			if err != nil {
				t.Fatal(err)
			}
			var back Result
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(made.Judge(all, metric, 5), back.Judge(all, metric, 5)); err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(back.Gate, made.Gate) {
				t.Errorf("%s, %s: %+v, want %+v", name, metric, back.Gate, made.Gate)
			}
			if err := back.Judge(nil, metric, 5); err != nil || !strings.HasPrefix(metric, "kernel:") && !cmp.Equal(back.Gate, made.Gate) {
				t.Errorf("%s, %s without the sides: %+v, want %+v", name, metric, back.Gate, made.Gate)
			}
		}
		r := mustCompare(t, all...)
		if err := r.Judge(nil, "kernel:k", 5); err != nil || r.Gate.Failed || r.Gate.Judgements[0].Unjudged == "" {
			t.Errorf("%s: judged by kernels that are not there: %+v", name, r.Gate)
		}
	}
}

// More tokens per second are better.
func TestGateOnThroughput(t *testing.T) {
	side := func(rates ...float64) Side {
		s := Side{}
		for _, r := range rates {
			run := steps(8, steady(1_000_000, 40)...).Runs[0]
			run.Throughput = &Throughput{OutputTokensPerSecond: r}
			s.Runs = append(s.Runs, run)
		}
		return s
	}
	for _, c := range []struct {
		a, b   Side
		failed bool
	}{
		{side(100, 101, 99), side(80, 81, 79), true},
		{side(100, 101, 99), side(120, 121, 119), false},
		{side(100, 101, 99), side(98, 100, 99), false},
	} {
		all := []Side{c.a, c.b}
		r := mustCompare(t, all...)
		if err := r.Judge(all, "tokens-per-s", 5); err != nil || r.Gate.Failed != c.failed || r.Gate.Judgements[0].Unjudged != "" {
			t.Errorf("%+v", r.Gate.Judgements[0])
		}
	}
}

func TestMetrics(t *testing.T) {
	for metric, ok := range map[string]bool{"decode-step": true, "kernel:flash": true, "kernel:": false, "kernel:NAME": true, "kernel: ": false, "decode-step-p99": true, "speed": false, "": false} {
		if ValidMetric(metric) != ok {
			t.Errorf("%q: %t", metric, !ok)
		}
	}
}

// A side that was written and read back compares as the side itself does.
func TestBaselineRoundTrip(t *testing.T) {
	for _, name := range []string{"vllm024_h200_mistral7b-none", "mistral8l_h200x2_tp2_eager"} {
		a, b := read(t, name, 1), read(t, "vllm024_h200_mistral7b-awq", 1)
		var text bytes.Buffer
		if err := WriteBaseline(&text, &a); err != nil {
			t.Fatal(err)
		}
		if text.Len() > 200_000 {
			t.Errorf("%s: a baseline of %d bytes is not small", name, text.Len())
		}
		back, err := ParseBaseline(text.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		want, err1 := json.Marshal(mustCompare(t, a, b))
		got, err2 := json.Marshal(mustCompare(t, *back, b))
		if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
			t.Errorf("%s: the comparison with the baseline differs (%v, %v)", name, err1, err2)
		}
	}
}

// Of very many steps a baseline keeps some, and the same medians within what a step differs by.
func TestBaselineOfManySteps(t *testing.T) {
	a := steps(8, steady(1_000_000, 5000)...)
	var text bytes.Buffer
	if err := WriteBaseline(&text, &a); err != nil {
		t.Fatal(err)
	}
	back, err := ParseBaseline(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s := sectionOf(t, mustCompare(t, *back, a), "decode")
	if s.Time.Verdict != VerdictNone || s.ATotalNs != s.BTotalNs || s.Matched[0].ASteps != 5000 {
		t.Errorf("%+v, %d and %d, %+v", s.Time, s.ATotalNs, s.BTotalNs, s.Matched)
	}
}

func TestParseBaselineRefuses(t *testing.T) {
	good := steps(8, 10, 11, 12)
	for name, spoil := range map[string]func(b *baseline){
		"kind":          func(b *baseline) { b.Kind = "" },
		"version":       func(b *baseline) { b.Version = 99 },
		"old version":   func(b *baseline) { b.Version = 1 },
		"all untypical": func(b *baseline) { b.Side.Runs[0].Groups[0].Typical = 0 },
		"negative idle": func(b *baseline) { b.Side.Runs[0].Groups[0].AllIdleNs[0] = -1 },
		"no runs":       func(b *baseline) { b.Side.Runs = nil },
		"no steps":      func(b *baseline) { b.Side.Runs[0].Groups[0].TotalNs = nil },
		"lengths":       func(b *baseline) { b.Side.Runs[0].Groups[0].CommNs = nil },
		"unknown work":  func(b *baseline) { b.Side.Runs[0].Groups[0].Work = []WorkSum{{Work: 7}} },
		"negative work": func(b *baseline) { b.Side.Runs[0].Groups[0].Work = []WorkSum{{Ns: -1}} },
		"too busy":      func(b *baseline) { b.Side.Runs[0].Groups[0].BusyNs = []int64{10, 11, 13} },
	} {
		b := baseline{Kind: baselineKind, Version: BaselineVersion}
		text, err := json.Marshal(good)
		if err != nil || json.Unmarshal(text, &b.Side) != nil {
			t.Fatal("no copy")
		}
		spoil(&b)
		if text, err = json.Marshal(b); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseBaseline(text); err == nil || strings.Contains(name, "version") && !strings.Contains(err.Error(), "write it anew, with inferprof compare") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a file holds, reading and comparing it does not panic.
func FuzzParseBaseline(f *testing.F) {
	side := steps(8, 10, 11, 12, 10, 11)
	var text bytes.Buffer
	if err := WriteBaseline(&text, &side); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add([]byte(`{"kind":"inferprof baseline","schema_version":2,"side":{"runs":[{"groups":[{"steps":1,"typical":1,"total_ns":[1],"busy_ns":[1],"comm_ns":[0],"work":[]}]}]}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseBaseline(text)
		if err != nil {
			return
		}
		all := []Side{*s, side}
		r, err := Compare(all)
		if err == nil {
			_ = r.Judge(all, "decode-step", 5)
			_ = r.Judge(all, "kernel:k", 5)
		}
	})
}

func TestMatchKernels(t *testing.T) {
	p := func(role, category, name string, ns int64, count float64) *piece {
		return &piece{Work: analyze.Work{Name: name, Category: category, Role: role}, ns: ns, count: count}
	}
	rows := matchKernels(
		[]*piece{
			p("gemm qkv", "gemm", "nvjet_a", 100, 32), p("gemm mlp down", "gemm", "nvjet_b", 200, 32), p("gemm mlp down", "gemm", "splitKreduce", 20, 32),
			p("norm", "triton", "triton_red_fused_add_rms_norm_0", 30, 32), p("attention", "attn", "flash", 50, 32), p("elementwise", "elementwise", "old", 5, 1),
			p("gemm lm_head", "gemm", "nvjet_a", 9, 1), p("memcpy", "memcpy", "Memcpy DtoH", 3, 2),
		},
		[]*piece{
			p("gemm qkv", "quant_gemm", "machete_1", 80, 32), p("gemm mlp down", "quant_gemm", "machete_1", 120, 32),
			p("norm", "triton", "triton_red_fused_add_rms_norm_machete_mm_0", 31, 32), p("attention", "attn", "flash", 51, 32), p("memset", "memset", "Memset", 7, 96),
			p("gemm lm_head", "gemm", "nvjet_a", 9, 1), p("other", "memcpy", "Memcpy DtoH", 4, 2),
		})
	want := map[string]string{
		"gemm qkv":      RowReplaced,
		"gemm mlp down": RowReplaced,
		"norm":          RowReplaced,
		"attention":     RowSame,
		"elementwise":   RowGone,
		"gemm lm_head":  RowSame,
		"memset":        RowNew,
		"other":         RowSame, // by name, in another role
	}
	if len(rows) != len(want) {
		t.Errorf("%d rows, want %d: %+v", len(rows), len(want), rows)
	}
	for _, r := range rows {
		if want[r.Role] != r.Match {
			t.Errorf("%s: %s, want %s", r.Role, r.Match, want[r.Role])
		}
		if r.Role == "gemm mlp down" && (len(r.A) != 2 || len(r.B) != 1 || r.DeltaNs != -100) {
			t.Errorf("a split GEMM and its reduction: %+v", r)
		}
	}
	if !slices.IsSortedFunc(rows, func(x, y KernelRow) int { return int(abs(y.DeltaNs) - abs(x.DeltaNs)) }) {
		t.Error("not by time at stake")
	}
}

// Steps of which the trace has lost work, and steps far off, are left out and counted.
func TestTrimming(t *testing.T) {
	r := &analyze.RankIterations{Kind: analyze.KindGPU, Work: []analyze.Work{{Name: "k", Category: "gemm"}}}
	at := int64(0)
	add := func(ns int64, events int) {
		r.Steps = append(r.Steps, analyze.Iteration{Step: analyze.Step{Name: "d", Phase: "decode", GenerationRequests: 4, GenerationTokens: 4},
			BeginNs: at, EndNs: at + ns, Events: events, Shares: []analyze.Share{{Count: events, Ns: ns}}})
		at += ns
	}
	for i := range 20 {
		add(1000+int64(i%3), 100)
	}
	add(5000, 100) // an outlier
	add(300, 20)   // lost most of its kernels
	r.Steps[len(r.Steps)-1].Unmeasured = true
	add(900, 100) // the last one
	r.Steps[len(r.Steps)-1].Open = true
	run := Summarize(&Capture{Ranks: []*analyze.RankIterations{r}})
	g := run.Groups[0]
	if g.Steps != 21 || len(g.FirstNs) != 1 || g.Open != 1 || g.Outliers != 1 || g.OutliersNs != 5000 || g.UnderRecorded != 1 || g.Cold {
		t.Errorf("%+v", g)
	}
	var sum int64
	for _, ns := range g.TotalNs {
		sum += ns
	}
	if g.AllNs != sum || g.Typical < 11 || g.Work[0].Ns > int64(g.Typical)*1002 || g.Work[0].Ns < int64(g.Typical)*1000 {
		t.Errorf("work %+v of %d typical steps, all sum to %d", g.Work[0], g.Typical, sum)
	}
}
