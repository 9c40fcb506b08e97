package findings

import (
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
)

// What sentences and evidence are made of.

// noun is the name of a number of things.
func noun(n int, one string) string {
	return choose(n == 1, one, one+"s")
}

// shortName is a kernel's, op's or frame's name as a sentence can bear it: without types, arguments and directories.
func shortName(name string) string {
	if strings.Contains(name, "): ") { // a Python frame
		return categories.ShortOp(name)
	}
	if strings.HasPrefix(name, "## Call CompiledFxGraph ") { // and a hash
		return "CompiledFxGraph"
	}
	name = categories.WithoutResult(name)
	i := strings.IndexAny(name, "<(")
	// copies say more in brackets, and so do steps and scopes: enumerate(DataLoader)#_SingleProcess….__next__
	if i > 0 && (name[i] == '<' || strings.HasSuffix(name, ")")) && !strings.HasPrefix(name, "Mem") && !strings.HasPrefix(name, "execute_") {
		name = name[:i]
	}
	if r := []rune(name); len(r) > 60 {
		name = string(r[:59]) + "…"
	}
	return name
}

func nanoseconds(name string, ns int64) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: float64(ns), Unit: unitNs}
}

func number(name string, n int) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: float64(n), Unit: unitCount}
}

func bytesOf(name string, n int64) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: float64(n), Unit: unitBytes}
}

func share(name string, part, whole int64) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: ratio(part, whole), Unit: unitShare}
}

func ratio(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// quotient is a mean; 0 of nothing.
func quotient(sum int64, n int) int64 {
	if n == 0 {
		return 0
	}
	return sum / int64(n)
}

// choose is one of two strings.
func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
