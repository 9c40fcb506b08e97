// Package runs sorts lists that are a few sorted lists behind each other.
package runs

import "slices"

// Files are no heap of events in any order: they are a few sorted lists behind each other (of each thread its ops, then
// its calls; of each repetition of a profile the same again). A sort that finds the runs that are there and merges
// neighbours, the shortest pairs first, compares n·log(runs) times rather than n·log(n), and reads memory in order.
//
// The trade-off: a second list of the same length while it runs. Where runs are short, the list is in no order, and the
// library's sort is faster.

// shortRun is the mean length of runs below which there is no order to use.
const shortRun = 8

// Sort sorts a list; of equals the first stays first, unless the list is in no order at all.
func Sort[T any](list []T, compare func(a, b T) int) {
	starts := []int{0} // of runs, and the end
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) > 0 {
			starts = append(starts, i)
			if i > 1<<12 && i < shortRun*len(starts) {
				slices.SortFunc(list, compare)
				return
			}
		}
	}
	if len(starts) == 1 {
		return
	}
	if len(list) < shortRun*len(starts) {
		slices.SortFunc(list, compare)
		return
	}
	starts = append(starts, len(list))
	from, to := list, make([]T, len(list))
	for len(starts) > 2 {
		kept := starts[:1]
		for k := 0; k+1 < len(starts); k += 2 {
			if k+2 == len(starts) { // one is left over
				copy(to[starts[k]:], from[starts[k]:starts[k+1]])
				kept = append(kept, starts[k+1])
				break
			}
			merge(to[starts[k]:starts[k+2]], from[starts[k]:starts[k+1]], from[starts[k+1]:starts[k+2]], compare)
			kept = append(kept, starts[k+2])
		}
		starts = kept
		from, to = to, from
	}
	if &from[0] != &list[0] {
		copy(list, from)
	}
}

// merge merges two sorted lists into one as long as both.
func merge[T any](to, a, b []T, compare func(a, b T) int) {
	for len(a) > 0 && len(b) > 0 {
		if compare(a[0], b[0]) <= 0 {
			to[0], a = a[0], a[1:]
		} else {
			to[0], b = b[0], b[1:]
		}
		to = to[1:]
	}
	copy(to[copy(to, a):], b)
}
