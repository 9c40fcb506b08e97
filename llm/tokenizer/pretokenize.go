package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// piece is a stretch of text on its way to the model. first tells that the whole text begins with it.
type piece struct {
	text  string
	first bool
}

// splitter cuts a piece into smaller ones, or rewrites it, and hands them on.
type splitter func(p piece, emit func(piece))

// splitAll sends p through all of steps.
func splitAll(steps []splitter, p piece, emit func(piece)) {
	if p.text == "" {
		return
	}
	if len(steps) == 0 {
		emit(p)
		return
	}
	steps[0](p, func(q piece) { splitAll(steps[1:], q, emit) })
}

// newPreTokenizer builds the steps that a pre-tokenizer component describes. Where the last of them spells bytes out
// in the byte-level alphabet, that spelling is left to the model (byteLevel), which does it without making strings.
func newPreTokenizer(c *component) (steps []splitter, byteLevel bool, err error) {
	parts, err := flatten(c, nil)
	if err != nil {
		return nil, false, err
	}
	for i, part := range parts {
		last := i == len(parts)-1
		if part.Type == "ByteLevel" {
			if part.AddPrefixSpace == nil || *part.AddPrefixSpace {
				steps = append(steps, prependSpace)
			}
			if part.UseRegex == nil || *part.UseRegex {
				steps = append(steps, splitBy(splitGPT2, "Isolated", false))
			}
			if last {
				return steps, true, nil
			}
			steps = append(steps, func(p piece, emit func(piece)) {
				emit(piece{string(appendByteChars(nil, p.text)), p.first})
			})
			continue
		}
		step, err := newSplitter(part)
		if err != nil {
			return nil, false, err
		}
		steps = append(steps, step)
	}
	return steps, false, nil
}

// flatten lists the parts of a pre-tokenizer, sequences within sequences opened.
func flatten(c *component, parts []*component) ([]*component, error) {
	if c.Type != "Sequence" {
		return append(parts, c), nil
	}
	for i := range c.PreTokenizers {
		var err error
		if parts, err = flatten(&c.PreTokenizers[i], parts); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func newSplitter(c *component) (splitter, error) {
	switch c.Type {
	case "Split":
		var find matcher
		switch {
		case c.Pattern.Regex != nil:
			var err error
			if find, err = compileRegex(*c.Pattern.Regex); err != nil {
				return nil, err
			}
		case c.Pattern.String != nil:
			find = findString(*c.Pattern.String)
		default:
			return nil, fmt.Errorf("pre-tokenizer Split has no pattern")
		}
		if !isBehavior(c.Behavior) {
			return nil, fmt.Errorf("pre-tokenizer Split: behavior %q is unknown", c.Behavior)
		}
		return splitBy(find, c.Behavior, c.Invert), nil
	case "Metaspace":
		return newMetaspace(c)
	case "Digits":
		if c.IndividualDigits {
			return splitBy(findRunes(unicode.IsNumber), "Isolated", false), nil
		}
		return splitBy(findRunes(unicode.IsNumber), "Contiguous", false), nil
	case "Punctuation":
		behavior := c.Behavior
		if behavior == "" {
			behavior = "Isolated"
		}
		if !isBehavior(behavior) {
			return nil, fmt.Errorf("pre-tokenizer Punctuation: behavior %q is unknown", behavior)
		}
		return splitBy(findRunes(isPunctuation), behavior, false), nil
	case "Whitespace":
		return splitWhitespace, nil
	case "WhitespaceSplit":
		return splitBy(findRunes(unicode.IsSpace), "Removed", false), nil
	case "CharDelimiterSplit":
		return splitBy(findString(c.Delimiter), "Removed", false), nil
	case "BertPreTokenizer":
		spaces := splitBy(findRunes(unicode.IsSpace), "Removed", false)
		marks := splitBy(findRunes(isPunctuation), "Isolated", false)
		return func(p piece, emit func(piece)) { splitAll([]splitter{spaces, marks}, p, emit) }, nil
	}
	return nil, fmt.Errorf("pre-tokenizer %s is not supported", quoteType(c.Type))
}

func prependSpace(p piece, emit func(piece)) {
	if !strings.HasPrefix(p.text, " ") {
		p.text = " " + p.text
	}
	emit(p)
}

// newMetaspace builds SentencePiece's way with spaces: each becomes ▁, one is put before the text, and a piece begins
// at each.
func newMetaspace(c *component) (splitter, error) {
	mark, scheme, cut := metaspaceMark(c), metaspaceScheme(c), c.Split == nil || *c.Split
	if utf8.RuneCountInString(mark) != 1 {
		return nil, fmt.Errorf("pre-tokenizer Metaspace: replacement %q is not one character", mark)
	}
	switch scheme {
	case "always", "first", "never":
	default:
		return nil, fmt.Errorf("pre-tokenizer Metaspace: prepend_scheme %q is unknown", scheme)
	}
	return func(p piece, emit func(piece)) {
		s := strings.ReplaceAll(p.text, " ", mark)
		if !strings.HasPrefix(s, mark) && (scheme == "always" || scheme == "first" && p.first) {
			s = mark + s
		}
		first := p.first
		for cut && s != "" {
			next := strings.Index(s[1:], mark)
			if next < 0 {
				break
			}
			emit(piece{s[:next+1], first})
			s, first = s[next+1:], false
		}
		emit(piece{s, first})
	}, nil
}

func metaspaceMark(c *component) string {
	if c.Replacement == "" {
		return "▁"
	}
	return c.Replacement
}

// metaspaceScheme is when a ▁ is put before the text. Older files say it with add_prefix_space.
func metaspaceScheme(c *component) string {
	switch {
	case c.PrependScheme != "":
		return c.PrependScheme
	case c.AddPrefixSpace != nil && !*c.AddPrefixSpace:
		return "never"
	}
	return "always"
}

// matcher divides a text into parts that match a pattern and parts between them, in order and without a gap.
type matcher func(s string, part func(text string, match bool))

func isBehavior(b string) bool {
	switch b {
	case "Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext":
		return true
	}
	return false
}

// splitBy makes pieces of what find divides. behavior, in Hugging Face's words, says what becomes of the matches;
// invert takes the parts between them for the matches.
func splitBy(find matcher, behavior string, invert bool) splitter {
	if behavior == "Isolated" {
		return func(p piece, emit func(piece)) {
			first := p.first
			find(p.text, func(text string, _ bool) {
				if text != "" {
					emit(piece{text, first})
				}
				first = false
			})
		}
	}
	// joins tells whether a part belongs to the piece that the part before it is in.
	joins := func(before, match bool) bool { return false }
	switch behavior {
	case "Contiguous":
		joins = func(before, match bool) bool { return before == match }
	case "MergedWithPrevious":
		joins = func(before, match bool) bool { return !before && match }
	case "MergedWithNext":
		joins = func(before, match bool) bool { return before && !match }
	}
	removed := behavior == "Removed"
	return func(p piece, emit func(piece)) {
		start, end, before := 0, 0, false // the piece being put together is p.text[start:end]
		flush := func() {
			if start < end && !(removed && before) {
				emit(piece{p.text[start:end], p.first && start == 0})
			}
			start = end
		}
		find(p.text, func(text string, match bool) {
			if text == "" {
				return
			}
			match = match != invert
			if end > start && !joins(before, match) {
				flush()
			}
			end += len(text)
			before = match
		})
		flush()
	}
}

// findString matches each place where pattern stands.
func findString(pattern string) matcher {
	return func(s string, part func(string, bool)) {
		for pattern != "" {
			i := strings.Index(s, pattern)
			if i < 0 {
				break
			}
			part(s[:i], false)
			part(s[i:i+len(pattern)], true)
			s = s[i+len(pattern):]
		}
		part(s, false)
	}
}

// findRunes matches each single character that is in a class.
func findRunes(in func(rune) bool) matcher {
	return func(s string, part func(string, bool)) {
		start := 0
		for i, r := range s {
			if in(r) {
				end := i + utf8.RuneLen(r)
				part(s[start:i], false)
				part(s[i:end], true)
				start = end
			}
		}
		part(s[start:], false)
	}
}

// splitWhitespace keeps runs of word characters and runs of what is neither word nor space: \w+|[^\w\s]+.
func splitWhitespace(p piece, emit func(piece)) {
	class := func(r rune) int {
		switch {
		case isWord(r):
			return 1
		case unicode.IsSpace(r):
			return 0
		}
		return 2
	}
	start, kind := 0, 0
	flush := func(end int) {
		if kind != 0 {
			emit(piece{p.text[start:end], p.first && start == 0})
		}
		start = end
	}
	for i, r := range p.text {
		if k := class(r); k != kind {
			flush(i)
			kind = k
		}
	}
	flush(len(p.text))
}

// isPunctuation is Unicode's punctuation and ASCII's, which counts $+<=>^`|~ as well.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	}
	return unicode.IsPunct(r)
}
