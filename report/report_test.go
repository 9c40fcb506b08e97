package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/analyze/findings"
	"github.com/inferprof/inferprof/trace"
	traceformats "github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// results are analyses of real traces: those of the analyses' own tests, and those that lie beside the project.
func results(t *testing.T) map[string]*analyze.Result {
	t.Helper()
	out, err := readResults()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 2 {
		t.Log("only the project's own traces: there are none at ../../shared/traces")
	}
	return out
}

var readResults = sync.OnceValues(func() (map[string]*analyze.Result, error) {
	out := map[string]*analyze.Result{}
	add := func(name string, files []string) error {
		var parts []*analyze.Part
		var looks []*findings.Look
		for _, f := range files {
			tr, err := traceformats.ReadFile(f, source.Options{})
			if errors.As(err, new(*source.NotTraceError)) {
				continue
			}
			if err != nil {
				return err
			}
			x := analyze.File(tr, analyze.Options{})
			part := analyze.NewPart(x, 0, analyze.Options{})
			parts, looks = append(parts, part), append(looks, findings.LookAt(x, part.Rank, nil))
		}
		if len(parts) > 0 {
			r := analyze.Join(parts, analyze.Options{})
			r.Findings = findings.Find(r, looks)
			out[name] = r
		}
		return nil
	}
	for _, pattern := range []string{"mistral8l_*.gz", "second_*.gz"} {
		files, _ := filepath.Glob(filepath.Join("../analyze/testdata", pattern))
		if len(files) != 2 {
			return nil, fmt.Errorf("../analyze/testdata/%s: %d files", pattern, len(files))
		}
		if err := add(pattern, files); err != nil {
			return nil, err
		}
	}
	folders, _ := filepath.Glob("../../shared/traces/*/*")
	for _, dir := range folders {
		var files []string
		for _, pattern := range []string{"*.gz", "*.json"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, f := range found {
				if !strings.Contains(f, ".expected") && filepath.Base(f) != "expected.json" && filepath.Base(f) != "exact.json" {
					files = append(files, f)
				}
			}
		}
		if err := add(filepath.Base(dir), files); err != nil {
			return nil, err
		}
	}
	return out, nil
})

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestTextFits: whatever the trace, a report keeps to the page.
func TestTextFits(t *testing.T) {
	for name, r := range results(t) {
		for _, o := range []Options{{}, {Full: true}, {Color: true}, {Width: 132, Full: true}, {Width: 10}} {
			var out bytes.Buffer
			if err := Text(&out, r, o); err != nil {
				t.Fatal(err)
			}
			width := o.Width
			if width == 0 {
				width = 100
			}
			width = max(width, 80)
			text := out.String()
			if o.Color {
				if !strings.Contains(text, "\x1b[1m") {
					t.Errorf("%s: no colour", name)
				}
				text = ansi.ReplaceAllString(text, "")
				var plain bytes.Buffer
				_ = Text(&plain, r, Options{})
				if diff := cmp.Diff(trimLines(plain.String()), trimLines(text)); diff != "" {
					t.Errorf("%s: colour changes more than colours: %s", name, diff)
				}
			} else if strings.Contains(text, "\x1b") {
				t.Errorf("%s: colours that nobody asked for", name)
			}
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			if !o.Full && width >= 100 && len(lines) > screenLines {
				t.Errorf("%s: %d lines are more than a screen", name, len(lines))
			}
			for i, line := range lines {
				switch {
				case columns(line) > width:
					t.Errorf("%s: line %d has %d columns: %s", name, i+1, columns(line), line)
				case strings.Contains(line, "%!"), strings.Contains(line, "\t"), strings.Contains(line, "NaN"), strings.Contains(line, "Inf "):
					t.Errorf("%s: line %d: %q", name, i+1, line)
				case !o.Color && strings.TrimRight(line, " ") != line:
					t.Errorf("%s: line %d ends in spaces: %q", name, i+1, line)
				}
			}
		}
	}
}

// TestTablesFit: each table of its own keeps to the page too, says in its title what its numbers are, and keeps the
// columns that it is asked for.
func TestTablesFit(t *testing.T) {
	needed := map[string][]string{
		"phase": {"phase", "steps", "step"}, "step": {"#", "phase", "step"}, "kernel": {"time", "share", "count", "median", "category", "kernel"},
		"time": {"total", "busy", "computation", "exposed comm"}, "rank": {"rank", "busy", "computation"}, "launch": {"cost", "median", "max", "delay", "call"},
		"roofline": {"time", "roofline", "op", "shapes"}, "collective": {"time", "count", "median", "collective"},
	}
	for name, r := range results(t) {
		for _, by := range Tables() {
			d, err := tableOf(r, by)
			if err != nil {
				t.Fatal(err)
			}
			if w := columns(d.title) + 2 + columns(d.note); w > 100 && by != "finding" {
				t.Errorf("%s: the title of %s takes %d columns", name, by, w)
			}
			var out bytes.Buffer
			if err := Render(&out, "text", r, Options{By: by}); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			for i, line := range lines {
				if columns(line) > 100 {
					t.Errorf("%s by %s: line %d has %d columns: %s", name, by, i+1, columns(line), line)
				}
			}
			if len(d.rows) == 0 {
				if !strings.Contains(out.String(), "nothing: ") {
					t.Errorf("%s by %s: does not say why it is empty:\n%s", name, by, out.String())
				}
				continue
			}
			lost := !slices.ContainsFunc(r.Phases, func(p analyze.Phase) bool { return p.MeasuredSteps > 0 }) // no step has a time
			for _, head := range needed[by] {
				if head == "roofline" && r.Roofline.GPU == nil || head == "step" && lost {
					continue
				}
				if !strings.Contains("  "+lines[1]+"  ", " "+head+" ") {
					t.Errorf("%s by %s: no column %q in %q", name, by, head, lines[1])
				}
			}
			kinds := map[string][]string{"phase": {"GPU busy", "launches"}, "step": {"GPU busy"}}
			for _, head := range kinds[by] {
				if r.Kind == analyze.KindGPU && !strings.Contains(lines[1], head) && (head != "GPU busy" || !lost) {
					t.Errorf("%s by %s: no column %q in %q", name, by, head, lines[1])
				}
			}
		}
	}
}

// TestFullIsEverything: the full report has every table that has rows.
func TestFullIsEverything(t *testing.T) {
	for name, r := range results(t) {
		var out bytes.Buffer
		if err := Text(&out, r, Options{Full: true}); err != nil {
			t.Fatal(err)
		}
		for _, by := range Tables() {
			d, err := tableOf(r, by)
			if err != nil {
				t.Fatal(err)
			}
			switch by {
			case "time": // the same numbers, drawn
				d.title = "Where the time went"
			case "rank", "step": // nothing to lay side by side
				if len(d.rows) < 2 {
					continue
				}
			case "op": // without steps and scopes
				d.rows = slices.DeleteFunc(d.rows, func(row []any) bool { return slices.Contains(row, any("python")) })
			}
			if len(d.rows) > 0 && !strings.Contains(out.String(), "\n"+strings.ToUpper(d.title)) {
				t.Errorf("%s: no section %s", name, d.title)
			}
		}
	}
}

func TestShapes(t *testing.T) {
	for dims, want := range map[string]string{
		"[[8, 4096], [4096, 7168]]":               "8×4096, 4096×7168",
		"[[768], [128, 768], [768, 768], [], []]": "768, 128×768, 768×768",
		"[]":                  "",
		"":                    "",
		"[[[2, 3], [4]], []]": "2×3, 4",
		"[[N, 4]]":            "[[N, 4]]",
		"[[1, 2":              "1×2",
		"[[16, 8], \"x\"]":    "[[16, 8], \"x\"]",
		"[[32768, 2048], [2048, 2048], [32768, 2048]]": "32768×2048, 2048×2048, 32768×2048",
	} {
		if got := shapes(dims); got != want {
			t.Errorf("%s: %q, want %q", dims, got, want)
		}
	}
}

// TestKernelNamesApart: kernels that differ in their types alone are told apart by them.
func TestKernelNamesApart(t *testing.T) {
	fill := "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<%s>, std::array<char*, 1ul> >(int, at::native::FillFunctor<%s>, std::array<char*, 1ul>)"
	got := kernelNames([]string{fmt.Sprintf(fill, "int", "int"), "nvjet", fmt.Sprintf(fill, "c10::BFloat16", "c10::BFloat16"), "other<int>(int)"})
	want := []string{"vectorized_elementwise_kernel<FillFunctor> (int)", "nvjet", "vectorized_elementwise_kernel<FillFunctor> (BFloat16)", "other"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mangled := "_ZN5aiter24add_rmsnorm_quant_kernelIDF16bDF16bLi%dELi8ELb1ELb0ELb1ELi1EEEvPT0_PT_PfS4_S4_S4_diiiiiiib"
	got = kernelNames([]string{fmt.Sprintf(mangled, 64), fmt.Sprintf(mangled, 256)})
	if diff := cmp.Diff([]string{"add_rmsnorm_quant_kernel (64)", "add_rmsnorm_quant_kernel (256)"}, got); diff != "" {
		t.Error(diff)
	}
	for name, r := range results(t) {
		var full []string
		for _, k := range r.Kernels {
			full = append(full, k.Name)
		}
		seen := map[string]string{}
		for i, short := range kernelNames(full) {
			if other, taken := seen[short]; taken {
				t.Logf("%s: %q and %q are both %q", name, other, full[i], short)
			}
			seen[short] = full[i]
		}
		if len(seen)+2 < len(full) {
			t.Errorf("%s: %d names of %d kernels", name, len(seen), len(full))
		}
	}
}

func TestRanksCompared(t *testing.T) {
	rank := func(n int, busy int64) *analyze.Rank {
		return &analyze.Rank{Rank: n, Time: []analyze.Time{{BusyNs: busy}}}
	}
	for want, ranks := range map[string][]*analyze.Rank{
		"": {rank(0, 5)},
		"by rank: work 5 ns (rank 1) to 9 ns (rank 0)": {rank(0, 9), rank(1, 5)},
		"by rank: work 7 ns on each":                   {rank(0, 7), rank(1, 7), rank(2, 7)},
	} {
		if got := rankWordsCompared(&analyze.Result{Ranks: ranks}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// TestJSONRoundTrip: nothing is lost in JSON.
func TestJSONRoundTrip(t *testing.T) {
	for name, r := range results(t) {
		var out bytes.Buffer
		if err := JSON(&out, r); err != nil {
			t.Fatal(err)
		}
		var back analyze.Result
		if err := json.Unmarshal(out.Bytes(), &back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(r, &back, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(analyze.Rank{}, "Runs")); diff != "" { // not in JSON
			t.Errorf("%s: %s", name, diff)
		}
		if back.SchemaVersion != analyze.SchemaVersion {
			t.Errorf("%s: schema version %d", name, back.SchemaVersion)
		}
		if strings.Contains(out.String()[:out.Len()/2], ": null") {
			t.Errorf("%s: a null where a list belongs", name)
		}
	}
}

// TestSchemaIsDocumented: each field of the JSON stands in its document.
func TestSchemaIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/report-schema.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(s reflect.Type) {
		for s.Kind() == reflect.Pointer || s.Kind() == reflect.Slice {
			s = s.Elem()
		}
		if s.Kind() != reflect.Struct || seen[s] {
			return
		}
		seen[s] = true
		for f := range s.Fields() {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if tag == "-" {
				continue
			}
			if tag != "" && !bytes.Contains(text, []byte("`"+tag+"`")) {
				t.Errorf("docs/report-schema.md does not have `%s` of %s", tag, s.Name())
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[analyze.Result]())
	for _, version := range []struct {
		page string
		of   int
	}{{"report-schema.md", analyze.SchemaVersion}, {"compare-schema.md", compare.SchemaVersion}} {
		text, err := os.ReadFile("../docs/" + version.page)
		if want := fmt.Sprintf("| `schema_version` | %d |", version.of); err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("docs/%s does not say %q (%v)", version.page, want, err)
		}
	}
}

func TestRender(t *testing.T) {
	r := analyze.Analyze(nil, analyze.Options{})
	for _, f := range Formats() {
		var out bytes.Buffer
		if err := Render(&out, f, r, Options{}); err != nil || out.Len() == 0 {
			t.Errorf("%s: %v, %d bytes", f, err, out.Len())
		}
		if err := Render(failing{}, f, r, Options{}); err == nil {
			t.Errorf("%s: no error from a writer that fails", f)
		}
	}
	if err := Render(&bytes.Buffer{}, "pdf", r, Options{}); err == nil || !strings.Contains(err.Error(), "text, json") {
		t.Errorf("unknown format: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// TestText reads a report of a result made by hand.
func TestText(t *testing.T) {
	r := &analyze.Result{
		Kind:    analyze.KindGPU,
		Capture: &analyze.Capture{Name: "20261124-opt", Engine: "vllm", EngineVersion: "0.32.0", Model: "opt-125m", ExpectedRanks: 2},
		Devices: 1,
		Problems: []analyze.Problem{
			{Severity: analyze.SeverityError, Rank: analyze.AllRanks, Text: "1 of 2 ranks given; missing: 1"},
		},
		Time: analyze.Time{TotalNs: 2_000_000, BusyNs: 1_500_000, IdleNs: 500_000, ComputationNs: 1_000_000, ExposedCommNs: 500_000, CommNs: 600_000, CommOverlapNs: 100_000},
		Kernels: []analyze.Kernel{{Name: "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<int>, std::array<char*, 1ul> >(int)",
			Category: "elementwise", Count: 1234, TotalNs: 1_500_000, ExclusiveNs: 1_500_000, MinNs: 1100, MedianNs: 1200, MaxNs: 5000}},
		Phases: []analyze.Phase{{Phase: "decode", Steps: 3, MeasuredSteps: 3, GenerationTokens: 24, TimeNs: 300_000, StepMedianNs: 100_000, GapMedianNs: 9_000, NsPerToken: 12_500}},
		Ranks:  []*analyze.Rank{{Events: 4321, LastNs: 3_000_000}},
	}
	var out bytes.Buffer
	if err := Text(&out, r, Options{Full: true, Width: 120}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"20261124-opt\n",
		"opt-125m · vllm 0.32.0 · rank 0 of 2 · GPU · 4,321 events · 3.000 ms of events",
		"✗ 1 of 2 ranks given; missing: 1",
		"computation        1.000 ms   50.0 %",
		"exposed comm       500.0 µs   25.0 %",
		"idle               500.0 µs   25.0 %",
		"communication 600.0 µs, 16.7 % of it hidden behind computation",
		"vectorized_elementwise_kernel<FillFunctor>",
		"1.500 ms  100.0 %  1,234  1.100 µs  1.200 µs  5.000 µs",
		"decode      3      24  300.0 µs  100.0 µs  9.000 µs",
		"12.50 µs",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "MEMORY") {
		t.Error("a section about nothing")
	}
}

func TestKernelName(t *testing.T) {
	for name, want := range map[string]string{
		"std::enable_if<(((8)>(0)))&&vllm::_typeConvert<c10::Half>::exists, void>::type vllm::fused_add_rms_norm_kernel<c10::Half, 8, true>(c10::Half*, long)":                                                                       "fused_add_rms_norm_kernel",
		"void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<int>, std::array<char*, 1ul> >(int)":                                                                                                              "vectorized_elementwise_kernel<FillFunctor>",
		"void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl_nocast<at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()":                                                                     "elementwise_kernel<direct_copy_kernel_cuda>",
		"void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<c10::Half, float, false>(int, float)":                                                                                                                  "vectorized_layer_norm_kernel",
		"void cutlass::Kernel2<cutlass_80_tensorop_s16816gemm_bf16_128x64_64x6_tn_align8>(cutlass_80::Params)":                                                                                                                       "cutlass_80_tensorop_s16816gemm_bf16_128x64_64x6_tn_align8",
		"void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<flash::CollectiveMainloopFwdSm90<2, cute::tuple<cute::C<1>, cute::C<1>, cute::C<1> >, cute::tuple<cute::C<64>, cute::C<128>, cute::C<96> >": "FlashAttnFwdSm90 64x128x96",
		"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevComm*, unsigned long, ncclWork*)":                                                                                                                                           "ncclDevKernel_AllReduce_Sum_bf16_RING_LL",
		"nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT": "nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT",
		"Memcpy HtoD (Pinned -> Device)":         "Memcpy HtoD (Pinned -> Device)",
		"_ZN5aiter24add_rmsnorm_quant_kernelIDF16bDF16bLi256ELi16ELb1ELb0ELb0ELi1EEEvPT0_PT_PfS4_S4_S4_diiiiiiib":           "add_rmsnorm_quant_kernel",
		"_ZN7ck_tile6kentryILi1ENS_12Rmsnorm2dFwdINS_27Rmsnorm2dFwdPipelineOnePassINS_27Rmsnorm2dFwdPipelineProblemIDF16bE": "Rmsnorm2dFwd",
		"_ZN1":       "_ZN1",
		"_ZN6kentry": "kentry",
		"(anonymous namespace)::resolve_kernel(int*)": "resolve_kernel",
		"": "",
	} {
		if got := kernelName(name); got != want {
			t.Errorf("kernelName(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzKernelName(f *testing.F) {
	for _, s := range []string{"void a::b<c::d<1>, e>(int)", "_ZN5aiter3fooE", "_ZN", "_ZN99999999999999999999x", "<", ">(", "::", "a<b", "Kernel2<>", "é<ü>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got := kernelName(name); name != "" && got == "" {
			// A name of nothing but noise may vanish; a name with a word in it may not.
			if regexp.MustCompile(`^[A-Za-z]\w*$`).MatchString(name) {
				t.Errorf("kernelName(%q) is empty", name)
			}
		}
	})
}

func TestUnits(t *testing.T) {
	for ns, want := range map[int64]string{
		-1: "–", 0: "0 ns", 999: "999 ns", 1000: "1.000 µs", 9999: "9.999 µs", 10_000: "10.00 µs", 99_994: "99.99 µs", 99_996: "100.0 µs",
		999_949: "999.9 µs", 999_950: "1.000 ms", 17_260_000: "17.26 ms", 999_949_999: "999.9 ms", 999_950_000: "1.000  s", 61_000_000_000: "61.00  s",
		5_000_000_000_000: "5,000  s",
	} {
		if got := duration(ns); got != want {
			t.Errorf("duration(%d) = %q, want %q", ns, got, want)
		}
	}
	for n, want := range map[int64]string{-1: "–", 0: "0 B  ", 1023: "1023 B  ", 1024: "1.000 KiB", 1 << 20: "1.000 MiB", 1<<20 - 1: "1.000 MiB", 5 << 40: "5.000 TiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for v, want := range map[float64]string{0: "–", 1500: "1.5 kB/s", 4.6e6: "4.6 MB/s", 5.14e9: "5.1 GB/s", 3.028e12: "3.03 TB/s"} {
		if got := rate(v); got != want {
			t.Errorf("rate(%g) = %q, want %q", v, got, want)
		}
	}
	for n, want := range map[int64]string{-1: "–", 0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		part, whole int64
		want        string
	}{{0, 10, ""}, {10, 10, "████"}, {5, 10, "██"}, {1, 1_000_000, "▏"}, {7, 10, "██▊"}, {20, 10, "████"}, {1, 0, ""}} {
		if got := bar(c.part, c.whole, 4); got != c.want {
			t.Errorf("bar(%d, %d) = %q, want %q", c.part, c.whole, got, c.want)
		}
	}
	if got := sparkline([]int64{0, 5, 10, 10}, 10); got != "▁▅██" {
		t.Errorf("sparkline = %q", got)
	}
	if got := sparkline([]int64{1, 9, 1, 1, 1, 10}, 3); columns(got) != 3 || !strings.HasSuffix(got, "█") {
		t.Errorf("sparkline of more values than columns = %q", got)
	}
}

// TestTableKeepsNamesApart: names that differ in their middle do so after shortening as well.
func TestTableKeepsNamesApart(t *testing.T) {
	tb := &table{columns: []column{{"time", number}, {"kernel", flexible}}}
	tb.add("1 ms", "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize64x128x64_and_a_long_tail_that_all_share")
	tb.add("20 ms", "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_and_a_long_tail_that_all_share")
	tb.add("3 ms", "short")
	head, rows := tb.lines(48)
	if head != " time  kernel" {
		t.Errorf("head: %q", head)
	}
	if len(rows) != 3 || rows[0][5:] == rows[1][5:] || !strings.Contains(rows[0], "64x128x64") || !strings.Contains(rows[1], "128x128x64") {
		t.Errorf("rows: %q", rows)
	}
	for _, r := range rows {
		if columns(r) > 48 {
			t.Errorf("%d columns: %q", columns(r), r)
		}
	}
}

// TestWithoutLaunches: of GPU work whose launches were not recorded nothing is said that only launches could tell.
func TestWithoutLaunches(t *testing.T) {
	for _, file := range []string{"kernels.json", "cuda_events.json"} { // of PyTorch's older profiler, which recorded none
		tr, err := traceformats.ReadFile(filepath.Join("..", "trace", "autograd", "testdata", file), source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := analyze.Analyze([]*trace.Trace{tr}, analyze.Options{})
		if r.Kind != analyze.KindGPU || launchesKnown(r) {
			t.Fatalf("%s: a trace of %s, launches known: %t", file, r.Kind, launchesKnown(r))
		}
		for _, format := range []string{"text", "md", "html"} {
			var out bytes.Buffer
			if err := Render(&out, format, r, Options{Full: true, Width: 1000}); err != nil {
				t.Fatal(err)
			}
			for _, untrue := range []string{"match their launches", "before the profile", "GPU busy 0", "from launch to start", "launched by graphs", "|-1|", " -1 "} {
				if strings.Contains(out.String(), untrue) {
					t.Errorf("%s as %s: it says %q", file, format, untrue)
				}
			}
			for _, said := range []string{"not checked: launches", "why is not known: no launch is found in the trace"} {
				if format == "text" && !strings.Contains(out.String(), said) {
					t.Errorf("%s as %s: it does not say %q", file, format, said)
				}
			}
		}
		for _, by := range []string{"phase", "step"} {
			d, err := tableOf(r, by)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range d.shown() {
				if head := d.cols[i].head; len(d.rows) > 0 && (head == "GPU busy" || head == "launches") {
					t.Errorf("%s by %s: there is a column %q", file, by, head)
				}
			}
		}
	}
}
