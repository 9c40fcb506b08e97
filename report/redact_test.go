package report

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/internal/redact"
	"github.com/inferprof/inferprof/internal/words"
)

// spoil puts a path and a host into every text below v that is more than a word.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Struct:
		if m, ok := reflect.TypeAssert[*words.Message](v.Addr()); ok {
			*m = m.Mapped(spoiled)
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				spoil(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString(spoiled(v.String()))
	}
}

func spoiled(s string) string {
	if !strings.ContainsAny(s, " :/") {
		return s
	}
	return s + " (/home/alice/topsecret/notes.txt of node-17.corp.example)"
}

// TestNothingSecretIsRendered: whatever the format, nothing of what was redacted is in it.
func TestNothingSecretIsRendered(t *testing.T) {
	check := func(name, format string, render func(*bytes.Buffer) error) {
		var out bytes.Buffer
		if err := render(&out); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"alice", "topsecret", "notes.txt", "node-17", "corp.example"} {
			if i := strings.Index(out.String(), secret); i >= 0 {
				t.Errorf("%s as %s: %q in …%s", name, format, secret, out.String()[max(0, i-100):min(out.Len(), i+60)])
			}
		}
	}
	r := manyRanks(3, 4)
	r.Verdict = []words.Message{words.Say("x", "On {host} it was slow.", words.Name("host", "node-17.corp.example"))}
	for _, k := range r.Ranks {
		k.Path, k.Host = "/home/alice/topsecret/node-17.corp.example_12.1795422027476.pt.trace.json.gz", "node-17.corp.example"
	}
	spoil(reflect.ValueOf(r))
	redact.New().Values(r)
	for _, format := range Formats() {
		check("a report", format, func(out *bytes.Buffer) error { return Render(out, format, r, Options{Full: true}) })
	}
	for _, by := range Tables() {
		check("by "+by, "text", func(out *bytes.Buffer) error { return Render(out, "text", r, Options{By: by}) })
	}
	c := comparison(t, graphTraces, cpuTraces)
	c.Sides[0].Label = "/home/alice/topsecret"
	c.Differences = append(c.Differences, compare.Difference{Name: "host", Values: []string{"node-17.corp.example", "node-18"}})
	spoil(reflect.ValueOf(c))
	redact.New().Values(c)
	for _, format := range CompareFormats() {
		check("a comparison", format, func(out *bytes.Buffer) error { return RenderCompare(out, format, c, Options{Full: true}) })
	}
}
