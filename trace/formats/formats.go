// Package formats reads, verifies and writes traces of every format. Which there are is list.go's business, which one a
// file is of the file's: a format is chosen by the beginning of the text, never by the name, and standard input ("-") is
// recognised like a file. Beside the list nobody names a format.
package formats

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// List are formats in their order of precedence. It has at least one.
type List []source.Format

// choose finds the format of a file by the beginning of its text: the most confident one, of equals the first, and the
// list's first for what none claims.
func (l List) choose(head []byte) source.Format {
	best, sure := l[0], source.No
	for _, f := range l {
		if c := f.Sniff(head); c > sure {
			best, sure = f, c
		}
	}
	return best
}

// Read reads a trace from r, which may be compressed with gzip or zstd. name stands in errors and in Meta.Path.
func Read(r io.Reader, name string, o source.Options) (*trace.Trace, error) {
	return list.Read(r, name, o)
}

// Read is the function Read for the formats of l.
func (l List) Read(r io.Reader, name string, o source.Options) (*trace.Trace, error) {
	in, err := source.NewInput(r, name)
	if err != nil {
		return nil, named(err, name)
	}
	defer in.Close()
	f := l.choose(in.Head())
	t, err := f.Read(in)
	if err != nil {
		return nil, named(err, name)
	}
	n := ParseFileName(name)
	t.Meta.Path, t.Meta.FileName, t.Meta.Format = name, &n, f.Name
	if o.Strict && len(t.Damage) > 0 {
		return nil, &source.DamageError{Path: name, Damage: t.Damage}
	}
	return t, nil
}

// ReadFile reads the trace in a file, as it lies there: ranks that were merged into one file are not parted. The name "-"
// is standard input. It fails only if the file cannot be read or is no trace (source.NotTraceError); a damaged one is
// read as far as it is good, and says in Trace.Damage what is missing.
func ReadFile(path string, o source.Options) (*trace.Trace, error) { return list.ReadFile(path, o) }

// ReadFile is the function ReadFile for the formats of l.
func (l List) ReadFile(path string, o source.Options) (*trace.Trace, error) {
	return l.readFile(context.Background(), path, o)
}

// readFile is ReadFile until ctx ends. Then the error is ctx's.
func (l List) readFile(ctx context.Context, path string, o source.Options) (*trace.Trace, error) {
	f, name := os.Stdin, "standard input"
	if path != "-" {
		var err error
		if f, err = source.OpenFile(path); err != nil {
			return nil, err
		}
		defer f.Close()
		name = path
	}
	t, err := l.Read(until{ctx, f}, name, o)
	if ended := ctx.Err(); ended != nil { // what has been read is not all
		return nil, ended
	}
	return t, err
}

// until is a reader that fails once its context has ended: to a format that is the end of a broken file, which comes soon
// however large the file is.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// named puts the input's name into an error.
func named(err error, name string) error {
	if e, ok := err.(*source.NotTraceError); ok {
		e.Path = name
		return e
	}
	return fmt.Errorf("read trace %s: %w", name, err)
}
