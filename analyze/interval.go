package analyze

// Most questions about time reduce to sets of moments: when was a device busy, when was it communicating, when was
// it doing both. A set is kept as a sorted list of disjoint intervals, so that length, difference and intersection
// are single passes.

// An interval is the half-open time from start to end, in ns.
type interval struct{ start, end int64 }

// intervals is sorted by start and disjoint.
type intervals []interval

// add extends the set by an interval that starts no earlier than the last one added did.
func (s *intervals) add(start, end int64) {
	if end <= start {
		return
	}
	if n := len(*s); n > 0 && start <= (*s)[n-1].end {
		(*s)[n-1].end = max((*s)[n-1].end, end)
		return
	}
	*s = append(*s, interval{start, end})
}

func (s intervals) length() int64 {
	var n int64
	for _, v := range s {
		n += v.end - v.start
	}
	return n
}

// overlap is the length of the intersection of two sets.
func overlap(a, b intervals) int64 {
	var n int64
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if d := min(a[i].end, b[j].end) - max(a[i].start, b[j].start); d > 0 {
			n += d
		}
		if a[i].end < b[j].end {
			i++
		} else {
			j++
		}
	}
	return n
}

// union is the set of all moments that are in a or in b.
func union(a, b intervals) intervals {
	out := make(intervals, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0].start <= b[0].start {
			out.add(a[0].start, a[0].end)
			a = a[1:]
		} else {
			out.add(b[0].start, b[0].end)
			b = b[1:]
		}
	}
	return out
}
