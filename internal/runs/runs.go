// Package runs sorts lists that are a few sorted lists behind each other.
package runs

import (
	"slices"
	"sort"
)

// Files are no heap of events in any order: they are a few sorted lists behind each other (of each thread its ops, then
// its calls; of each repetition of a profile the same again). A sort that finds the runs that are there and merges
// neighbours compares n·log(runs) times at most rather than n·log(n), and reads memory in order. Runs differ much in length:
// a few marks lie between half a million ops and as many calls. So runs wait on a stack until what comes after them is
// about as long, as in timsort, and a merge moves the shorter of two runs aside and touches nothing of what lies in its
// place already.
//
// The trade-off: memory for the shorter run while two are merged. Where runs are short, the list is in no order, and the
// library's sort is faster.

// shortRun is the mean length of runs below which there is no order to use, once so many rows have been looked at.
const (
	shortRun  = 8
	firstLook = 1 << 12
)

// Sort sorts a list; of equals the first stays first, unless the list is in no order at all.
func Sort[T any](list []T, compare func(a, b T) int) {
	m := merger[T]{list: list, compare: compare}
	runs := 0
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && compare(list[to-1], list[to]) <= 0 {
			to++
		}
		if runs++; len(m.ends) > 0 && to < shortRun*runs && to > min(firstLook, len(list)-1) {
			slices.SortFunc(list, compare)
			return
		}
		m.push(to)
		from = to
	}
	for len(m.ends) > 1 {
		m.mergeLast(0)
	}
}

// merger has the runs that wait, each from the end of the one before.
type merger[T any] struct {
	list    []T
	compare func(a, b T) int
	ends    []int
	aside   []T
}

// length is that of the i-th run from the top of the stack.
func (m *merger[T]) length(i int) int {
	at := len(m.ends) - 1 - i
	if at == 0 {
		return m.ends[0]
	}
	return m.ends[at] - m.ends[at-1]
}

// push adds a run, and merges until each run is longer than the two above it together.
func (m *merger[T]) push(end int) {
	m.ends = append(m.ends, end)
	for n := len(m.ends); n > 1; n = len(m.ends) {
		switch {
		case n > 2 && m.length(2) <= m.length(1)+m.length(0) && m.length(2) < m.length(0):
			m.mergeLast(1)
		case n > 2 && m.length(2) <= m.length(1)+m.length(0), m.length(1) <= m.length(0):
			m.mergeLast(0)
		default:
			return
		}
	}
}

// mergeLast merges the i-th run from the top with the one below it.
func (m *merger[T]) mergeLast(i int) {
	at := len(m.ends) - 1 - i
	from := 0
	if at > 1 {
		from = m.ends[at-2]
	}
	m.merge(m.list[from:m.ends[at]], m.ends[at-1]-from)
	m.ends = slices.Delete(m.ends, at-1, at)
}

// merge merges the sorted parts of a list before and from middle on.
func (m *merger[T]) merge(list []T, middle int) {
	// What is no greater than all of the other part, or no less, is in its place.
	first, last := list[middle], list[middle-1]
	from := sort.Search(middle, func(i int) bool { return m.compare(list[i], first) > 0 })
	to := middle + sort.Search(len(list)-middle, func(i int) bool { return m.compare(list[middle+i], last) >= 0 })
	list, middle = list[from:to], middle-from
	if middle == 0 || middle == len(list) {
		return
	}
	if middle <= len(list)/2 {
		m.aside = append(m.aside[:0], list[:middle]...)
		m.forward(list, m.aside, list[middle:])
		return
	}
	m.aside = append(m.aside[:0], list[middle:]...)
	m.backward(list, list[:middle], m.aside)
}

// forward merges a, which lies aside, and b, which is the end of the list, into it.
func (m *merger[T]) forward(list, a, b []T) {
	for len(a) > 0 && len(b) > 0 {
		if m.compare(a[0], b[0]) <= 0 {
			list[0], a = a[0], a[1:]
		} else {
			list[0], b = b[0], b[1:]
		}
		list = list[1:]
	}
	copy(list, a) // what is left of b is in its place
}

// backward merges a, which is the beginning of the list, and b, which lies aside, into it from the end.
func (m *merger[T]) backward(list, a, b []T) {
	for len(a) > 0 && len(b) > 0 {
		if m.compare(a[len(a)-1], b[len(b)-1]) > 0 {
			list[len(list)-1], a = a[len(a)-1], a[:len(a)-1]
		} else {
			list[len(list)-1], b = b[len(b)-1], b[:len(b)-1]
		}
		list = list[:len(list)-1]
	}
	copy(list[len(list)-len(b):], b) // what is left of a is in its place
}
