package words

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Size(-1), "–"}, {Size(0), "0 B"}, {Size(999), "999 B"}, {Size(1000), "1.000 kB"}, {Size(12345), "12.35 kB"}, {Size(999_960), "1.000 MB"},
		{Size(1 << 62), "4,612 PB"}, {Memory(1023), "1,023 B"}, {Memory(1024), "1.000 KiB"}, {Memory(999), "999 B"}, {Memory(3 << 30), "3.000 GiB"}, {Memory(1023 << 10), "1,023 KiB"}, {Memory(1<<20 - 1), "1.000 MiB"},
		{Duration(int64(-1)), "–"}, {Duration(int64(0)), "0 ns"}, {Duration(int64(999)), "999 ns"}, {Duration(int64(1500)), "1.500 µs"},
		{Duration(3 * time.Millisecond), "3.000 ms"}, {Duration(int64(999_949_000)), "999.9 ms"}, {Duration(int64(999_950_000)), "1.000 s"},
		{Duration(90 * time.Second), "90.00 s"}, {Duration(2000 * time.Second), "2,000 s"},
		{Difference(0), "0 ns"}, {Difference(1_240_000), "+1.240 ms"}, {Difference(-812), "−812 ns"},
		{Percent(0), "0.0 %"}, {Percent(0.613), "61.3 %"}, {Percent(0.0004), "< 0.1 %"}, {Percent(0.0005), "0.1 %"}, {Percent(0.9996), "> 99.9 %"},
		{Percent(1), "100.0 %"}, {Percent(1.5), "150.0 %"}, {Percent(math.NaN()), "–"}, {PercentOf(1, 0), "–"}, {PercentOf(1, 3), "33.3 %"},
		{PercentDifference(3.06), "+3.1 %"}, {PercentDifference(-3.06), "−3.1 %"}, {PercentDifference(-0.04), "0.0 %"}, {PercentDifference(math.Inf(1)), "–"},
		{PercentInterval(-20.16, 3.06), "−20.2 … +3.1 %"}, {PercentInterval(-0.01, 0), "0.0 … 0.0 %"}, {Rate(0), "–"}, {Rate(3.35e12), "3.350 TB/s"}, {FLOPs(989.4e12), "989.4 TFLOP/s"}, {FLOPs(12), "12 FLOP/s"},
		{Factor(1.5), "1.50×"}, {Mean(12), "12"}, {Mean(12.34), "12.3"}, {Mean(11.98), "12"}, {Mean(1234.5), "1,235"}, {Known(-1), "–"}, {Known(1234), "1,234"},
		{Grouped(0), "0"}, {Grouped(1234567), "1,234,567"}, {Grouped(-1234), "-1,234"}, {Grouped(-123), "-123"},
		{Counted(1, "event"), "1 event"}, {Counted(2000, "event"), "2,000 events"}, {Counted(0, "event"), "0 events"},
		{Plural(1, "event is", "events are"), "1 event is"}, {Plural(-2, "event is", "events are"), "-2 events are"},
		{List(nil, 0), ""}, {List([]string{"a", "b"}, 2), "a, b"}, {List([]string{"a", "b"}, 3), "a, b, …"},
		{Count(999), "999"}, {Count(125_239_296), "125.2 M"}, {Count(7_241_732_096), "7.242 B"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestMessage(t *testing.T) {
	m := Say("gpu_busy", "{who} worked {busy_share} of {total_ns}{why}", Name("who", "The GPU"), ShareOf("busy_share", 1, 3).From("time"),
		Ns("total_ns", 1_500_000), Inner("why", Message{}), Inners("reasons", []Message{Say("slow", "slow <a>")}))
	if got := m.Text(); got != "The GPU worked 33.3 % of 1.500 ms" {
		t.Error(got)
	}
	marked := m.Marked(func(p Param) string {
		if len(p.Of) > 0 {
			return "†1"
		}
		return ""
	})
	if marked != "The GPU worked 33.3 %†1 of 1.500 ms" {
		t.Error(marked)
	}
	text, err := plainJSON(m)
	want := `{"id":"gpu_busy","params":{"who":"The GPU","busy_share":0.3333333333333333,"total_ns":1500000,"reasons":[{"id":"slow","params":{},"text":"slow <a>"}]},"text":"The GPU worked 33.3 % of 1.500 ms"}`
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s\n%s", err, text, want)
	}
	var back Message
	if err := json.Unmarshal(text, &back); err != nil || back.Text() != m.Text() || back.ID != m.ID || !back.Equal(m) {
		t.Errorf("%v %+v", err, back)
	}
	if got := Say("x", "a {missing} {b").Text(); got != "a {missing} {b}" {
		t.Error(got)
	}
	for _, text := range []string{`[]`, `{"params": 3}`, `{"params": [1]}`, `{"id": 1}`} {
		if err := json.Unmarshal([]byte(text), &back); err == nil {
			t.Errorf("%s is no message", text)
		}
	}
}

// FuzzMessage: whatever JSON has for a message, it is refused or read, and what was read is the same when it is read again.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{`null`, `{}`, `{"id":"x","params":{"a":1,"b":null,"c":[{"id":"y"}],"d":{"id":"z","params":null}},"text":"t"}`, `{"id":"x","params":{"a":[1]}}`, `[]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m, again Message
		if json.Unmarshal([]byte(text), &m) != nil || m.IsZero() { // what says nothing is null
			return
		}
		written, err := plainJSON(m)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := json.Unmarshal(written, &again); err != nil || !again.Equal(m) {
			t.Errorf("%q: %v, %s", text, err, written)
		}
	})
}

func TestOneLine(t *testing.T) {
	if got := OneLine(fmt.Errorf("a\nb\r\n\nc")); got != "a; b; c" {
		t.Errorf("%q", got)
	}
}
