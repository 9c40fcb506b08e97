package kineto

import (
	"bytes"

	"github.com/inferprof/inferprof/trace/source"
)

// The scanner consumes an input's blocks, and always sees whole events in one piece: an event that straddles two blocks
// is copied in front of the second one, into its headroom; an event longer than that gets a window of its own.

const (
	padding  = source.Padding // sentinel bytes after the text, so that eight bytes can be loaded anywhere in it
	maxValue = 64 << 20       // longest event or metadata value that is read
	sentinel = 0xff           // not white space, not a digit, not JSON
)

// window is the scanner's view: the text that it has not consumed yet, followed by padding.
type window struct {
	in     *source.Input
	cur    *source.Block // nil when text lives in a buffer of its own
	buf    []byte        // text and padding
	n      int           // bytes of text in buf
	offset int64         // of buf[0] in the file's text
	lines  int64         // line breaks before buf[0]
	err    error         // why there is no more; nil while there is
}

func newWindow(in *source.Input) *window { return &window{in: in, buf: make([]byte, padding)} }

// more drops the first consumed bytes, in any case, and appends the next block. It returns false when there is none.
func (w *window) more(consumed int) bool {
	w.drop(consumed)
	if w.err != nil {
		return false
	}
	b := w.in.Take()
	if b.Last != nil {
		w.err = b.Last
	}
	if w.n <= source.Headroom {
		start := source.Headroom - w.n
		copy(b.Buf[start:], w.buf[:w.n])
		if w.cur != nil {
			w.in.Free(w.cur)
		}
		w.cur = b
		w.n += b.N
		w.buf = b.Buf[start : source.Headroom+b.N+padding]
	} else {
		grown := w.buf[:w.n]
		if w.cur != nil || cap(w.buf) < w.n+b.N+padding {
			grown = append(make([]byte, 0, 2*(w.n+b.N)+padding), grown...)
		}
		grown = append(grown, b.Text()...)
		if w.cur != nil {
			w.in.Free(w.cur)
			w.cur = nil
		}
		w.n += b.N
		w.buf = grown[:w.n+padding]
		w.in.Free(b) // from here on it is the producer's
	}
	for i := range padding {
		w.buf[w.n+i] = sentinel
	}
	return true
}

// drop forgets the first k bytes.
func (w *window) drop(k int) {
	w.offset += int64(k)
	w.lines += int64(bytes.Count(w.buf[:k], []byte{'\n'}))
	w.buf = w.buf[k:]
	w.n -= k
}

// text is what is in view, without the padding.
func (w *window) text() []byte { return w.buf[:w.n] }

// line is the line, from 1, of the byte at offset at of the view.
func (w *window) line(at int) int64 {
	return 1 + w.lines + int64(bytes.Count(w.buf[:min(at, w.n)], []byte{'\n'}))
}
