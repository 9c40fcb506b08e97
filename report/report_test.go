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
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
	traceformats "github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

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
			if e, _ := entryOf(by); e.several != nil && e.several(r) < 2 { // nothing to lay side by side
				continue
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
		Categories: []analyze.Category{{Name: "elementwise", Count: 1234, TotalNs: 1_500_000, ExclusiveNs: 1_500_000}},
		Phases:     []analyze.Phase{{Phase: "decode", Steps: 3, MeasuredSteps: 3, GenerationTokens: 24, TimeNs: 300_000, StepMedianNs: 100_000, GapMedianNs: 9_000, NsPerToken: 12_500}},
		Remarks:    []analyze.Remark{{Table: "breakdown", Message: words.Say("communication", "communication {comm_ns}", words.Ns("comm_ns", 600_000))}},
		Ranks:      []*analyze.Rank{{Events: 4321, LastNs: 3_000_000}},
	}
	var out bytes.Buffer
	if err := Text(&out, r, Options{Full: true, Width: 120}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"20261124-opt\n",
		"opt-125m · vllm 0.32.0 · rank 0 of 2 · GPU · 4,321 events · 3.000 ms of events",
		"✗ 1 of 2 ranks given; missing: 1",
		"computation            1.000 ms  50.0 %",
		"exposed communication  500.0 µs  25.0 %",
		"idle                   500.0 µs  25.0 %",
		"communication 600.0 µs",
		"vectorized_elementwise_kernel<FillFunctor>",
		"1.500 ms  100.0 %  1,234  1.100 µs  1.200 µs  5.000 µs",
		"decode      3          0          24  300.0 µs  100.0 µs",
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

func TestBars(t *testing.T) {
	b := &bars{high: 10}
	for _, c := range []struct {
		from, to int64
		want     string
	}{{0, 0, ""}, {0, 10, "████"}, {0, 5, "██"}, {0, 7, "██▊"}, {0, 20, "████"}, {5, 10, "  ██"}, {10, 5, "  ▒▒"}, {5, 5, ""}, {9, 10, "   │"}} {
		b.add(c.from, c.to, "s-blue")
		if got := b.text(len(b.spans)-1, 4); got != c.want {
			t.Errorf("from %d to %d: %q, want %q", c.from, c.to, got, c.want)
		}
	}
	small := &bars{high: 1_000_000}
	small.add(0, 1, "s-blue")
	if got := small.text(0, 4); got != "▏" {
		t.Errorf("next to nothing: %q", got)
	}
	if got := draw([]int64{0, 5, 10, 10}, 10); got != "▁▅██" {
		t.Errorf("sparkline = %q", got)
	}
	if got := draw([]int64{1, 9, 1, 1, 1, 10}, 3); columns(got) != 3 || !strings.HasSuffix(got, "█") {
		t.Errorf("sparkline of more values than columns = %q", got)
	}
}

// Numbers above each other line up, whatever their units.
func TestUnitsLineUp(t *testing.T) {
	for cell, want := range map[string]string{"1.250 s": "1.250  s", "12.34 ms": "12.34 ms", "12": "12", "< 0.1 %": "< 0.1  %", "–": "–"} {
		if got := padUnit(cell, 2); got != want {
			t.Errorf("%q, want %q", got, want)
		}
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

// TestTableWrapsProse: whatever the width, every word of two columns of prose is there, each under its head, and neither column
// has all the room.
func TestTableWrapsProse(t *testing.T) {
	texts := []string{strings.Repeat("north ", 12) + "27", strings.Repeat("south ", 12) + "59"}
	for width := 30; width < 200; width += 17 {
		tb := &table{columns: []column{{"setting", word}, {"A", prose}, {"B", prose}}}
		tb.add("workload", texts[0], texts[1])
		head, rows := tb.lines(width)
		at := strings.Index(head, "B")
		if a, b := at-2-len("workload  "), width-at; len(tb.below[0]) > 0 && a > b+1 {
			t.Errorf("%d columns: A has %d, B %d", width, a, b)
		}
		var got [2]string
		for _, line := range append(rows, tb.below[0]...) {
			if columns(line) > width {
				t.Errorf("%d columns: %q has %d", width, line, columns(line))
			}
			a := line
			if len(line) > at {
				a = line[:at]
				got[1] += line[at:] + " "
			}
			got[0] += strings.TrimPrefix(a, "workload") + " "
		}
		for i, text := range texts {
			if strings.Join(strings.Fields(got[i]), " ") != text {
				t.Errorf("%d columns: column %d says %q", width, i, got[i])
			}
		}
	}
}

// TestTableSaysWhatIsConstant: of the columns that found no room, those that say the same in every row take a line, and the others stay
// to be told apart.
func TestTableSaysWhatIsConstant(t *testing.T) {
	tb := &table{columns: []column{{"rank", number}, {"device", number}, {"time", number}, {"kernel", flexible}}, spare: []string{"device", "rank"}}
	tb.add("3", "0", "1.000 ms", strings.Repeat("a", 40))
	tb.add("3", "1", "2.000 ms", strings.Repeat("b", 40))
	tb.lines(40)
	if want := []string{"device", "rank"}; !slices.Equal(tb.left, want) {
		t.Fatalf("left out: %q, want %q", tb.left, want)
	}
	if same := tb.constant(); !slices.Equal(same, []string{"rank 3"}) || !slices.Equal(tb.left, []string{"device"}) {
		t.Errorf("constant %q, left %q", same, tb.left)
	}
	one := &table{columns: tb.columns, rows: tb.rows[:1], left: []string{"rank"}}
	if same := one.constant(); len(same) > 0 || len(one.left) != 1 {
		t.Errorf("of one row %q is constant", same)
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
		if r.Kind != analyze.KindGPU || r.LaunchesKnown() {
			t.Fatalf("%s: a trace of %s, launches known: %t", file, r.Kind, r.LaunchesKnown())
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
