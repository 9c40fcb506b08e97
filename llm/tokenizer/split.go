package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
	"github.com/dlclark/regexp2/syntax"
)

// Byte-level models cut text into words by a regular expression with a lookahead. Go's regexp has none, and a
// backtracking engine takes longer over the cutting than the model over the encoding. Nearly all models use one of two
// expressions, though, and read as loops these are simple: at each place exactly one alternative can apply, and which
// one shows from the classes of the next two or three characters.
//
// GPT-2 (also OPT, RoBERTa, Falcon …):
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Llama 3, and Qwen with \p{N} for \p{N}{1,3}:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// Other expressions go through regexp2. Character classes come from a table of the first 65,536 code points (64 KiB,
// filled once), since Go's own binary search in range tables is most of the cost outside of ASCII.

const (
	patternGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen   = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// compileRegex makes a matcher for a regular expression in Oniguruma's syntax, which is what tokenizer.json has.
func compileRegex(pattern string) (matcher, error) {
	switch pattern {
	case patternGPT2:
		return splitGPT2, nil
	case patternLlama3:
		return splitLlama3(3), nil
	case patternQwen:
		return splitLlama3(1), nil
	}
	// What the two engines read differently must not pass for the same.
	for _, foreign := range []string{"[[:", "&&", `\h`, `\H`, `\R`, `\X`, `\K`, `\g<`} {
		if strings.Contains(pattern, foreign) {
			return nil, fmt.Errorf("regular expression %q: %s is not supported", pattern, foreign)
		}
	}
	if len(pattern) > maxPatternBytes {
		return nil, fmt.Errorf("regular expression %.60q… is not supported: it is longer than %d bytes", pattern, maxPatternBytes)
	}
	if repeatsTooOften(pattern) {
		return nil, fmt.Errorf("regular expression %q is not supported: it repeats something more than %d times", pattern, maxRepeats)
	}
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		if e, ok := errors.AsType[*syntax.Error](err); ok {
			err = errors.New(string(e.Code)) // without the pattern once more
		}
		return nil, fmt.Errorf("regular expression %q is not supported: %v", pattern, err)
	}
	return func(s string, part func(string, bool)) {
		// regexp2 counts in runes: start and runes are the same place.
		start, runes := 0, 0
		advance := func(to int) int {
			i := start
			for ; runes < to; runes++ {
				_, n := utf8.DecodeRuneInString(s[i:])
				i += n
			}
			return i
		}
		// Without a time-out set, there is no error from matching.
		for m, _ := re.FindStringMatch(s); m != nil; m, _ = re.FindNextMatch(m) {
			i := advance(m.Index)
			part(s[start:i], false)
			start = i
			j := advance(m.Index + m.Length)
			part(s[start:j], true)
			start = j
		}
		part(s[start:], false)
	}, nil
}

// Limits beyond which an expression is a mistake or an attack: regexp2 counts every repeat, of nothing too, and its
// compiler's stack grows with the nesting.
const (
	maxPatternBytes = 64 << 10
	maxRepeats      = 1 << 16 // one in another multiplied
)

// countOrEscape finds counts, {3} or {1,3}, and what only looks like one: escapes, \x{2028} and \p{L} among them.
var countOrEscape = regexp.MustCompile(`(?s)\\[xupP]\{[^}]*\}|\\.|\{(\d+)(?:,(\d*))?\}`)

// repeatsTooOften multiplies all counts of a pattern, as if each stood in the next.
func repeatsTooOften(pattern string) bool {
	times := 1
	for _, m := range countOrEscape.FindAllStringSubmatch(pattern, -1) {
		if m[1] == "" {
			continue // an escape
		}
		n, err := strconv.Atoi(cmp.Or(m[2], m[1]))
		if err != nil || n > maxRepeats || times*max(n, 1) > maxRepeats {
			return true
		}
		times *= max(n, 1)
	}
	return false
}

type class = uint8

const (
	classOther class = iota
	classSpace
	classLetter
	classNumber
)

type classTable [0x10000]class

var loadClasses = sync.OnceValue(func() *classTable {
	var t classTable
	for c, ranges := range map[class]*unicode.RangeTable{
		classSpace: unicode.White_Space, classLetter: unicode.L, classNumber: unicode.N,
	} {
		for _, r := range ranges.R16 {
			for i := uint32(r.Lo); i <= uint32(r.Hi); i += uint32(r.Stride) {
				t[i] = c
			}
		}
	}
	return &t
})

// at classifies the character of s at i and measures it. There must be one.
func (t *classTable) at(s string, i int) (class, int) {
	if s[i] < utf8.RuneSelf {
		return t[s[i]], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	switch {
	case r < rune(len(t)):
		return t[r], n
	case unicode.IsLetter(r):
		return classLetter, n
	case unicode.IsNumber(r):
		return classNumber, n
	}
	return classOther, n
}

// run returns the end of the characters of class c that begin at i, at most limit of them.
func (t *classTable) run(s string, i int, c class, limit int) int {
	for ; i < len(s) && limit > 0; limit-- {
		d, n := t.at(s, i)
		if d != c {
			break
		}
		i += n
	}
	return i
}

const unlimited = int(^uint(0) >> 1)

// splitGPT2 is patternGPT2.
func splitGPT2(s string, part func(string, bool)) {
	t := loadClasses()
	for i := 0; i < len(s); {
		if n := contraction(s[i:], false); n > 0 {
			part(s[i:i+n], true)
			i += n
			continue
		}
		begin := i
		c, n := t.at(s, i)
		if s[i] == ' ' && i+1 < len(s) {
			if d, m := t.at(s, i+1); d != classSpace {
				c, n, i = d, m, i+1
			}
		}
		if c == classSpace {
			i = t.spaces(s, i)
		} else {
			i = t.run(s, i+n, c, unlimited)
		}
		part(s[begin:i], true)
	}
}

// splitLlama3 is patternLlama3 or patternQwen, which differ in how many digits a piece has.
func splitLlama3(digits int) matcher {
	return func(s string, part func(string, bool)) {
		t := loadClasses()
		for i := 0; i < len(s); {
			begin := i
			i = t.nextLlama3(s, i, digits)
			part(s[begin:i], true)
		}
	}
}

// nextLlama3 returns the end of the piece that begins at i.
func (t *classTable) nextLlama3(s string, i, digits int) int {
	if n := contraction(s[i:], true); n > 0 {
		return i + n
	}
	c, n := t.at(s, i)
	switch c {
	case classLetter:
		return t.run(s, i+n, classLetter, unlimited)
	case classNumber:
		return t.run(s, i+n, classNumber, digits-1)
	}
	follows, width := classSpace, 0
	if i+n < len(s) {
		follows, width = t.at(s, i+n)
	}
	if follows == classLetter && s[i] != '\r' && s[i] != '\n' {
		return t.run(s, i+n+width, classLetter, unlimited)
	}
	if c == classOther || s[i] == ' ' && follows == classOther {
		end := t.run(s, i+n, classOther, unlimited)
		for end < len(s) && (s[end] == '\r' || s[end] == '\n') {
			end++
		}
		return end
	}
	end := t.run(s, i, classSpace, unlimited)
	if newline := strings.LastIndexAny(s[i:end], "\r\n"); newline >= 0 {
		return i + newline + 1
	}
	return t.spaces(s, i)
}

// spaces is \s+(?!\S)|\s+ at i: all white space, but the last character of it if a word comes next and it is not alone.
func (t *classTable) spaces(s string, i int) int {
	end := t.run(s, i, classSpace, unlimited)
	if end == len(s) {
		return end
	}
	_, last := utf8.DecodeLastRuneInString(s[i:end])
	if end-last == i {
		return end
	}
	return end - last
}

// contraction measures the 's, 't, 're, 've, 'm, 'll or 'd that s begins with; 0 if it begins with none. With fold,
// case does not matter, and then ſ is an s as well.
func contraction(s string, fold bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	lower := func(b byte) byte {
		if fold && 'A' <= b && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return b
	}
	switch a := lower(s[1]); a {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v', 'l':
		if len(s) > 2 {
			b := lower(s[2])
			if a == 'l' && b == 'l' || a != 'l' && b == 'e' {
				return 3
			}
		}
	}
	if fold && strings.HasPrefix(s[1:], "ſ") {
		return 1 + len("ſ")
	}
	return 0
}
