package words

import (
	"fmt"
	"strconv"
	"time"
)

// Size is a number of bytes with three digits and a decimal unit.
func Size(bytes int64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	v, unit := float64(bytes)/1000, 0
	for v >= 999.5 && unit < 4 {
		v /= 1000
		unit++
	}
	return Digits(v) + " " + [...]string{"kB", "MB", "GB", "TB", "PB"}[unit]
}

// Duration is a time with three digits.
func Duration(d time.Duration) string {
	switch {
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return Digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return Digits(float64(d)/1e6) + " ms"
	}
	return Digits(d.Seconds()) + " s"
}

// Digits is a number with three digits.
func Digits(v float64) string {
	switch {
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// Grouped is a number with commas between thousands.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted is "1 event" or "1,234 events".
func Counted(n int, noun string) string { return Plural(n, noun, noun+"s") }

// Plural writes a number and its noun, where that is more than an s: 1 event is, 13,818 events are.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Grouped(int64(n)) + " " + many
}

// Count is a number with three digits and a unit of thousands: 125 M.
func Count(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.5 && unit < 3 {
		v /= 1000
		unit++
	}
	return Digits(v) + " " + [...]string{"k", "M", "B", "T"}[unit]
}
