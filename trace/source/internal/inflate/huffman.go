package inflate

import "encoding/binary"

// fastInput is how many bytes of input the fast loop may load before it asks again.
const fastInput = 16

// huffman decodes symbols into b[op:end] until that is full or the block ends. The fast loop stops where a match might
// not fit; the careful one fills the rest.
func (z *Reader) huffman(b []byte, op, end, low int) (int, error) {
	var err error
	for err == nil && z.state == inHuffman && op < end {
		if z.n-z.pos < 2*fastInput {
			z.more()
		}
		if z.pendingLength == 0 && op < end-maxMatch-3 && z.n-z.pos >= fastInput {
			op, err = z.fast(b, op, end-maxMatch-3, low)
			continue
		}
		op, err = z.careful(b, op, end, low)
	}
	return op, err
}

// maxMatch is the longest match.
const maxMatch = 258

// fast decodes while op < limit and there is input to load blindly. b must have room for a match, three literals and
// fifteen bytes more after limit.
func (z *Reader) fast(b []byte, op, limit, low int) (int, error) {
	in, pos, last := z.in, z.pos, z.n-fastInput
	buf, count := z.bits, z.count
	litlen, dist := &z.litlen, &z.dist
	var err error
loop:
	for op < limit && pos <= last {
		buf |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
		pos += int((63 - count) >> 3)
		count |= 56
		e := litlen[buf&(1<<litlenBits-1)]
		if int32(e) < 0 {
			// Three codes of eleven bits fit; a match after them needs up to 48 more, and a refill.
			buf >>= e & lengthMask
			count -= uint(e & lengthMask)
			b[op] = byte(e >> valueShift)
			op++
			e = litlen[buf&(1<<litlenBits-1)]
			if int32(e) < 0 {
				buf >>= e & lengthMask
				count -= uint(e & lengthMask)
				b[op] = byte(e >> valueShift)
				op++
				e = litlen[buf&(1<<litlenBits-1)]
				if int32(e) < 0 {
					buf >>= e & lengthMask
					count -= uint(e & lengthMask)
					b[op] = byte(e >> valueShift)
					op++
					continue
				}
			}
			buf |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
			pos += int((63 - count) >> 3)
			count |= 56
		}
		if e&entrySpecial != 0 {
			if e&entryLink != 0 {
				buf >>= litlenBits
				count -= litlenBits
				e = litlen[(e>>valueShift+uint32(buf&(1<<(e>>extraShift&extraMask)-1)))&uint32(len(litlen)-1)]
				if int32(e) < 0 {
					buf >>= e & lengthMask
					count -= uint(e & lengthMask)
					b[op] = byte(e >> valueShift)
					op++
					continue
				}
			}
			if e&entrySpecial != 0 {
				if e&entryEnd == 0 {
					err = ErrCorrupt
					break
				}
				buf >>= e & lengthMask
				count -= uint(e & lengthMask)
				z.bits, z.count, z.pos = buf, count, pos
				z.endBlock()
				return op, nil
			}
		}
		code, extra := e&lengthMask, e>>extraShift&extraMask
		length := int(e>>valueShift&0xffff) + int(buf>>code&(1<<extra-1))
		buf >>= (code + extra) & 63
		count -= uint(code + extra)
		d := dist[buf&(1<<distBits-1)]
		if d&entrySpecial != 0 {
			if d&entryLink == 0 {
				err = ErrCorrupt
				break
			}
			buf >>= distBits
			count -= distBits
			d = dist[(d>>valueShift+uint32(buf&(1<<(d>>extraShift&extraMask)-1)))&uint32(len(dist)-1)]
			if d&entrySpecial != 0 {
				err = ErrCorrupt
				break
			}
		}
		code, extra = d&lengthMask, d>>extraShift&extraMask
		distance := int(d>>valueShift&0xffff) + int(buf>>code&(1<<extra-1))
		buf >>= (code + extra) & 63
		count -= uint(code + extra)
		src, end := op-distance, op+length
		if src < low {
			err = ErrCorrupt
			break loop
		}
		switch {
		case distance >= 16:
			for {
				from, to := b[src:src+16], b[op:op+16]
				x, y := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[8:])
				binary.LittleEndian.PutUint64(to, x)
				binary.LittleEndian.PutUint64(to[8:], y)
				src += 16
				if op += 16; op >= end {
					break
				}
			}
		case distance >= 8:
			for op < end {
				binary.LittleEndian.PutUint64(b[op:], binary.LittleEndian.Uint64(b[src:]))
				src += 8
				op += 8
			}
		case distance == 1:
			x := uint64(b[src]) * 0x0101010101010101
			for op < end {
				binary.LittleEndian.PutUint64(b[op:], x)
				op += 8
			}
		default:
			for op < end {
				b[op] = b[src]
				src++
				op++
			}
		}
		op = end
	}
	z.bits, z.count, z.pos = buf, count, pos
	return op, err
}

// careful decodes symbol by symbol, near the end of the input or of the room. What does not fit of a match is kept for
// the next call.
func (z *Reader) careful(b []byte, op, end, low int) (int, error) {
	if z.pendingLength == 0 {
		if z.count < 48 {
			z.refill()
		}
		e, err := z.symbol(z.litlen[:], litlenBits)
		if err != nil {
			return op, err
		}
		if e&entryLiteral != 0 {
			b[op] = byte(e >> valueShift)
			return op + 1, nil
		}
		if e&entryEnd != 0 {
			z.endBlock()
			return op, nil
		}
		extra, err := z.take(uint(e >> extraShift & extraMask))
		if err != nil {
			return op, err
		}
		length := int(e>>valueShift&0xffff) + int(extra)
		if e, err = z.symbol(z.dist[:], distBits); err != nil {
			return op, err
		}
		if extra, err = z.take(uint(e >> extraShift & extraMask)); err != nil {
			return op, err
		}
		z.pendingDistance = int(e>>valueShift&0xffff) + int(extra)
		if op-z.pendingDistance < low {
			return op, ErrCorrupt
		}
		z.pendingLength = length
	}
	for ; z.pendingLength > 0 && op < end; z.pendingLength-- {
		b[op] = b[op-z.pendingDistance]
		op++
	}
	return op, nil
}

// symbol takes one code.
func (z *Reader) symbol(table []uint32, tableBits uint) (uint32, error) {
	if z.count < maxCode {
		z.refill()
	}
	e := table[z.bits&(1<<tableBits-1)]
	length := uint(e & lengthMask)
	if e&entryLink != 0 {
		e = table[int(e>>valueShift&0xffff)+int(z.bits>>tableBits&(1<<(e>>extraShift&extraMask)-1))]
		length = tableBits + uint(e&lengthMask)
	}
	if e&entrySpecial != 0 && e&entryEnd == 0 {
		if z.count < maxCode+z.missing() {
			return 0, z.ended()
		}
		return 0, ErrCorrupt
	}
	_, err := z.take(length)
	return e, err
}
