package main

import (
	"fmt"
	"strconv"
	"time"
)

// size is a number of bytes with three digits and a decimal unit.
func size(bytes int64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	v, unit := float64(bytes)/1000, 0
	for v >= 999.5 && unit < 4 {
		v /= 1000
		unit++
	}
	return digits(v) + " " + [...]string{"kB", "MB", "GB", "TB", "PB"}[unit]
}

// duration is a time with three digits.
func duration(d time.Duration) string {
	switch {
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return digits(float64(d)/1e6) + " ms"
	}
	return digits(d.Seconds()) + " s"
}

func digits(v float64) string {
	switch {
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// grouped is a number with commas between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted is "1 event" or "1,234 events".
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(int64(n)) + " " + noun
}

// count is a number with three digits and a unit of thousands: 125 M.
func count(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.5 && unit < 3 {
		v /= 1000
		unit++
	}
	return digits(v) + " " + [...]string{"k", "M", "B", "T"}[unit]
}
