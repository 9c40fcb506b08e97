package inflate

import "math/bits"

// A table entry is a symbol, ready for use:
//
//	bits 0–5    length of its code: what to drop from the bit buffer; with extra bits for the second table's entries
//	bits 8–12   number of extra bits; of a link: index bits of the second table
//	bits 12–27  literal, base of length or distance; of a link: where the second table starts
//	bits 28–31  what it is
const (
	entryLiteral = 1 << 31
	entrySpecial = 1 << 30 // not a length or distance: one of the next two, or an invalid code
	entryLink    = 1 << 29
	entryEnd     = 1 << 28 // of the block

	valueShift = 12
	extraShift = 8
	extraMask  = 15
	lengthMask = 63
)

const (
	litlenBits = 11
	distBits   = 8
)

// Tables with room for the second tables (enough's bounds are 2342 and 402), as powers of two, so that a masked index
// is always in range.
type (
	litlenTable [4096]uint32
	distTable   [512]uint32
)

var (
	lengthBase  = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [...]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [...]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}

	// codeOrder is the order in which the lengths of the code for code lengths come.
	codeOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
)

const (
	maxLitlen = 286
	maxDist   = 30
	maxCode   = 15 // bits
)

func litlenEntry(symbol int) uint32 {
	switch {
	case symbol < 256:
		return entryLiteral | uint32(symbol)<<valueShift
	case symbol == 256:
		return entrySpecial | entryEnd
	case symbol-257 < len(lengthBase):
		return uint32(lengthBase[symbol-257])<<valueShift | uint32(lengthExtra[symbol-257])<<extraShift
	}
	return entrySpecial
}

func distEntry(symbol int) uint32 {
	if symbol >= len(distBase) {
		return entrySpecial
	}
	return uint32(distBase[symbol])<<valueShift | uint32(distExtra[symbol])<<extraShift
}

func plainEntry(symbol int) uint32 { return uint32(symbol) << valueShift }

// build fills table, whose first index has tableBits bits, with the canonical prefix code that has these lengths.
// It fails for lengths that make no code. Codes that are not used lead to entrySpecial alone.
func build(table []uint32, tableBits uint, lengths []uint8, entry func(int) uint32) error {
	var count [maxCode + 1]int
	longest := 0
	for _, l := range lengths {
		count[l]++
		longest = max(longest, int(l))
	}
	count[0] = 0
	var next [maxCode + 2]int
	code := 0
	for l := 1; l <= maxCode; l++ {
		next[l] = code
		code = (code + count[l]) << 1
	}
	// All codes of 15 bits must be used, none twice; but a single code of one bit is allowed, and no code at all.
	if used := code >> 1; longest > 0 && used != 1<<maxCode && (longest != 1 || count[1] != 1) {
		return ErrCorrupt
	}
	size := 1 << tableBits
	for i := range table[:size] {
		table[i] = entrySpecial
	}
	if err := link(table, tableBits, lengths, next); err != nil {
		return err
	}
	for symbol, l8 := range lengths {
		l := uint(l8)
		if l == 0 {
			continue
		}
		reversed := int(bits.Reverse16(uint16(next[l])) >> (16 - l))
		next[l]++
		if l <= tableBits {
			e := entry(symbol) | uint32(l)
			for i := reversed; i < size; i += 1 << l {
				table[i] = e
			}
			continue
		}
		head := table[reversed&(size-1)]
		start, more := int(head>>valueShift&0xffff), uint(head>>extraShift&extraMask)
		e := entry(symbol) | uint32(l-tableBits)
		for i := reversed >> tableBits; i < 1<<more; i += 1 << (l - tableBits) {
			table[start+i] = e
		}
	}
	return nil
}

// link allots the second tables: one for each index whose codes are longer than it.
func link(table []uint32, tableBits uint, lengths []uint8, next [maxCode + 2]int) error {
	size := 1 << tableBits
	var longest [1 << litlenBits]uint8
	for _, l := range lengths {
		if l == 0 {
			continue
		}
		c := next[l]
		next[l]++
		if uint(l) > tableBits {
			i := int(bits.Reverse16(uint16(c))>>(16-l)) & (size - 1)
			longest[i] = max(longest[i], l)
		}
	}
	end := size
	for i, l := range longest[:size] {
		if l == 0 {
			continue
		}
		more := uint(l) - tableBits
		if end+1<<more > len(table) {
			return ErrCorrupt
		}
		table[i] = entrySpecial | entryLink | uint32(end)<<valueShift | uint32(more)<<extraShift | uint32(tableBits)
		for k := range table[end : end+1<<more] {
			table[end+k] = entrySpecial
		}
		end += 1 << more
	}
	return nil
}

func (z *Reader) fixedCodes() {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	_ = build(z.litlen[:], litlenBits, lengths[:], litlenEntry) // the lengths are good
	var dist [32]uint8
	for i := range dist {
		dist[i] = 5
	}
	_ = build(z.dist[:], distBits, dist[:], distEntry)
}

// dynamicCodes reads the codes that a block brings along.
func (z *Reader) dynamicCodes() error {
	v, err := z.take(14)
	if err != nil {
		return err
	}
	litlens, dists, codes := int(v&31)+257, int(v>>5&31)+1, int(v>>10)+4
	if litlens > maxLitlen || dists > maxDist {
		return ErrCorrupt
	}
	var codeLengths [19]uint8
	for _, i := range codeOrder[:codes] {
		l, err := z.take(3)
		if err != nil {
			return err
		}
		codeLengths[i] = uint8(l)
	}
	const tableBits = 7
	var table [1 << tableBits]uint32
	if err := build(table[:], tableBits, codeLengths[:], plainEntry); err != nil {
		return err
	}
	var lengths [maxLitlen + maxDist]uint8
	for i := 0; i < litlens+dists; {
		if z.count < tableBits {
			z.refill()
		}
		e := table[z.bits&(1<<tableBits-1)]
		if e&entrySpecial != 0 {
			if z.count < tableBits+z.missing() {
				return z.ended()
			}
			return ErrCorrupt
		}
		if _, err := z.take(uint(e & lengthMask)); err != nil {
			return err
		}
		symbol := e >> valueShift
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		if symbol == 16 && i == 0 {
			return ErrCorrupt
		}
		repeat := [...]struct{ base, bits uint }{{3, 2}, {3, 3}, {11, 7}}[symbol-16]
		k, err := z.take(repeat.bits)
		if err != nil {
			return err
		}
		n := int(repeat.base) + int(k)
		if i+n > litlens+dists {
			return ErrCorrupt
		}
		if symbol == 16 {
			for j := range n {
				lengths[i+j] = lengths[i-1]
			}
		}
		i += n
	}
	if err := build(z.litlen[:], litlenBits, lengths[:litlens], litlenEntry); err != nil {
		return err
	}
	return build(z.dist[:], distBits, lengths[litlens:litlens+dists], distEntry)
}
