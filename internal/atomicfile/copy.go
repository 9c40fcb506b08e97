package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// pieceBytes is how much is copied between two looks at a context.
const pieceBytes = 16 << 20

// Copy makes path a copy of the file from. Where the file system can, the two share their storage. When ctx ends, Copy does
// so at once, and path is as it was before: reading, writing and syncing gigabytes hear of no context, so they are done by
// a goroutine, which is left to itself then and takes its temporary file away again.
func Copy(ctx context.Context, path, from string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, path, err)
	}
	type copied struct {
		temp string
		err  error
	}
	done, left := make(chan copied), make(chan struct{})
	go func() {
		temp, err := copyTemp(ctx, path, from)
		select {
		case done <- copied{temp, err}:
		case <-left:
			if err == nil {
				_ = os.Remove(temp)
			}
		}
	}()
	select {
	case c := <-done:
		if c.err == nil {
			c.err = putInPlace(c.temp, path)
		}
		if c.err != nil {
			return fmt.Errorf("copy %s to %s: %w", from, path, cause(c.err))
		}
		return nil
	case <-ctx.Done():
		close(left)
		return fmt.Errorf("copy %s to %s: %w", from, path, ctx.Err())
	}
}

// copyTemp copies a file into a new temporary one beside path, and returns that one's name.
func copyTemp(ctx context.Context, path, from string) (temp string, err error) {
	f, err := open(from)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return writeTemp(path, func(w io.Writer) error {
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			switch _, err := io.CopyN(w, f, pieceBytes); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
		}
	})
}

// open is os.Open, but for tests.
var open = func(path string) (io.ReadCloser, error) { return os.Open(path) }
