package report

import (
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/internal/words"
)

// Charts are inline SVG that fits any width without scaling its text: x is in percent of the plot, y in pixels. What
// needs a path (lines, merged spans) stands in an inner SVG of 1,000 units that is stretched. Labels are HTML in a
// grid beside the plot, so that they wrap and can be copied. Colours are classes, which the style sheet fills for
// light and dark; whatever a colour says, a text says too. A mark's data-tip is shown when it is pointed at.

// series is one colour of a chart and what it stands for. Its class is one of the style sheet's s-…; one without a name
// is in no legend.
type series struct{ name, class string }

// barRow is one bar of a chart, made of one value per series.
type barRow struct {
	label  string
	values []int64
	text   string // beside the bar
}

// barChart draws horizontal bars, of which the longest takes the full width.
func barChart(name string, all []series, rows []barRow, write func(int64) string) template.HTML {
	var whole int64
	for _, r := range rows {
		whole = max(whole, sum(r.values))
	}
	var m markup
	m.add("%s", legend(all))
	m.add(`<div class="bars" role="list" aria-label="%s">`, name)
	for _, r := range rows {
		m.add(`<div class="bar" role="listitem"><span class="l">%s</span>`, r.label)
		m.add(`<svg height="16" aria-hidden="true">`)
		x := 0.0
		for i, v := range r.values {
			if v <= 0 {
				continue
			}
			w := part(v, whole)
			tip := r.label + " · " + all[i].name + "\n" + write(v) + " · " + words.PercentOf(v, sum(r.values))
			m.add(`<rect class="%v" x="%v%%" width="%v%%" height="16" data-tip="%v"/>`, all[i].class, x, w, tip)
			x += w
		}
		m.add(`</svg><span class="v">%s</span></div>`, r.text)
	}
	m.add(`</div>`)
	return m.html()
}

func sum(values []int64) (total int64) {
	for _, v := range values {
		total += v
	}
	return total
}

// legend says what colours stand for.
func legend(all []series) template.HTML {
	var m markup
	m.add(`<ul class="legend">`)
	for _, s := range all {
		if s.name == "" {
			continue
		}
		m.add(`<li><svg width="10" height="10" aria-hidden="true"><rect class="%s" width="10" height="10"/></svg>%s</li>`, s.class, s.name)
	}
	m.add(`</ul>`)
	return m.html()
}

// span is a stretch of a lane.
type span struct {
	start, end int64
	series     int
	tip        string
}

// lane is a row of a timeline: a rank, say.
type lane struct {
	label string
	spans []span
}

// timelineMarks is how many spans a timeline draws one by one. Of more, neighbours of one colour that lie within a
// thousandth of the width are drawn as one, without what they say when pointed at: this bounds the page.
const timelineMarks = 2000

// timelineChart draws lanes over a common time, from to until.
func timelineChart(name string, all []series, lanes []lane, from, until int64) template.HTML {
	const height, gap, axis = 18, 4, 20
	var m markup
	m.add("%s", legend(all))
	m.add(`<div class="plot"><div class="ylabels" style="--row:%dpx">`, height+gap)
	n := 0
	for _, l := range lanes {
		m.add(`<span>%s</span>`, l.label)
		n += len(l.spans)
	}
	bottom := len(lanes) * (height + gap)
	m.add(`</div><svg height="%d" role="img" aria-label="%s">`, bottom+axis, name)
	m.add("%s", timeAxis(until-from, 0, bottom))
	if n <= timelineMarks {
		for i, l := range lanes {
			for _, s := range l.spans {
				m.add(`<rect class="%v" x="%v%%" width="%v%%" y="%d" height="%d" data-tip="%v"/>`, all[s.series].class,
					part(s.start-from, until-from), max(0.08, part(s.end-s.start, until-from)-0.03), i*(height+gap)+gap/2, height, s.tip)
			}
		}
	} else {
		m.add(`<svg width="100%%" height="%d" viewBox="0 0 1000 %d" preserveAspectRatio="none">`, bottom, bottom)
		for i, l := range lanes {
			for c, d := range mergedSpans(l.spans, len(all), from, until, i*(height+gap)+gap/2, height) {
				if d != "" {
					m.add(`<path class="%s" d="%s"/>`, all[c].class, d)
				}
			}
		}
		m.add(`</svg>`)
	}
	m.add(`</svg></div>`)
	return m.html()
}

// mergedSpans draws spans as one path per series, at a resolution of a thousandth.
func mergedSpans(spans []span, colours int, from, until int64, y, height int) []string {
	paths := make([]strings.Builder, colours)
	at := func(ns int64) int { return int(math.Round(10 * part(ns-from, until-from))) }
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, func(a, b span) int { return int(min(1, max(-1, a.start-b.start))) })
	for i := 0; i < len(sorted); {
		s := sorted[i]
		end := s.end
		for i++; i < len(sorted) && sorted[i].series == s.series && at(sorted[i].start)-at(end) <= 1; i++ {
			end = max(end, sorted[i].end)
		}
		var m markup
		x := at(s.start)
		m.add("M%d %dh%dv%dh-%dz", x, y, max(1, at(end)-x), height, max(1, at(end)-x))
		paths[s.series].WriteString(m.b.String())
	}
	out := make([]string, colours)
	for i := range paths {
		out[i] = paths[i].String()
	}
	return out
}

// timeAxis draws lines and times along x, from line top to line bottom.
func timeAxis(length int64, top, bottom int) template.HTML {
	var m markup
	for _, t := range ticks(float64(length), 5) {
		x := 100 * t / float64(max(1, length))
		m.add(`<line class="grid" x1="%v%%" x2="%v%%" y1="%d" y2="%d"/>`, x, x, top, bottom+4)
		if x < 95 {
			m.add(`<text class="tick" x="%v%%" dx="3" y="%d">%v</text>`, x, bottom+14, tick(words.Duration(int64(t))))
		}
	}
	return m.html()
}

// tick is a number as short as an axis wants it: 50 ms rather than 50.00 ms.
func tick(text string) string {
	v, u, _ := strings.Cut(text, " ")
	if strings.Contains(v, ".") {
		v = strings.TrimRight(strings.TrimRight(v, "0"), ".")
	}
	return strings.TrimSpace(choose(v == "0", v, v+" "+u))
}

// ticks are round numbers from 0 to top, about n of them.
func ticks(top float64, n int) []float64 {
	if top <= 0 {
		return []float64{0}
	}
	step := math.Pow(10, math.Floor(math.Log10(top/float64(n))))
	for _, f := range []float64{1, 2, 5, 10} {
		if top/(step*f) <= float64(n)+0.5 {
			step *= f
			break
		}
	}
	var out []float64
	for i := 0; float64(i)*step <= top*1.0001; i++ {
		out = append(out, float64(i)*step)
	}
	return out
}

// columnRow is one column of a column chart.
type columnRow struct {
	value  int64
	series int
	tip    string
}

// columnChart draws values side by side, in order. Of more than fits, each column is the largest of its neighbours.
func columnChart(name string, all []series, values []columnRow, write func(int64) string) template.HTML {
	const height, most = 140, 500
	if len(values) > most {
		shown := make([]columnRow, most)
		for i := range shown {
			from, to := i*len(values)/most, (i+1)*len(values)/most
			shown[i] = slices.MaxFunc(values[from:to], func(a, b columnRow) int { return int(min(1, max(-1, a.value-b.value))) })
		}
		values = shown
	}
	var top int64
	for _, v := range values {
		top = max(top, v.value)
	}
	y := func(v float64) float64 { return height - v/float64(max(1, top))*(height-8) }
	var m markup
	m.add("%s", legend(all))
	m.add(`<div class="plot valued"><svg height="%d" role="img" aria-label="%s">`, height+2, name)
	w := 100 / float64(max(1, len(values)))
	for i, v := range values {
		m.add(`<rect class="%v" x="%v%%" width="%v%%" y="%v" height="%v" data-tip="%v"/>`, all[v.series].class,
			float64(i)*w, min(w*0.86, 4), y(float64(v.value)), max(1, height-y(float64(v.value))), v.tip)
	}
	m.add("%s", valueAxis(float64(top), 3, y, func(v float64) string { return write(int64(v)) }))
	m.add(`</svg></div>`)
	return m.html()
}

// valueAxis draws lines across at round values, which it writes into the margin of a plot that is "valued".
func valueAxis(top float64, n int, y func(float64) float64, write func(float64) string) template.HTML {
	var m markup
	for _, t := range ticks(top, n) {
		m.add(`<line class="grid" x1="0" x2="100%%" y1="%v" y2="%v"/>`, y(t), y(t))
		if t > 0 {
			m.add(`<text class="tick" x="100%%" dx="6" y="%v">%v</text>`, y(t)+4, tick(write(t)))
		}
	}
	return m.html()
}

// point is a point of a line.
type point struct{ at, value int64 }

// line is a step line of a chart: each value holds until the next point.
type line struct {
	series series
	points []point
}

// lineChart draws step lines over time. Values are bytes: its ticks are round in binary units.
func lineChart(name string, lines []line, write func(int64) string) template.HTML {
	const height, axis = 160, 20
	var top, until int64
	all := make([]series, len(lines))
	for i, l := range lines {
		all[i] = l.series
		for _, p := range l.points {
			top, until = max(top, p.value), max(until, p.at)
		}
	}
	y := func(v float64) float64 { return height - v/float64(max(1, top))*(height-10) }
	var m markup
	m.add("%s", legend(all))
	m.add(`<div class="plot valued"><svg height="%d" role="img" aria-label="%s">`, height+axis, name)
	m.add("%s", timeAxis(until, 0, height))
	m.add(`<svg width="100%%" height="%d" viewBox="0 0 1000 %d" preserveAspectRatio="none">`, height, height)
	for _, l := range lines {
		var d markup
		x := func(ns int64) float64 { return math.Round(100*part(ns, until)) / 10 }
		for i, p := range l.points {
			if i == 0 {
				d.add("M%v %v", x(p.at), y(float64(p.value)))
				continue
			}
			d.add("H%vV%v", x(p.at), math.Round(10*y(float64(p.value)))/10)
		}
		if len(l.points) > 0 {
			d.add("H1000")
		}
		m.add(`<path class="area %v" d="%vV%dH%vZ"/>`, l.series.class, d.html(), height, x(firstPoint(l.points)))
		m.add(`<path class="line %s" d="%s"/>`, l.series.class, d.html())
	}
	m.add(`</svg>`)
	m.add("%s", binaryAxis(top, y, write))
	m.add(`</svg></div>`)
	return m.html()
}

func firstPoint(points []point) int64 {
	if len(points) == 0 {
		return 0
	}
	return points[0].at
}

// binaryAxis draws lines across at round numbers of binary units.
func binaryAxis(top int64, y func(float64) float64, write func(int64) string) template.HTML {
	unit := 1.0
	for unit*1024 <= float64(top) {
		unit *= 1024
	}
	return valueAxis(float64(top)/unit, 3, func(v float64) float64 { return y(v * unit) }, func(v float64) string { return write(int64(v * unit)) })
}

// dot is a mark of a scatter chart.
type dot struct {
	x, y   float64
	size   float64 // of 1
	series int
	tip    string
}

// logChart draws dots, and a roof if there is one, on two logarithmic axes.
type logChart struct {
	name, xName, yName string
	all                []series
	dots               []dot
	roof               func(x float64) float64 // nil: none
	writeX, writeY     func(float64) string
}

func (c *logChart) draw() template.HTML {
	const height, axis = 300, 36 // a line of ticks, and one of what they are
	if len(c.dots) == 0 {
		return ""
	}
	minX, maxX, minY, maxY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, d := range c.dots {
		minX, maxX, minY, maxY = min(minX, d.x), max(maxX, d.x), min(minY, d.y), max(maxY, d.y)
	}
	minX, maxX = math.Floor(math.Log10(minX)-0.1), math.Ceil(math.Log10(maxX)+0.1)
	if c.roof != nil {
		maxX = max(maxX, 3.5)
		maxY = max(maxY, c.roof(math.Pow(10, maxX)))
	}
	minY, maxY = math.Floor(math.Log10(minY)-0.1), math.Log10(maxY)+0.3
	x := func(v float64) float64 { return 100 * (math.Log10(v) - minX) / (maxX - minX) }
	y := func(v float64) float64 { return height * (maxY - math.Log10(v)) / (maxY - minY) }
	var m markup
	m.add("%s", legend(c.all))
	m.add(`<div class="plot"><svg height="%d" role="img" aria-label="%s">`, height+axis, c.name)
	for e := minX; e <= maxX; e++ {
		v := math.Pow(10, e)
		m.add(`<line class="grid" x1="%v%%" x2="%v%%" y1="0" y2="%d"/>`, x(v), x(v), height+4)
		if x(v) < 92 { // of later ones the number would be cut off
			m.add(`<text class="tick" x="%v%%" dx="3" y="%d">%v</text>`, x(v), height+14, c.writeX(v))
		}
	}
	for e := minY; e < maxY; e++ {
		v := math.Pow(10, e)
		m.add(`<line class="grid" x1="0" x2="100%%" y1="%v" y2="%v"/>`, y(v), y(v))
		m.add(`<text class="tick halo" x="2" y="%v">%v</text>`, y(v)-3, tick(c.writeY(v)))
	}
	if c.roof != nil {
		m.add(`<svg width="100%%" height="%d" viewBox="0 0 1000 %d" preserveAspectRatio="none"><path class="line roof" d="`, height, height)
		start := "M"
		for i := range 201 {
			v := math.Pow(10, minX+(maxX-minX)*float64(i)/200)
			if y(c.roof(v)) <= height { // it may come from below the chart
				m.add("%v%v %v", start, 10*x(v), y(c.roof(v)))
				start = "L"
			}
		}
		m.add(`"/></svg>`)
	}
	for _, d := range c.dots {
		m.add(`<circle class="dot %v" cx="%v%%" cy="%v" r="%v" data-tip="%v"/>`, c.all[d.series].class, x(d.x), y(d.y), 4+10*math.Sqrt(d.size), d.tip)
	}
	m.add(`<text class="tick end" x="100%%" y="%d">%s</text><text class="tick end halo" x="100%%" y="12">%s</text></svg></div>`, height+29, c.xName, c.yName)
	return m.html()
}
