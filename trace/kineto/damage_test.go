package kineto_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto/gen"
	"github.com/inferprof/inferprof/trace/source"
)

func replaceOne(old, replacement string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(replacement), 1) }
}

// corruptions are what was seen in real files, and worse.
var corruptions = []struct {
	name  string
	apply func(event []byte) []byte
}{
	{"quotes in the name", replaceOne(`"name": "`, `"name": "{"device": "cpu"}`)},
	{"bare inf", replaceOne(`"dur": `, `"dur": inf, "x": `)},
	{"bare N/A", replaceOne(`"pid": `, `"q": N/A, "pid": `)},
	{"no value", replaceOne(`"pid": `, `"q": , "pid": `)},
	{"control characters", replaceOne(`"name": "`, "\"name\": \"a\x01\xff\xfe")},
	{"bad escape", replaceOne(`"name": "`, `"name": "C:\py\x`)},
	{"cut in the middle", func(b []byte) []byte { return append(b[:len(b)/2:len(b)/2], '\n') }},
	{"missing comma", replaceOne(`, "`, ` "`)},
}

// corrupt damages count events of a generated trace, and returns the text.
func corrupt(text []byte, count int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	const sep = "\n  },\n  {\n"
	var out []byte
	pos := 0
	for i := range count {
		from := i*(len(text)-2000)/count + r.IntN(1000)
		k := bytes.Index(text[from:], []byte(sep))
		if k < 0 {
			break
		}
		start := from + k + len(",\n  ") + len("\n  }")
		if start < pos {
			continue
		}
		end := bytes.Index(text[start:], []byte("\n  },"))
		if end < 0 {
			break
		}
		end += start + len("\n  }")
		out = append(out, text[pos:start]...)
		out = append(out, corruptions[i%len(corruptions)].apply(bytes.Clone(text[start:end]))...)
		pos = end
	}
	return append(out, text[pos:]...)
}

func generated(tb testing.TB, o gen.Options) ([]byte, gen.Totals) {
	tb.Helper()
	var text bytes.Buffer
	totals, err := gen.Write(&text, o)
	if err != nil {
		tb.Fatal(err)
	}
	return text.Bytes(), totals
}

func TestEachCorruptionLosesAtMostOneEvent(t *testing.T) {
	text, totals := generated(t, gen.Options{Steps: 2, Layers: 4})
	events := bytes.Split(text, []byte(",\n  {"))
	for _, c := range corruptions {
		t.Run(c.name, func(t *testing.T) {
			for _, k := range []int{2, 60, 100, len(events) - 20} {
				parts := slices.Clone(events)
				parts[k] = c.apply(bytes.Clone(parts[k]))
				if bytes.Equal(parts[k], events[k]) {
					continue // an event without such a key
				}
				got, err := formats.Read(bytes.NewReader(bytes.Join(parts, []byte(",\n  {"))), "x", source.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if n := got.Events.Len(); n < totals.Events-1 || n > totals.Events {
					t.Errorf("event %d: %d events of %d", k, n, totals.Events)
				}
				if len(got.Damage) == 0 {
					t.Errorf("event %d: no damage told", k)
					continue
				}
				lost := 0
				for _, d := range got.Damage {
					lost += d.Lost
				}
				if lost != totals.Events-got.Events.Len() {
					t.Errorf("event %d: %d events missing, %d told: %v", k, totals.Events-got.Events.Len(), lost, got.Damage)
				}
				offset := int64(len(bytes.Join(parts[:k], []byte(",\n  {"))))
				if d := got.Damage[0]; d.Offset < offset || d.Offset > offset+int64(len(parts[k]))+200 {
					t.Errorf("event %d: damage at %d, made at %d", k, d.Offset, offset)
				}
				if d := got.Damage[0]; d.Line != 1+int64(bytes.Count(bytes.Join(parts, []byte(",\n  {"))[:d.Offset], []byte("\n"))) {
					t.Errorf("event %d: line %d", k, d.Line)
				}
			}
		})
	}
}

// A list that is cut open takes the events that follow for its members. They are found all the same, near the end of a
// small file and in the middle of a large one, and finding them does not take reading to the end each time.
func TestListsCutOpen(t *testing.T) {
	for _, o := range []gen.Options{{Steps: 1, Layers: 2}, {Steps: 40}} {
		text, totals := generated(t, o)
		for _, after := range []string{`"Input Dims": [[32, 4096]`, `"Input Dims": [[32, 4096], [`, `"Input type": ["c10::BFloat16",`, `"block": [384`} {
			places := bytes.Count(text, []byte(after))
			every := max(1, places/50)
			var out []byte
			n, cuts := 0, 0
			for rest := text; ; n++ {
				k := bytes.Index(rest, []byte(after))
				if k < 0 {
					out = append(out, rest...)
					break
				}
				k += len(after)
				out = append(out, rest[:k]...)
				rest = rest[k:]
				if n%every == 0 {
					cuts++
					rest = rest[bytes.Index(rest, []byte(",\n  {")):]
				}
			}
			got, err := formats.Read(bytes.NewReader(out), "x", source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if cuts == 0 || got.Events.Len() != totals.Events-cuts || len(got.Damage) != cuts {
				t.Errorf("%d steps, %d times cut after %s: %d events of %d, damage in %d places",
					o.Steps, cuts, after, got.Events.Len(), totals.Events, len(got.Damage))
			}
		}
	}
}

func TestManyCorruptions(t *testing.T) {
	bytesWanted := int64(60e6)
	if testing.Short() {
		bytesWanted = 6e6
	}
	text, totals := generated(t, gen.Options{Bytes: bytesWanted})
	count := int(bytesWanted / 150_000) // as dense as 2,000 in 300 MB
	damaged := corrupt(text, count, 7)
	got, err := formats.Read(bytes.NewReader(damaged), "x", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept := float64(got.Events.Len()) / float64(totals.Events)
	t.Logf("%d corruptions: %d of %d events kept (%.3f %%)", count, got.Events.Len(), totals.Events, 100*kept)
	if kept < 0.999 {
		t.Errorf("only %.3f %% of the events are kept", 100*kept)
	}
}

func TestHalvedFileGivesAllEventsBeforeTheCut(t *testing.T) {
	text, _ := generated(t, gen.Options{Steps: 4, Layers: 8})
	for _, at := range []int{len(text) / 3, len(text) / 2, len(text) - 100, len(text) - 3} {
		full, err := formats.Read(bytes.NewReader(text[:at]), "x", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		// Every event but the one that is cut is followed by the next one.
		want := bytes.Count(text[:at], []byte("\n  },\n  {"))
		if at > len(text)-100 {
			want++ // cut after the last event
		}
		if got := full.Events.Len() + len(full.Text.Declarations()); got != want {
			t.Errorf("cut at %d: %d events, want %d", at, got, want)
		}
		if n := len(full.Damage); n == 0 || full.Damage[n-1].Kind != source.DamageTruncated {
			t.Errorf("cut at %d: damage %v", at, full.Damage)
		}
	}
}

func TestQuotesInNamesAreKept(t *testing.T) {
	for _, name := range []string{`{"device": "cpu"}`, `a"b`, `"`, `f("a", "b")`} {
		text := "{\"traceEvents\": [\n  {\n    \"ph\": \"X\", \"cat\": \"python_function\", \"name\": \"" + name +
			"\", \"pid\": 1, \"tid\": 2,\n    \"ts\": 1.000, \"dur\": 2.000,\n    \"args\": {\n      \"Python id\": 3\n    }\n  }\n]}"
		got, err := formats.Read(strings.NewReader(text), "x", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Events.Len() != 1 || got.Strings.At(got.Events.Name(0)) != name || got.Events.DurationNs(0) != 2000 || len(got.Damage) == 0 {
			t.Errorf("%s: %d events, damage %v", name, got.Events.Len(), got.Damage)
		}
	}
}

func TestOddDocuments(t *testing.T) {
	event := `{"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "ts": 1.5, "dur": 2, "args": {"correlation": 5}}`
	for _, c := range []struct {
		name, text string
		events     int
		damage     string // kind of the first; "" for none
	}{
		{"bare array", `[` + event + `,` + event + `]`, 2, ""},
		{"bare array without its end", `[` + event + `,` + event, 2, "truncated"},
		{"bare array with a comma at its end", `[` + event + `,` + event + `,`, 2, "truncated"},
		{"no events", `{"traceEvents": []}`, 0, ""},
		{"keys after the events", `{"traceEvents": [` + event + `], "baseTimeNanoseconds": 7, "displayTimeUnit": "ns"}`, 1, ""},
		{"events twice", `{"traceEvents": [` + event + `], "traceEvents": [` + event + `]}`, 2, ""},
		{"missing commas", `{"traceEvents": [` + event + event + ` ` + event + `]}`, 3, "syntax"},
		{"comma before the end", `{"traceEvents": [` + event + `,]}`, 1, ""},
		{"numbers as strings", `{"traceEvents": [{"ph":"X","cat":"kernel","name":"k","pid":"0","tid":"7","ts":"1.5","dur":"2","args":{"correlation":"5"}}]}`, 1, ""},
		{"nulls", `{"traceEvents": [null, ` + event + `]}`, 1, ""},
		{"a number among events", `{"traceEvents": [` + event + `, 5, ` + event + `]}`, 2, ""},
		{"an empty object at the end", `{"traceEvents": [` + event + `, {}]}`, 1, ""},
		{"a value that is half an event", `{"traceEvents": [` + event + `, 5, "dur": 2}, ` + event + `]}`, 2, "syntax"},
		{"negative duration", `{"traceEvents": [{"ph":"X","cat":"cpu_op","name":"k","pid":0,"tid":7,"ts":1,"dur":-2}]}`, 1, "duration"},
		{"time beyond int64", `{"traceEvents": [{"ph":"X","name":"k","pid":0,"tid":7,"ts":99999999999999999999,"dur":2}, ` + event + `]}`, 1, "value"},
		{"metadata that is none", `{"deviceProperties": 5, "distributedInfo": "x", "traceEvents": [` + event + `]}`, 1, "metadata"},
		{"broken metadata", `{"memory": N/A, "traceEvents": [` + event + `]}`, 1, "metadata"},
		{"no value for a key", `{"Process Group Description": , "traceEvents": [` + event + `]}`, 1, "metadata"},
		{"the document twice", `{"traceEvents": [` + event + `]}{"traceEvents": []}`, 1, "trailing garbage"},
		{"after an event", `{"traceEvents": [` + event + ` garbage, ` + event + `]}`, 2, "syntax"},
		{"args that are none", `{"traceEvents": [{"ph":"X","cat":"cpu_op","name":"k","pid":0,"tid":7,"ts":1,"args":[1]}, {"ph":"X","name":"k","pid":0,"tid":7,"ts":1,"args":null}]}`, 2, ""},
		{"a deep value", `{"traceEvents": [{"ph":"X","name":"k","pid":0,"tid":7,"ts":1,"args":{"a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}}, ` + event + `]}`, 1, "syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := formats.Read(strings.NewReader(c.text), "x", source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Events.Len() != c.events {
				t.Errorf("%d events, want %d", got.Events.Len(), c.events)
			}
			kind := ""
			if len(got.Damage) > 0 {
				kind = got.Damage[0].Kind
			}
			if kind != c.damage {
				t.Errorf("damage %+v, want %q", got.Damage, c.damage)
			}
			for i := range got.Events.Len() {
				if got.Events.Category(i) == trace.CategoryKernel {
					if g := got.GPU.At(got.Events.Side(i)); got.Events.StartNs(i) != 1500 || got.Events.DurationNs(i) != 2000 || g.Correlation != 5 || g.Stream != 7 {
						t.Errorf("event %d is %+v", i, plainRow(got, i))
					}
				}
			}
		})
	}
}

// A top-level key that is not what it should be is told where it stands, whatever lies between it and the file's end, and
// however long the key before it is.
func TestDamagedMetadataIsFound(t *testing.T) {
	long := `"long": [` + strings.Repeat("1,\n", 1<<20) + `1]`
	events := `"traceEvents": [` + strings.Repeat(oneEventText+",\n", 100) + oneEventText + `]`
	for _, test := range []struct {
		name, before string
	}{
		{"on the first line", `{`},
		{"behind another", "{\n\"a\": 1,\n  "},
		{"behind a long one", "{\n" + long + ",\n"},
		{"behind the events", "{\n" + events + ", "},
	} {
		text := test.before + `"baseTimeNanoseconds": "soon",` + "\n" + events + "}"
		if strings.Contains(test.before, "traceEvents") {
			text = test.before + `"baseTimeNanoseconds": "soon"` + "\n}\n"
		}
		tr, err := formats.Read(strings.NewReader(text), "x", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := trace.Damage{Kind: source.DamageMetadata, Offset: int64(len(test.before)), Line: int64(1 + strings.Count(test.before, "\n")),
			Text: `baseTimeNanoseconds: "soon"`}
		if len(tr.Damage) != 1 || tr.Damage[0] != want {
			t.Errorf("%s: %+v, want %+v", test.name, tr.Damage, want)
		}
	}
}

const oneEventText = `{"ph": "X", "cat": "cpu_op", "name": "a", "pid": 1, "tid": 1, "ts": 1.000, "dur": 2.000}`
