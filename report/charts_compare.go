package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/internal/words"
)

// distribution draws how long the steps of both sides took, over one axis.
func distribution(p *compare.Pair, s *compare.Section) chart {
	if len(s.Samples[0]) < 3 || len(s.Samples[1]) < 3 {
		return chart{}
	}
	return chart{"Steps side by side", func() template.HTML { return drawDistributions(p, s) }}
}

func drawDistributions(p *compare.Pair, s *compare.Section) template.HTML {
	const bins, height, gap, axis = 80, 56, 10, 20
	low, high := math.Inf(1), math.Inf(-1)
	for _, side := range s.Samples {
		for _, v := range side {
			low, high = min(low, v), max(high, v)
		}
	}
	margin := max((high-low)*0.05, high*0.005, 1)
	low, high = max(0, low-margin), high+margin
	x := func(v float64) float64 { return 100 * (v - low) / (high - low) }
	var m markup
	m.add(`<p class="note">how many steps took how long; lines are medians</p>`)
	m.add(`<div class="plot"><div class="ylabels" style="--row:%dpx"><span>%s</span><span>%s</span></div>`, height+gap, p.A, p.B)
	m.add(`<svg height="%d" role="img" aria-label="distribution of step times">`, 2*(height+gap)+axis)
	first := math.Ceil(low/stepOf(high-low)) * stepOf(high-low)
	for t := first; t <= high; t += stepOf(high - low) {
		m.add(`<line class="grid" x1="%v%%" x2="%v%%" y1="0" y2="%d"/>`, x(t), x(t), 2*(height+gap)+4)
		if x(t) < 94 {
			m.add(`<text class="tick" x="%v%%" dx="3" y="%d">%s</text>`, x(t), 2*(height+gap)+14, tick(words.Duration(int64(t))))
		}
	}
	for k, side := range s.Samples {
		counts := make([]int, bins)
		most := 1
		for _, v := range side {
			b := min(bins-1, int(float64(bins)*(v-low)/(high-low)))
			counts[b]++
			most = max(most, counts[b])
		}
		base := (k+1)*(height+gap) - gap
		for b, n := range counts {
			if n == 0 {
				continue
			}
			tall := max(2, float64(n)/float64(most)*height)
			from := low + (high-low)*float64(b)/bins
			m.add(`<rect class="%s" x="%v%%" width="%v%%" y="%v" height="%v" data-tip="%s"/>`, choose(k == 0, "s-purple", "s-teal"), x(from), 100.0/bins*0.9, float64(base)-tall, tall,
				fmt.Sprintf("%s\n%s from %s to %s", []string{p.A, p.B}[k], words.Counted(n, "step"), words.Duration(int64(from)), words.Duration(int64(from+(high-low)/bins))))
		}
		sorted := slices.Clone(side)
		slices.Sort(sorted)
		middle := x(sorted[len(sorted)/2])
		m.add(`<line class="roof" x1="%v%%" x2="%v%%" y1="%d" y2="%d"/>`, middle, middle, base-height-gap/2, base+2)
	}
	m.add(`</svg></div>`)
	return m.html()
}

// stepOf is a round distance of which about five fit into a length.
func stepOf(length float64) float64 {
	t := ticks(length, 5)
	if len(t) < 2 {
		return max(length, 1)
	}
	return t[1]
}
