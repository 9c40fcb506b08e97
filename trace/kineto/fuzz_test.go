package kineto_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto"
	"github.com/inferprof/inferprof/trace/kineto/gen"
	"github.com/inferprof/inferprof/trace/source"
)

const oneEvent = `{"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "a", "pid": 1, "tid": 1, "ts": 1, "dur": 1}]}`

// FuzzRead reads any text. Whatever comes in, every event that comes out can be shown, what is written of it is JSON
// and reads again the same; and what encoding/json takes for a trace is read as that, without damage.
func FuzzRead(f *testing.F) {
	var small bytes.Buffer
	if _, err := gen.Write(&small, gen.Options{Steps: 1, Layers: 1}); err != nil {
		f.Fatal(err)
	}
	f.Add(small.Bytes())
	f.Add([]byte(oneEvent))
	f.Add([]byte(`[{"ph":"i","s":"t","name":"[memory]","pid":"a","tid":"","ts":5,"args":{"Bytes":-1,"Addr":"0x1f"}}, {"ph":"f","id":7,"pid":0,"tid":1,"ts":1e3,"cat":"ac2g","name":"ac2g","bp":"e"}]`))
	f.Add([]byte(`{"schemaVersion":1,"deviceProperties":[{"id":0}],"traceEvents":[{"name":"thread_name","ph":"M","pid":1,"tid":2,"args":{"name":"x\u00e9\n"}},{"ph":"X","cat":"Kernel","name":"a\"b","pid":1,"tid":2,"ts":1.0005,"dur":0.25,"args":{"grid":[1,2,3],"x":null}}],"traceName":"n"}`))
	f.Add([]byte(`{"traceEvents":[{"ph":"X","name":"a"b","pid":1,"tid":2,"ts":1,"dur":inf},{"ph":"X"` + strings.Repeat(" ", 300) + `,"ts":N/A}`))
	f.Add([]byte(`[{"ph":"C","name":"gpu","pid":1,"tid":2,"ts":5,"args":{"used":1,"free":2.5e1,"what":"x","text":"7"}},{"ph":"C","name":"gpu","pid":1,"tid":2,"ts":6,"args":{"used":-1,"free":0,"what":"y","text":"8"}}]`))
	if b, err := os.ReadFile("testdata/vm_4348.async_llm.1795476513215417352.pt.trace.json.gz"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := formats.Read(bytes.NewReader(file), "x", source.Options{})
		if err != nil {
			var not *source.NotTraceError
			if !errors.As(err, &not) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v", err)
			}
			return
		}
		clean := len(got.Damage) == 0
		for i := range got.Events.Len() {
			text := kineto.EventJSON(got, i)
			if len(text) == 0 || clean && !json.Valid(text) {
				t.Fatalf("event %d is %s", i, text)
			}
			kineto.EventArgs(got, i)
		}
		trace.NewLanes(got)
		again(t, got)
		if clean && bytes.HasPrefix(bytes.TrimSpace(file), []byte("{")) && json.Valid(file) {
			agrees(t, got, file)
		}
	})
}

// again writes a trace with its original text and from its columns, and reads it back.
func again(t *testing.T, want *trace.Trace) {
	t.Helper()
	original := want.Text
	for _, text := range []trace.Text{original, nil} {
		want.Text = text
		var out bytes.Buffer
		if err := kineto.Write(&out, want, nil); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(out.Bytes()) {
			t.Fatalf("wrote %s", out.Bytes())
		}
		got, err := formats.Read(&out, "x", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got.Damage {
			// Values that are JSON and still not what they should be are written as they were.
			if d.Kind != source.DamageMetadata && (d.Kind != source.DamageValue && d.Kind != source.DamageDuration || text == nil || len(want.Damage) == 0) {
				t.Fatalf("damage in what was written: %+v", d)
			}
		}
		if n := got.Events.Len(); n < want.Events.Len() {
			t.Fatalf("%d events of %d", n, want.Events.Len())
		}
		for i := range want.Events.Len() {
			g, w := got.Events.At(i), want.Events.At(i)
			if g.StartNs != w.StartNs || w.Phase == trace.PhaseComplete && g.DurationNs != w.DurationNs {
				t.Fatalf("event %d: %d + %d, want %d + %d", i, g.StartNs, g.DurationNs, w.StartNs, w.DurationNs)
			}
			if g, w := samplesOf(got, i), samplesOf(want, i); !slices.EqualFunc(g, w, func(a, b trace.Sample) bool { return a.Value == b.Value }) {
				t.Fatalf("event %d: counter %v, want %v", i, g, w)
			}
		}
	}
	want.Text = original
}

// samplesOf is what a counter says; nothing of any other event.
func samplesOf(t *trace.Trace, i int) []trace.Sample {
	if e := t.Events.At(i); e.Table() == trace.TableCounter && e.Side != trace.NoSide {
		return t.Counters.At(e.Side).Samples
	}
	return nil
}

// agrees holds the events against encoding/json, where that decodes the file without ambiguity.
func agrees(t *testing.T, got *trace.Trace, file []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(file))
	d.UseNumber()
	var top map[string]json.RawMessage // a struct's field would take traceevents too
	if d.Decode(&top) != nil || bytes.Count(file, []byte(`"traceEvents"`)) != 1 {
		return
	}
	var events []map[string]any
	d = json.NewDecoder(bytes.NewReader(top["traceEvents"]))
	d.UseNumber()
	if d.Decode(&events) != nil {
		return
	}
	i := 0
	for _, e := range events {
		if e["ph"] == "M" || len(e) == 0 { // declarations; {} and null, which say nothing
			continue
		}
		if i == got.Events.Len() {
			t.Fatalf("%d events, want more", i)
		}
		var shown map[string]any
		d := json.NewDecoder(bytes.NewReader(got.Original(i)))
		d.UseNumber()
		if err := d.Decode(&shown); err != nil || !reflect.DeepEqual(shown, e) {
			t.Fatalf("event %d is %v, want %v", i, shown, e)
		}
		i++
	}
	if i != got.Events.Len() {
		t.Fatalf("%d events, want %d", got.Events.Len(), i)
	}
}
