package tensor

import "unsafe"

// alignedFloats returns n zeros that start at a multiple of 64 bytes, a cache line.
func alignedFloats(n int) []float32 {
	const line = 64
	b := make([]float32, n+line/4-1)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) % line / 4)
	return b[skip : skip+n : skip+n]
}
