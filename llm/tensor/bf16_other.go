//go:build !amd64

package tensor

func canDotBF16() bool { return false }

func tileBF16Dot(rows, k int, pairs, w, y *float32, stride int) {
	tileBF16DotPortable(rows, k, pairs, w, y, stride)
}
