package ranks

import (
	"slices"
	"testing"
)

// Waiting by hand: to the latest start on one clock, beyond the shortest duration on several.
func TestWaits(t *testing.T) {
	for _, c := range []struct {
		name     string
		visits   []Visit
		oneClock bool
		want     []int64
		last     int
	}{
		{"one clock", []Visit{{100, 50}, {130, 30}, {90, 70}}, true, []int64{30, 0, 40}, 1},
		{"one clock, who came last stays longest", []Visit{{100, 50}, {130, 90}}, true, []int64{30, 0}, 1},
		{"one clock, all come at once", []Visit{{100, 50}, {100, 90}}, true, []int64{0, 0}, 0},
		{"one clock, who sends leaves", []Visit{{100, 20}, {150, 30}}, true, []int64{20, 0}, 1},
		{"several clocks", []Visit{{100, 50}, {9130, 30}, {-90, 70}}, false, []int64{20, 0, 40}, 1},
		{"several clocks, who came last stays longest", []Visit{{100, 50}, {130, 90}}, false, []int64{0, 40}, 0},
	} {
		got := make([]int64, len(c.visits))
		if last := Waits(c.visits, c.oneClock, got); last != c.last || !slices.Equal(got, c.want) {
			t.Errorf("%s: %d, and rank %d came last; want %d, %d", c.name, got, last, c.want, c.last)
		}
	}
}
