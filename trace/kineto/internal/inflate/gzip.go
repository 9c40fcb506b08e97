package inflate

import (
	"encoding/binary"
	"errors"
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
	if !z.have(10) {
		return z.ended()
	}
	h := z.in[z.pos : z.pos+10]
	if h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 {
		return ErrCorrupt
	}
	flags := h[3]
	z.pos += 10
	if flags&flagExtra != 0 {
		if !z.have(2) {
			return z.ended()
		}
		size := int(binary.LittleEndian.Uint16(z.in[z.pos:]))
		z.pos += 2
		if !z.have(size) {
			return z.ended()
		}
		z.pos += size
	}
	for _, f := range []byte{flagName, flagComment} {
		if flags&f != 0 {
			if err := z.skipText(); err != nil {
				return err
			}
		}
	}
	if flags&flagCRC != 0 {
		if !z.have(2) {
			return z.ended()
		}
		z.pos += 2
	}
	z.members++
	z.crc, z.size, z.written = 0, 0, 0
	z.state = atBlock
	return nil
}

// skipText skips the text that ends with a zero.
func (z *Reader) skipText() error {
	for {
		if !z.have(1) {
			return z.ended()
		}
		z.pos++
		if z.in[z.pos-1] == 0 {
			return nil
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
