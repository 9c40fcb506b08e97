package source

import (
	"io"

	"github.com/inferprof/inferprof/trace/source/internal/inflate"
)

// A file is never held whole. One goroutine reads (and inflates) it into blocks, a reader takes and frees them, and the
// blocks go round. Each has room in front of its text, into which a reader may copy the end of the one before, and after
// it, so that words can be loaded anywhere in it.

// The sizes of blocks.
const (
	Headroom   = inflate.History // bytes in front of a block's text
	Padding    = 64              // bytes after it
	BlockBytes = 256 << 10       // of text per block: small enough for the second-level cache
	HeadBytes  = 16 << 10        // of text in the first block: most files are small when many are looked at
	blockCount = 4               // in flight
)

// Block is a piece of a file's text.
type Block struct {
	Buf  []byte // Headroom, text, at least Padding
	N    int    // bytes of text
	Last error  // io.EOF or what kept the text from going on, with the last block; nil while more follow
}

// Text is what of the block is text.
func (b *Block) Text() []byte { return b.Buf[Headroom : Headroom+b.N] }

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

// produce fills blocks until the text or the interest in it ends.
func produce(p producer, free <-chan *Block, full chan<- *Block, stop <-chan struct{}) {
	size := HeadBytes
	for {
		var b *Block
		select {
		case b = <-free:
		case <-stop:
			return
		}
		if len(b.Buf) < Headroom+size+inflate.Slack {
			b.Buf = make([]byte, Headroom+size+inflate.Slack)
		}
		b.N, b.Last = p.fill(b.Buf, Headroom, Headroom+size)
		size = BlockBytes
		last := b.Last
		full <- b // never blocks: there are no more blocks than room for them
		if last != nil {
			return
		}
	}
}
