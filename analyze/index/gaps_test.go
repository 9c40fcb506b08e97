package index

import "testing"

// TestCauses: a gap is the host's if the launch came late, and not if it came early and the device began much later; and it is if
// the call that launched had not returned for most of it.
func TestCauses(t *testing.T) {
	const ms = 1_000_000
	x := &Index{Options: &Options{LaunchGapNs: 1000}}
	for _, c := range []struct {
		what               string
		launched, returned int64
		to                 int64
		want               IdleCause
		heldUp             bool
		launching          bool
	}{
		{"launched at the end", 9 * ms, 9*ms + 5_000, 9*ms + 9_000, IdleHost, false, false},
		{"launched at once, begun 463 ms later", 38_000, 43_000, 463 * ms, IdleHost, true, false},
		{"a long launch that ends with the gap", 10_000, 8 * ms, 8*ms + 100, IdleHost, false, false},
		{"delivered in 20 µs, most of the gap", 1_000, 6_000, 26_000, IdleHost, false, false},
		{"more than 1 ms later, less than half of the gap", 8 * ms, 8 * ms, 10 * ms, IdleHost, false, false},
		{"launched before, long", -5_000, -1_000, 3 * ms, IdleOther, false, false},
		{"a launch that lasts for most of the gap", -5_000, 2 * ms, 3 * ms, IdleOther, false, true},
		{"a launch that lasts for less than half of it", -5_000, ms, 3 * ms, IdleOther, false, false},
		{"a launch that lasts beyond the start of its work", -5_000, 4 * ms, 3 * ms, IdleOther, false, true},
		{"launched before, short", -5_000, -1_000, 900, IdleLaunch, false, false},
	} {
		next := &Arrival{Launched: c.launched, Returned: c.returned, Linked: true}
		if got := x.cause(next, 0, c.to); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
		if got := c.want == IdleHost && heldUp(next, 0, c.to); got != c.heldUp {
			t.Errorf("%s: held up: %t", c.what, got)
		}
		if got := c.want == IdleOther && launching(next, 0, c.to); got != c.launching {
			t.Errorf("%s: launching: %t", c.what, got)
		}
	}
}
