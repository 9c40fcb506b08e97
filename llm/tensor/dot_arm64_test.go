package tensor

import "testing"

// withoutDots makes the CPU one without dot products of bytes until the test ends.
func withoutDots(t *testing.T) {
	before := hasDotProd
	hasDotProd = false
	t.Cleanup(func() { hasDotProd = before })
}
