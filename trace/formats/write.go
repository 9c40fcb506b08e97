package formats

import (
	"compress/gzip"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	fastgzip "github.com/klauspost/compress/gzip"

	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// compressedEnding is how the name of a file ends that is compressed when it is written.
const compressedEnding = ".gz"

// NamesFile reports whether path is named as a file that WriteFile writes (*.json, *.json.gz), and not as a directory.
func NamesFile(path string) bool {
	plain := strings.TrimSuffix(path, compressedEnding)
	return slices.ContainsFunc(list, func(f source.Format) bool { return f.Write != nil && hasEnding(plain, endingsOf(f)) })
}

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
		if !strings.HasSuffix(path, compressedEnding) {
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
			if hasEnding(name, endingsOf(f)) {
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
