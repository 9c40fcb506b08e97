package compare

import "math"

// Numbers of a section with their intervals: what noise.go needs of each run, taken from its steps.

// estimate compares a number of steps, with its interval.
func (c *pairing) estimate(w *sides, of func(g *Group, i int) int64) Estimate {
	var values [2][]value
	for k := range c.side {
		values[k] = runValues(len(c.side[k].Runs), k, w, of)
	}
	return estimate(values[0], values[1])
}

// runValues are a side's values by run.
func runValues(runs, k int, w *sides, of func(g *Group, i int) int64) []value {
	var out []value
	for r := range runs {
		if w.tokens {
			if v, ok := tokenValue(w.units, k, r, of); ok {
				out = append(out, v)
			}
			continue
		}
		var s series
		for i := range w.units {
			g := w.units[i].groups[k][r]
			if g == nil {
				continue
			}
			ns := make([]int64, len(g.TotalNs))
			for j := range ns {
				ns[j] = of(g, j)
			}
			s.ns, s.weight = append(s.ns, ns), append(s.weight, w.units[i].weight)
		}
		if v, ok := s.valueOf(); ok {
			out = append(out, v)
		}
	}
	return out
}

// tokenValue is a run's mean per token; steps of other shapes have other times per token, which widens it as it should.
func tokenValue(units []unit, k, r int, of func(g *Group, i int) int64) (value, bool) {
	var ns, tokens float64
	var each []float64
	for i := range units {
		g := units[i].groups[k][r]
		if g == nil {
			continue
		}
		for j := range g.TotalNs {
			ns += float64(of(g, j))
			tokens += units[i].weight
			if units[i].weight > 0 {
				each = append(each, float64(of(g, j))/units[i].weight)
			}
		}
	}
	if tokens == 0 {
		return value{}, false
	}
	spread := deviation(each)
	return value{v: ns / tokens, n: len(each), step: spread, within: spread / math.Sqrt(float64(len(each)))}, true
}

// perToken is a step's time by its tokens, of which both sides have the same; nil if the steps do not say how many.
func perToken(s *Section, w *sides, count func(Shape) int64) *Estimate {
	var tokens, weight float64
	for i := range w.units {
		n := count(w.units[i].Shape)
		if n <= 0 {
			return nil
		}
		tokens += w.units[i].weight * float64(n)
		weight += w.units[i].weight
	}
	per := tokens / weight
	e := s.Time
	e.A, e.B, e.Delta = e.A/per, e.B/per, e.Delta/per
	if e.Low != nil {
		low, high := *e.Low/per, *e.High/per
		e.Low, e.High = &low, &high
	}
	return &e
}
