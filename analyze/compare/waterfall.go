package compare

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze"
)

// The waterfall: from one side's time per unit to the other's, in whole ns that sum to both. It divides typical steps
// (typical.go), whose mean is about the median that the headline is of. What the mean has besides is divided apart.

// scales are what a group counts for on a side, by run and unit, given how many of its steps something is summed over: so
// that Σ sums · scale is per unit of the section. As in the headline each run counts the same, and in it each shape by weight.
func (w *sides) scales(k int, summed func(g *Group) int) [][]float64 {
	if len(w.units) == 0 {
		return nil
	}
	out := make([][]float64, len(w.units[0].groups[k]))
	runs := 0
	for r := range out {
		out[r] = make([]float64, len(w.units))
		var total float64
		for i := range w.units {
			u := &w.units[i]
			g := u.groups[k][r]
			if g == nil || summed(g) == 0 {
				continue
			}
			times := u.weight // how often the shape counts
			each := u.weight
			if w.tokens {
				times = float64(g.Steps)
				each = times * u.weight // tokens
			}
			out[r][i] = times / float64(summed(g))
			total += each
		}
		if total == 0 {
			continue
		}
		runs++
		for i := range out[r] {
			out[r][i] /= total
		}
	}
	for r := range out {
		for i := range out[r] {
			out[r][i] /= float64(max(1, runs))
		}
	}
	return out
}

func typicalOf(g *Group) int { return g.Typical }
func stepsOf(g *Group) int   { return g.Steps }

// each calls what for the groups of a side, with the scale that scales gives.
func (w *sides) each(k int, summed func(g *Group) int, what func(g *Group, run int, scale float64)) {
	for r, scales := range w.scales(k, summed) {
		for i, scale := range scales {
			if g := w.units[i].groups[k][r]; g != nil {
				what(g, r, scale)
			}
		}
	}
}

// divide is a side's typical unit, divided among kinds of work and causes of idleness, in whole ns that sum to total.
func (c *pairing) divide(k int, w *sides) (pieces []*piece, idle [analyze.IdleCauses]int64, total int64) {
	byWork := map[analyze.Work]*piece{}
	var values []float64 // of pieces, then of idleness
	var idleness [analyze.IdleCauses]float64
	w.each(k, typicalOf, func(g *Group, r int, scale float64) {
		for cause, ns := range g.IdleNs {
			idleness[cause] += scale * float64(ns)
		}
		n := float64(g.Typical)
		for _, s := range g.Work {
			work := c.side[k].Runs[r].Work[s.Work]
			p := byWork[work]
			if p == nil {
				p = &piece{Work: work, at: len(pieces)}
				byWork[work] = p
				pieces = append(pieces, p)
				values = append(values, 0)
			}
			values[p.at] += scale * float64(s.Ns)
			p.count += scale * float64(s.Count)
			spread := s.spread(g.Typical)
			p.error += scale * scale * n * spread * spread
		}
	})
	whole := apportion(append(slices.Clone(values), idleness[:]...))
	for i, p := range pieces {
		p.ns, p.error = whole[i], math.Sqrt(p.error)
		total += p.ns
	}
	for cause := range idle {
		idle[cause] = whole[len(pieces)+cause]
		total += idle[cause]
	}
	return pieces, idle, total
}

// meanParts divides the mean over all steps that count, slow ones and all, into work and causes of idleness.
func (c *pairing) meanParts(w *sides) []Part {
	var whole [2][]int64
	for k := range c.side {
		values := make([]float64, 1+int(analyze.IdleCauses)) // work, then idleness
		w.each(k, stepsOf, func(g *Group, _ int, scale float64) {
			values[0] += scale * float64(g.AllNs)
			for cause, ns := range g.AllIdleNs {
				values[0] -= scale * float64(ns)
				values[1+cause] += scale * float64(ns)
			}
		})
		whole[k] = apportion(values)
	}
	var out []Part
	for i := range whole[0] {
		p := Part{Name: partWork, ANs: whole[0][i], BNs: whole[1][i], DeltaNs: whole[1][i] - whole[0][i]}
		if i > 0 {
			p.Name, p.Idle = idleName(analyze.IdleCause(i-1)), true
		}
		if p.ANs != 0 || p.BNs != 0 {
			out = append(out, p)
		}
	}
	return out
}

// partWork is all work, in the parts of a mean.
const partWork = "work"

// apportion rounds values so that they sum to their rounded sum: by largest remainder.
func apportion(values []float64) []int64 {
	out, order := make([]int64, len(values)), make([]int, len(values))
	var sum float64
	var floor int64
	for i, v := range values {
		sum += v
		out[i] = int64(math.Floor(v))
		floor += out[i]
		order[i] = i
	}
	remainder := func(i int) float64 { return values[i] - math.Floor(values[i]) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainder(b), remainder(a)) })
	for i := range min(int(math.Round(sum))-int(floor), len(order)) {
		out[order[i]]++
	}
	return out
}

// waterfall sums pieces by part.
func waterfall(pieces [2][]*piece, idle [2][analyze.IdleCauses]int64) []Part {
	var out []Part
	sum := func(k int, name string) (ns int64) {
		for _, p := range pieces[k] {
			if partOf(p.Work) == name {
				ns += p.ns
			}
		}
		return ns
	}
	for _, name := range partOrder {
		if p := (Part{Name: name, ANs: sum(0, name), BNs: sum(1, name)}); p.ANs != 0 || p.BNs != 0 {
			out = append(out, p)
		}
	}
	for cause := range analyze.IdleCauses {
		if p := (Part{Name: idleName(cause), Idle: true, ANs: idle[0][cause], BNs: idle[1][cause]}); p.ANs != 0 || p.BNs != 0 {
			out = append(out, p)
		}
	}
	for i := range out {
		out[i].DeltaNs = out[i].BNs - out[i].ANs
	}
	return out
}

func idleName(c analyze.IdleCause) string {
	switch c {
	case analyze.IdleHost:
		return "idle: launched too late"
	case analyze.IdleLaunch:
		return "idle: gaps between launched kernels"
	case analyze.IdleOther:
		return "idle: long gaps after the launch"
	case analyze.IdleUnknown:
		return "idle: cause not recorded"
	}
	return "outside ops"
}
