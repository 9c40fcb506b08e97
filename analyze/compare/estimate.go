package compare

import "math"

// Numbers of a section with their intervals: what noise.go needs of each run, taken from its steps.

// estimate compares a number of a section's steps, with its interval; of tokens, of the steps' shapes.
func (c *pairing) estimate(w *sides, s statistic, of func(g *Group, i int) int64) Estimate {
	values := c.values(w, s, of)
	return estimate(values[0], values[1])
}

// values are those of a number, by side and run.
func (c *pairing) values(w *sides, s statistic, of func(g *Group, i int) int64) (values [2][]value) {
	for k := range c.side {
		for r := range c.side[k].Runs {
			if v, ok := w.valueOf(k, r, s, of); ok {
				values[k] = append(values[k], v)
			}
		}
	}
	return values
}

// estimateP99 compares the slow steps.
func (c *pairing) estimateP99(w *sides) Estimate {
	var steps [2]series
	for k := range steps {
		for i := range w.units {
			var all []int64
			for _, g := range w.units[i].groups[k] {
				if g != nil {
					all = append(all, g.TotalNs...)
				}
			}
			steps[k].ns, steps[k].weight = append(steps[k].ns, all), append(steps[k].weight, w.units[i].weight)
		}
	}
	return estimateTail(c.values(w, p99, func(g *Group, i int) int64 { return g.TotalNs[i] }), steps)
}

// valueOf is a run's value. Per step it is the weighted mean of a number of each shape's steps, with the same weights on both
// sides. Per token each side has its own steps: that number of each shape, as often as there are steps, by their tokens.
func (w *sides) valueOf(k, r int, s statistic, of func(g *Group, i int) int64) (value, bool) {
	var x series
	var tokens, steps float64
	var perToken []float64
	for i := range w.units {
		g := w.units[i].groups[k][r]
		if g == nil {
			continue
		}
		ns := make([]int64, len(g.TotalNs))
		for j := range ns {
			ns[j] = of(g, j)
		}
		x.ns = append(x.ns, ns)
		weight := w.units[i].weight
		if w.tokens {
			for _, v := range ns {
				if weight > 0 {
					perToken = append(perToken, float64(v)/weight)
				}
			}
			tokens += float64(g.Steps) * weight
			weight = float64(g.Steps)
			steps += weight
		}
		x.weight = append(x.weight, weight)
	}
	v, ok := x.valueOf(s)
	if !ok || !w.tokens {
		return v, ok
	}
	if tokens == 0 {
		return v, false
	}
	each := tokens / steps // of a step
	v.v, v.within, v.step = v.v/each, v.within/each, v.step/each
	if v.n < fewSteps && len(perToken) >= fewSteps { // as many shapes as steps: those differ by more than noise, which is wide enough
		v.n, v.step = len(perToken), deviation(perToken)
		v.within = v.step / math.Sqrt(float64(v.n))
	}
	return v, true
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
	e.A, e.B, e.Delta, e.Spread = e.A/per, e.B/per, e.Delta/per, e.Spread/per
	if e.Low != nil {
		low, high := *e.Low/per, *e.High/per
		e.Low, e.High = &low, &high
	}
	return &e
}
