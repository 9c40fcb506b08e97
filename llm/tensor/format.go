package tensor

import "math"

// A Format is what weights are stored in. They are computed with in float32 whatever it is: each becomes a float32,
// exactly, on its way into a register. With RoundActivations, some are multiplied as they are.
type Format uint8

// The formats.
const (
	Float32 Format = iota
	BFloat16
	Float16
	Int4 // groups of 4-bit integers with a scale and a zero each
)

// String names a format as PyTorch does.
func (f Format) String() string {
	return [...]string{"float32", "bfloat16", "float16", "int4"}[f]
}

// size is the bytes of a weight that is not in a group.
func (f Format) size() int {
	if f == Float32 {
		return 4
	}
	return 2
}

// Float16Value is IEEE 754 binary16 to binary32, exact. The exponent is rebiased by shifting the bits into place and
// multiplying by 2^112, which also normalises subnormals; infinities and NaNs get the full exponent.
func Float16Value(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	bits := uint32(h&0x7fff) << 13
	if h&0x7c00 == 0x7c00 {
		return math.Float32frombits(sign | bits | 0x7f800000)
	}
	const rebias = 0x1p112
	return math.Float32frombits(math.Float32bits(math.Float32frombits(bits)*rebias) | sign)
}

// Float16Bits rounds to binary16, to nearest even; what is too large becomes infinite.
func Float16Bits(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, bits := uint16(bits>>16&0x8000), bits&0x7fffffff
	switch {
	case bits > 0x7f800000: // NaN, with what fits of its payload
		return sign | 0x7e00 | uint16(bits>>13&0x3ff)
	case bits >= 0x477ff000: // rounds to 2^16 or more
		return sign | 0x7c00
	case bits < 0x38800000: // subnormal: adding 1/2 leaves the multiples of 2^-24 at the end of the significand
		return sign | uint16(math.Float32bits(math.Float32frombits(bits)+0.5)-math.Float32bits(0.5))
	}
	bits += 0xfff + bits>>13&1
	return sign | uint16((bits-(112<<23))>>13)
}

// BFloat16Value is bfloat16, the upper half of a float32.
func BFloat16Value(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// BFloat16Bits rounds to bfloat16, to nearest even.
func BFloat16Bits(v float32) uint16 {
	if v != v {
		return 0x7fc0
	}
	bits := math.Float32bits(v)
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// Narrow rounds x to a format of 16 bits.
func (f Format) narrow(v float32) uint16 {
	if f == BFloat16 {
		return BFloat16Bits(v)
	}
	return Float16Bits(v)
}

func (f Format) value(h uint16) float32 {
	if f == BFloat16 {
		return BFloat16Value(h)
	}
	return Float16Value(h)
}

// Widen writes the values of src, of a format of 16 bits, to dst, as long.
func Widen(f Format, src []uint16, dst []float32) {
	dst = dst[:len(src)]
	whole := len(src) / panelRows * panelRows
	if whole > 0 {
		widen(f, src[:whole], dst[:whole])
	}
	for i := whole; i < len(src); i++ {
		dst[i] = f.value(src[i])
	}
}

// Narrow rounds src to a format of 16 bits and writes that to dst, as long.
func Narrow(f Format, src []float32, dst []uint16) {
	dst = dst[:len(src)]
	whole := len(src) / panelRows * panelRows
	if whole > 0 {
		narrow(f, src[:whole], dst[:whole])
	}
	for i := whole; i < len(src); i++ {
		dst[i] = f.narrow(src[i])
	}
}

func widenPortable(f Format, src []uint16, dst []float32) {
	dst = dst[:len(src)]
	if f == BFloat16 {
		for i, h := range src {
			dst[i] = BFloat16Value(h)
		}
		return
	}
	for i, h := range src {
		dst[i] = Float16Value(h)
	}
}

func narrowPortable(f Format, src []float32, dst []uint16) {
	for i, v := range src {
		dst[i] = f.narrow(v)
	}
}
