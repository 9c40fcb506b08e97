package words

import "strings"

// Plural writes a number and its noun, where that is more than an s: 1 event is, 13,818 events are.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Grouped(int64(n)) + " " + many
}

// List writes the first of total things.
func List(names []string, total int) string {
	s := strings.Join(names, ", ")
	if total > len(names) {
		s += ", …"
	}
	return s
}
