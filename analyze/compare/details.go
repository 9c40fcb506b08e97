package compare

import (
	"math"
	"slices"
)

// Tables beside a section's waterfall: by layer of the model, and by rank.

func (c *pairing) layers(w *sides) []LayerRow {
	var ns [2][]float64
	for k := range c.side {
		w.each(k, typicalOf, func(g *Group, _ int, scale float64) {
			for l, v := range g.LayerNs {
				for len(ns[k]) <= l {
					ns[k] = append(ns[k], 0)
				}
				ns[k][l] += scale * float64(v)
			}
		})
	}
	if len(ns[0]) == 0 || len(ns[1]) == 0 {
		return nil
	}
	var out []LayerRow
	for l := range max(len(ns[0]), len(ns[1])) {
		row := LayerRow{Layer: l}
		if l < len(ns[0]) {
			row.ANs = int64(math.Round(ns[0][l]))
		}
		if l < len(ns[1]) {
			row.BNs = int64(math.Round(ns[1][l]))
		}
		row.DeltaNs = row.BNs - row.ANs
		out = append(out, row)
	}
	return out
}

// ranks lists what each rank of a side with several spends.
func (c *pairing) ranks(w *sides) []RankRow {
	var out []RankRow
	several := false
	for k, letter := range []string{c.pair.A, c.pair.B} {
		sums := map[int]*RankSum{}
		var order []int
		for i := range w.units {
			for _, g := range w.units[i].groups[k] {
				if g == nil {
					continue
				}
				for _, s := range g.PerRank {
					if sums[s.Rank] == nil {
						sums[s.Rank] = &RankSum{Rank: s.Rank}
						order = append(order, s.Rank)
					}
					t := sums[s.Rank]
					t.Steps, t.TotalNs, t.BusyNs, t.CommNs = t.Steps+s.Steps, t.TotalNs+s.TotalNs, t.BusyNs+s.BusyNs, t.CommNs+s.CommNs
				}
			}
		}
		slices.Sort(order)
		several = several || len(order) > 1
		for _, rank := range order {
			s := sums[rank]
			n := int64(max(1, s.Steps))
			out = append(out, RankRow{letter, rank, s.TotalNs / n, s.BusyNs / n, (s.TotalNs - s.BusyNs) / n, s.CommNs / n})
		}
	}
	if !several {
		return nil
	}
	return out
}
