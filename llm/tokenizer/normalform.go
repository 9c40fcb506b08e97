package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// joiner is what x/text puts into runs of more than 30 combining marks, so that streams need bounded memory (UAX #15,
// "stream-safe text"). Hugging Face's library does not, and the ids would differ.
const joiner = "\u034F"

// normalForm returns a normalization form's function, without x/text's joiners.
func normalForm(form norm.Form) func(string) string {
	return func(s string) string {
		normal := form.String(s)
		if strings.Count(normal, joiner) != strings.Count(s, joiner) {
			return normalizeMarks(form, s)
		}
		return normal
	}
}

// normalizeMarks normalizes by the standard's definition (UAX #15, section 1.3): decompose each character, put marks
// in the order of their classes, and compose. x/text's tables answer what decomposes and composes; this is slow, and
// for text with such runs only.
func normalizeMarks(form norm.Form, s string) string {
	decompose, composes := norm.NFD, form == norm.NFC || form == norm.NFKC
	if form == norm.NFKC || form == norm.NFKD {
		decompose = norm.NFKD
	}
	var runes []rune
	for _, r := range s {
		runes = append(runes, []rune(decompose.String(string(r)))...)
	}
	for i := 0; i < len(runes); i++ {
		j := i
		for j < len(runes) && combiningClass(runes[j]) != 0 {
			j++
		}
		slices.SortStableFunc(runes[i:j], func(a, b rune) int { return cmp.Compare(combiningClass(a), combiningClass(b)) })
		i = max(i, j-1)
	}
	if composes {
		runes = compose(runes)
	}
	return string(runes)
}

// compose joins each character with the starter before it, unless one of its class or higher stands between them.
func compose(runes []rune) []rune {
	out := runes[:0]
	starter, last := -1, uint8(0) // where in out the starter is, and the class of out's end
	for _, r := range runes {
		class := combiningClass(r)
		if starter >= 0 && (last < class || starter == len(out)-1) {
			pair := norm.NFC.String(string([]rune{out[starter], r}))
			if joined, n := utf8.DecodeRuneInString(pair); n == len(pair) {
				out[starter] = joined
				continue
			}
		}
		out = append(out, r)
		last = class
		if class == 0 {
			starter = len(out) - 1
		}
	}
	return out
}

func combiningClass(r rune) uint8 { return norm.NFD.PropertiesString(string(r)).CCC() }
