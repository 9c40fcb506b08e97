package words

import (
	"math"
	"strconv"
	"strings"
)

// Every number that people read is written here, and each kind in one form: four digits of a time, a size or a rate, one
// decimal of a share, all of a count. So a value that stands twice on a page reads the same twice, whoever wrote it.
// What is not known, a negative number where none can be, is a dash.

// Unknown is written for what is not known.
const Unknown = "–"

// Duration writes a time in ns: 17.26 ms, 812 ns, 1.250 s.
func Duration[T ~int64](ns T) string {
	switch v := float64(ns); {
	case ns < 0:
		return Unknown
	case ns < 1000:
		return strconv.FormatInt(int64(ns), 10) + " ns"
	case v < 999_950: // rounds to less than 1000 µs
		return Digits(v/1e3) + " µs"
	case v < 999_950_000:
		return Digits(v/1e6) + " ms"
	default:
		return Digits(v/1e9) + " s"
	}
}

// Difference writes a difference of times with its sign: +1.240 ms, −812 ns, 0 ns.
func Difference(ns int64) string {
	switch {
	case ns == 0:
		return "0 ns"
	case ns < 0:
		return "−" + Duration(-ns)
	}
	return "+" + Duration(ns)
}

// Digits writes a number from 1 on with four digits: 1.234, 12.34, 123.4, 1,234. Of less it keeps three decimals.
func Digits(v float64) string {
	switch {
	case v < 9.9995:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case v < 99.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 999.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return Grouped(int64(math.Round(v)))
}

// scaled writes a number with four digits in the largest unit of which there is one.
func scaled(v float64, binary bool, units ...string) string {
	step, most := 1000.0, 999.95 // from which it rounds to one of the next unit
	if binary {
		step, most = 1024, 1023.5
	}
	if math.Round(v) < step {
		return Grouped(int64(math.Round(v))) + " " + units[0]
	}
	for units = units[1:]; ; units = units[1:] {
		if v /= step; v < most || len(units) == 1 {
			return Digits(v) + " " + units[0]
		}
	}
}

// Size writes the bytes of files and disks, in decimal units: 12.35 MB.
func Size(bytes int64) string {
	if bytes < 0 {
		return Unknown
	}
	return scaled(float64(bytes), false, "B", "kB", "MB", "GB", "TB", "PB")
}

// Memory writes the bytes of memory, of tensors and of messages, in binary units: 12.35 MiB.
func Memory(bytes int64) string {
	if bytes < 0 {
		return Unknown
	}
	return scaled(float64(bytes), true, "B", "KiB", "MiB", "GiB", "TiB", "PiB")
}

// Rate writes a bandwidth in bytes per second, in decimal units, as memory and links are sold: 3.350 TB/s.
func Rate(bytesPerS float64) string {
	if bytesPerS <= 0 {
		return Unknown
	}
	return scaled(bytesPerS, false, "B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s")
}

// FLOPs writes operations per second: 989.4 TFLOP/s.
func FLOPs(perS float64) string {
	if perS <= 0 {
		return Unknown
	}
	return scaled(perS, false, "FLOP/s", "kFLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s", "EFLOP/s")
}

// Percent writes a share of 1 in percent: 61.3 %. What is something and rounds to nothing, and what is not all and rounds to
// all, says so.
func Percent(share float64) string {
	switch percent := 100 * share; {
	case math.IsNaN(share) || math.IsInf(share, 0):
		return Unknown
	case percent > 0 && percent < 0.05:
		return "< 0.1 %"
	case percent < 100 && percent >= 99.95:
		return "> 99.9 %"
	default:
		return strconv.FormatFloat(percent, 'f', 1, 64) + " %"
	}
}

// PercentOf writes a part of a whole in percent; a dash of nothing.
func PercentOf(part, whole int64) string {
	if whole <= 0 {
		return Unknown
	}
	return Percent(float64(part) / float64(whole))
}

// PercentDifference writes a difference in percent with its sign: +3.1 %, −3.1 %, 0.0 %.
func PercentDifference(percent float64) string {
	s := strconv.FormatFloat(math.Abs(percent), 'f', 1, 64)
	switch {
	case math.IsNaN(percent) || math.IsInf(percent, 0):
		return Unknown
	case s == "0.0":
		return "0.0 %"
	case percent < 0:
		return "−" + s + " %"
	}
	return "+" + s + " %"
}

// PercentInterval writes an interval of differences in percent: −20.2 … +3.1 %.
func PercentInterval(low, high float64) string {
	ends := [2]string{PercentDifference(low), PercentDifference(high)}
	return strings.TrimSuffix(ends[0], " %") + " … " + ends[1]
}

// Factor writes how many times one thing is another: 1.23×.
func Factor(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "×" }

// Mean writes a number of things, which need not be whole: 12, 12.3, 1,234.
func Mean(v float64) string {
	if v >= 99.95 || v == math.Trunc(v) {
		return Grouped(int64(math.Round(v)))
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// Ratio writes a number without a unit that may be of any size: 0.02134, 12.35, 1.235e+09.
func Ratio(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// Grouped writes all of a number, with commas between thousands.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Known writes a count; a dash where it is negative.
func Known(n int64) string {
	if n < 0 {
		return Unknown
	}
	return Grouped(n)
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

// Count is a number with four digits and a unit of thousands, as the sizes of models are told: 125.2 M.
func Count(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return scaled(float64(n), false, "", "k", "M", "B", "T")
}
