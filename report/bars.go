package report

import (
	"math"
	"strings"
)

// Bars are drawn beside the rows of a table: in text and Markdown in blocks, on a page as SVG.

// bars are one bar for each row of a table, on one axis.
type bars struct {
	low, high int64 // the ends of the axis
	spans     []barSpan
}

// barSpan is a bar: from where to where on the axis, and its colour, one of the style sheet's s-….
type barSpan struct {
	from, to int64
	class    string
}

func (b *bars) add(from, to int64, class string) { b.spans = append(b.spans, barSpan{from, to, class}) }

// at is where a value lies on the axis, from 0 to 1.
func (b *bars) at(v int64) float64 {
	if b.high <= b.low {
		return 0
	}
	return min(1, max(0, float64(v-b.low)/float64(b.high-b.low)))
}

var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// text draws a bar in width columns, to an eighth of a column where it begins at the axis; something that is not nothing shows.
// Shrinking bars are hatched, so that they read without colour.
func (b *bars) text(i, width int) string {
	s := b.spans[i]
	if s.from == s.to {
		return ""
	}
	left, right := b.at(min(s.from, s.to))*float64(width), b.at(max(s.from, s.to))*float64(width)
	if s.from <= b.low && s.to > s.from {
		n := min(max(int(math.Round(right*8)), 1), width*8)
		return strings.Repeat("█", n/8) + eighths[n%8]
	}
	from, to := int(math.Round(left)), int(math.Round(right))
	block := "█"
	switch {
	case from == to:
		from, to, block = min(from, width-1), min(from, width-1)+1, "│"
	case s.to < s.from:
		block = "▒"
	}
	return strings.Repeat(" ", from) + strings.Repeat(block, to-from)
}

var levels = []rune("▁▂▃▄▅▆▇█")

// draw draws values from zero up, at most width columns of them, each column the largest of what falls in it.
func draw(values []int64, width int) string {
	if len(values) == 0 || width <= 0 {
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
