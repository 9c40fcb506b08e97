package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/compare"
)

// CompareRenderer writes a comparison in one format.
type CompareRenderer func(w io.Writer, r *compare.Result, o Options) error

var compareFormats = []struct {
	name   string
	render CompareRenderer
}{
	{"text", CompareText},
	{"json", CompareJSON},
	{"md", CompareMarkdown},
	{"html", CompareHTML},
	{"csv", CompareCSV},
}

// CompareFormats lists the names that RenderCompare takes.
func CompareFormats() []string {
	names := make([]string, len(compareFormats))
	for i, f := range compareFormats {
		names[i] = f.name
	}
	return names
}

// RenderCompare writes a comparison in the named format.
func RenderCompare(w io.Writer, format string, r *compare.Result, o Options) error {
	for _, f := range compareFormats {
		if f.name == format {
			return f.render(w, r, o)
		}
	}
	return fmt.Errorf("unknown format %q: a comparison is written as %s", format, strings.Join(CompareFormats(), ", "))
}

// CompareJSON writes the whole comparison. docs/compare-schema.md describes the fields.
func CompareJSON(w io.Writer, r *compare.Result, _ Options) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write comparison as JSON: %w", err)
	}
	return nil
}

// CompareText writes a comparison for people.
func CompareText(w io.Writer, r *compare.Result, o Options) error {
	return SweepText(w, nil, r, o)
}

// CompareMarkdown writes a comparison for a pull request comment. What would not fit into a comment is left out, unless everything
// is asked for.
func CompareMarkdown(w io.Writer, r *compare.Result, o Options) error {
	return SweepMarkdown(w, nil, r, o)
}

// CompareHTML writes a comparison as one page that needs nothing else.
func CompareHTML(w io.Writer, r *compare.Result, _ Options) error { return SweepHTML(w, nil, r) }

// SweepText is CompareText with the cells of a sweep before it. r is nil if there was nothing to compare.
func SweepText(w io.Writer, cells []SweepCell, r *compare.Result, o Options) error {
	p := newPage(o)
	p.d = compareDocument(r, cells)
	p.all()
	return p.write(w)
}

// commentBytes is what fits into a comment on GitHub, less room for what somebody writes around it.
const commentBytes = 60_000

// SweepMarkdown is CompareMarkdown with the cells of a sweep before it. r is nil if there was nothing to compare.
func SweepMarkdown(w io.Writer, cells []SweepCell, r *compare.Result, o Options) error {
	d := compareDocument(r, cells)
	var out bytes.Buffer
	if err := writeMarkdown(&out, d, o); err != nil {
		return err
	}
	if out.Len() > commentBytes && !o.Full {
		for _, s := range d.Sections {
			first := slices.IndexFunc(s.Blocks, func(b Block) bool { _, ok := b.(*dataTable); return ok })
			s.Blocks = s.Blocks[:first+1]
		}
		out.Reset()
		if err := writeMarkdown(&out, d, o); err != nil {
			return err
		}
		out.WriteString("\nWhere each difference is would not fit into a comment: --full has it, and so has --format html.\n")
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write comparison as Markdown: %w", err)
	}
	return nil
}

// SweepHTML is CompareHTML with the cells of a sweep before it. r is nil if there was nothing to compare.
func SweepHTML(w io.Writer, cells []SweepCell, r *compare.Result) error {
	return writePage(w, compareDocument(r, cells), "inferprof compare …")
}
