package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
	traceformats "github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// comparison compares the project's own traces: two ranks with graphs, and vLLM on a CPU.
func comparison(t *testing.T, patterns ...string) *compare.Result {
	t.Helper()
	var sides []compare.Side
	for _, pattern := range patterns {
		files, _ := filepath.Glob(filepath.Join("../analyze/testdata", pattern))
		var traces []*trace.Trace
		c := &compare.Capture{Name: pattern, Settings: []compare.Setting{{Name: "device", Value: pattern}}}
		for _, f := range files {
			tr, err := traceformats.ReadFile(f, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			traces = append(traces, tr)
		}
		for i, rank := range analyze.RankNumbers(analyze.Metas(traces)) {
			c.Ranks = append(c.Ranks, analyze.Iterate(traces[i], rank, analyze.Options{}))
		}
		sides = append(sides, compare.Side{Label: pattern, Runs: []compare.Run{compare.Summarize(c)}})
	}
	r, err := compare.Compare(sides)
	if err != nil && !errors.Is(err, compare.ErrNothing) {
		t.Fatal(err)
	}
	if err == nil {
		if err := r.Judge(sides, "decode-step", 5); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

const (
	graphTraces = "mistral8l_tp2_cudagraph_rank*.gz"
	cpuTraces   = "second_rank*.gz"
)

func TestRenderComparison(t *testing.T) {
	r := comparison(t, graphTraces, graphTraces, cpuTraces)
	for _, f := range CompareFormats() {
		for _, full := range []bool{false, true} {
			var out bytes.Buffer
			if err := RenderCompare(&out, f, r, Options{Full: full}); err != nil || out.Len() == 0 {
				t.Errorf("%s: %v, %d bytes", f, err, out.Len())
			}
			if strings.Contains(out.String(), "NaN %") || strings.Contains(out.String(), "Inf %") {
				t.Errorf("%s: a number that is none", f)
			}
		}
		if err := RenderCompare(failing{}, f, r, Options{}); err == nil {
			t.Errorf("%s: no error from a writer that fails", f)
		}
	}
	if err := RenderCompare(&bytes.Buffer{}, "pdf", r, Options{}); err == nil || !strings.Contains(err.Error(), "text, json") {
		t.Errorf("unknown format: %v", err)
	}
}

// No line of text is wider than the page, whatever is compared, however it is called and configured.
func TestComparisonText(t *testing.T) {
	all := comparisons(t)
	long := comparison(t, graphTraces, graphTraces, cpuTraces)
	for i := range long.Sides {
		long.Sides[i].Label = strings.Repeat("a long name ", 20) + long.Sides[i].Letter
	}
	long.Differences = append(long.Differences, compare.Difference{Name: strings.Repeat("setting ", 9), Values: []string{strings.Repeat("one ", 50), strings.Repeat("two ", 50), ""}})
	all["long names"] = long
	fits := func(name string, width int, render func(o Options) string) {
		for line := range strings.SplitSeq(render(Options{Width: width}), "\n") {
			if columns(line) > width {
				t.Errorf("%s: width %d: %d columns: %s", name, width, columns(line), line)
			}
		}
	}
	for name, r := range all {
		for _, width := range []int{80, 100, 160} {
			fits(name, width, func(o Options) string {
				var out bytes.Buffer
				if err := CompareText(&out, r, o); err != nil {
					t.Fatal(err)
				}
				return out.String()
			})
		}
	}
	cells := []SweepCell{{Name: strings.Repeat("tensor-parallel-size=2, ", 9), Letter: "A", Figures: &compare.Figures{Captures: 3, OutputTokensPerSecond: compare.Spread{Median: 12345}}},
		{Name: strings.Repeat("quantization=awq, ", 9), Failure: strings.Repeat("it failed ", 30)}}
	fits("a sweep", 80, func(o Options) string {
		var out bytes.Buffer
		if err := SweepText(&out, cells, nil, o); err != nil {
			t.Fatal(err)
		}
		return out.String()
	})
	var out bytes.Buffer
	if err := CompareText(&out, comparison(t, graphTraces, cpuTraces), Options{}); err != nil || !strings.Contains(out.String(), "is a GPU trace and") {
		t.Error("a GPU trace against a CPU trace, and no word of it")
	}
}

// What is not the same, and what is wrong with a side, comes before the first percentage, whatever the format.
func TestDoubtsComeFirst(t *testing.T) {
	r := comparison(t, graphTraces, graphTraces)
	r.Pairs[0].UnlikeMessages = []words.Message{words.Say("other_model", "another model: small in A, large in B")}
	r.Pairs[0].Unlike, r.Sides[1].Problems = []string{"another model: small in A, large in B"}, []string{"half of the kernels are lost"}
	r.Sides[1].ProblemMessages = []words.Message{words.Say("lost_kernels", "half of the kernels are lost")}
	percentage := regexp.MustCompile(`\d( |&nbsp;)?%[^;"a-z]`) // not CSS
	for _, f := range []string{"text", "md", "html"} {
		var out bytes.Buffer
		if err := RenderCompare(&out, f, r, Options{}); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if i := strings.Index(text, "<body"); i > 0 {
			text = text[i:]
		}
		first := percentage.FindStringIndex(text)
		for _, doubt := range []string{"another model: small in A, large in B", "half of the kernels are lost"} {
			if at := strings.Index(text, doubt); at < 0 || first == nil || at > first[0] {
				t.Errorf("%s: %q at %d, the first percentage at %v", f, doubt, at, first)
			}
		}
	}
	var out bytes.Buffer
	if err := CompareCSV(&out, r, Options{}); err != nil || !strings.Contains(out.String(), "\nA,B,unlike,,unlike,\"another model: small in A, large in B\"") {
		t.Errorf("%v: %.300s", err, out.String())
	}
}

func TestComparisonCSV(t *testing.T) {
	var out bytes.Buffer
	if err := CompareCSV(&out, comparison(t, graphTraces, graphTraces), Options{}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	parts := 0
	for _, r := range rows {
		if r[4] == "part" {
			parts++
			if r[8] != r[9] || r[10] != "0" {
				t.Errorf("a part against itself: %v", r)
			}
		}
	}
	if parts < 5 {
		t.Errorf("%d parts", parts)
	}
}

// However many sides there are, the answers fit into a comment on GitHub, which has 65536 characters.
func TestComparisonMarkdownFits(t *testing.T) {
	r := comparison(t, graphTraces, cpuTraces)
	one := r.Pairs[0]
	for range 29 {
		r.Pairs = append(r.Pairs, one)
	}
	var brief, full bytes.Buffer
	if err := errors.Join(CompareMarkdown(&brief, r, Options{}), CompareMarkdown(&full, r, Options{Full: true})); err != nil {
		t.Fatal(err)
	}
	if brief.Len() > 1<<16 || !strings.Contains(brief.String(), "would not fit into a comment: --full has it") {
		t.Errorf("%d bytes", brief.Len())
	}
	if full.Len() < 1<<16 || strings.Contains(full.String(), "would not fit") {
		t.Errorf("with everything %d bytes", full.Len())
	}
}

func TestComparisonJSON(t *testing.T) {
	var out bytes.Buffer
	r := comparison(t, graphTraces, graphTraces)
	if err := CompareJSON(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	var back compare.Result
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back.Pairs) != 1 || back.Pairs[0].Sections[0].ATotalNs != r.Pairs[0].Sections[0].ATotalNs {
		t.Errorf("read back: %v", err)
	}
	for _, list := range []string{"warnings", "differences", "notes", "problems", "requests"} {
		if strings.Contains(out.String(), `"`+list+`": null`) {
			t.Errorf("%s is null rather than empty", list)
		}
	}
}

func TestCompareSchemaIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/compare-schema.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(s reflect.Type) {
		for s.Kind() == reflect.Pointer || s.Kind() == reflect.Slice || s.Kind() == reflect.Array {
			s = s.Elem()
		}
		if s.Kind() != reflect.Struct || seen[s] {
			return
		}
		seen[s] = true
		for f := range s.Fields() {
			if !f.IsExported() {
				continue
			}
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" && !bytes.Contains(text, []byte("`"+tag+"`")) {
				t.Errorf("docs/compare-schema.md does not have `%s` of %s", tag, s.Name())
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[compare.Result]())
}
