package formats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/inferprof/inferprof/trace/source"
)

// Verify reads a trace file once, to its end, and says whether it is whole and what it holds, without keeping its
// events. The name "-" is standard input. The error is for files that cannot be read or are no traces
// (source.NotTraceError); damage is no error.
func Verify(path string) (source.Verification, error) { return list.Verify(path) }

// VerifyContext is Verify until ctx ends, in the middle of the file too. Then the error is ctx's.
func VerifyContext(ctx context.Context, path string) (source.Verification, error) {
	return list.verify(ctx, path)
}

// Verify is the function Verify for the formats of l.
func (l List) Verify(path string) (source.Verification, error) {
	return l.verify(context.Background(), path)
}

func (l List) verify(ctx context.Context, path string) (source.Verification, error) {
	v, err := l.verifyFile(ctx, path)
	if ended := ctx.Err(); ended != nil { // what has been read is not all
		return unknown(path), ended
	}
	return v, err
}

func (l List) verifyFile(ctx context.Context, path string) (source.Verification, error) {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = source.OpenFile(path); err != nil {
			return unknown(path), err
		}
		defer f.Close()
	}
	sum := &digest{r: until{ctx, f}, h: sha256.New()}
	in, err := source.NewInput(sum, path)
	if err != nil {
		return unknown(path), named(err, path)
	}
	defer in.Close()
	v, err := lookAt(l.choose(in.Head()), in)
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

// lookAt verifies an input by its format's own way, or by reading all of it.
func lookAt(f source.Format, in *source.Input) (source.Verification, error) {
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
