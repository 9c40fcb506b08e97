// Package formats reads, verifies and writes traces of every format. Which there are is list.go's business, which one a
// file is of the file's: a format is chosen by the beginning of the text, never by the name, and standard input ("-") is
// recognised like a file. Beside the list nobody names a format.
package formats

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	fastgzip "github.com/klauspost/compress/gzip"

	"github.com/inferprof/inferprof/internal/atomicfile"
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
	if path == "-" {
		return l.Read(os.Stdin, "standard input", o)
	}
	f, err := source.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return l.Read(f, path, o)
}

// named puts the input's name into an error.
func named(err error, name string) error {
	if e, ok := err.(*source.NotTraceError); ok {
		e.Path = name
		return e
	}
	return fmt.Errorf("read trace %s: %w", name, err)
}

// Verify reads a trace file once, to its end, and says whether it is whole and what it holds, without keeping its
// events. The name "-" is standard input. The error is for files that cannot be read or are no traces
// (source.NotTraceError); damage is no error.
func Verify(path string) (source.Verification, error) { return list.Verify(path) }

// Verify is the function Verify for the formats of l.
func (l List) Verify(path string) (source.Verification, error) {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = source.OpenFile(path); err != nil {
			return unknown(path), err
		}
		defer f.Close()
	}
	sum := &digest{r: f, h: sha256.New()}
	in, err := source.NewInput(sum, path)
	if err != nil {
		return unknown(path), named(err, path)
	}
	defer in.Close()
	v, err := verify(l.choose(in.Head()), in)
	if err != nil {
		return unknown(path), named(err, path)
	}
	_ = in.Drain()                                      // what kept the text from its end is among the damage
	if _, err := io.Copy(io.Discard, sum); err != nil { // what follows the compressed data
		return unknown(path), fmt.Errorf("verify %s: %w", path, err)
	}
	v.Bytes, v.SHA256 = sum.n, hex.EncodeToString(sum.h.Sum(nil))
	v.Path, v.Compression, v.TextBytes = path, in.Compression, in.TextBytes
	if r := ParseFileName(path).Rank; v.RankSource == "" && r >= 0 {
		v.Rank, v.RankSource = r, "file name"
	}
	v.Judge()
	return v, nil
}

// unknown is what is known of a file that could not be verified.
func unknown(path string) source.Verification { return source.Verification{Path: path, Rank: -1} }

// verify looks at an input by its format's own way, or by reading all of it.
func verify(f source.Format, in *source.Input) (source.Verification, error) {
	if f.Verify != nil {
		return f.Verify(in)
	}
	t, err := f.Read(in)
	if err != nil {
		return source.Verification{}, err
	}
	return source.Count(t), nil
}

// digest is a reader that hashes what it reads.
type digest struct {
	r io.Reader
	h hash.Hash
	n int64
}

func (d *digest) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	d.h.Write(b[:n])
	d.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read: %w", err)
	}
	return n, err
}

// NamesFile reports whether path is named as a file that WriteFile writes (*.json, *.json.gz), and not as a directory.
func NamesFile(path string) bool { return strings.HasSuffix(strings.TrimSuffix(path, ".gz"), ".json") }

// WriteFile writes t, or of its events those of rows (nil: all), such as a trace.Cut chooses, to a file that is whole or
// not there: under a temporary name beside it, synced and renamed. It is compressed if path ends in .gz. On an error
// nothing is left behind.
//
// The name chooses the formats, by its ending, or if it has none of theirs all that can be written: of these it is the
// one that t was read from, so that events keep their text, or else the first.
func WriteFile(path string, t *trace.Trace, rows *trace.Rows) error {
	return list.WriteFile(path, t, rows)
}

// WriteFile is the function WriteFile for the formats of l.
func (l List) WriteFile(path string, t *trace.Trace, rows *trace.Rows) error {
	f, err := l.writer(path, t.Meta.Format)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		if !strings.HasSuffix(path, ".gz") {
			return f.Write(w, t, rows)
		}
		z, err := fastgzip.NewWriterLevel(w, gzip.DefaultCompression)
		if err != nil {
			return err
		}
		if err := f.Write(z, t, rows); err != nil {
			return err
		}
		return z.Close()
	})
}

// writer chooses the format of a file to be written.
func (l List) writer(path, readFrom string) (source.Format, error) {
	name := uncompressed(filepath.Base(path))
	var can, fit []source.Format
	for _, f := range l {
		if f.Write != nil {
			can = append(can, f)
			if hasEnding(name, slices.Concat(f.Endings, f.SharedEndings)) {
				fit = append(fit, f)
			}
		}
	}
	if len(fit) == 0 {
		fit = can
	}
	if len(fit) == 0 {
		return source.Format{}, fmt.Errorf("write %s: no format of a trace can be written", path)
	}
	return fit[max(0, slices.IndexFunc(fit, func(f source.Format) bool { return f.Name == readFrom }))], nil
}
