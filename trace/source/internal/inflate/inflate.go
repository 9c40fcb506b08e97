// Package inflate decompresses gzip into blocks, fast enough that a trace is read at the speed of its scanner.
//
// DEFLATE is two interleaved prefix codes: literals and lengths, and distances. The standard library decodes them bit
// by bit through an io.ByteReader into a window that is copied out. Here a 64-bit buffer is refilled with one load, a
// table indexed by the next eleven bits gives a whole symbol (longer codes go through a second table), up to three
// literals are taken per refill, and matches are copied eight bytes and more at a time straight into the caller's
// block. History is found in that block too: its caller leaves 32 KiB before the place to fill, into which the end of
// the previous block is copied. That makes traces about twice as fast to inflate as the libraries do. There is no
// unsafe code in it: the loads and stores are bounds-checked slices, which costs a tenth.
//
// The fast loop runs while 16 bytes of input are left, so that it needs not ask for each symbol. The last bytes, and
// everything near a truncation, are decoded with care by a second loop, which yields exactly the bytes that the cut
// input determines.
//
// Not done: parallel decompression of one member (traces come one per rank, and ranks are read in parallel), and
// preset dictionaries.
package inflate

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// What can be wrong with the input.
var (
	ErrCorrupt  = errors.New("the compressed data are corrupt")
	ErrChecksum = errors.New("the checksum is wrong: the data are not what was written")
	ErrTrailing = errors.New("bytes after the end of the compressed data")
)

const (
	// History is how many bytes before the place to fill a block must have.
	History = 32 << 10
	// Slack is how many bytes after it Fill may overwrite.
	Slack = 320

	inputBytes = 128 << 10
	inputPad   = 16 // zeros after the input, so that eight bytes can be loaded at its end
)

// state says where in the stream the Reader is.
type state uint8

const (
	atMember state = iota // before a gzip header
	atBlock               // before a deflate block's header
	inHuffman
	inStored
	atTrailer
	atEnd
)

// Reader decompresses the members of a gzip stream, one after the other.
type Reader struct {
	r   io.Reader
	in  []byte // n bytes of input and inputPad zeros
	n   int
	pos int   // next byte to load into the bit buffer
	err error // why there is no more input: io.EOF or the reader's fault

	bits  uint64 // bit buffer, the next bit lowest
	count uint   // how many are valid

	state   state
	members int
	final   bool // the current block is the member's last
	stored  int  // bytes left of a stored block

	pendingLength, pendingDistance int // what is left of a match that did not fit

	fault error

	litlen litlenTable
	dist   distTable

	crc     uint32
	size    uint32
	written int    // bytes of this member so far, at most History counted
	last    []byte // the block filled last, for history
}

// NewReader returns a Reader of the gzip stream that r holds.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: r, in: make([]byte, inputBytes+inputPad)}
}

// Fill writes the next decompressed bytes into b[at:end] and returns how many; fewer than there is room for only with
// an error. The bytes before an error are good. io.EOF is the regular end: every member was whole and its checksum
// right. Fill uses the History bytes before at and Slack bytes after end as it likes, and keeps b[at:end] until the
// next call, to read its last bytes then: the caller must not change them.
func (z *Reader) Fill(b []byte, at, end int) (int, error) {
	if z.written > 0 {
		copy(b[at-len(z.last):at], z.last)
	}
	op, from := at, at
	low := at - min(z.written, History) // the first byte that a match may reach
	var err error
	for err == nil && (op < end || z.state == atTrailer) {
		switch z.state {
		case atMember:
			err = z.header()
			from, low = op, op
		case atBlock:
			err = z.blockHeader()
		case inHuffman:
			op, err = z.huffman(b, op, end, low)
		case inStored:
			op, err = z.copyStored(b, op, end)
		case atTrailer:
			z.crc = crc32.Update(z.crc, crc32.IEEETable, b[from:op])
			z.size += uint32(op - from)
			from = op
			err = z.trailer()
		case atEnd:
			if err = z.fault; err == nil {
				err = io.EOF
			}
		}
	}
	z.crc = crc32.Update(z.crc, crc32.IEEETable, b[from:op])
	z.size += uint32(op - from)
	z.written = min(op-low, History)
	z.keep(b[max(0, op-History):op], op-at)
	if err != nil {
		z.state = atEnd
		if z.fault == nil && !errors.Is(err, io.EOF) {
			z.fault = err
		}
		if z.fault != nil {
			err = z.fault // the first one
		}
	}
	return op - at, err
}

// keep remembers the end of what was filled, for the next block's history: in the block itself if all of it was filled
// now, else (the place before it is the caller's again) as a copy.
func (z *Reader) keep(tail []byte, filled int) {
	if filled >= History {
		z.last = tail
		return
	}
	z.last = append(make([]byte, 0, History), tail...)
}

// more makes room in the input buffer and reads into it. It returns false at the end of the input.
func (z *Reader) more() bool {
	if z.err != nil {
		return false
	}
	keep := min(z.pos, 8) // what the bit buffer holds already, which align gives back
	left := copy(z.in, z.in[z.pos-keep:z.n])
	z.pos, z.n = keep, left
	for z.err == nil && z.n < inputBytes/2 {
		var k int
		k, z.err = z.r.Read(z.in[z.n:inputBytes])
		z.n += k
	}
	clear(z.in[z.n : z.n+inputPad])
	return z.n > left
}

// ended is the error of input that ends too early.
func (z *Reader) ended() error {
	if z.err != nil && !errors.Is(z.err, io.EOF) {
		return z.err
	}
	return io.ErrUnexpectedEOF
}

// refill loads bytes until at least 56 bits are in the buffer. Past the input's end it loads zeros; take notices.
func (z *Reader) refill() {
	if z.n-z.pos < 8 {
		z.more()
	}
	if z.pos > z.n+8 {
		z.count |= 56 // zeros, all of them beyond the end
		return
	}
	z.bits |= binary.LittleEndian.Uint64(z.in[z.pos:]) << z.count
	z.pos += int((63 - z.count) >> 3)
	z.count |= 56
}

// missing is how many bits of the buffer lie beyond the end of the input.
func (z *Reader) missing() uint { return 8 * uint(max(0, z.pos-z.n)) }

// take takes n ≤ 32 bits.
func (z *Reader) take(n uint) (uint32, error) {
	if z.count < n {
		z.refill()
	}
	if z.count < n+z.missing() {
		return 0, z.ended()
	}
	v := uint32(z.bits & (1<<n - 1))
	z.bits >>= n
	z.count -= n
	return v, nil
}

// align drops the bits up to the next byte of input, and gives whole bytes back.
func (z *Reader) align() {
	z.count -= z.count & 7
	z.pos -= int(z.count >> 3)
	z.bits, z.count = 0, 0
}

// have makes at least k bytes of input available at pos, after align; false if there are fewer.
func (z *Reader) have(k int) bool {
	for z.n-z.pos < k {
		if !z.more() {
			return false
		}
	}
	return true
}

func (z *Reader) copyStored(b []byte, op, end int) (int, error) {
	if z.stored == 0 {
		z.endBlock()
		return op, nil
	}
	if !z.have(1) {
		return op, z.ended()
	}
	k := copy(b[op:end], z.in[z.pos:min(z.n, z.pos+z.stored)])
	z.pos += k
	z.stored -= k
	return op + k, nil
}

// endBlock goes on after a block.
func (z *Reader) endBlock() {
	z.state = atBlock
	if z.final {
		z.align()
		z.state = atTrailer
	}
}

// blockHeader reads a deflate block's header and, if it has any, its codes.
func (z *Reader) blockHeader() error {
	v, err := z.take(3)
	if err != nil {
		return err
	}
	z.final = v&1 == 1
	switch v >> 1 {
	case 0:
		z.align()
		if !z.have(4) {
			return z.ended()
		}
		size := binary.LittleEndian.Uint16(z.in[z.pos:])
		if size != ^binary.LittleEndian.Uint16(z.in[z.pos+2:]) {
			return ErrCorrupt
		}
		z.pos += 4
		z.stored = int(size)
		z.state = inStored
	case 1:
		z.fixedCodes()
		z.state = inHuffman
	case 2:
		if err := z.dynamicCodes(); err != nil {
			return err
		}
		z.state = inHuffman
	default:
		return ErrCorrupt
	}
	return nil
}
