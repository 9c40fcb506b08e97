package report

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/internal/words"
)

// numbers are numbers with units that have one form.
var numbers = regexp.MustCompile(`([−+]?)(\d[\d,]*(?:\.\d+)?)\s+(ns|µs|ms|s|B|kB|MB|GB|TB|KiB|MiB|GiB|TiB|[kMGTP]?B/s|[kMGTPE]?FLOP/s|%)(?:[^\w/]|$)`)

// scales are what units stand for, and how values of their kind are written.
var scales = map[string]struct {
	of    float64
	write func(v float64) string
}{}

func init() {
	add := func(write func(float64) string, step float64, units ...string) {
		of := 1.0
		for _, u := range units {
			if u != "" {
				scales[u] = struct {
					of    float64
					write func(v float64) string
				}{of, write}
			}
			of *= step
		}
	}
	add(func(v float64) string { return words.Duration(int64(math.Round(v))) }, 1000, "ns", "µs", "ms", "s")
	add(func(v float64) string { return words.Memory(int64(math.Round(v))) }, 1024, "B", "KiB", "MiB", "GiB", "TiB")
	add(func(v float64) string { return words.Size(int64(math.Round(v))) }, 1000, "", "kB", "MB", "GB", "TB")
	add(words.Rate, 1000, "B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s")
	add(words.FLOPs, 1000, "FLOP/s", "kFLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s", "EFLOP/s")
	add(func(v float64) string { return words.PercentDifference(v)[len("+"):] }, 1, "%")
}

// asked are percentages that somebody chose rather than measured: they stand as they were given.
var asked = regexp.MustCompile(`(?i)(95 % interval|intervals are of 95 %|limit (?:of|is) [\d.]+ %)`)

// otherForms are the numbers of a text that are not in the form that their value has.
func otherForms(text string) []string {
	var out []string
	text = asked.ReplaceAllString(spaces.ReplaceAllString(text, " "), "")
	for _, m := range numbers.FindAllStringSubmatch(text, -1) {
		v, err := strconv.ParseFloat(strings.ReplaceAll(m[2], ",", ""), 64)
		scale := scales[m[3]]
		if want := scale.write(v * scale.of); err != nil || want != m[2]+" "+m[3] && (v != 0 || m[3] != "%") {
			out = append(out, m[2]+" "+m[3]+" for "+want)
		}
	}
	return out
}

func TestOtherForms(t *testing.T) {
	for text, n := range map[string]int{
		"took 833.6 ms": 0, "took 834 ms": 1, "took 1000.1 µs": 1, "0 ns, 999 ns, 1.000 µs and 1,234 s": 0, "12.3 MiB": 1, "12.30 MiB of 3.350 TB/s": 0,
		"61 % of it": 1, "+3.1 % and −0.0 % and 0.0 %": 0, "a 95 % interval": 0, "the limit of 5 %.": 0, "steps 3 s": 1,
	} {
		if got := otherForms(text); len(got) != n {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestOneNumberOneForm: on no page, of whatever trace or pair, does a value stand in two roundings: each number with a unit has
// the form that words gives its value.
func TestOneNumberOneForm(t *testing.T) {
	pages := 0
	check := func(name, text string) {
		pages++
		for _, other := range otherForms(text) {
			t.Errorf("%s: %s", name, other)
		}
	}
	write := func(name, format string, render func(*bytes.Buffer) error) {
		var out bytes.Buffer
		if err := render(&out); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		switch format {
		case "html":
			text = html2text(text)
		case "md":
			text = unmarked(text)
		}
		check(name+" as "+format, text)
	}
	for name, r := range results(t) {
		for format, o := range map[string]Options{"text": {}, "md": {Full: true}, "html": {}} {
			write(name, format, func(out *bytes.Buffer) error { return Render(out, format, r, o) })
		}
		write(name+" in full", "text", func(out *bytes.Buffer) error { return Text(out, r, Options{Full: true}) })
	}
	for name, r := range comparisons(t) {
		for _, format := range []string{"text", "md", "html"} {
			write(name, format, func(out *bytes.Buffer) error { return RenderCompare(out, format, r, Options{}) })
		}
	}
	if pages < 10 {
		t.Errorf("only %d pages", pages)
	}
}

// html2text is what a page says, what stands apart apart.
func html2text(page string) string {
	page = ticked.ReplaceAllString(page, "")
	return untagged(strings.NewReplacer("<td", " <td", "<th", " <th", "<h", " <h", "</", " </", "<li", " <li", "<dd", " <dd", "<span", " <span", "<p", " <p").Replace(page))
}
