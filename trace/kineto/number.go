package kineto

import (
	"bytes"
	"math"
	"strconv"
)

// Kineto writes microseconds with three decimals, which is nanoseconds exactly. Other writers leave decimals off or
// add some. All of them are parsed from the decimal text: a float64 at 1.7e15 µs is a quarter of a microsecond coarse.

// microsDigits is how many digits before the point can be: more of them are beyond int64 in nanoseconds.
const microsDigits = 16

// parseMicros turns the text of a number of microseconds into nanoseconds. Digits beyond the third decimal are
// rounded, half to even. It reports false for text that is no decimal number and for numbers beyond int64.
func parseMicros(b []byte) (int64, bool) {
	i, negative := 0, false
	if i < len(b) && b[i] == '-' {
		negative = true
		i++
	}
	start := i
	for i < len(b) && b[i] == '0' {
		i++
	}
	significant := i
	var v uint64
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if i-significant == microsDigits {
			if bytes.ContainsAny(b, "eE") {
				return parseMicrosExponent(b) // which may make it smaller
			}
			return 0, false
		}
		v = v*10 + uint64(b[i]-'0')
	}
	if i == start {
		return 0, false
	}
	v *= 1000
	if i < len(b) && b[i] == '.' {
		i++
		scale := uint64(100)
		from := i
		for ; i < len(b) && b[i]-'0' <= 9 && scale > 0; i++ {
			v += uint64(b[i]-'0') * scale
			scale /= 10
		}
		if i == from {
			return 0, false
		}
		if i < len(b) && b[i]-'0' <= 9 {
			var up bool
			up, i = roundsUp(b, i, v&1 == 1)
			if up {
				v++
			}
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		return parseMicrosExponent(b)
	}
	if i != len(b) || v > math.MaxInt64 {
		return 0, false
	}
	if negative {
		return -int64(v), true
	}
	return int64(v), true
}

// roundsUp says whether the digits from b[i] on, a fraction below the last kept digit, round that digit up, and where
// they end. odd tells whether the kept digit is odd, for the tie.
func roundsUp(b []byte, i int, odd bool) (bool, int) {
	first := b[i]
	rest := false
	for i++; i < len(b) && b[i]-'0' <= 9; i++ {
		rest = rest || b[i] != '0'
	}
	return first > '5' || first == '5' && (rest || odd), i
}

// maxExponent bounds how far the point is moved.
const maxExponent = 400

// parseMicrosExponent is parseMicros for numbers like 1.5e3: the point is moved in the text, so that nothing is lost.
func parseMicrosExponent(b []byte) (int64, bool) {
	e := 0
	for b[e] != 'e' && b[e] != 'E' {
		e++
	}
	exponent, err := strconv.Atoi(string(b[e+1:]))
	if err != nil || exponent < -maxExponent {
		return 0, false
	}
	if exponent > maxExponent {
		return 0, len(bytes.Trim(b[:e], "-.0")) == 0 // zero, or too large
	}
	var out []byte
	mantissa := b[:e]
	if mantissa[0] == '-' {
		out = append(out, '-')
		mantissa = mantissa[1:]
	}
	var digits []byte
	point := -1
	for i, c := range mantissa {
		switch {
		case c == '.' && point < 0 && i > 0 && i < len(mantissa)-1:
			point = i
		case c-'0' <= 9:
			digits = append(digits, c)
		default:
			return 0, false
		}
	}
	if point < 0 {
		point = len(digits)
	}
	if len(digits) == 0 {
		return 0, false
	}
	point += exponent
	if point <= 0 {
		digits, point = append(bytes.Repeat([]byte{'0'}, 1-point), digits...), 1
	}
	for len(digits) < point {
		digits = append(digits, '0')
	}
	for point > 1 && digits[0] == '0' {
		digits, point = digits[1:], point-1
	}
	out = append(out, digits[:point]...)
	if point < len(digits) {
		out = append(append(out, '.'), digits[point:]...)
	}
	return parseMicros(out)
}

// parseInt parses a decimal integer; false if b is none or does not fit an int64.
func parseInt(b []byte) (int64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	var v uint64
	for _, c := range digits {
		if c-'0' > 9 {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	if b[0] == '-' {
		if v > 1<<63 {
			return 0, false
		}
		return -int64(v), true
	}
	return int64(v), v < 1<<63
}

// unquoted strips the quotes from a JSON string token that needs no decoding, such as a number written as a string.
func unquoted(b []byte) []byte {
	if len(b) >= 2 && b[0] == '"' && b[len(b)-1] == '"' {
		return b[1 : len(b)-1]
	}
	return b
}

// looseInt reads an integer from any token that means one: 12, "12", 12.0, "0x1f".
func looseInt(token []byte) (int64, bool) {
	token = unquoted(token)
	if v, ok := parseInt(token); ok {
		return v, true
	}
	if len(token) == 0 || token[0] > '9' && token[0] != '-' {
		return 0, false
	}
	if v, err := strconv.ParseInt(string(token), 0, 64); err == nil {
		return v, true
	}
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil || f != float64(int64(f)) || f >= 1<<62 || f <= -1<<62 {
		return 0, false
	}
	return int64(f), true
}

// looseUint reads an address: 12, "12", "0x1f"; a negative number is taken as two's complement, and what is no number
// as 0.
func looseUint(token []byte) uint64 {
	token = unquoted(token)
	if v, err := strconv.ParseUint(string(token), 0, 64); err == nil {
		return v
	}
	v, _ := looseInt(token)
	return uint64(v)
}

// looseFloat reads a number from a token that means one; what is no number is 0.
func looseFloat(token []byte) float32 {
	v, _ := strconv.ParseFloat(string(unquoted(token)), 32)
	return float32(v)
}
