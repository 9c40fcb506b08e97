package graphs

import (
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
)

// TestRepeated: kernels are letters.
func TestRepeated(t *testing.T) {
	for _, c := range []struct {
		names                string
		first, length, times int
	}{
		{"", 0, 0, 0},
		{"abcdefgh", 0, 0, 0},
		{"aaaaaaaa", 0, 0, 0},  // one kernel again and again is no layer
		{"xabcabcy", 0, 0, 0},  // twice is not enough
		{"abcabcabc", 0, 3, 3}, // nothing but layers
		{"xabcabcabcyz", 1, 3, 3},
		{"x" + strings.Repeat("abac", 8) + "lm", 1, 4, 8}, // the shortest piece that covers all, not the ab in it
		{"abcabcabcdefghijklmnop", 0, 0, 0},               // most of the graph is something else
	} {
		var names []trace.StringID
		for _, letter := range c.names {
			names = append(names, trace.StringID(letter))
		}
		if first, length, times := repeated(names); first != c.first || length != c.length || times != c.times {
			t.Errorf("%q: %d kernels, %d times, from %d; want %d, %d, from %d", c.names, length, times, first, c.length, c.times, c.first)
		}
	}
}
