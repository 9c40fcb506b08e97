package categories

import "fmt"

// Rule files a name under a category if the name fits its pattern (pattern.go has the language). Rules are tried in order, and the
// first that fits wins.
type Rule struct {
	Category string
	Pattern  string
	Source   string // where such names come from: library, and file where it is one
}

// Table is a list of rules, ready to be asked. It is not changed by that.
type Table struct {
	rules        []compiledRule
	dictionaries [places]dictionary
	atoms        int
	guesses      bool // a name of which it knows nothing may be told by its namespaces
}

type compiledRule struct {
	category string
	terms    []term
}

// add appends a rule. atoms are those of the table so far.
func (t *Table) add(r Rule, atoms map[atom]int32) error {
	terms, err := parsePattern(r.Pattern, func(a atom) int32 {
		n, ok := atoms[a]
		if !ok {
			n = int32(len(atoms))
			atoms[a] = n
			t.dictionaries[a.place].add(a, n)
		}
		return n
	})
	if err != nil {
		return fmt.Errorf("the rule for %s: %w", r.Category, err)
	}
	t.rules, t.atoms = append(t.rules, compiledRule{r.Category, terms}), len(atoms)
	return nil
}

// built is a table of rules that are right: those of this package.
func built(rules []Rule) *Table {
	t, atoms := &Table{guesses: true}, map[atom]int32{}
	for _, r := range rules {
		if err := t.add(r, atoms); err != nil {
			panic(err) // a test reads all of them
		}
	}
	return t
}

// asked is a name that a table is being asked about.
type asked struct {
	table     *Table
	parts     *parts
	words     *words
	has       bits
	arguments bool // have been looked at
}

// find is the first rule's category; "" if no rule fits. has is room for the table's atoms.
func (t *Table) find(p *parts, w *words, has bits) string {
	clear(has)
	for _, s := range p.scopes {
		w.split(s)
		t.dictionaries[inScope].find(w, has)
	}
	w.split(p.own)
	t.dictionaries[inName].find(w, has)
	a := asked{table: t, parts: p, words: w, has: has}
	for i := range t.rules {
		if a.fits(&t.rules[i]) {
			return t.rules[i].category
		}
	}
	return ""
}

// fits reports whether all terms are met. Arguments run to a thousand letters and are asked for last, if all else is met.
func (a *asked) fits(r *compiledRule) bool {
	late := false
	for i := range r.terms {
		t := &r.terms[i]
		if met := a.has.any(t.atoms); !met && len(t.late) > 0 {
			late = true
		} else if met == t.negated {
			return false
		}
	}
	if !late {
		return true
	}
	if a.parts.arguments == "" {
		return a.argumentsFit(r)
	}
	if !a.arguments {
		a.arguments = true
		a.parts.eachIdentifier(func(id string) {
			a.words.split(id)
			a.table.dictionaries[inArguments].find(a.words, a.has)
		})
	}
	return a.argumentsFit(r)
}

// argumentsFit reports whether the terms about arguments are met, of a rule of which the others are.
func (a *asked) argumentsFit(r *compiledRule) bool {
	for i := range r.terms {
		t := &r.terms[i]
		if len(t.late) > 0 && (a.has.any(t.atoms) || a.has.any(t.late)) == t.negated {
			return false
		}
	}
	return true
}
