package inflate

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// Flags of a gzip header.
const (
	flagCRC     = 1 << 1
	flagExtra   = 1 << 2
	flagName    = 1 << 3
	flagComment = 1 << 4
)

// header reads a member's header, or finds the end of the stream.
func (z *Reader) header() error {
	if !z.have(1) {
		if z.members > 0 && errors.Is(z.err, io.EOF) {
			z.state = atEnd
			return nil
		}
		return z.ended()
	}
	if z.members > 0 && (z.in[z.pos] != 0x1f || z.have(2) && z.in[z.pos+1] != 0x8b) {
		return ErrTrailing
	}
	z.crc = 0
	h, err := z.headerBytes(10)
	if err != nil {
		return err
	}
	if h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 {
		return ErrCorrupt
	}
	flags := h[3]
	if flags&flagExtra != 0 {
		size, err := z.headerBytes(2)
		if err != nil {
			return err
		}
		if _, err = z.headerBytes(int(binary.LittleEndian.Uint16(size))); err != nil {
			return err
		}
	}
	for _, f := range []byte{flagName, flagComment} {
		if flags&f != 0 {
			if err := z.skipText(); err != nil {
				return err
			}
		}
	}
	if flags&flagCRC != 0 {
		want := uint16(z.crc)
		sum, err := z.headerBytes(2)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint16(sum) != want && z.fault == nil {
			z.fault = ErrChecksum // and told at the end, as a member's
		}
	}
	z.members++
	z.crc, z.size, z.written = 0, 0, 0
	z.state = atBlock
	return nil
}

// headerBytes takes bytes of a header, and its checksum along.
func (z *Reader) headerBytes(k int) ([]byte, error) {
	if !z.have(k) {
		return nil, z.ended()
	}
	b := z.in[z.pos : z.pos+k]
	z.crc = crc32.Update(z.crc, crc32.IEEETable, b)
	z.pos += k
	return b, nil
}

// skipText skips the text that ends with a zero.
func (z *Reader) skipText() error {
	for {
		if c, err := z.headerBytes(1); err != nil || c[0] == 0 {
			return err
		}
	}
}

// trailer checks the member's checksum and size. A wrong one is told at the end of the stream, so that what follows is
// read too.
func (z *Reader) trailer() error {
	if !z.have(8) {
		return z.ended()
	}
	if (binary.LittleEndian.Uint32(z.in[z.pos:]) != z.crc || binary.LittleEndian.Uint32(z.in[z.pos+4:]) != z.size) && z.fault == nil {
		z.fault = ErrChecksum
	}
	z.pos += 8
	z.state = atMember
	return nil
}
