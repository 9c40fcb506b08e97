package compare

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

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
	for _, c := range []struct {
		name   string
		b      Side
		metric string
		limit  float64
		failed bool
		text   string
	}{
		{"same", base, "decode-step", 5, false, "not shown to be more than 5 % worse"},
		{"faster", steps(8, steady(800_000, 40)...), "decode-step", 0, false, "not shown"},
		{"much slower", steps(8, steady(1_200_000, 40)...), "decode-step", 5, true, "20.0 % worse"},
		{"slower, but perhaps not beyond the limit", steps(8, steady(1_055_000, 40)...), "decode-step", 5, false, "not shown"},
		{"busy", steps(8, steady(1_200_000, 40)...), "busy", 5, true, "worse"},
		{"idle of none", steps(8, steady(1_200_000, 40)...), "idle", 5, false, ""},
		{"kernel", steps(8, steady(1_200_000, 40)...), "kernel:k", 5, true, "worse"},
		{"kernel that is not there", base, "kernel:nowhere", 5, false, "cannot be judged: no kernel's name contains"},
		{"no prompts", base, "prefill-token", 5, false, "cannot be judged: no prompts"},
		{"no throughput", base, "tokens-per-s", 5, false, "cannot be judged"},
		{"three steps", steps(8, 1_300_000, 1_300_000, 1_300_000), "decode-step", 5, false, "cannot be judged: too few steps or captures to know the spread (sweep --repeat 3"},
		{"far better", steps(8, steady(500_000, 40)...), "decode-step", 5, false, "−50.0 %, at least −"},
	} {
		all := []Side{base, c.b}
		r := mustCompare(t, all...)
		r.Judge(all, c.metric, c.limit)
		j := r.Gate.Judgements[0]
		if r.Gate.Failed != c.failed || j.Failed != c.failed || !strings.Contains(j.Sentence, c.text) {
			t.Errorf("%s: failed %t: %s", c.name, r.Gate.Failed, j.Sentence)
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
			made.Judge(all, metric, 5)
			back.Judge(all, metric, 5)
			if !reflect.DeepEqual(back.Gate, made.Gate) {
				t.Errorf("%s, %s: %+v, want %+v", name, metric, back.Gate, made.Gate)
			}
			if back.Judge(nil, metric, 5); !strings.HasPrefix(metric, "kernel:") && !reflect.DeepEqual(back.Gate, made.Gate) {
				t.Errorf("%s, %s without the sides: %+v, want %+v", name, metric, back.Gate, made.Gate)
			}
		}
		r := mustCompare(t, all...)
		if r.Judge(nil, "kernel:k", 5); r.Gate.Failed || r.Gate.Judgements[0].Unjudged == "" {
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
		if r.Judge(all, "tokens-per-s", 5); r.Gate.Failed != c.failed || r.Gate.Judgements[0].Unjudged != "" {
			t.Errorf("%+v", r.Gate.Judgements[0])
		}
	}
}

func TestMetrics(t *testing.T) {
	for metric, ok := range map[string]bool{"decode-step": true, "kernel:flash": true, "kernel:": false, "kernel:NAME": true, "speed": false, "": false} {
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
		if _, err := ParseBaseline(text); err == nil {
			t.Errorf("%s: taken", name)
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
	f.Add([]byte(`{"kind":"inferprof baseline","schema_version":1,"side":{"runs":[{"groups":[{"steps":1,"total_ns":[1],"busy_ns":[1],"comm_ns":[0],"work":[]}]}]}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseBaseline(text)
		if err != nil {
			return
		}
		all := []Side{*s, side}
		r, err := Compare(all)
		if err == nil {
			r.Judge(all, "decode-step", 5)
			r.Judge(all, "kernel:k", 5)
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
	if g.Steps != 19 || len(g.FirstNs) != 1 || g.Open != 1 || g.Outliers != 1 || g.OutliersNs != 5000 || g.UnderRecorded != 1 || g.Cold {
		t.Errorf("%+v", g)
	}
	var sum int64
	for _, ns := range g.TotalNs {
		sum += ns
	}
	if g.Work[0].Ns != sum || math.Abs(g.Work[0].Square/float64(sum*sum)-1.0/19) > 1e-3 {
		t.Errorf("work %+v, steps sum to %d", g.Work[0], sum)
	}

	// Where a third of the steps is far off, none is an outlier.
	for i := range r.Steps[:20] {
		if i%3 == 0 {
			r.Steps[i].EndNs = r.Steps[i].BeginNs + 6000
		}
	}
	run = Summarize(&Capture{Ranks: []*analyze.RankIterations{r}})
	if g := run.Groups[0]; g.Outliers != 0 || g.Steps != 20 {
		t.Errorf("uneven steps: %d outliers, %d steps", g.Outliers, g.Steps)
	}
}
