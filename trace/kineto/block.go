package kineto

import (
	"bytes"
	"fmt"
	"io"

	"github.com/inferprof/inferprof/trace/kineto/internal/inflate"
)

// A file is never held whole. One goroutine reads (and inflates) it into blocks, the scanner consumes them, and the
// blocks go round. An event that straddles two blocks is copied in front of the second one, into its headroom, so that
// the scanner always sees whole events in one piece; an event longer than that gets a window of its own.

const (
	headroom   = inflate.History // bytes in front of a block's text, also for the end of the previous one
	blockBytes = 256 << 10       // of text per block: small enough for the second-level cache
	firstBytes = 16 << 10        // of the first block: most files are small when many are looked at
	blockCount = 4               // in flight
	padding    = 64              // sentinel bytes after the text, so that eight bytes can be loaded anywhere in it
	maxValue   = 64 << 20        // longest event or metadata value that is read
	sentinel   = 0xff            // not white space, not a digit, not JSON
)

// producer yields a file's text, decompressed. fill writes the next bytes into b[at:end] and returns how many; at the
// end, or when it cannot go on, it returns the last bytes together with io.EOF or the reason. It may scribble over
// what b has before and after that, and reads b[at:end] once more in the next call.
type producer interface {
	fill(b []byte, at, end int) (int, error)
}

// plain produces text that is not compressed.
type plain struct{ r io.Reader }

func (p plain) fill(b []byte, at, end int) (int, error) {
	n := at
	for n < end {
		m, err := p.r.Read(b[n:end])
		n += m
		if err != nil {
			return n - at, err
		}
	}
	return n - at, nil
}

type block struct {
	buf  []byte // headroom, text, padding
	n    int    // bytes of text
	last error  // nil while more follow
}

// window is the scanner's view: the text that it has not consumed yet, followed by padding.
type window struct {
	full   <-chan *block
	free   chan<- *block
	stop   chan struct{}
	cur    *block // nil when text lives in a buffer of its own
	buf    []byte // text and padding
	n      int    // bytes of text in buf
	offset int64  // of buf[0] in the file's text
	lines  int64  // line breaks before buf[0]
	err    error  // why there is no more; nil while there is
}

// openWindow starts producing. Close it to end the goroutine.
func openWindow(p producer) *window {
	full := make(chan *block, blockCount)
	free := make(chan *block, blockCount)
	stop := make(chan struct{})
	for range blockCount {
		free <- &block{}
	}
	go func() {
		size := firstBytes
		for {
			var b *block
			select {
			case b = <-free:
			case <-stop:
				return
			}
			if len(b.buf) < headroom+size+inflate.Slack {
				b.buf = make([]byte, headroom+size+inflate.Slack)
			}
			b.n, b.last = p.fill(b.buf, headroom, headroom+size)
			size = blockBytes
			last := b.last
			full <- b // never blocks: there are no more blocks than room for them
			if last != nil {
				return
			}
		}
	}()
	return &window{full: full, free: free, stop: stop, buf: make([]byte, padding)}
}

func (w *window) close() { close(w.stop) }

// more drops the first consumed bytes, in any case, and appends the next block. It returns false when there is none.
func (w *window) more(consumed int) bool {
	w.drop(consumed)
	if w.err != nil {
		return false
	}
	b := <-w.full
	if b.last != nil {
		w.err = b.last
	}
	if w.n <= headroom {
		start := headroom - w.n
		copy(b.buf[start:], w.buf[:w.n])
		if w.cur != nil {
			w.free <- w.cur
		}
		w.cur = b
		w.n += b.n
		w.buf = b.buf[start : headroom+b.n+padding]
	} else {
		grown := w.buf[:w.n]
		if w.cur != nil || cap(w.buf) < w.n+b.n+padding {
			grown = append(make([]byte, 0, 2*(w.n+b.n)+padding), grown...)
		}
		grown = append(grown, b.buf[headroom:headroom+b.n]...)
		if w.cur != nil {
			w.free <- w.cur
			w.cur = nil
		}
		w.n += b.n
		w.buf = grown[:w.n+padding]
		w.free <- b // from here on it is the producer's
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

// inputError is a fault of the compressed stream, worth a Damage of its own kind.
type inputError struct {
	kind string
	err  error
}

func (e *inputError) Error() string { return fmt.Sprintf("%s: %v", e.kind, e.err) }
func (e *inputError) Unwrap() error { return e.err }

// line is the line, from 1, of the byte at offset at of the view.
func (w *window) line(at int) int64 {
	return 1 + w.lines + int64(bytes.Count(w.buf[:min(at, w.n)], []byte{'\n'}))
}
