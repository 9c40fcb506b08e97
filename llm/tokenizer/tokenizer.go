// Package tokenizer turns text into a language model's token ids and back, as Hugging Face's tokenizers do, from the
// files that lie in a model's folder: tokenizer.json, or vocab.json with merges.txt.
//
// Text takes these stations, each described by a part of tokenizer.json and kept in a file of its own here:
//
//	added tokens   <|endoftext|> and the like are cut out of the raw text (added.go)
//	normalizer     Unicode forms, spaces to ▁ … on what is left between them (normalize.go)
//	added tokens   again, those that are looked for in normalized text
//	pre-tokenizer  cuts into pieces, words mostly; no token spans two pieces (pretokenize.go, split.go)
//	model          byte-pair encoding of each piece (bpe.go)
//	post-processor puts <s> and the like around the ids (post.go)
//
// and ids come back to text through the decoder (decode.go, stream.go).
package tokenizer

import (
	"sync"
	"unicode/utf8"
)

// Tokenizer is one model's tokenizer. It does not change after Load: its methods may be called at once from several
// goroutines.
type Tokenizer struct {
	model      *bpe
	normalize  func(string) string // nil: text stays as it is
	pre        []splitter
	raw        *addedTokens // matched in the text as given
	normalized *addedTokens // matched in normalized text
	addedByID  map[int32]addedToken
	prefix     []int32 // put before the ids with addSpecial
	suffix     []int32 // and after them
	decoder    func(next sink) sink
	size       int
	bos, eos   int32 // -1: none
	workspaces sync.Pool
}

// Encode returns the ids of text. With addSpecial it adds what the model's own post-processor adds around a text, such
// as a leading <s>. Special tokens written out in the text are recognised either way. Bytes that are not UTF-8 count as
// U+FFFD.
func (t *Tokenizer) Encode(text string, addSpecial bool) []int32 {
	if !utf8.ValidString(text) {
		text = string(appendLossy(nil, []byte(text)))
	}
	w := t.workspaces.Get().(*workspace)
	defer t.workspaces.Put(w)
	ids := make([]int32, 0, len(text)/3+len(t.prefix)+len(t.suffix)+1)
	if addSpecial {
		ids = append(ids, t.prefix...)
	}
	word := func(p piece) { ids = t.model.encode(p.text, ids, w) }
	added := func(id int32) { ids = append(ids, id) }
	t.raw.cut(text, func(outer piece) {
		if t.normalize != nil {
			outer.text = t.normalize(outer.text)
		}
		t.normalized.cut(outer.text, func(inner piece) {
			inner.first = inner.first && outer.first
			splitAll(t.pre, inner, word)
		}, added)
	}, added)
	if addSpecial {
		ids = append(ids, t.suffix...)
	}
	return ids
}

// Decode returns the text of ids, without the special tokens if skipSpecial is set. Ids that are no token's are passed
// over; bytes that are not UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	s := t.NewStream(skipSpecial)
	for _, id := range ids {
		s.put(id)
	}
	return s.Flush()
}

// VocabSize is one more than the highest token id, added tokens included.
func (t *Tokenizer) VocabSize() int { return t.size }

// BOS is the beginning-of-sequence token, if the model has one.
func (t *Tokenizer) BOS() (int32, bool) { return t.bos, t.bos >= 0 }

// EOS is the end-of-sequence token, if the model has one.
func (t *Tokenizer) EOS() (int32, bool) { return t.eos, t.eos >= 0 }

// TokenText is a token as the vocabulary spells it: "Ġthe", "▁the", "<0x0A>". It is empty if id is no token's.
func (t *Tokenizer) TokenText(id int32) string {
	text, _ := t.tokenText(id)
	return text
}

func (t *Tokenizer) tokenText(id int32) (string, bool) {
	if a, ok := t.addedByID[id]; ok {
		return a.Content, true
	}
	return t.model.vocab.text(id)
}

// tokenID finds a token by its spelling, added tokens first: of several the one with the lowest id, as in text.
func (t *Tokenizer) tokenID(text string) (int32, bool) {
	lowest, found := int32(0), false
	for id, a := range t.addedByID {
		if a.Content == text && (!found || id < lowest) {
			lowest, found = id, true
		}
	}
	if found {
		return lowest, true
	}
	return t.model.vocab.id(text)
}
