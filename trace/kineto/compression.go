package kineto

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/inferprof/inferprof/trace/kineto/internal/inflate"
)

// readAhead is how much of the file is read at once.
const readAhead = 128 << 10

// sniff finds out by the first bytes how the input is compressed.
func sniff(r *bufio.Reader) (producer, error) {
	magic, err := r.Peek(4)
	if len(magic) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		return &gzipText{inflate.NewReader(r)}, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return &zstdText{z}, nil
	}
	return plain{r}, nil
}

type gzipText struct{ z *inflate.Reader }

func (g *gzipText) fill(b []byte, at, end int) (int, error) {
	n, err := g.z.Fill(b, at, end)
	switch {
	case errors.Is(err, inflate.ErrChecksum), errors.Is(err, inflate.ErrCorrupt):
		err = &inputError{DamageCRC, err}
	case errors.Is(err, inflate.ErrTrailing):
		err = &inputError{DamageTrailing, err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errCut
	}
	return n, err
}

var errCut = &inputError{DamageTruncated, errors.New("the compressed data end too early")}

type zstdText struct{ z *zstd.Decoder }

func (s *zstdText) fill(b []byte, at, end int) (int, error) {
	n, err := plain{s.z}.fill(b, at, end)
	if err == nil {
		return n, nil
	}
	s.z.Close()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errCut
	case errors.Is(err, zstd.ErrCRCMismatch):
		err = &inputError{DamageCRC, inflate.ErrChecksum}
	case errors.Is(err, zstd.ErrMagicMismatch):
		err = &inputError{DamageTrailing, inflate.ErrTrailing}
	case !errors.Is(err, io.EOF):
		err = &inputError{DamageCRC, inflate.ErrCorrupt}
	}
	return n, err
}

// compressionName says how p's input is compressed.
func compressionName(p producer) string {
	switch p.(type) {
	case *gzipText:
		return "gzip"
	case *zstdText:
		return "zstd"
	}
	return "none"
}
