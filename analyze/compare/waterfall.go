package compare

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze"
)

// The waterfall: from one side's time per unit to the other's, in whole ns that sum to both.

// scale is what one step of a unit counts for on a side, over the runs that have it: so that Σ steps · scale is per unit
// of the section.
func (w *sides) scale(k int) []float64 {
	out := make([]float64, len(w.units))
	var total float64
	for i := range w.units {
		u := &w.units[i]
		steps := 0
		for _, g := range u.groups[k] {
			if g != nil {
				steps += g.Steps
			}
		}
		if steps == 0 {
			continue
		}
		if w.tokens { // Σ ns / Σ tokens
			out[i] = 1
			total += float64(steps) * u.weight
			continue
		}
		out[i] = u.weight / float64(steps) // the mean, by weight
		total += u.weight
	}
	for i := range out {
		out[i] /= max(total, 1)
	}
	return out
}

// divide is a side's mean per unit, divided among kinds of work and causes of idleness, in whole ns that sum to total.
func (c *pairing) divide(k int, w *sides) (pieces []*piece, idle [analyze.IdleCauses]int64, total int64) {
	byWork := map[analyze.Work]*piece{}
	var values []float64 // of pieces, then of idleness
	var idleness [analyze.IdleCauses]float64
	for i, scale := range w.scale(k) {
		for r, g := range w.units[i].groups[k] {
			if g == nil {
				continue
			}
			for cause, ns := range g.IdleNs {
				idleness[cause] += scale * float64(ns)
			}
			n := float64(g.Steps)
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
				if n > 1 {
					mean := float64(s.Ns) / n
					p.error += scale * scale * max(0, s.Square-n*mean*mean) * n / (n - 1)
				}
			}
		}
	}
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
