package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// duration writes ns with four digits and a unit of two columns, so that right-aligned cells line up: "17.26 ms",
// "  812 ns", "1.250  s".
func duration(ns int64) string {
	if ns < 0 {
		return "–"
	}
	switch {
	case ns < 1000:
		return strconv.FormatInt(ns, 10) + " ns"
	case ns < 999_950: // rounds to less than 1000 µs
		return digits(float64(ns)/1e3) + " µs"
	case ns < 999_950_000:
		return digits(float64(ns)/1e6) + " ms"
	}
	return digits(float64(ns)/1e9) + "  s"
}

// digits writes a number of at least 1 with four digits: 1.234, 12.34, 123.4, 1,234.
func digits(v float64) string {
	switch {
	case v < 9.9995:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case v < 99.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 999.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return count(int64(math.Round(v)))
}

// count writes a number with thousands separated; "–" for one that is not known.
func count(n int64) string {
	if n < 0 {
		return "–"
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes bytes in binary units.
func size(n int64) string {
	if n < 0 {
		return "–"
	}
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B  "
	}
	v, units := float64(n)/1024, []string{"KiB", "MiB", "GiB", "TiB"}
	for len(units) > 1 && v >= 999.95 {
		v, units = v/1024, units[1:]
	}
	return digits(max(v, 1)) + " " + units[0]
}

// rate writes a bandwidth in decimal units, as memory and links are sold.
func rate(bytesPerSecond float64) string {
	switch v := bytesPerSecond; {
	case v <= 0:
		return "–"
	case v < 1e6:
		return fmt.Sprintf("%.1f kB/s", v/1e3)
	case v < 1e9:
		return fmt.Sprintf("%.1f MB/s", v/1e6)
	case v < 1e12:
		return fmt.Sprintf("%.1f GB/s", v/1e9)
	}
	return fmt.Sprintf("%.2f TB/s", bytesPerSecond/1e12)
}

// percent writes a share.
func percent(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// plural writes a number and its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(int64(n)) + " " + noun + "s"
}

var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar draws a share of width columns, to an eighth of a column; something that is not nothing shows.
func bar(part, whole int64, width int) string {
	if whole <= 0 || part <= 0 {
		return ""
	}
	n := int(math.Round(float64(part) / float64(whole) * float64(width) * 8))
	n = min(max(n, 1), width*8)
	return strings.Repeat("█", n/8) + eighths[n%8]
}

var levels = []rune("▁▂▃▄▅▆▇█")

// sparkline draws values from zero up, at most width columns of them, each column the largest of what falls in it.
func sparkline(values []int64, width int) string {
	if len(values) == 0 {
		return ""
	}
	columns := min(width, len(values))
	out := make([]rune, columns)
	top := int64(1)
	for _, v := range values {
		top = max(top, v)
	}
	for c := range out {
		from, to := c*len(values)/columns, (c+1)*len(values)/columns
		var most int64
		for _, v := range values[from:to] {
			most = max(most, v)
		}
		out[c] = levels[min(int(float64(most)/float64(top)*float64(len(levels))), len(levels)-1)]
	}
	return string(out)
}
