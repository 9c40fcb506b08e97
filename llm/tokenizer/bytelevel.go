package tokenizer

import "unicode/utf8"

// The byte-level alphabet: GPT-2 spells every byte as one printable character, so that a vocabulary is text and any
// input can be encoded. Bytes that print stand for themselves, the other 68 for U+0100…U+0143 in order: a space is Ġ.
var (
	byteChars [256]string // how a byte is spelled
	charBytes [0x144]int16
)

func init() {
	for i := range charBytes {
		charBytes[i] = -1
	}
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if b < '!' || b > '~' && b < 0xA1 || b == 0xAD {
			r = next
			next++
		}
		byteChars[b] = string(r)
		charBytes[r] = int16(b)
	}
}

// appendByteChars appends the spelling of each byte of s.
func appendByteChars(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, byteChars[s[i]]...)
	}
	return dst
}

// appendCharBytes appends the bytes that a token spells. A token with any character outside of the alphabet, an added
// one such as <｜end｜>, stands for its own text.
func appendCharBytes(dst []byte, token string) []byte {
	mark := len(dst)
	for _, r := range token {
		if int(r) >= len(charBytes) || charBytes[r] < 0 {
			return append(dst[:mark], token...)
		}
		dst = append(dst, byte(charBytes[r]))
	}
	return dst
}

// nextChar measures the first character of b: its bytes and whether they are UTF-8. Of what is not, it takes as much
// as could have begun a character, which becomes one U+FFFD; cut tells that b ends before that character does. This is
// the division that the Unicode standard recommends (chapter 3.9, "maximal subpart") and that Rust and browsers use.
func nextChar(b []byte) (size int, valid, cut bool) {
	lead := b[0]
	lo, hi := byte(0x80), byte(0xBF)
	var n int
	switch {
	case lead < 0x80:
		return 1, true, false
	case lead < 0xC2 || lead > 0xF4:
		return 1, false, false
	case lead < 0xE0:
		n = 2
	case lead < 0xF0:
		n = 3
	default:
		n = 4
	}
	switch lead { // no overlong forms, surrogates or code points past U+10FFFF
	case 0xE0:
		lo = 0xA0
	case 0xED:
		hi = 0x9F
	case 0xF0:
		lo = 0x90
	case 0xF4:
		hi = 0x8F
	}
	for i := 1; i < n; i++ {
		if i == len(b) {
			return i, false, true
		}
		if b[i] < lo || b[i] > hi {
			return i, false, false
		}
		lo, hi = 0x80, 0xBF
	}
	return n, true, false
}

// appendLossy appends b with U+FFFD in place of what is not UTF-8.
func appendLossy(dst, b []byte) []byte {
	dst, tail := appendValid(dst, b)
	if len(tail) > 0 {
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}

// appendValid is appendLossy for a stream: it returns the beginning of a character at the end of b as tail.
func appendValid(dst, b []byte) (_, tail []byte) {
	if utf8.Valid(b) {
		return append(dst, b...), nil
	}
	for len(b) > 0 {
		size, valid, cut := nextChar(b)
		switch {
		case cut:
			return dst, b
		case valid:
			dst = append(dst, b[:size]...)
		default:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		b = b[size:]
	}
	return dst, nil
}
