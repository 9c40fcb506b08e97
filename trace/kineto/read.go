// Package kineto reads and writes the files of PyTorch's profiler: Chrome-trace JSON as Kineto writes it, plain or
// compressed, of any size, and forgiving about what those files really contain.
//
// ReadFile returns a trace.Trace. It fails only if the file cannot be opened or is no trace at all (NotTraceError); a
// damaged trace is read as far as it is good, and says in Trace.Damage what is missing. Write does the reverse.
package kineto

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/inferprof/inferprof/trace"
)

// Options say how to read.
type Options struct {
	Strict bool // any damage is an error (DamageError)
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

// ReadFile reads the trace in a file. The name "-" is standard input.
func ReadFile(path string, o Options) (*trace.Trace, error) {
	if path == "-" {
		return Read(os.Stdin, "standard input", o)
	}
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, path, o)
}

// openRegular opens a file that is no directory.
func openRegular(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, fmt.Errorf("read trace: %s is a directory: pass one of the files in it, or read it as a capture", path)
	}
	return f, nil
}

// Read reads a trace from r, which may be compressed with gzip or zstd. name stands in errors and in Meta.Path.
func Read(r io.Reader, name string, o Options) (*trace.Trace, error) {
	p, err := sniff(bufio.NewReaderSize(r, readAhead))
	if err != nil {
		return nil, named(err, name)
	}
	w := openWindow(p)
	defer w.close()
	s := newScanner(w)
	s.t.Meta.Path = name
	if err := s.document(); err != nil {
		return nil, named(err, name)
	}
	if o.Strict && len(s.t.Damage) > 0 {
		return nil, &DamageError{Path: name, Damage: s.t.Damage}
	}
	return s.t, nil
}

// named puts the input's name into an error.
func named(err error, name string) error {
	if e, ok := err.(*NotTraceError); ok {
		e.Path = name
		return e
	}
	return fmt.Errorf("read trace %s: %w", name, err)
}
