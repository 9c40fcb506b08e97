package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is cut out of the text before the model sees it. The JSON names are tokenizer.json's.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only where no word character touches it
	LStrip     bool   `json:"lstrip"`      // takes the white space before it along
	RStrip     bool   `json:"rstrip"`      // and after it
	Normalized bool   `json:"normalized"`  // matched in normalized text rather than in raw text
	Special    bool   `json:"special"`     // left out of decoded text on demand

	spelling string // Content as it stands in the text that is searched, and in decoded text
}

// addedTokens finds added tokens in a text: at each place the longest one, from left to right. A trie keeps that linear
// in the text, however many tokens begin alike (some models add thousands of <unused…>).
type addedTokens struct {
	begins [256]bool // bytes that an added token begins with
	edges  map[trieEdge]int32
	tokens map[int32]addedToken // by trie node
}

type trieEdge struct {
	node int32
	b    byte
}

func newAddedTokens(tokens []addedToken) *addedTokens {
	a := &addedTokens{edges: map[trieEdge]int32{}, tokens: map[int32]addedToken{}}
	tokens = slices.Clone(tokens)
	slices.SortStableFunc(tokens, func(x, y addedToken) int { return cmp.Compare(x.ID, y.ID) })
	nodes := int32(0)
	for _, t := range tokens {
		content := t.spelling
		if content == "" {
			continue
		}
		a.begins[content[0]] = true
		node := int32(0)
		for i := range len(content) {
			e := trieEdge{node, content[i]}
			to, ok := a.edges[e]
			if !ok {
				nodes++
				to = nodes
				a.edges[e] = to
			}
			node = to
		}
		if _, taken := a.tokens[node]; !taken {
			a.tokens[node] = t
		}
	}
	return a
}

// at returns the longest added token that s begins with, and its length there; 0 if there is none.
func (a *addedTokens) at(s string) (found addedToken, length int) {
	node := int32(0)
	for i := range len(s) {
		to, ok := a.edges[trieEdge{node, s[i]}]
		if !ok {
			break
		}
		node = to
		if t, ok := a.tokens[node]; ok {
			found, length = t, i+1
		}
	}
	return found, length
}

// cut calls text for the stretches of s between added tokens, and added for the tokens, in order.
func (a *addedTokens) cut(s string, text func(piece), added func(id int32)) {
	done := 0 // s[:done] has been given out
	for i := 0; i < len(s) && len(a.tokens) > 0; {
		if !a.begins[s[i]] {
			i++
			continue
		}
		token, length := a.at(s[i:])
		if length == 0 {
			i++
			continue
		}
		start, end := i, i+length
		i = end
		if token.SingleWord && (endsWithWord(s[:start]) || beginsWithWord(s[end:])) {
			continue
		}
		if token.LStrip && start > done {
			start = done + len(strings.TrimRightFunc(s[done:start], unicode.IsSpace))
		}
		if token.RStrip {
			end = len(s) - len(strings.TrimLeftFunc(s[end:], unicode.IsSpace))
		}
		if start > done {
			text(piece{s[done:start], done == 0})
		}
		added(token.ID)
		done = end
	}
	if done < len(s) {
		text(piece{s[done:], done == 0})
	}
}

func endsWithWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && isWord(r)
}

func beginsWithWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && isWord(r)
}

// isWord is \w of Unicode regular expressions (UTS 18, annex C).
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
