package autograd_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/autograd"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto"
	"github.com/inferprof/inferprof/trace/source"
)

// event is one of a file as encoding/json sees it.
type event struct {
	Name, Ph, Cat, Pid string
	Tid                any
	TS, Dur            float64
	ID                 int64
}

// files are the texts of our own small files, by name, and of the real one, where that is.
func files(tb testing.TB) map[string][]byte {
	tb.Helper()
	all := map[string][]byte{}
	own, _ := filepath.Glob("testdata/*.json")
	for _, path := range own {
		all[path] = readAll(tb, path)
	}
	if len(own) == 0 {
		tb.Fatal("no test data")
	}
	path := filepath.Join("..", "..", "..", "shared", "traces", "formats", "luxmea_legacy_autograd", "profiler_trace.json.gz")
	if _, err := os.Stat(path); err == nil {
		all[path] = readAll(tb, path)
	}
	return all
}

func readAll(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err == nil && strings.HasSuffix(path, ".gz") {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			b, err = io.ReadAll(z)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func mustRead(tb testing.TB, text []byte) *trace.Trace {
	tb.Helper()
	t, err := formats.Read(bytes.NewReader(text), "x.json", source.Options{Strict: true})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// TestRowsAreWhatTheFileSays: every op, every piece of GPU work with its device, and from which op an arrow leads to it,
// against the file as encoding/json decodes it.
func TestRowsAreWhatTheFileSays(t *testing.T) {
	for path, text := range files(t) {
		var want []event
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		got := mustRead(t, text)
		if got.Meta.Format != "autograd" || got.Events.Len() != len(want) {
			t.Fatalf("%s: %d events read as %s, want %d", path, got.Events.Len(), got.Meta.Format, len(want))
		}
		starts := map[int64]event{} // by arrow
		for _, e := range want {
			if e.Ph == "s" {
				starts[e.ID] = e
			}
		}
		ops := map[int64]trace.Event{} // by external id
		var arrow *event               // that ended last
		for i, w := range want {
			e := got.Events.At(i)
			wantName := w.Name
			if w.Ph == "s" || w.Ph == "f" { // an arrow is one thing with two ends
				wantName = "ac2g"
			}
			if name := got.Strings.At(e.Name); name != wantName || string(e.Phase) != w.Ph || e.StartNs != nanos(w.TS) || e.DurationNs != nanos(w.Dur) {
				t.Fatalf("%s: event %d is %s %c at %d + %d, want %+v", path, i, name, e.Phase, e.StartNs, e.DurationNs, w)
			}
			switch {
			case w.Ph == "f":
				arrow = &want[i]
			case w.Ph != "X":
			case strings.HasPrefix(w.Pid, "CPU"):
				if want := wantedOp(w.Name); e.Category != want {
					t.Errorf("%s: event %d, %s, is a %s, want %s", path, i, w.Name, e.Category, want)
				}
				ops[got.Ops.At(e.Side).ExternalID] = e
			default:
				g := got.GPU.At(e.Side)
				if e.Category != wantedWork(w.Name) || float64(g.Device) != w.Tid || g.Stream != trace.Absent || g.Correlation != trace.Absent {
					t.Errorf("%s: event %d, %s, is a %s of %+v", path, i, w.Name, e.Category, g)
				}
				op, ok := ops[g.ExternalID]
				if from := starts[arrow.ID]; !ok || got.Strings.At(op.Name) != from.Name || op.StartNs != nanos(from.TS) {
					t.Errorf("%s: event %d, %s, is of op %d %q, want %+v", path, i, w.Name, g.ExternalID, got.Strings.At(op.Name), from)
				}
			}
		}
	}
}

func wantedOp(name string) trace.Category {
	if strings.HasPrefix(name, "ProfilerStep#") {
		return trace.CategoryUserAnnotation
	}
	return trace.CategoryCPUOp
}

func wantedWork(name string) trace.Category {
	switch strings.Fields(name)[0] {
	case "Memcpy":
		return trace.CategoryMemcpy
	case "Memset":
		return trace.CategoryMemset
	}
	return trace.CategoryKernel
}

func nanos(micros float64) int64 { return int64(math.Round(micros * 1000)) }

// TestShared: what is told of the real file, which has ops alone, against sums over its text.
func TestShared(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "traces", "formats", "luxmea_legacy_autograd", "profiler_trace.json.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skip("no shared traces")
	}
	var want []event
	if err := json.Unmarshal(readAll(t, path), &want); err != nil {
		t.Fatal(err)
	}
	wantNs := map[string]int64{}
	for _, e := range want {
		wantNs[e.Name] += nanos(e.Dur)
	}
	x, err := formats.ReadFile(path, source.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.Events.Len() {
		wantNs[x.Strings.At(x.Events.Name(i))] -= x.Events.DurationNs(i)
	}
	for name, ns := range wantNs {
		if ns != 0 {
			t.Errorf("%s takes %d ns more in the file than in the trace", name, ns)
		}
	}
	v, err := formats.Verify(path)
	if err != nil || !v.Whole || v.Events != len(want) || v.Categories["cpu_op"] != len(want) || v.GPUEvents != 0 || v.Compression != "gzip" {
		t.Errorf("%+v, %v; want %d ops", v, err, len(want))
	}
}

// TestWriteGivesTheFileBack: a whole file is written as it was, a part of it as a list of the same texts.
func TestWriteGivesTheFileBack(t *testing.T) {
	for path, text := range files(t) {
		x := mustRead(t, text)
		out := filepath.Join(t.TempDir(), "out.json")
		if err := formats.WriteFile(out, x, nil); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, out); !bytes.Equal(got, text) && filepath.Base(path) != "record_profile.json" { // C++ lays it out otherwise
			t.Errorf("%s is written as %.300s", path, got)
		}
		rows := trace.Cut{Only: []string{"cpu_op"}}.Rows(x)
		if err := formats.WriteFile(out, x, rows); err != nil {
			t.Fatal(err)
		}
		part := mustRead(t, readAll(t, out))
		if part.Meta.Format != "autograd" || part.Events.Len() != rows.Len() {
			t.Errorf("%s: %d events of a part are read as %s, want %d", path, part.Events.Len(), part.Meta.Format, rows.Len())
		}
	}
	built := &trace.Trace{Strings: trace.NewStrings(), Meta: trace.Meta{Format: "autograd"}}
	if err := formats.WriteFile(filepath.Join(t.TempDir(), "built.json"), built, nil); err == nil {
		t.Error("a trace without texts was written")
	}
}

// TestCutKeepsArrowsWhole: the ends of an arrow have different names, and are kept both or not at all.
func TestCutKeepsArrowsWhole(t *testing.T) {
	for path, text := range files(t) {
		x := mustRead(t, text)
		for name, cut := range map[string]trace.Cut{
			"ops": {Only: []string{"cpu_op"}}, "kernels": {Only: []string{"kernel"}}, "no copies": {Drop: []string{"gpu_memcpy"}}, "all": {},
			"a time": {Windows: []trace.Window{{FromNs: 0, ToNs: 350_000}}}, "late": {Windows: []trace.Window{{FromNs: 350_000, ToNs: 1e9}}},
		} {
			rows, before := cut.Rows(x), ends(x, nil)
			for id, n := range ends(x, rows) {
				if n != before[id] {
					t.Errorf("%s, %s: of arrow %d there are %d ends, want %d or none", path, name, id, n, before[id])
				}
			}
		}
	}
}

// ends counts the ends of each arrow among rows (nil: all).
func ends(x *trace.Trace, rows *trace.Rows) map[int64]int {
	n := map[int64]int{}
	for i := range x.Events.Len() {
		if e := x.Events.At(i); e.Category == trace.CategoryFlow && (rows == nil || rows.Has(i)) {
			n[x.Flows.At(e.Side).ID]++
		}
	}
	return n
}

// TestDamage: the exporter escapes no name, and may die in the midst.
func TestDamage(t *testing.T) {
	whole := string(readAll(t, "testdata/kernels.json"))
	for _, c := range []struct {
		name, text string
		events     int
		kind       string
	}{
		{"cut", whole[:strings.LastIndex(whole, `, {"name"`)], 21, source.DamageTruncated},
		{"cut in an event", whole[:len(whole)-40], 21, source.DamageTruncated},
		{"a quote in a name", strings.Replace(whole, "aten::relu\", \"ph\": \"X\"", "a \"b\" c\", \"ph\": \"X\"", 1), 22, source.DamageSyntax},
	} {
		x, err := formats.Read(strings.NewReader(c.text), "x.json", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		isKind := func(d trace.Damage) bool { return d.Kind == c.kind }
		if x.Meta.Format != "autograd" || x.Events.Len() != c.events || !slices.ContainsFunc(x.Damage, isKind) {
			t.Errorf("%s: %d events of %s, %+v; want %d, and damage by %s", c.name, x.Events.Len(), x.Meta.Format, x.Damage, c.events, c.kind)
		}
	}
}

func TestSniff(t *testing.T) {
	sniff := autograd.Format(kineto.Format()).Sniff
	for text, want := range map[string]source.Confidence{
		`[{"name": "a", "ph": "X", "ts": 1, "dur": 1, "tid": 1, "pid": "CPU functions", "args": {}}`: source.Sure,
		`[{"name":"a","ph":"X","ts":1,"dur":1,"tid":1,"pid":"CUDA functions","args":{}}`:             source.Sure,
		"\xef\xbb\xbf \n[\n{\n  \"pid\": \"CPU Functions\"":                                          source.Sure,
		`[{"ph": "X", "cat": "cpu_op", "name": "CPU functions", "pid": 1, "tid": 1, "ts": 1}]`:       source.No,
		`{"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "a", "pid": 1, "tid": 1, "ts": 1}]}`:  source.No,
		`{"traceEvents": [{"ph": "X", "name": "a", "pid": "CPU functions", "tid": 1, "ts": 1}]}`:     source.No,
		``: source.No,
	} {
		if got := sniff([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// FuzzRead: whatever comes in, no event is lost or gained by being understood, its text stays, and what is written of it
// reads again the same.
func FuzzRead(f *testing.F) {
	own, _ := filepath.Glob("testdata/*.json")
	for _, path := range own {
		f.Add(readAll(f, path))
	}
	f.Add([]byte(`[{"ph":"f","id":7,"pid":"CUDA functions","tid":"x","ts":1,"name":"k"},{"ph":"X","pid":"CUDA functions","tid":"x","ts":1,"dur":3,"name":"k"},{"ph":"M","name":"process_name","pid":"CPU functions","args":{"name":"a"}}]`))
	f.Add([]byte(`[{"ph":"s","pid":"CPU functions","tid":0,"ts":1,"name":"k"},{"ph":"X","cat":"odd","pid":"CPU functions","tid":0,"ts":1,"name":"k","args":{"Bytes":7}},{"ph":"i","name":"[memory]","pid":"CPU functions"}`))
	read := func(format source.Format, text []byte) (*trace.Trace, error) {
		in, err := source.NewInput(bytes.NewReader(text), "x")
		if err != nil {
			return nil, err
		}
		defer in.Close()
		return format.Read(in)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, wantErr := read(kineto.Format(), text)
		format := autograd.Format(kineto.Format())
		got, err := read(format, text)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if got.Events.Len() != want.Events.Len() {
			t.Fatalf("%d events, want %d", got.Events.Len(), want.Events.Len())
		}
		for i := range want.Events.Len() {
			if g, w := got.Original(i), want.Original(i); !bytes.Equal(g, w) {
				t.Fatalf("event %d is %s, want %s", i, g, w)
			}
			got.Arg(i, "Bytes")
		}
		trace.NewLanes(got)
		var out bytes.Buffer
		if err := format.Write(&out, got, nil); err != nil {
			t.Fatal(err)
		}
		if len(got.Damage) > 0 || got.Events.Len() == 0 {
			return // what is written of it is as broken as it was, or no list of events
		}
		again, err := read(format, out.Bytes())
		if err != nil || again.Events.Len() != got.Events.Len() {
			t.Fatalf("%v, %s", err, out.Bytes())
		}
		for i := range got.Events.Len() {
			if g, w := again.Events.At(i), got.Events.At(i); g.Category != w.Category || g.StartNs != w.StartNs || g.DurationNs != w.DurationNs {
				t.Fatalf("event %d is %+v, want %+v", i, g, w)
			}
		}
	})
}
