package compare

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	tracesource "github.com/inferprof/inferprof/trace/source"
)

const ownTraces = "../../../shared/traces/own"

// known remembers what read has read. Tests run one after the other.
var known = map[string]Side{}

// read reads a directory of real traces, each event's times multiplied by scale.
func read(t testing.TB, name string, scale int64) Side {
	t.Helper()
	key := fmt.Sprint(name, scale)
	if _, ok := known[key]; !ok {
		known[key] = readTraces(t, name, scale)
	}
	return known[key]
}

func readTraces(t testing.TB, name string, scale int64) Side {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(ownTraces, name, "*.pt.trace.json.gz"))
	if len(files) == 0 {
		t.Skip("no traces at " + filepath.Join(ownTraces, name))
	}
	c := &Capture{Name: name, Asked: findings.QuantizationNamed(filepath.Base(files[0])), AskedBy: "the trace's name"}
	var traces []*trace.Trace
	for _, f := range files {
		tr, err := formats.ReadFile(f, tracesource.Options{})
		if err != nil {
			t.Fatal(err)
		}
		traces = append(traces, scaled(tr, scale))
	}
	for i, rank := range analyze.RankNumbers(analyze.Metas(traces)) {
		c.Ranks = append(c.Ranks, analyze.Iterate(traces[i], rank, analyze.Options{LaunchGapNs: analyze.DefaultLaunchGapNs * scale}))
	}
	return Side{Label: name, Runs: []Run{Summarize(c)}}
}

// scaled is a trace in which everything takes scale times as long.
func scaled(t *trace.Trace, scale int64) *trace.Trace {
	if scale == 1 {
		return t
	}
	out := *t
	out.Events = trace.Events{}
	for i := range t.Events.Len() {
		e := t.Events.At(i)
		e.StartNs *= scale
		e.DurationNs *= scale
		out.Events.Append(e)
	}
	return &out
}

var pairs = [][2]string{
	{"vllm024_h200_mistral7b-none", "vllm024_h200_mistral7b-awq"},
	{"vllm024_h200_mistral7b-none", "vllm024_h200_mistral7b-gptq"},
	{"vllm024_h200_mistral7b-none", "vllm024_h200_mistral7b-gptq_not_in_effect"},
	{"vllm024_h200_mistral7b-awq", "vllm024_h200_mistral7b-gptq"},
	{"mistral8l_h200x2_tp2_eager", "mistral8l_h200x2_tp2_cudagraph"},
	{"opt125m_h100_fp32_eager", "opt125m_h100_fp16_eager"},
	{"vllm024_h200_llama1b_eager", "vllm024_h200_llama1b_default_stacks"},
	{"vllm032_cpu_tiny_tp2_offline_stacks", "vllm032_cpu_opt125m_tp2_offline"},
}

func mustCompare(t testing.TB, all ...Side) *Result {
	t.Helper()
	r, err := Compare(all)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every waterfall, and every table of kernels with the idleness beside it, sums to the whole on both sides, to the ns.
func TestPartsSumToTheWhole(t *testing.T) {
	for _, pair := range pairs {
		r := mustCompare(t, read(t, pair[0], 1), read(t, pair[1], 1))
		if len(r.Pairs[0].Sections) == 0 {
			t.Errorf("%v: no sections", pair)
		}
		for _, s := range r.Pairs[0].Sections {
			checkSums(t, fmt.Sprint(pair, " ", s.ID), &s)
		}
	}
}

func checkSums(t *testing.T, name string, s *Section) {
	t.Helper()
	var a, b, idleA, idleB, delta int64
	for _, p := range s.Parts {
		a, b, delta = a+p.ANs, b+p.BNs, delta+p.DeltaNs
		if p.Idle {
			idleA, idleB = idleA+p.ANs, idleB+p.BNs
		}
	}
	if a != s.ATotalNs || b != s.BTotalNs || delta != s.BTotalNs-s.ATotalNs {
		t.Errorf("%s: parts sum to %d and %d (%d), the whole is %d and %d", name, a, b, delta, s.ATotalNs, s.BTotalNs)
	}
	for _, k := range s.Kernels {
		idleA, idleB = idleA+k.ANs, idleB+k.BNs
		if k.DeltaNs != k.BNs-k.ANs {
			t.Errorf("%s: row %+v", name, k)
		}
	}
	if idleA != s.ATotalNs || idleB != s.BTotalNs {
		t.Errorf("%s: kernels and idleness sum to %d and %d, the whole is %d and %d", name, idleA, idleB, s.ATotalNs, s.BTotalNs)
	}
}

// The headline of a comparison is the number that a report has for the same steps: median, mean and 99th percentile.
func TestHeadlineIsTheReports(t *testing.T) {
	for _, name := range []string{"vllm024_h200_mistral7b-awq", "vllm024_h200_llama1b_eager", "llama1b_h100_bf16_eager", "vllm024_h200_llama1b_delay5_max8", "mistral8l_h200x2_tp2_eager"} {
		files, _ := filepath.Glob(filepath.Join(ownTraces, name, "*.pt.trace.json.gz"))
		if len(files) == 0 {
			t.Skip("no traces at " + filepath.Join(ownTraces, name))
		}
		s := sectionOf(t, mustCompare(t, read(t, name, 1), read(t, name, 1)), "decode")
		file := files[min(s.LeadRank[0], len(files)-1)]
		tr, err := formats.ReadFile(file, tracesource.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range analyze.Analyze([]*trace.Trace{tr}, analyze.Options{}).Phases {
			if p.Phase != "decode" {
				continue
			}
			if s.Time.A != float64(p.StepMedianNs) || int64(s.Mean.A) != p.StepMeanNs || s.P99.A != float64(p.StepP99Ns) || s.Matched[0].ASteps != p.MeasuredSteps {
				t.Errorf("%s: %.0f, %.0f and %.0f ns of %d steps, and the report says %+v", name, s.Time.A, s.Mean.A, s.P99.A, s.Matched[0].ASteps, p)
			}
		}
	}
}

func TestAgainstItself(t *testing.T) {
	for _, name := range []string{"vllm024_h200_mistral7b-awq", "mistral8l_h200x2_tp2_eager", "vllm032_cpu_tiny_tp2_offline_stacks"} {
		side := read(t, name, 1)
		r := mustCompare(t, side, side)
		if len(r.Warnings) > 0 || len(r.Differences) > 0 {
			t.Errorf("%s: %v %v", name, r.Warnings, r.Differences)
		}
		for _, s := range r.Pairs[0].Sections {
			for _, p := range s.Parts {
				if p.DeltaNs != 0 {
					t.Errorf("%s %s: part %+v", name, s.ID, p)
				}
			}
			for _, k := range s.Kernels {
				if k.DeltaNs != 0 || k.Match != RowSame || k.Shown {
					t.Errorf("%s %s: row %+v", name, s.ID, k)
				}
			}
			for _, e := range []Estimate{s.Time, s.Mean, s.Busy, s.Idle, s.Comm} {
				if e.Delta != 0 || e.Verdict == VerdictMore || e.Verdict == VerdictLess {
					t.Errorf("%s %s: %+v", name, s.ID, e)
				}
			}
		}
	}
}

// A copy in which everything takes a tenth longer is a tenth longer in every part.
func TestScaledCopy(t *testing.T) {
	for _, name := range []string{"vllm024_h200_mistral7b-awq", "mistral8l_h200x2_tp2_cudagraph", "vllm032_cpu_tiny_tp2_offline_stacks"} {
		r := mustCompare(t, read(t, name, 10), read(t, name, 11))
		for _, s := range r.Pairs[0].Sections {
			checkSums(t, name, &s)
			tenth := func(what string, a, b int64, rounded int) {
				if math.Abs(1.1*float64(a)-float64(b)) > 1.1*float64(rounded) { // each rounded number is off by less than one
					t.Errorf("%s %s: %s: %d and %d", name, s.ID, what, a, b)
				}
			}
			for _, p := range s.Parts {
				tenth(p.Name, p.ANs, p.BNs, 1+len(s.Kernels))
			}
			for _, k := range s.Kernels {
				tenth(k.Role, k.ANs, k.BNs, 2)
			}
			for _, e := range []Estimate{s.Time, s.Mean, s.Busy, s.Idle, s.Comm} {
				if e.A != 0 && math.Abs(1.1*e.A-e.B) > 1.1 { // a median of two is rounded down
					t.Errorf("%s %s: %+v", name, s.ID, e)
				}
			}
			if s.ID == "decode" && s.Time.Verdict != VerdictMore && name != "vllm032_cpu_tiny_tp2_offline_stacks" {
				t.Errorf("%s: verdict %s", name, s.Time.Verdict)
			}
		}
	}
}

// To swap the sides is to turn the signs.
func TestSwap(t *testing.T) {
	for _, pair := range pairs {
		a, b := read(t, pair[0], 1), read(t, pair[1], 1)
		there, back := mustCompare(t, a, b).Pairs[0], mustCompare(t, b, a).Pairs[0]
		if len(there.Sections) != len(back.Sections) {
			t.Fatalf("%v: %d and %d sections", pair, len(there.Sections), len(back.Sections))
		}
		for i, s := range there.Sections {
			o := back.Sections[i]
			numbers := func(s *Section) []Estimate {
				out := []Estimate{s.Time, s.Mean, s.Busy, s.Idle, s.Comm}
				if s.P99 != nil {
					out = append(out, *s.P99)
				}
				return out
			}
			for k, e := range numbers(&s) {
				f := numbers(&o)[k]
				if e.Delta != -f.Delta || (e.Low == nil) != (f.Low == nil) || e.Low != nil && (*e.Low != -*f.High || *e.High != -*f.Low) {
					t.Errorf("%v %s: %+v and %+v", pair, s.ID, e, f)
				}
			}
			parts := map[string]int64{}
			for _, p := range s.Parts {
				parts[p.Name] += p.DeltaNs
			}
			for _, p := range o.Parts {
				parts[p.Name] += p.DeltaNs
			}
			for name, ns := range parts {
				if ns != 0 {
					t.Errorf("%v %s: %s is off by %d", pair, s.ID, name, ns)
				}
			}
			rows := map[string]int64{}
			names := func(k []Named) string {
				var out []string
				for _, n := range k {
					out = append(out, n.Name)
				}
				slices.Sort(out)
				return strings.Join(out, "+")
			}
			for _, k := range s.Kernels {
				rows[k.Role+":"+names(k.A)+">"+names(k.B)] += k.DeltaNs
			}
			for _, k := range o.Kernels {
				rows[k.Role+":"+names(k.B)+">"+names(k.A)] += k.DeltaNs
			}
			for name, ns := range rows {
				if ns != 0 {
					t.Errorf("%v %s: %s is off by %d", pair, s.ID, name, ns)
				}
			}
		}
	}
}

func sectionOf(t *testing.T, r *Result, id SectionID) *Section {
	t.Helper()
	for i := range r.Pairs[0].Sections {
		if s := &r.Pairs[0].Sections[i]; s.ID == id {
			return s
		}
	}
	t.Fatalf("no section %s", id)
	return nil
}

func TestQuantizedOnH200(t *testing.T) {
	none := read(t, "vllm024_h200_mistral7b-none", 1)
	for _, method := range []string{"awq", "gptq"} {
		r := mustCompare(t, none, read(t, "vllm024_h200_mistral7b-"+method, 1))
		decode := sectionOf(t, r, "decode")
		if decode.Time.Verdict != VerdictLess || decode.Time.Percent > -15 {
			t.Errorf("%s: decode %+v", method, decode.Time)
		}
		if with, _ := reasonsOf(decode.Parts); len(with) == 0 || with[0].Name != partGEMM {
			t.Errorf("%s: %v", method, decode.Sentence)
		}
		for _, role := range []string{"gemm qkv", "gemm attention out", "gemm mlp up", "gemm mlp down"} {
			if !slices.ContainsFunc(decode.Kernels, func(k KernelRow) bool {
				return k.Role == role && k.Match == RowReplaced && strings.Contains(k.A[len(k.A)-1].Name+k.A[0].Name, "nvjet") &&
					strings.Contains(strings.ToLower(k.B[0].Name), "machete")
			}) {
				t.Errorf("%s: %s is not matched with Machete", method, role)
			}
		}
		prompt := sectionOf(t, r, "prompt")
		if prompt.Busy.Percent < 5 || !strings.Contains(prompt.Sentence, "the work itself takes") || !prompt.Cold {
			t.Errorf("%s: prompts: %s", method, prompt.Sentence)
		}
		if len(r.Warnings) > 0 {
			t.Errorf("%s: %v", method, r.Warnings)
		}
	}
	r := mustCompare(t, none, read(t, "vllm024_h200_mistral7b-gptq_not_in_effect", 1))
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "not in effect on B") || sectionOf(t, r, "decode").Time.Verdict != VerdictNone {
		t.Errorf("not in effect: %v %s", r.Warnings, sectionOf(t, r, "decode").Sentence)
	}
}

func TestEagerAgainstGraphs(t *testing.T) {
	r := mustCompare(t, read(t, "mistral8l_h200x2_tp2_eager", 1), read(t, "mistral8l_h200x2_tp2_cudagraph", 1))
	decode := sectionOf(t, r, "decode")
	if with, _ := reasonsOf(decode.Parts); decode.Time.Verdict != VerdictLess || len(with) != 1 || with[0].Name != idleName(analyze.IdleHost) {
		t.Error(decode.Sentence)
	}
	if len(decode.Ranks) != 4 || decode.LeadRank != [2]int{1, 0} {
		t.Errorf("lead %v, ranks %+v", decode.LeadRank, decode.Ranks)
	}
}

func decodeShape(batch int64) Shape {
	return Shape{Phase: "decode", ContextRequests: -1, ContextTokens: -1, GenerationRequests: batch, GenerationTokens: batch}
}

// steps makes a side of one run whose decode steps take so long each.
func steps(batch int64, ns ...int64) Side {
	r := &analyze.RankIterations{Kind: analyze.KindGPU, Work: []analyze.Work{{Name: "k", Category: "gemm", Role: "gemm"}}}
	g := Group{Shape: decodeShape(batch)}
	var every []int
	for i, v := range ns {
		r.Steps = append(r.Steps, analyze.Iteration{EndNs: v, Events: 1, Shares: []analyze.Share{{Count: 1, Ns: v}}})
		every = append(every, i)
	}
	run := Run{Kind: analyze.KindGPU, Ranks: 1}
	b := runBuilder{run: &run, rowOf: map[analyze.Work]int{}}
	b.add([]*analyze.RankIterations{r}, g, every)
	run.Groups[0].PerRank = nil
	return Side{Runs: []Run{run}}
}

func TestNothingComparable(t *testing.T) {
	decode := steps(4, 10, 11, 12)
	prefill := steps(4, 10, 11, 12)
	prefill.Runs[0].Groups[0].Shape = Shape{Phase: "prefill", ContextRequests: 2, ContextTokens: 64, GenerationRequests: -1, GenerationTokens: -1}
	whole := steps(4, 100)
	whole.Runs[0].Groups[0].Shape = wholeShape()
	empty := Side{Runs: []Run{{Kind: analyze.KindEmpty}}}
	damaged := Side{Runs: []Run{{Kind: analyze.KindEmpty, Problems: []string{"the file is damaged in 1 place", "and more"}}}}
	for _, c := range []struct {
		name string
		a, b Side
		text string
	}{
		{"phases", decode, prefill, "A has only decode steps and B has only prefill steps"},
		{"no steps", decode, whole, "A has only decode steps and B has no steps"},
		{"empty", empty, decode, "A has no steps and B has only decode steps"},
		{"damaged", decode, damaged, "A has only decode steps and B has no steps; B: the file is damaged in 1 place"},
	} {
		r, err := Compare([]Side{c.a, c.b})
		if !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), c.text) || r.Pairs[0].Error == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if r, err := Compare([]Side{whole, whole}); err != nil || r.Pairs[0].Sections[0].ID != "whole" || len(r.Pairs[0].Sections[0].Notes) == 0 {
		t.Errorf("whole traces: %v", err)
	}
	// Other batches: tokens are compared, and it is said.
	r, err := Compare([]Side{steps(4, 40, 40, 40, 40, 40), steps(8, 60, 60, 60, 60, 60)})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Pairs[0].Sections[0]
	if s.ID != "generated" || s.ATotalNs != 10 || s.BTotalNs != 8 || !strings.Contains(strings.Join(s.Notes, " "), "shape") {
		t.Errorf("other batches: %+v", s)
	}
	checkSums(t, "other batches", &s)
}

// Only steps of equal batch count, each batch with the same weight on both sides.
func TestBatchesAreWeighedAlike(t *testing.T) {
	a, b := steps(8, slices.Repeat([]int64{800}, 10)...), steps(8, slices.Repeat([]int64{800}, 40)...)
	add := func(to *Side, batch, ns int64, n int) {
		g := steps(batch, slices.Repeat([]int64{ns}, n)...).Runs[0].Groups[0]
		to.Runs[0].Groups = append(to.Runs[0].Groups, g)
	}
	add(&a, 4, 400, 30)
	add(&b, 4, 400, 6)
	add(&b, 2, 100, 50) // on B alone
	r := mustCompare(t, a, b)
	s := r.Pairs[0].Sections[0]
	if s.Time.Delta != 0 || s.ATotalNs != s.BTotalNs || r.Pairs[0].Unmatched[1].Steps != 50 {
		t.Errorf("%+v, unmatched %+v", s.Time, r.Pairs[0].Unmatched)
	}
}

// Two captures of each side whose idle time wanders: the whole shows no difference, and the notes say what does and why.
func TestTwoCapturesASide(t *testing.T) {
	side := func(busy int64, totals ...int64) Side {
		var out Side
		for _, total := range totals {
			run := steps(8, slices.Repeat([]int64{busy}, 20)...).Runs[0]
			g := &run.Groups[0]
			g.TotalNs = slices.Repeat([]int64{total}, 20)
			g.IdleNs[analyze.IdleHost] = int64(g.Typical) * (total - busy)
			g.AllNs, g.AllIdleNs[analyze.IdleHost] = 20*total, 20*(total-busy)
			out.Runs = append(out.Runs, run)
		}
		return out
	}
	notes := func(a, b Side) string {
		s := mustCompare(t, a, b).Pairs[0].Sections[0]
		checkSums(t, "two captures", &s)
		return strings.Join(s.Notes, "\n")
	}
	const busyDiffers, twoSayLittle = "the busy part does differ, B takes 25.0 % less", "no side has more than two captures"
	if n := notes(side(4000, 5000, 7000), side(3000, 4500, 6500)); !strings.Contains(n, busyDiffers) || !strings.Contains(n, twoSayLittle) {
		t.Errorf("wandering idle time: %s", n)
	}
	if n := notes(side(4000, 5000, 7000, 6000), side(3000, 4500, 6500, 5500)); !strings.Contains(n, busyDiffers) || strings.Contains(n, twoSayLittle) {
		t.Errorf("three captures: %s", n)
	}
	if n := notes(side(4000, 5000, 5001), side(3000, 4000, 4001)); strings.Contains(n, "busy") || strings.Contains(n, "captures") {
		t.Errorf("a difference that is shown: %s", n)
	}
}

func TestApportion(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		values := make([]float64, 1+r.IntN(40))
		var sum float64
		for i := range values {
			values[i] = r.Float64() * math.Pow(10, float64(r.IntN(8)))
			sum += values[i]
		}
		var whole int64
		for i, n := range apportion(values) {
			whole += n
			if math.Abs(float64(n)-values[i]) >= 1 {
				t.Fatalf("%g became %d", values[i], n)
			}
		}
		if whole != int64(math.Round(sum)) {
			t.Fatalf("%g became %d", sum, whole)
		}
	}
}
