package categories

import (
	"regexp/syntax"
	"strings"
)

// Kernels' names run to a thousand characters, and there are two dozen rules of a dozen alternatives each: going through an
// expression character by character costs microseconds, looking for a few letters in a row nanoseconds. So each rule knows
// strings of which every name that it matches has at least one, derived from its expression, and an expression is asked
// only about names that have one.
//
// Letters are compared in lower case, which finds too much rather than too little. A name with characters beyond ASCII, of
// which some fold to ASCII letters, is put to every expression.

// leastPart is how long a string must be to tell names apart.
const leastPart = 2

// lowered is what mayMatch looks in; "" if it can not tell.
func lowered(name string) string {
	for i := range len(name) {
		if name[i] >= 0x80 {
			return ""
		}
	}
	return strings.ToLower(name)
}

// mayMatch reports whether a name, lowered, may match.
func (r *rule) mayMatch(lower string) bool {
	if lower == "" || r.parts == nil {
		return true
	}
	for _, p := range r.parts {
		if strings.Contains(lower, p) {
			return true
		}
	}
	return false
}

// requiredParts are strings in lower case of which every match of an expression has one; nil if there are none to be had.
func requiredParts(expression string) []string {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil
	}
	return partsOf(re.Simplify())
}

func partsOf(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if len(re.Rune) >= leastPart {
			return []string{strings.ToLower(string(re.Rune))}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return partsOf(re.Sub[0])
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			parts := partsOf(sub)
			if parts == nil {
				return nil
			}
			all = append(all, parts...)
		}
		return all
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if parts := partsOf(sub); parts != nil && (best == nil || shortest(parts) > shortest(best)) {
				best = parts
			}
		}
		return best
	}
	return nil
}

func shortest(parts []string) int {
	n := len(parts[0])
	for _, p := range parts {
		n = min(n, len(p))
	}
	return n
}
