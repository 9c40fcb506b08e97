package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

func pageOf(t *testing.T, r *analyze.Result) string {
	t.Helper()
	var out bytes.Buffer
	if err := HTML(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// checkMarkup reads a page strictly: every element closed, every attribute quoted, every id its own, and every link of
// the page to one of them.
func checkMarkup(name, text string) error {
	// Style and script are no markup.
	text = regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`).ReplaceAllString(text, "")
	// Without a value in HTML, which XML does not know.
	text = regexp.MustCompile(`(<div id="tip"[^>]*) hidden>`).ReplaceAllString(text, "$1>")
	d := xml.NewDecoder(strings.NewReader(text))
	ids, links := map[string]int{}, map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			switch {
			case a.Name.Local == "id":
				ids[a.Value]++
			case a.Name.Local == "src", a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#"):
				return fmt.Errorf("%s: <%s> loads %q", name, start.Name.Local, a.Value)
			case a.Name.Local == "href":
				links[a.Value[1:]] = true
			case strings.HasPrefix(a.Name.Local, "on"):
				return fmt.Errorf("%s: <%s> has script in %s", name, start.Name.Local, a.Name.Local)
			case strings.Contains(a.Value, "NaN"), strings.Contains(a.Value, "Inf%"), strings.Contains(a.Value, "%!"):
				return fmt.Errorf("%s: <%s %s=%q>", name, start.Name.Local, a.Name.Local, a.Value)
			case a.Name.Local == "width" && strings.HasPrefix(a.Value, "-"):
				return fmt.Errorf("%s: <%s width=%q>", name, start.Name.Local, a.Value)
			}
		}
	}
	for id, n := range ids {
		if n > 1 {
			return fmt.Errorf("%s: %d elements have the id %s", name, n, id)
		}
	}
	for id := range links {
		if ids[id] == 0 {
			return fmt.Errorf("%s: a link to #%s, which is not there", name, id)
		}
	}
	return nil
}

// TestHTML: whatever the traces, the page is sound, loads nothing, and shows integrity before any number of a table.
func TestHTML(t *testing.T) {
	for name, r := range results(t) {
		text := pageOf(t, r)
		if err := checkMarkup(name, text); err != nil {
			t.Error(err)
		}
		for _, forbidden := range []string{"http://", "https://", "url(", "@import", "<link", "<img"} {
			if strings.Contains(text, forbidden) {
				t.Errorf("%s: the page has %q", name, forbidden)
			}
		}
		if i, j := strings.Index(text, `id="integrity"`), strings.Index(text, "<table>"); i < 0 || j >= 0 && j < i {
			t.Errorf("%s: integrity is not first", name)
		}
		if len(text) > 1<<20 {
			t.Errorf("%s: %d bytes", name, len(text))
		}
	}
}

// TestHTMLEscapes: names are text, whatever they contain.
func TestHTMLEscapes(t *testing.T) {
	hostile := `"><script>alert(1)</script><img src=x onerror=alert(2)> & 'q'`
	r := manyRanks(2, 3)
	r.Capture = &analyze.Capture{Name: hostile, Engine: hostile, Model: hostile, Device: hostile}
	r.Problems = []analyze.Problem{{ID: "damaged", Severity: analyze.SeverityError, Rank: 0, Text: hostile, Affects: []string{"time"}}}
	r.Findings = []analyze.Finding{{Severity: "high", Sentence: hostile, Try: hostile, Evidence: []analyze.Evidence{{Name: hostile, Unit: analyze.Unit(hostile)}},
		Events: []analyze.EventRef{{Name: hostile}}}}
	for i := range r.Kernels {
		r.Kernels[i].Name, r.Kernels[i].Category = hostile+fmt.Sprint(i), hostile
		r.Categories[i].Name = hostile
	}
	for _, k := range r.Ranks {
		k.Host = hostile
		for i := range k.Steps {
			k.Steps[i].Name, k.Steps[i].Phase = hostile, trace.StepPhase(hostile)
		}
		for i := range k.Memory {
			k.Memory[i].Device = hostile
		}
	}
	text := pageOf(t, r)
	if strings.Count(text, "<script>") != 1 || strings.Contains(text, "<img") {
		t.Error("a name became markup")
	}
	if err := checkMarkup("hostile", text); err != nil {
		t.Error(err)
	}
	if !strings.Contains(text, "&lt;script&gt;alert(1)") {
		t.Error("the name is not there")
	}
	var out bytes.Buffer
	if err := Markdown(&out, r, Options{Full: true}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		outside := regexp.MustCompile("`[^`]*`").ReplaceAllString(line, "")
		if strings.Contains(outside, "<script") || strings.Contains(outside, "<img") {
			t.Errorf("a name became markup: %s", line)
		}
	}
}

// TestMarkdownTables: every row of every table has as many cells as its head.
func TestMarkdownTables(t *testing.T) {
	cells := func(line string) int {
		return strings.Count(strings.NewReplacer(`\\`, "", `\|`, "").Replace(line), "|")
	}
	for name, r := range results(t) {
		for _, o := range []Options{{}, {Full: true}, {By: "kernel", Top: 3}} {
			var out bytes.Buffer
			if err := Markdown(&out, r, o); err != nil {
				t.Fatal(err)
			}
			want := 0
			for line := range strings.Lines(out.String()) {
				if !strings.HasPrefix(line, "|") {
					want = 0
					continue
				}
				if want == 0 {
					want = cells(line)
				}
				if got := cells(line); got != want {
					t.Errorf("%s: %d cells, the head has %d: %s", name, got-1, want-1, line)
				}
			}
			if !o.Full && o.By == "" && out.Len() > 20<<10 {
				t.Errorf("%s: %d bytes are too many for a pull request", name, out.Len())
			}
		}
	}
}

// manyRanks is what analysing so many ranks of so many steps gives.
func manyRanks(ranks, steps int) *analyze.Result {
	name := strings.Repeat("void ns::some_kernel<ns::Policy<128, 64, 3>, float, ", 6)
	r := &analyze.Result{SchemaVersion: analyze.SchemaVersion, Kind: analyze.KindGPU, Devices: ranks}
	for n := range ranks {
		k := &analyze.Rank{Rank: n, WorldSize: ranks, Path: fmt.Sprintf("/captures/rank%d.pt.trace.json.gz", n), Host: "node-" + fmt.Sprint(n/8), Hardware: "NVIDIA H100 80GB HBM3",
			BaseTimeNs: 1_795_000_000_000_000_000 + int64(n)*1000, Events: 180_000, LastNs: int64(steps) * 12_000_000,
			Time: []analyze.Time{{Device: n % 8, Events: 1000, TotalNs: 12_000_000, BusyNs: 11_000_000, IdleNs: 1_000_000, ComputationNs: 9_000_000,
				ExposedCommNs: 2_000_000, CommNs: 3_000_000, CommOverlapNs: 1_000_000}},
			Idle:   []analyze.Idle{{Device: n % 8, Host: analyze.Gap{Count: 3, Ns: 1_000_000}, Longest: []analyze.IdleGap{{Ns: 900_000, Cause: "host", Next: name}}}},
			Launch: &analyze.Launch{}, Memory: []analyze.MemoryPool{{Device: "GPU 0", PeakBytes: 1 << 36, ReservedPeakBytes: 1 << 37}},
		}
		for i := range 8 {
			k.Streams = append(k.Streams, analyze.Stream{Device: n % 8, Stream: int64(i), Events: 100, BusyNs: 1000})
			k.Launch.APIs = append(k.Launch.APIs, analyze.LaunchAPI{Name: "cudaLaunchKernel" + fmt.Sprint(i), Calls: 100})
			k.CPU.Threads = append(k.CPU.Threads, analyze.Thread{Name: "thread " + fmt.Sprint(i), Events: 1000})
			k.Collectives = append(k.Collectives, analyze.Collective{Name: "all_reduce", Count: 10, TotalNs: 100, WaitNs: int64(n), TransferNs: 100})
		}
		for i := range 400 {
			k.Memory[0].Curve = append(k.Memory[0].Curve, analyze.MemoryPoint{AtNs: int64(i) * 1000, Bytes: int64(i%7) << 30})
		}
		for i := range steps {
			phase := "decode"
			if i%10 == 0 {
				phase = "mixed"
			}
			k.Steps = append(k.Steps, analyze.Step{Index: i, Name: "execute_context_1(888)_generation_32(32)", Phase: trace.StepPhase(phase), StartNs: int64(i) * 12_000_000,
				TimeNs: 11_000_000, CPUNs: 9_000_000, GPUEvents: 400, GPUFirstNs: int64(i)*12_000_000 + 1, GenerationRequests: 32, GenerationTokens: 32})
		}
		r.Ranks = append(r.Ranks, k)
		r.Time.TotalNs, r.Time.BusyNs, r.Time.IdleNs = r.Time.TotalNs+12_000_000, r.Time.BusyNs+11_000_000, r.Time.IdleNs+1_000_000
		r.Time.ComputationNs += 11_000_000
		r.Problems = append(r.Problems, analyze.Problem{ID: "unlinked", Severity: analyze.SeverityWarning, Rank: n,
			Text: "509 GPU events of 1,707 were launched before the profiler began", Affects: []string{"steps", "phases"}})
	}
	for _, s := range r.Ranks[0].Steps {
		r.Steps = append(r.Steps, analyze.RankStep{Step: s, Ranks: ranks})
	}
	for i := range 2000 {
		r.Kernels = append(r.Kernels, analyze.Kernel{Name: name + fmt.Sprint(i) + ">(int)", Category: "gemm", Count: 10_000, ExclusiveNs: 1_000_000 - int64(i)})
		r.Ops = append(r.Ops, analyze.Op{Name: "aten::op" + fmt.Sprint(i), Category: "gemm", Calls: 1000, SelfNs: 1_000_000 - int64(i)})
	}
	for range r.Kernels {
		r.Categories = append(r.Categories, analyze.Category{Name: "gemm", ExclusiveNs: 1000, Count: 3})
	}
	r.Categories = r.Categories[:min(3+len(r.Kernels), len(r.Categories))]
	r.Phases = []analyze.Phase{{Phase: "decode", Steps: steps, MeasuredSteps: steps, StepMedianNs: 11_000_000, ContextTokens: 5, GenerationTokens: 32}}
	return r
}

// TestHTMLOfManyRanks: a page of 64 ranks with a thousand steps each stays small, has a lane for each, and says the same
// problem of all of them once.
func TestHTMLOfManyRanks(t *testing.T) {
	r := manyRanks(64, 1000)
	r.Categories = r.Categories[:20]
	text := pageOf(t, r)
	if len(text) > 2_000_000 {
		t.Errorf("%d bytes", len(text))
	}
	t.Logf("%d bytes", len(text))
	if err := checkMarkup("64 ranks", text); err != nil {
		t.Error(err)
	}
	if n := strings.Count(text, "<span>rank "); n != 64 {
		t.Errorf("%d lanes", n)
	}
	if n := strings.Count(text, "were launched before the profiler began"); n != 1 {
		t.Errorf("one problem of 64 ranks is told %d times", n)
	}
	if !strings.Contains(text, "†1") {
		t.Error("no mark on what depends on the problem")
	}
	var out bytes.Buffer
	if err := Text(&out, r, Options{}); err != nil || strings.Count(out.String(), "\n") > screenLines {
		t.Errorf("%v, %d lines of text", err, strings.Count(out.String(), "\n"))
	}
}

// TestMergedSpans: however many spans there are, what is drawn covers them all and nothing far from them.
func TestMergedSpans(t *testing.T) {
	var spans []span
	for i := range int64(5000) {
		spans = append(spans, span{start: i * 10, end: i*10 + 9, series: int(i / 2500)})
	}
	paths := mergedSpans(spans, 3, 0, 50_000, 0, 18)
	if paths[0] != "M0 0h500v18h-500z" || paths[1] != "M500 0h500v18h-500z" || paths[2] != "" {
		t.Errorf("%q", paths)
	}
}

func TestTicks(t *testing.T) {
	for top, want := range map[float64]string{0: "[0]", 10: "[0 2 4 6 8 10]", 224.8: "[0 50 100 150 200]", 1: "[0 0.2 0.4 0.6000000000000001 0.8 1]"} {
		if got := fmt.Sprint(ticks(top, 5)); got != want {
			t.Errorf("ticks(%g) = %s, want %s", top, got, want)
		}
	}
}

func TestMarkup(t *testing.T) {
	var m markup
	m.add(`<a title="%s">%s%v %d</a>`, `"<&>'`, template.HTML("<b>"), 1.25, 3)
	if got := string(m.html()); got != `<a title="&#34;&lt;&amp;&gt;&#39;"><b>1.25 3</a>` {
		t.Error(got)
	}
	for v, want := range map[float64]string{0: "0", 100: "100", 1.5: "1.5", 0.0004: "0", 33.33333: "33.333"} {
		if got := decimal(v); got != want {
			t.Errorf("decimal(%g) = %q, want %q", v, got, want)
		}
	}
}

// TestMarks: each kind of problem has one number, whichever ranks have it; notes have none; what does not depend on a
// problem has no mark.
func TestMarks(t *testing.T) {
	r := &analyze.Result{Kind: analyze.KindGPU, Ranks: []*analyze.Rank{{Rank: 0}, {Rank: 1}, {Rank: 2}}, Problems: []analyze.Problem{
		{ID: "damaged", Severity: analyze.SeverityError, Rank: 1, Affects: []string{"time", "kernels"}},
		{ID: "unlinked", Severity: analyze.SeverityWarning, Rank: 0, Affects: []string{"steps"}},
		{ID: "unlinked", Severity: analyze.SeverityWarning, Rank: 2, Affects: []string{"steps"}},
		{ID: "one_long_gap", Severity: analyze.SeverityNote, Rank: 0, Affects: []string{"time"}},
	}}
	all := notices(r)
	if len(all) != 3 || all[1].who(r) != "ranks 0, 2; on rank 0" {
		t.Fatalf("%+v", all)
	}
	for table, want := range map[string]string{"time": "†1", "kernel": "†1", "step": "†2", "memory": ""} {
		e, err := entryOf(table)
		if err != nil {
			t.Fatal(err)
		}
		if got := markOf(all, e.parts...); got != want {
			t.Errorf("%s: mark %q, want %q", table, got, want)
		}
	}
	if got := markOf(all, "time", "steps"); got != "†1,2" {
		t.Errorf("mark %q", got)
	}
}

// Of each table it is known which parts of a result it shows, so that a problem of them marks it.
func TestTablesHaveParts(t *testing.T) {
	parts := map[string]bool{}
	for _, of := range []reflect.Type{reflect.TypeFor[analyze.Result](), reflect.TypeFor[analyze.Rank]()} {
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			parts[name] = true
		}
	}
	for _, e := range tables {
		if e.name == "finding" { // which says itself what it rests on
			continue
		}
		if len(e.parts) == 0 {
			t.Errorf("%s: of no part", e.name)
		}
		for _, part := range e.parts {
			if !parts[part] {
				t.Errorf("%s: a result has no %s", e.name, part)
			}
		}
	}
}
