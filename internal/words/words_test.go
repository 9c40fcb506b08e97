package words

import (
	"fmt"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Size(0), "0 B"}, {Size(999), "999 B"}, {Size(1000), "1.00 kB"}, {Size(12345), "12.3 kB"}, {Size(999_600), "1.00 MB"},
		{Size(1 << 62), "4612 PB"},
		{Duration(0), "0 s"}, {Duration(1500), "1.50 µs"}, {Duration(3 * time.Millisecond), "3.00 ms"}, {Duration(90 * time.Second), "90.0 s"},
		{Grouped(0), "0"}, {Grouped(1234567), "1,234,567"}, {Grouped(-1234), "-1,234"}, {Grouped(-123), "-123"},
		{Counted(1, "event"), "1 event"}, {Counted(2000, "event"), "2,000 events"}, {Counted(0, "event"), "0 events"},
		{Plural(1, "event is", "events are"), "1 event is"}, {Plural(-2, "event is", "events are"), "-2 events are"},
		{List(nil, 0), ""}, {List([]string{"a", "b"}, 2), "a, b"}, {List([]string{"a", "b"}, 3), "a, b, …"},
		{Count(999), "999"}, {Count(125_239_296), "125 M"}, {Count(7_241_732_096), "7.24 B"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := OneLine(fmt.Errorf("a\nb\r\n\nc")); got != "a; b; c" {
		t.Errorf("%q", got)
	}
}
