package inferprof

import (
	"context"
	"fmt"
	"io"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/profile"
	"github.com/inferprof/inferprof/report"
)

// What was recorded, whoever recorded it: captures, directories of traces and traces, as the commands inferprof report,
// compare, cut and verify take them. Packages profile and report have all of their options.

// Profile is an opened profile, whose methods report on it, cut it, or read its traces into memory.
type Profile = profile.Profile

// ProfileOptions say how profiles are opened and read. The zero value is the usual.
type ProfileOptions = profile.Options

// Selection leaves only part of a profile's work: some steps, a phase, some ranks, some devices.
type Selection = profile.Selection

// Cut says what to keep of a profile: some steps or a window of time, some categories, some ranks.
type Cut = profile.Cut

// Result is a report: where the time went, and findings. docs/report-schema.md describes it as JSON.
type Result = analyze.Result

// Comparison says what differs between profiles, and how surely. docs/compare-schema.md describes it as JSON.
type Comparison = compare.Result

// Verification says whether traces are whole, and what makes their numbers doubtful.
type Verification = profile.Verification

// RenderOptions say how a report or a comparison looks.
type RenderOptions = report.Options

// Open finds the traces at paths, which together are one profile: captures, directories of traces, files, or "-" for
// standard input. It reads none of them.
func Open(ctx context.Context, paths ...string) (*Profile, error) {
	return profile.Open(ctx, paths, ProfileOptions{})
}

// OpenWith is Open with options.
func OpenWith(ctx context.Context, o ProfileOptions, paths ...string) (*Profile, error) {
	return profile.Open(ctx, paths, o)
}

// Report says where the time went in the profile at paths, as inferprof report does. Of a part of it, Profile.Report says it.
func Report(ctx context.Context, paths ...string) (*Result, error) {
	p, err := Open(ctx, paths...)
	if err != nil {
		return nil, err
	}
	return p.Report(ctx, Selection{})
}

// Compare says what differs between the first side and each other one, as inferprof compare does. A side is a capture, a
// directory of traces or a trace, several captures of the same thing with commas between them, or a directory that holds
// nothing else. The error is that of a side that can't be read, or that nothing of a pair is comparable; then the
// comparison says of which.
func Compare(ctx context.Context, paths ...string) (*Comparison, error) {
	if len(paths) < 2 {
		return nil, &engine.UsageError{Text: fmt.Sprintf("compare needs two sides or more, not %d", len(paths))}
	}
	var sides []*profile.Side
	for _, path := range paths {
		side, err := profile.OpenSide(path)
		if err != nil {
			return nil, err
		}
		sides = append(sides, side)
	}
	read, err := profile.ReadSides(ctx, sides, ProfileOptions{})
	if err != nil {
		return nil, err
	}
	return compare.Compare(read)
}

// Verify reads every trace at paths to its last byte, and says whether they are whole and what makes their numbers doubtful,
// as inferprof verify does.
func Verify(ctx context.Context, paths ...string) (*Verification, error) {
	return profile.Verify(ctx, paths, ProfileOptions{})
}

// Formats lists the formats that a report can be rendered in: text, json, csv, md, html, and those of other tools.
func Formats() []string { return report.Formats() }

// ComparisonFormats lists the formats that a comparison can be rendered in.
func ComparisonFormats() []string { return report.CompareFormats() }

// FormatOptions are the options to open a profile with that is to be rendered in a format. Those of other tools (hta,
// tracelens) have rules of their own; for all others these are the zero ProfileOptions.
func FormatOptions(format string) ProfileOptions {
	var o ProfileOptions
	report.Prepare(format, &o.Rules)
	return o
}

// Render writes a report in one of Formats.
func Render(w io.Writer, format string, r *Result, o RenderOptions) error {
	return report.Render(w, format, r, o)
}

// RenderComparison writes a comparison in one of ComparisonFormats.
func RenderComparison(w io.Writer, format string, c *Comparison, o RenderOptions) error {
	return report.RenderCompare(w, format, c, o)
}
