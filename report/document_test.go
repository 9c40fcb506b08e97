package report

import (
	"bytes"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// rendering is one form of a document.
type rendering struct {
	name, text string
	narrow     bool // long names are cut, and columns of long tables left out, by their names
}

// renderings are all of a document in each form.
func renderings(t *testing.T, d *Document) []rendering {
	t.Helper()
	var texts []string
	for _, width := range []int{600, 100} {
		p := newPage(Options{Full: true, Width: width})
		p.d = d
		p.all()
		texts = append(texts, squeezed(p.out.String()))
	}
	var md, page bytes.Buffer
	if err := writeMarkdown(&md, d, Options{Full: true}); err != nil {
		t.Fatal(err)
	}
	if err := writePage(&page, d, "inferprof report PATH"); err != nil {
		t.Fatal(err)
	}
	return []rendering{{"text", texts[0], false}, {"text of 100 columns", texts[1], true}, {"md", squeezed(unmarked(md.String())), false},
		{"html", squeezed(untagged(page.String())), false}}
}

var (
	spaces  = regexp.MustCompile(`\s+`)
	tags    = regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>|<[^>]*>`)
	ticked  = regexp.MustCompile(`<text class="tick[^>]*>[^<]*</text>`)
	code    = regexp.MustCompile("`[^`\n]*`")
	escaped = regexp.MustCompile("\\\\([\\\\`*_\\[\\]<>|#~])")
)

// squeezed is a text without what wrapping, tables and titles change: spaces, and the case of letters.
func squeezed(s string) string { return strings.ToLower(spaces.ReplaceAllString(s, "")) }

// untagged is what a page says.
func untagged(s string) string {
	return html.UnescapeString(tags.ReplaceAllString(ticked.ReplaceAllString(s, ""), ""))
}

// unmarked is what Markdown says.
func unmarked(s string) string {
	s = strings.ReplaceAll(code.ReplaceAllStringFunc(s, func(c string) string { return strings.ReplaceAll(c, "<", "&lt;") }), "**", "")
	return html.UnescapeString(strings.ReplaceAll(escaped.ReplaceAllString(tags.ReplaceAllString(s, ""), "$1"), "`", ""))
}

// saidOf is everything that a document says: sentences, titles, and the cells of the first rows of its tables.
func saidOf(d *Document, narrow bool) []string {
	out := append([]string{d.Title}, d.facts()...)
	for i := range d.Notices {
		out = append(out, d.Notices[i].text(d.Notices[i].Said))
	}
	for _, a := range d.Verdict {
		out = append(out, d.text(a.Said))
	}
	for _, f := range d.Figures {
		out = append(out, f.Label, f.Value+f.Mark, d.text(f.Note))
	}
	for _, s := range d.Sections {
		out = append(out, s.Title+s.Mark, s.Note)
		for _, b := range s.Blocks {
			out = append(out, saidOfBlock(d, b, narrow)...)
		}
	}
	return out
}

func saidOfBlock(d *Document, b Block, narrow bool) []string {
	var out []string
	switch b := b.(type) {
	case paragraph:
		out = append(out, d.text(b.said))
	case []Notice:
		for i := range b {
			out = append(out, b[i].text(b[i].Said))
		}
	case findingList:
		for _, f := range b {
			out = append(out, f.stake, f.mark, f.sentence, f.try)
			for _, e := range f.evidence {
				out = append(out, e.label+e.value)
			}
			out = append(out, f.lookAt[:min(eventsShown, len(f.lookAt))]...)
		}
	case *dataTable:
		if narrow && len(b.rows) > mostTwice {
			return nil
		}
		for _, i := range b.shown() {
			if narrow && !b.cols[i].unit.isNumber() {
				continue
			}
			if !b.bare {
				out = append(out, b.cols[i].head)
			}
			for _, row := range b.rows[:min(10, len(b.rows))] {
				cell := b.cols[i].unit.format(row[i])
				if r := []rune(cell); len(r) > 20 { // of names that are cut in their middle
					cell = string(r[:20])
				}
				out = append(out, cell)
			}
		}
	}
	return out
}

// TestEverythingIsInEveryRendering: whatever the document says, each form of it says.
func TestEverythingIsInEveryRendering(t *testing.T) {
	check := func(name string, d *Document) {
		said := 0
		for _, form := range renderings(t, d) {
			for _, s := range saidOf(d, form.narrow) {
				said++
				if !strings.Contains(form.text, squeezed(s)) {
					t.Errorf("%s as %s does not say %q", name, form.name, s)
				}
			}
		}
		if said == 0 {
			t.Errorf("%s says nothing", name)
		}
	}
	for name, r := range results(t) {
		check(name, NewDocument(r))
	}
	for name, r := range comparisons(t) {
		check(name, NewCompareDocument(r))
	}
}

// TestOneEntryEach: a new table, a new fact and a new message are an entry each, and then in every rendering.
func TestOneEntryEach(t *testing.T) {
	oldTables, oldFacts := tables, facts
	t.Cleanup(func() { tables, facts = oldTables, oldFacts })
	tables = append(slices.Clone(tables), entry{name: "moons", of: func(*analyze.Result) dataTable {
		d := dataTable{title: "Moons", note: "of a planet", cols: []dataColumn{{"moon", "moon", unitWord}, {"orbit_ns", "orbit", unitNs}}}
		d.add("Io", int64(152_853_500))
		return d
	}})
	facts = append(slices.Clone(facts), func(*about) words.Message {
		return words.Say("planet", "a planet of {moons}", words.Things("moons", 95, "moon"))
	})
	r := manyRanks(1, 3)
	r.Verdict = append(r.Verdict, words.Say("weather", "Storms last {storm_ns}.", words.Ns("storm_ns", 4_321_000_000)))
	r.Remarks = append(r.Remarks, analyze.Remark{Table: "moons", Message: words.Say("ring", "the ring is {size} wide", words.Value("size", 1<<20, words.UnitBytes))})
	for _, form := range renderings(t, NewDocument(r)) {
		for _, want := range []string{"Moons", "of a planet", "Io", "152.9 ms", "a planet of 95 moons", "Storms last 4.321 s.", "the ring is 1.000 MiB wide"} {
			if !strings.Contains(form.text, squeezed(want)) {
				t.Errorf("%s does not say %q", form.name, want)
			}
		}
	}
	for format, want := range map[string]string{"text": "152.9 ms", "md": "152.9 ms", "csv": "Io,152853500", "json": `"orbit_ns": 152853500`} {
		var out bytes.Buffer
		if err := Render(&out, format, r, Options{By: "moons"}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("--by moons as %s: %v\n%s", format, err, out.String())
		}
	}
	var out bytes.Buffer
	if err := JSON(&out, r); err != nil || !strings.Contains(out.String(), `"text": "Storms last 4.321 s."`) || !strings.Contains(out.String(), `"storm_ns": 4321000000`) {
		t.Errorf("JSON has no message: %v", err)
	}
}
