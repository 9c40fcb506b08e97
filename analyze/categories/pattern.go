package categories

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// A pattern says what a name must have: terms with spaces between, all of which must be met.
//
//	rms_norm          these words in a row in the function's own name, however they are spelled: rms_norm, RMSNorm, rmsnorm
//	nvjet*  *gemm     a word of it that starts, or ends, so; or words, of which the last or first may be a part (three letters or more)
//	^chunk            the own name starts with these words
//	=kernel           the own name is these words, and no more
//	moe::             one of the namespaces (of an op: its library) has these words in a row
//	<flash_attn>      an identifier in the arguments of templates has them
//	a|b               either
//	!a                not so
//
// There is nothing else, on purpose: what takes more to say is two rules.

// where in a name a term looks.
type place uint8

const (
	inName place = iota
	inScope
	inArguments
	places
)

// how the words of a term lie.
type form uint8

const (
	anyRun    form     = iota // these words
	starting                  // ^
	whole                     // =
	prefix                    // word*
	suffix                    // *word
	runForms  = prefix        // those before are looked up, the others tried
	noAtom    = -1
	mostWords = 8 // in a run that is looked up: more than any term needs
)

// atom is one alternative of a term.
type atom struct {
	place   place
	form    form
	letters string
}

// term is met if one of its atoms is in the name, or none if it is negated.
type term struct {
	atoms   []int32 // of the table
	late    []int32 // those in arguments, which are looked at last
	negated bool
}

// parseAtom reads one alternative.
func parseAtom(s string) (atom, error) {
	var a atom
	text := s
	if inner, ok := strings.CutSuffix(s, "::"); ok {
		a.place, s = inScope, inner
	} else if inner, ok := strings.CutPrefix(s, "<"); ok {
		if inner, ok = strings.CutSuffix(inner, ">"); !ok {
			return a, fmt.Errorf("%q has no >", text)
		}
		a.place, s = inArguments, inner
	}
	switch {
	case strings.HasPrefix(s, "^"):
		a.form, s = starting, s[1:]
	case strings.HasPrefix(s, "="):
		a.form, s = whole, s[1:]
	case strings.HasPrefix(s, "*"):
		a.form, s = suffix, s[1:]
	case strings.HasSuffix(s, "*"):
		a.form, s = prefix, s[:len(s)-1]
	}
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return a, fmt.Errorf("%q in %q is no letter, digit or underscore", s[i:i+1], text)
		}
	}
	var w words
	w.split(s)
	a.letters = string(w.letters)
	switch {
	case a.letters == "":
		return a, fmt.Errorf("%q names no word", text)
	case w.len() > mostWords:
		return a, fmt.Errorf("%q is of more than %d words", text, mostWords)
	}
	return a, nil
}

var errNoTerms = errors.New("the pattern is empty")

// parsePattern reads a pattern; place of its atoms in a table is what number says.
func parsePattern(pattern string, number func(atom) int32) ([]term, error) {
	var terms []term
	for field := range strings.FieldsSeq(pattern) {
		var t term
		field, t.negated = strings.CutPrefix(field, "!")
		inside := strings.HasPrefix(field, "<") && strings.Count(field, "<") == 1 && strings.HasSuffix(field, ">")
		if inside { // <a|b> is <a>|<b>
			field = field[1 : len(field)-1]
		}
		for alternative := range strings.SplitSeq(field, "|") {
			if inside {
				alternative = "<" + alternative + ">"
			}
			a, err := parseAtom(alternative)
			if err != nil {
				return nil, err
			}
			if n := number(a); a.place == inArguments {
				t.late = append(t.late, n)
			} else {
				t.atoms = append(t.atoms, n)
			}
		}
		terms = append(terms, t)
	}
	if terms == nil {
		return nil, errNoTerms
	}
	return terms, nil
}

// A dictionary knows all atoms of a table that look in one place. A name's runs of words are looked up once, and each rule is
// then a matter of asking for bits: what a name costs does not grow with the table.
type dictionary struct {
	runs     map[string][runForms]int32 // by letters; of each form the atom's number, or noAtom
	prefixes [256][]affix               // by their first byte
	suffixes [256][]affix               // by their last
	longest  int                        // run that is worth looking up, in letters
}

type affix struct {
	letters []byte
	atom    int32
}

func (d *dictionary) add(a atom, number int32) {
	switch a.form {
	case prefix:
		first := a.letters[0]
		d.prefixes[first] = append(d.prefixes[first], affix{[]byte(a.letters), number})
	case suffix:
		last := a.letters[len(a.letters)-1]
		d.suffixes[last] = append(d.suffixes[last], affix{[]byte(a.letters), number})
	default:
		if d.runs == nil {
			d.runs = map[string][runForms]int32{}
		}
		entry, ok := d.runs[a.letters]
		if !ok {
			entry = [runForms]int32{noAtom, noAtom, noAtom}
		}
		entry[a.form] = number
		d.runs[a.letters] = entry
		d.longest = max(d.longest, len(a.letters))
	}
}

// find sets the bits of the atoms that an identifier has.
func (d *dictionary) find(w *words, has bits) {
	n := w.len()
	for i := range n {
		for j := i + 1; j <= min(n, i+mostWords); j++ {
			run := w.run(i, j)
			if len(run) > d.longest {
				break
			}
			entry, ok := d.runs[string(run)]
			if !ok {
				continue
			}
			has.set(entry[anyRun])
			if i == 0 {
				has.set(entry[starting])
				if j == n {
					has.set(entry[whole])
				}
			}
		}
		rest, until := w.letters[w.starts[i]:], w.letters[:w.starts[i+1]]
		for _, p := range d.prefixes[rest[0]] {
			if bytes.HasPrefix(rest, p.letters) && w.endsWell(i, int(w.starts[i])+len(p.letters)) {
				has.set(p.atom)
			}
		}
		for _, s := range d.suffixes[until[len(until)-1]] {
			if bytes.HasSuffix(until, s.letters) && w.startsWell(i, len(until)-len(s.letters)) {
				has.set(s.atom)
			}
		}
	}
}

// A part of a word that an affix may take from a neighbour has so many letters: radix_sort* is in RadixSorting, but mhca* is not in
// mhc_aggregate, nor *dgrad in thd_grad.
const leastOfNeighbour = 3

// endsWell reports whether what starts with the i-th word and ends before the letter at end takes no scrap of a later word.
func (w *words) endsWell(i, end int) bool {
	for i+1 < w.len() && int(w.starts[i+1]) < end {
		if i++; int(w.starts[i+1]) > end && end-int(w.starts[i]) < leastOfNeighbour {
			return false
		}
	}
	return true
}

// startsWell reports whether what ends with the i-th word and starts at the letter at start takes no scrap of an earlier word.
func (w *words) startsWell(i, start int) bool {
	for i > 0 && int(w.starts[i]) > start {
		if i--; int(w.starts[i]) < start && int(w.starts[i+1])-start < leastOfNeighbour {
			return false
		}
	}
	return true
}

// bits are a set of atoms by number.
type bits []uint64

func (b bits) set(n int32) {
	if n != noAtom {
		b[n>>6] |= 1 << (n & 63)
	}
}

func (b bits) any(atoms []int32) bool {
	for _, n := range atoms {
		if b[n>>6]&(1<<(n&63)) != 0 {
			return true
		}
	}
	return false
}
