package inferprof

import (
	"context"
	"fmt"
	"io"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/redact"
	"github.com/inferprof/inferprof/profile"
	"github.com/inferprof/inferprof/report"
	"github.com/inferprof/inferprof/trace/source"
)

// What was recorded, whoever recorded it: captures, directories of traces and traces, as the commands inferprof report,
// compare, cut and verify take them. Packages profile and report have all of their options.

// Profile is an opened profile, whose methods report on it, cut it, or read its traces into memory.
type Profile = profile.Profile

// ProfileOptions say how profiles are opened and read. The zero value is the usual.
type ProfileOptions = profile.Options

// ProfileEvent is what ProfileOptions.Progress is told.
type ProfileEvent = profile.Event

// Selection leaves only part of a profile's work: some steps, a phase, some ranks, some devices.
type Selection = profile.Selection

// Cut says what to keep of a profile: some steps or a window of time, some categories, some ranks.
type Cut = profile.Cut

// Range is some steps, ranks or devices by their numbers, the first and the last included.
type Range = analyze.Range

// Result is a report: where the time went, and findings. docs/report-schema.md describes it as JSON.
type Result = analyze.Result

// Side is one side of a comparison before it is read. OpenSide and OpenBaseline make one.
type Side = profile.Side

// ReadSide is a side that has been read: what comparing needs of its steps, and no trace.
type ReadSide = compare.Side

// Comparison says what differs between profiles, and how surely. Its method Judge holds it to a limit.
// docs/compare-schema.md describes it as JSON.
type Comparison = compare.Result

// Verification says whether traces are whole, and what makes their numbers doubtful.
type Verification = profile.Verification

// RenderOptions say how a report or a comparison looks.
type RenderOptions = report.Options

// What follows are the types of errors that a program may want to tell apart, with errors.As. A path that is not there is
// fs.ErrNotExist, and a context that ended is its own error, to errors.Is.

// UsageError says that something is asked for that can't be.
type UsageError = engine.UsageError

// SelectionError says that what is asked for is not in the profile.
type SelectionError = profile.SelectionError

// StrictError says that ProfileOptions.Strict refuses a damaged trace, or a capture that is not complete.
type StrictError = profile.StrictError

// NotTraceError says that a file is no trace, and what it is.
type NotTraceError = source.NotTraceError

// OutputError says that a cut can't be written under a name.
type OutputError = profile.OutputError

// Errors of comparing, of Profile.Cut, and of reading standard input again.
var (
	ErrNothingComparable = compare.ErrNothing
	ErrNothingLeft       = profile.ErrNothingLeft
	ErrReadOnce          = profile.ErrReadOnce
)

// Redact takes what should not leave the machine with a result or a comparison out of it, before it is rendered or passed on: prompts,
// outputs, host names, user names and paths are replaced by words that stay the same in all that pointers point to (docs/report.md).
func Redact(pointers ...any) { redact.New().Values(pointers...) }

// Open finds the traces at paths, which together are one profile: captures, directories of traces, files, or "-" for
// standard input. It reads none of them. A path that is not there is fs.ErrNotExist to errors.Is.
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

// Compare says what differs between the first side and each other one, as inferprof compare does. A side is what OpenSide
// opens. The error is that of a side that can't be read, or ErrNothingComparable; then the comparison says why.
//
// With options, a baseline, or a limit that depends on kernels, it is OpenSide or OpenBaseline, ReadSides, CompareSides.
func Compare(ctx context.Context, paths ...string) (*Comparison, error) {
	if err := enoughSides(len(paths)); err != nil {
		return nil, err
	}
	var sides []*Side
	for _, path := range paths {
		side, err := OpenSide(path)
		if err != nil {
			return nil, err
		}
		sides = append(sides, side)
	}
	read, err := ReadSides(ctx, ProfileOptions{}, sides...)
	if err != nil {
		return nil, err
	}
	return CompareSides(read)
}

// OpenSide finds the captures of one side of a comparison: a capture, a directory of traces or a trace, several captures
// of the same thing with commas between them, or a directory that holds nothing else. It reads no trace.
func OpenSide(path string) (*Side, error) { return profile.OpenSide(path) }

// OpenBaseline reads a side from a file that WriteBaseline, or inferprof compare --write-baseline, wrote.
func OpenBaseline(path string) (*Side, error) { return profile.OpenBaseline(path) }

// WriteBaseline keeps a side in a small file, for comparing with later. It appears when it is whole.
func WriteBaseline(path string, side *ReadSide) error { return profile.WriteBaseline(path, side) }

// ReadSides reads the traces of sides. Of the options it looks at Strict, MemoryBytes, BoundGarbage and Progress.
func ReadSides(ctx context.Context, o ProfileOptions, sides ...*Side) ([]ReadSide, error) {
	return profile.ReadSides(ctx, sides, o)
}

// CompareSides is Compare of sides that have been read. For Comparison.Judge keep them.
func CompareSides(sides []ReadSide) (*Comparison, error) {
	if err := enoughSides(len(sides)); err != nil {
		return nil, err
	}
	return compare.Compare(sides)
}

func enoughSides(n int) error {
	if n < 2 {
		return &UsageError{Text: fmt.Sprintf("compare needs two sides or more, not %d", n)}
	}
	return nil
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
