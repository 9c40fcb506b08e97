package stats

import (
	"math/bits"
	"slices"
)

// Durations are small numbers: of a million kernels all take between a hundred ns and some ms, which 24 bits hold. So long
// lists are sorted by their digits, 11 bits at a time from the lowest, each pass reading and writing the list once, and
// only as many passes as the largest spread needs. A list of three such digits takes a fifth of the time of sorting by
// comparison, and a second list of the same length while it is sorted.

const (
	digitBits = 11
	digits    = 1 << digitBits
	longList  = 512 // from which on counting digits pays
)

// Sort sorts durations, or any whole numbers, ascending.
func Sort(ns []int64) {
	if len(ns) < longList {
		slices.Sort(ns)
		return
	}
	least, most, sorted := ns[0], ns[0], true
	for i, v := range ns[1:] {
		sorted = sorted && ns[i] <= v
		least, most = min(least, v), max(most, v)
	}
	if sorted {
		return
	}
	spread := uint64(most) - uint64(least) // right even where most − least overflows
	passes := 0
	for rest := spread; rest > 0; rest >>= digitBits {
		passes++
	}
	if passes > 3 { // so many digits are seldom worth it
		slices.Sort(ns)
		return
	}
	from, to := ns, make([]int64, len(ns))
	for pass := range passes {
		shift := pass * digitBits
		var starts [digits]int
		for _, v := range from {
			starts[(uint64(v)-uint64(least))>>shift&(digits-1)]++
		}
		at := 0
		for d, n := range starts {
			starts[d] = at
			at += n
		}
		for _, v := range from {
			d := (uint64(v) - uint64(least)) >> shift & (digits - 1)
			to[starts[d]] = v
			starts[d]++
		}
		from, to = to, from
	}
	if passes%2 == 1 {
		copy(ns, from)
	}
}

// nth is the value that the n-th place from 0 would have were the list sorted. least and most are the list's.
func nth(ns []int64, n int, least, most int64) int64 {
	for len(ns) >= longList && least < most {
		shift := max(0, bits.Len64(uint64(most)-uint64(least))-digitBits)
		var counts [digits]int
		for _, v := range ns {
			counts[(uint64(v)-uint64(least))>>shift]++
		}
		d := 0
		for ; n >= counts[d]; d++ {
			n -= counts[d]
		}
		if shift == 0 {
			return least + int64(d)
		}
		same := make([]int64, 0, counts[d])
		for _, v := range ns {
			if (uint64(v)-uint64(least))>>shift == uint64(d) {
				same = append(same, v)
			}
		}
		ns = same
		least, most = slices.Min(ns), slices.Max(ns)
	}
	if least == most {
		return least
	}
	sorted := slices.Clone(ns)
	slices.Sort(sorted)
	return sorted[n]
}
