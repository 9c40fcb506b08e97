package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// Input is a trace's file while it is read: its text, decompressed, in blocks. The first block can be looked at before
// anything is taken, so that a stream which cannot be rewound is recognised like a file.
type Input struct {
	Name        string // the path, or what else errors shall call it
	Compression string // "gzip", "zstd" or "none"
	TextBytes   int64  // of the blocks that have been taken

	full  <-chan *Block
	free  chan<- *Block
	stop  chan struct{}
	first *Block // waits to be taken, after Head
	ended error  // Last of the last block, once that has been taken
	rest  *Block // of which Read has read the first bytes; nil if none is begun
	read  int    // how many
}

// readAhead is how much of the file is read at once.
const readAhead = 128 << 10

// NewInput begins to read r, which may be compressed with gzip or zstd. Close the input to end that.
func NewInput(r io.Reader, name string) (*Input, error) {
	p, compression, err := decompress(bufio.NewReaderSize(r, readAhead))
	if err != nil {
		return nil, err
	}
	full, free := make(chan *Block, blockCount), make(chan *Block, blockCount)
	for range blockCount {
		free <- &Block{}
	}
	in := &Input{Name: name, Compression: compression, full: full, free: free, stop: make(chan struct{})}
	go produce(p, free, full, in.stop)
	return in, nil
}

// Close ends the reading. Blocks that have been taken stay as they are.
func (in *Input) Close() { close(in.stop) }

// Head is the text of the first block, before that is taken; empty afterwards. It must not be kept.
func (in *Input) Head() []byte {
	if in.first == nil && in.TextBytes == 0 && in.ended == nil {
		in.first = <-in.full
	}
	if in.first == nil {
		return nil
	}
	return in.first.Text()
}

// Take returns the next block, which is the caller's until he frees it. Behind the last there are empty ones.
func (in *Input) Take() *Block {
	b := in.first
	switch {
	case b != nil:
		in.first = nil
	case in.ended != nil:
		return &Block{Buf: make([]byte, Headroom+Padding), Last: in.ended}
	default:
		b = <-in.full
	}
	in.TextBytes += int64(b.N)
	in.ended = b.Last
	return b
}

// Free gives a block back to be filled again. At most one may be kept for long.
func (in *Input) Free(b *Block) { in.free <- b }

// Drain reads on to the end, and returns what kept the text from going on there; nil if that was its end.
func (in *Input) Drain() error {
	for in.ended == nil {
		in.Free(in.Take())
	}
	if errors.Is(in.ended, io.EOF) {
		return nil
	}
	return in.ended
}

// Beginning takes the first n bytes of the text, or all if there are fewer. A broken file's beginning is as good as a
// whole one's.
func (in *Input) Beginning(n int) []byte {
	var text []byte
	for len(text) < n && in.ended == nil {
		b := in.Take()
		text = append(text, b.Text()...)
		in.Free(b)
	}
	return text
}

// Read implements io.Reader for formats that have no use for blocks. It ends with io.EOF, or with what kept the text from
// going on: EndDamage says what to make of that. It goes before or after Take, not between a block's Take and its Free.
func (in *Input) Read(p []byte) (int, error) {
	for in.rest == nil || in.read == in.rest.N {
		if in.rest != nil {
			in.Free(in.rest)
			in.rest = nil
		}
		if in.ended != nil {
			return 0, in.ended
		}
		in.rest, in.read = in.Take(), 0
	}
	n := copy(p, in.rest.Text()[in.read:])
	in.read += n
	return n, nil
}

// OpenFile opens a trace's file, which must not be a directory.
func OpenFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, fmt.Errorf("read trace: %s is a directory: pass one of the files in it, or read it as a capture", path)
	}
	return f, nil
}
