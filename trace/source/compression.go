package source

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/inferprof/inferprof/trace/source/internal/inflate"
)

// decompress finds out by the first bytes how the input is compressed.
func decompress(r *bufio.Reader) (p producer, compression string, err error) {
	magic, err := r.Peek(4)
	if len(magic) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		return &gzipText{inflate.NewReader(r)}, "gzip", nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, "", err
		}
		return &zstdText{z}, "zstd", nil
	}
	return plain{r}, "none", nil
}

type gzipText struct{ z *inflate.Reader }

func (g *gzipText) fill(b []byte, at, end int) (int, error) {
	n, err := g.z.Fill(b, at, end)
	switch {
	case errors.Is(err, inflate.ErrChecksum), errors.Is(err, inflate.ErrCorrupt):
		err = &InputError{DamageCRC, err}
	case errors.Is(err, inflate.ErrTrailing):
		err = &InputError{DamageTrailing, err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errCut
	}
	return n, err
}

var errCut = &InputError{DamageTruncated, errors.New("the compressed data end too early")}

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
		err = &InputError{DamageCRC, inflate.ErrChecksum}
	case errors.Is(err, zstd.ErrMagicMismatch):
		err = &InputError{DamageTrailing, inflate.ErrTrailing}
	case !errors.Is(err, io.EOF):
		err = &InputError{DamageCRC, inflate.ErrCorrupt}
	}
	return n, err
}
