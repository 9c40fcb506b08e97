// Package report renders what package analyze found of one profile, and what analyze/compare says of several: as a Document
// (document.go), which text, Markdown and HTML walk, and as JSON, CSV and other tools' tables. The numbers that it shows are fields
// of those results, their means over devices, and ratios of two; what is said in sentences is theirs, too. A format is added by
// adding one file with a Renderer and one line in formats.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// Options say how a report looks. The zero value is a plain text report of 100 columns.
type Options struct {
	Color bool // ANSI colours
	Width int  // columns; 0: 100. Fewer than 80 count as 80
	Full  bool // every table and every row of it, and every step, rather than one screen. Of text and md
	Quiet bool // no hints at what else there is

	By  string // only this table, one of FormatTables; "": the whole report. Not of html
	Top int    // at most so many rows of each table; 0: all. With By, and of csv
}

// Renderer writes a result in one format.
type Renderer func(w io.Writer, r *analyze.Result, o Options) error

var formats = []struct {
	name   string
	render Renderer
}{
	{"text", func(w io.Writer, r *analyze.Result, o Options) error {
		if o.By != "" {
			return textBy(w, r, o)
		}
		return Text(w, r, o)
	}},
	{"json", func(w io.Writer, r *analyze.Result, o Options) error {
		if o.By != "" {
			return jsonBy(w, r, o)
		}
		return JSON(w, r)
	}},
	{"csv", CSV},
	{"md", Markdown},
	{"html", HTML},
	{"hta", parity("hta")},
	{"tracelens", parity("tracelens")},
}

// Formats lists the names that Render takes.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Render writes a result in the named format.
func Render(w io.Writer, format string, r *analyze.Result, o Options) error {
	i := slices.IndexFunc(formats, func(f struct {
		name   string
		render Renderer
	}) bool {
		return f.name == format
	})
	if i < 0 {
		return fmt.Errorf("unknown format %q: this build writes %s", format, strings.Join(Formats(), ", "))
	}
	return formats[i].render(w, r, o)
}
