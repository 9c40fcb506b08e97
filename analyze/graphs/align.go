package graphs

import (
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// align finds the places of a graph's kernels that a replay's have, -1 of one that is not in the graph, and those that are
// left. In the graph's own order that is exact. Where branches overtook each other, the n-th of a name is the n-th of that
// name, and if some are missing, those are taken to be there that are nearest.
func align(graph, own []trace.StringID) (slots, lost []int32) {
	slots = make([]int32, len(own))
	at := 0
	for i := range graph {
		if at < len(own) && own[at] == graph[i] {
			slots[at] = int32(i)
			at++
		} else {
			lost = append(lost, int32(i))
		}
	}
	if at == len(own) {
		return slots, lost
	}
	lost = lost[:0]
	of, mine := map[trace.StringID][]int32{}, map[trace.StringID][]int32{}
	for i, name := range graph {
		of[name] = append(of[name], int32(i))
	}
	for i, name := range own {
		slots[i] = -1
		mine[name] = append(mine[name], int32(i))
	}
	scale := float64(len(graph)) / float64(len(own))
	for name, theirs := range mine {
		nearest(of[name], theirs, scale, slots)
	}
	taken := make([]bool, len(graph))
	for _, s := range slots {
		if s >= 0 {
			taken[s] = true
		}
	}
	for i, t := range taken {
		if !t {
			lost = append(lost, int32(i))
		}
	}
	return slots, lost
}

// nearest gives places to kernels of one name, in order, so that they move as little as possible in all. of are the places,
// mine the kernels, at scale times their number.
func nearest(of, mine []int32, scale float64, slots []int32) {
	if len(mine) >= len(of) {
		for i := range of {
			slots[mine[i]] = of[i]
		}
		return
	}
	// cost[j] is the least for the kernels so far in the first j places; from[i][j] tells whether kernel i took place j−1.
	spare := len(of) - len(mine)
	cost := make([]float64, len(of)+1)
	took := make([][]bool, len(mine))
	for i, m := range mine {
		took[i] = make([]bool, len(of)+1)
		before := slices.Clone(cost)
		cost[i] = 1e18 // fewer places than kernels
		for j := i + 1; j <= i+1+spare; j++ {
			d := float64(m)*scale - float64(of[j-1])
			here := before[j-1] + max(d, -d)
			if took[i][j] = j == i+1 || here <= cost[j-1]; took[i][j] {
				cost[j] = here
			} else {
				cost[j] = cost[j-1]
			}
		}
	}
	j := len(of)
	for i, m := range slices.Backward(mine) {
		for !took[i][j] {
			j--
		}
		slots[m] = of[j-1]
		j--
	}
}
