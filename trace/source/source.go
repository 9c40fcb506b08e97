// Package source is the door for trace formats: what a format is, what reading and verifying one gives, and what every
// format needs to read its files: the text of an Input, decompressed, whose first block can be looked at.
//
// A format is a room of its own beside this one, which makes a Format of four functions; package trace/formats has the
// list of them and chooses. Whoever reads, verifies or writes traces asks that package, and names no format.
package source

import (
	"io"

	"github.com/inferprof/inferprof/trace"
)

// Format is one kind of trace file.
type Format struct {
	Name string // "kineto"

	// How the names of its files end, compression aside. Files are recognised by what they hold under any name, but those
	// with one of Endings (".trace.json") were meant to be traces, whatever they hold; those with one of SharedEndings
	// (".json") may be traces, and are looked into.
	Endings, SharedEndings []string

	// Sniff says by the beginning of a file's text, decompressed, how sure it is that the file is one of its own. The
	// text is the first HeadBytes of the file, or all of a smaller one; it may end anywhere, and must not be kept.
	Sniff func(head []byte) Confidence

	// Read reads a trace. It fails only if the input is no trace of this format (NotTraceError) or cannot be read: of a
	// damaged file it reads what is good, and says in Trace.Damage what is missing.
	Read func(in *Input) (*trace.Trace, error)

	// Verify reads an input to its end and fills a Verification's fields about its contents without keeping its events.
	// Nil if the format has no way that is cheaper than to read the trace and count.
	Verify func(in *Input) (Verification, error)

	// Write writes a trace, or of its events those of rows (nil: all). Nil if the format is only read.
	Write func(w io.Writer, t *trace.Trace, rows *trace.Rows) error
}

// Confidence is how sure a format is that a file is one of its own.
type Confidence int

// The confidences. The greatest wins; among equals the format that stands first in the list.
const (
	No     Confidence = iota // it is not
	Maybe                    // nothing speaks against it: it is JSON, say
	Likely                   // it has the general form: a list of events
	Sure                     // it bears a mark that only this format has
)

// Options say how to read.
type Options struct {
	Strict bool // any damage is an error (DamageError)
}
