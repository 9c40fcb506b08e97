package source

import (
	"errors"
	"fmt"
	"io"

	"github.com/inferprof/inferprof/trace"
)

// NotTraceError says that a file is no trace, what it is, and what to pass instead.
type NotTraceError struct {
	Path string // "" if the input has no name
	What string // what it is: "an execution trace"
	Hint string // what to pass instead; "" for the general advice

	Profiler bool // it is a profiler's trace, of which nothing is known
	Other    bool // it is something else, and nothing shows that it was meant to be a trace and broke; so is what Profiler says
}

func (e *NotTraceError) Error() string {
	path, hint := e.Path, e.Hint
	if path == "" {
		path = "input"
	}
	if hint == "" {
		hint = "pass a trace that torch.profiler wrote (*.pt.trace.json.gz)"
	}
	if e.Profiler {
		return fmt.Sprintf("%s: not PyTorch's trace but %s: %s", path, e.What, hint)
	}
	return fmt.Sprintf("%s: not a profiler trace but %s: %s", path, e.What, hint)
}

// DamageError is what Options.Strict makes of a damaged file.
type DamageError struct {
	Path   string
	Damage []trace.Damage
}

func (e *DamageError) Error() string {
	d := e.Damage[0]
	where := "damaged"
	if n := len(e.Damage); n > 1 {
		where = fmt.Sprintf("damaged in %d places, the first", n)
	}
	return fmt.Sprintf("%s: %s at byte %d, line %d: %s: %q: read it without strictness to get what is whole",
		e.Path, where, d.Offset, d.Line, d.Kind, d.Text)
}

// Kinds of trace.Damage.
const (
	DamageSyntax    = "syntax"           // text that is not in the format's syntax; the events it hid are lost
	DamageValue     = "value"            // a value that is not what it should be (inf, N/A, nothing); the event is kept
	DamageDuration  = "duration"         // an event that ends before it begins; it is kept, with a duration of 0
	DamageTruncated = "truncated"        // the file ends too early
	DamageCRC       = "crc"              // the compressed data are not what was written
	DamageTrailing  = "trailing garbage" // bytes after the end
	DamageInput     = "input"            // the file could not be read or decompressed to its end
	DamageMetadata  = "metadata"         // something said of the whole trace that is not what it should be
)

// InputError is a fault of the compressed data, worth a Damage of a kind of its own.
type InputError struct {
	Kind string // of Damage
	Err  error
}

func (e *InputError) Error() string { return fmt.Sprintf("%s: %v", e.Kind, e.Err) }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// EndDamage is what a trace says of text that ended with err, which is an Input's; false if that was its proper end.
func EndDamage(err error) (kind, text string, damaged bool) {
	if err == nil || errors.Is(err, io.EOF) {
		return "", "", false
	}
	if fault, ok := errors.AsType[*InputError](err); ok {
		return fault.Kind, fault.Err.Error(), true
	}
	return DamageInput, err.Error(), true
}
