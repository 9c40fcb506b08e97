package categories

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// Kernels' names run to a thousand characters, and there are two dozen rules of a dozen alternatives each: going through an
// expression character by character costs microseconds, looking for a few letters in a row nanoseconds. So the expression
// of a rule is taken apart into its alternatives. Most are a few words (rms_?norm is two): a name matches if it has one.
// Of the others it is known which words every match has, and the expression is asked only about names that have one.
//
// Letters that may be in either case are compared in lower case. A name with characters beyond ASCII, of which some fold to
// ASCII letters, is put to the whole expression.

const (
	leastPart = 2  // how long a word must be to tell names apart
	mostWords = 32 // that an alternative is taken for
)

// alternative is one of those of which a name must match one.
type alternative struct {
	words []string       // of which every match has one; nil: not known
	fold  bool           // words are in lower case, and stand for either
	match *regexp.Regexp // nil: having a word is matching
}

// matches reports whether a name matches; lower is the name in lower case, and the name is ASCII.
func (a *alternative) matches(name, lower string) bool {
	if a.words != nil {
		in := name
		if a.fold {
			in = lower
		}
		if !slices.ContainsFunc(a.words, func(w string) bool { return strings.Contains(in, w) }) {
			return false
		}
	}
	return a.match == nil || a.match.MatchString(name)
}

// isASCII reports whether a name has no characters beyond.
func isASCII(name string) bool {
	for i := range len(name) {
		if name[i] >= 0x80 {
			return false
		}
	}
	return true
}

// alternatives takes an expression apart.
func alternatives(expression string) []alternative {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return []alternative{{match: regexp.MustCompile(expression)}}
	}
	re = re.Simplify()
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpAlternate {
		parts = re.Sub
	}
	var out []alternative
	for _, part := range parts {
		fold := folds(part)
		if words := language(part); words != nil && shortest(words) > 0 {
			out = append(out, alternative{words: cased(words, fold), fold: fold})
			continue
		}
		a := alternative{match: regexp.MustCompile(part.String())}
		if words := wordsOf(part); words != nil {
			a.words, a.fold = cased(words, true), true // in lower case more names have one, never fewer
		}
		out = append(out, a)
	}
	return out
}

// folds reports whether an expression has letters that may be in either case.
func folds(re *syntax.Regexp) bool {
	return re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase != 0 || slices.ContainsFunc(re.Sub, folds)
}

func cased(words []string, fold bool) []string {
	if fold {
		for i := range words {
			words[i] = strings.ToLower(words[i])
		}
	}
	return words
}

// language is all that an expression matches, if those are a few words; else nil. Letters of a word may be in either case
// if the expression folds, all of them: one that folds in part alone has no language here.
func language(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpLiteral:
		return []string{string(re.Rune)}
	case syntax.OpCapture:
		return language(re.Sub[0])
	case syntax.OpQuest:
		if words := language(re.Sub[0]); words != nil {
			return append(words, "")
		}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := language(sub)
			if words == nil || len(all)+len(words) > mostWords || mixed(re) {
				return nil
			}
			all = append(all, words...)
		}
		return all
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			words := language(sub)
			if words == nil || len(all)*len(words) > mostWords || mixed(re) {
				return nil
			}
			var longer []string
			for _, a := range all {
				for _, w := range words {
					longer = append(longer, a+w)
				}
			}
			all = longer
		}
		return all
	}
	return nil
}

// mixed reports whether some letters of an expression fold and others do not.
func mixed(re *syntax.Regexp) bool { return folds(re) && keepsCase(re) }

func keepsCase(re *syntax.Regexp) bool {
	letters := func(r rune) bool { return unicode.IsLetter(r) }
	return re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0 && slices.ContainsFunc(re.Rune, letters) ||
		slices.ContainsFunc(re.Sub, keepsCase)
}

// wordsOf are words of which every match of an expression has one; nil if there are none to be had.
func wordsOf(re *syntax.Regexp) []string {
	if words := language(re); words != nil && shortest(words) >= leastPart {
		return words
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return wordsOf(re.Sub[0])
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := wordsOf(sub)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if words := wordsOf(sub); words != nil && (best == nil || shortest(words) > shortest(best)) {
				best = words
			}
		}
		return best
	}
	return nil
}

func shortest(words []string) int {
	n := len(words[0])
	for _, w := range words {
		n = min(n, len(w))
	}
	return n
}
