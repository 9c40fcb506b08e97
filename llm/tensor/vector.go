package tensor

// Add adds x to dst, element by element. x is at least as long as dst.
func Add(dst, x []float32) { add(dst, x[:len(dst)]) }

// Dot is the sum of the products of a's and b's elements. b is at least as long as a.
func Dot(a, b []float32) float32 { return dot(a, b[:len(a)]) }

// Argmax is the index of the largest element, the first of equals. NaN never wins; if there is no number at all it
// returns 0.
func Argmax(x []float32) int {
	largest := maximum(x)
	for i, v := range x {
		if v == largest {
			return i
		}
	}
	return 0
}
