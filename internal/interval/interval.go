// Package interval has sets of moments.
package interval

// Most questions about time reduce to sets of moments: when was a device busy, when was it communicating, when was
// it doing both. A set is kept as a sorted list of disjoint intervals, so that length, difference and intersection
// are single passes.

// Span is the half-open time from Start to End, in ns.
type Span struct{ Start, End int64 }

// Set is sorted by start and disjoint.
type Set []Span

// Add extends the set by an interval that starts no earlier than the last one added did.
func (s *Set) Add(start, end int64) {
	if end <= start {
		return
	}
	if n := len(*s); n > 0 && start <= (*s)[n-1].End {
		(*s)[n-1].End = max((*s)[n-1].End, end)
		return
	}
	*s = append(*s, Span{start, end})
}

// Length is how long the moments last together.
func (s Set) Length() int64 {
	var n int64
	for _, v := range s {
		n += v.End - v.Start
	}
	return n
}

// Overlap is the length of the intersection of two sets.
func Overlap(a, b Set) int64 {
	var n int64
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if d := min(a[i].End, b[j].End) - max(a[i].Start, b[j].Start); d > 0 {
			n += d
		}
		if a[i].End < b[j].End {
			i++
		} else {
			j++
		}
	}
	return n
}

// Union is the set of all moments that are in a or in b. It may share the memory of one that is all.
func Union(a, b Set) Set {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := make(Set, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0].Start <= b[0].Start {
			out.Add(a[0].Start, a[0].End)
			a = a[1:]
		} else {
			out.Add(b[0].Start, b[0].End)
			b = b[1:]
		}
	}
	return out
}
