package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// ranges are numbers of steps, ranks or devices, as a flag: 3, 10-12, 40-, or several of these with commas.
type ranges []analyze.Range

// Type implements pflag.Value.
func (r *ranges) Type() string { return "numbers" }

func (r *ranges) String() string {
	var parts []string
	for _, s := range *r {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, ",")
}

// Set implements pflag.Value. Given again, a flag adds to what it was.
func (r *ranges) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		s, ok := parseRange(strings.TrimSpace(part))
		if !ok {
			return fmt.Errorf("must be numbers, such as 3, 10-12 or 40-")
		}
		*r = append(*r, s)
	}
	return nil
}

func parseRange(text string) (analyze.Range, bool) {
	first, last, isRange := strings.Cut(text, "-")
	a, ok := parseNatural(first)
	if !ok || !isRange {
		return analyze.Range{From: a, To: a}, ok
	}
	if last == "" {
		return analyze.Range{From: a, To: math.MaxInt}, true
	}
	b, ok := parseNatural(last)
	return analyze.Range{From: a, To: b}, ok && b >= a
}

func parseNatural(text string) (int, bool) {
	v, err := strconv.ParseUint(text, 10, 31)
	return int(v), err == nil
}
