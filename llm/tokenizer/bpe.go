package tokenizer

import (
	"math"
	"strings"
	"unicode/utf8"
)

// Byte-pair encoding: a piece starts as single symbols (bytes, or characters); of all neighbours that the merge list
// has, the pair that stands first in the list is joined, leftmost first, until no pair is left.
//
// Pieces are mostly words of a few symbols, for which a scan for the best pair after each merge is fastest. Models that
// do not cut text into words (Llama 2), and texts without words (100,000 spaces, base64) make pieces of any length;
// there a heap of candidate pairs over a linked list of symbols keeps the cost at n log n. Symbols carry the rank of
// the pair that they begin, so that a heap entry is valid exactly if it still has that rank.
//
// Two things save most of the work: pieces that were seen lately are looked up, and where no token of a SentencePiece
// vocabulary has a ▁ after another character, no merge can reach over such a place, so the text may be cut there.

// bpe is the model part of a tokenizer.
type bpe struct {
	vocab        *vocabulary
	merges       pairTable
	byteLevel    bool        // pieces are bytes, spelled in the byte-level alphabet in the vocabulary
	single       [256]int32  // the symbol of a byte (byteLevel) or of an ASCII character; -1: ask the slow path
	fallback     *[256]int32 // ids of <0x00>…<0xFF>, -1 where missing; nil: no byte fallback
	unknown      int32       // -1: characters that are not in the vocabulary are dropped
	fuseUnknown  bool        // one unknown token for a run of them
	ignoreMerges bool        // a piece that is a token stays whole, whatever the merges say
	prefix       string      // continuing_subword_prefix: before symbols inside of a piece
	suffix       string      // end_of_word_suffix: after the last symbol
	wordwise     bool        // no token has ▁ after another character
}

const (
	noRank       = math.MaxInt32
	shortPiece   = 40      // symbols; up to here scanning beats the heap
	cachedBytes  = 64      // pieces up to this long are remembered
	cachedPieces = 1 << 14 // this many of them
)

// workspace is what encoding needs besides the model. One goroutine at a time uses it.
type workspace struct {
	ids     []int32
	ranks   []int32
	symbols []symbol
	heap    pairHeap
	text    []byte
	cache   map[string][]int32
}

func newWorkspace() any { return &workspace{cache: map[string][]int32{}} }

// finish derives what encode needs from the fields that were loaded.
func (m *bpe) finish() {
	for b := range m.single {
		m.single[b] = -1
		unit := byteChars[b]
		if !m.byteLevel {
			if b >= utf8.RuneSelf {
				continue
			}
			unit = string(rune(b))
		}
		if id, ok := m.vocab.id(unit); ok && m.prefix == "" && m.suffix == "" {
			m.single[b] = id
		}
	}
	m.wordwise = !m.byteLevel && !m.ignoreMerges && m.prefix == "" && m.suffix == ""
	if _, ok := m.vocab.id("▁"); !ok {
		m.wordwise = false
	}
	for i := range m.vocab.spans {
		if !m.wordwise {
			break
		}
		text, _ := m.vocab.text(int32(i))
		m.wordwise = nextWord(text) == len(text)
	}
}

// nextWord returns where in s the first ▁ after another character stands, or len(s).
func nextWord(s string) int {
	for i := 0; i < len(s); {
		j := strings.Index(s[i:], "▁")
		if j < 0 {
			return len(s)
		}
		if j > 0 {
			return i + j
		}
		i += len("▁")
	}
	return len(s)
}

// encode appends the ids of a piece.
func (m *bpe) encode(s string, out []int32, w *workspace) []int32 {
	if m.ignoreMerges && s != "" {
		if !m.byteLevel {
			if id, ok := m.vocab.id(s); ok {
				return append(out, id)
			}
		} else if len(s) <= m.vocab.longest {
			w.text = appendByteChars(w.text[:0], s)
			if id, ok := m.vocab.idOf(w.text); ok {
				return append(out, id)
			}
		}
	}
	if !m.wordwise {
		return m.encodeWord(s, out, w)
	}
	for s != "" {
		n := nextWord(s)
		out = m.encodeWord(s[:n], out, w)
		s = s[n:]
	}
	return out
}

func (m *bpe) encodeWord(s string, out []int32, w *workspace) []int32 {
	if len(s) > cachedBytes {
		return append(out, m.merge(s, w)...)
	}
	if ids, ok := w.cache[s]; ok {
		return append(out, ids...)
	}
	ids := m.merge(s, w)
	if len(w.cache) == cachedPieces {
		clear(w.cache)
	}
	w.cache[strings.Clone(s)] = append([]int32(nil), ids...)
	return append(out, ids...)
}

// merge returns the ids of a piece, in w.ids.
func (m *bpe) merge(s string, w *workspace) []int32 {
	m.split(s, w)
	if len(w.ids) <= shortPiece {
		m.mergeScanning(w)
	} else {
		m.mergeHeaping(w)
	}
	return w.ids
}

// split sets w.ids to the symbols that a piece starts as.
func (m *bpe) split(s string, w *workspace) {
	w.ids = w.ids[:0]
	waiting := false // an unknown token that is not in w.ids yet
	add := func(id int32) {
		if waiting {
			w.ids = append(w.ids, m.unknown)
			waiting = false
		}
		w.ids = append(w.ids, id)
	}
	for i := 0; i < len(s); {
		if id := m.single[s[i]]; id >= 0 {
			add(id)
			i++
			continue
		}
		unit, width := byteChars[s[i]], 1
		if !m.byteLevel {
			_, width = utf8.DecodeRuneInString(s[i:])
			unit = s[i : i+width]
		}
		if i > 0 {
			unit = m.prefix + unit
		}
		i += width
		if i == len(s) {
			unit += m.suffix
		}
		if id, ok := m.vocab.id(unit); ok {
			add(id)
		} else if m.fallsBack(unit) {
			// A waiting unknown token is overtaken here, as it is in Hugging Face's model.
			for j := range len(unit) {
				w.ids = append(w.ids, m.fallback[unit[j]])
			}
		} else if m.unknown >= 0 {
			if waiting && !m.fuseUnknown {
				w.ids = append(w.ids, m.unknown)
			}
			waiting = true
		}
	}
	if waiting {
		w.ids = append(w.ids, m.unknown)
	}
}

// fallsBack tells whether each byte of unit has a token.
func (m *bpe) fallsBack(unit string) bool {
	if m.fallback == nil {
		return false
	}
	for i := range len(unit) {
		if m.fallback[unit[i]] < 0 {
			return false
		}
	}
	return true
}

// mergeScanning merges w.ids by looking through all pairs for each merge.
func (m *bpe) mergeScanning(w *workspace) {
	ids := w.ids
	rank := func(i int) int32 {
		if i+1 >= len(ids) {
			return noRank
		}
		return m.merges.rank(ids[i], ids[i+1])
	}
	w.ranks = w.ranks[:0]
	for i := range ids {
		w.ranks = append(w.ranks, rank(i))
	}
	ranks := w.ranks
	for {
		at, best := -1, int32(noRank)
		for i, r := range ranks {
			if r < best {
				at, best = i, r
			}
		}
		if at < 0 {
			w.ids = ids
			return
		}
		ids[at] = m.merges.merged(ids[at], ids[at+1])
		ids = append(ids[:at+1], ids[at+2:]...)
		ranks = append(ranks[:at+1], ranks[at+2:]...)
		ranks[at] = rank(at)
		if at > 0 {
			ranks[at-1] = rank(at - 1)
		}
	}
}

// symbol is a link in the list of a piece's symbols.
type symbol struct {
	id, prev, next int32
	rank           int32 // of the pair that begins here; noRank if none does
}

// mergeHeaping merges w.ids with a heap of pairs.
func (m *bpe) mergeHeaping(w *workspace) {
	w.symbols, w.heap = w.symbols[:0], w.heap[:0]
	for i, id := range w.ids {
		rank := int32(noRank)
		next := int32(i + 1)
		if i+1 < len(w.ids) {
			rank = m.merges.rank(id, w.ids[i+1])
		} else {
			next = -1
		}
		w.symbols = append(w.symbols, symbol{id, int32(i - 1), next, rank})
		if rank != noRank {
			w.heap = append(w.heap, newPair(rank, int32(i)))
		}
	}
	w.heap.order()
	symbols := w.symbols
	rerank := func(at int32) {
		a := &symbols[at]
		a.rank = noRank
		if a.next >= 0 {
			a.rank = m.merges.rank(a.id, symbols[a.next].id)
		}
		if a.rank != noRank {
			w.heap.push(newPair(a.rank, at))
		}
	}
	for len(w.heap) > 0 {
		rank, at := w.heap.pop().split()
		a := &symbols[at]
		if a.rank != rank {
			continue // merged away, or another pair by now
		}
		b := &symbols[a.next]
		a.id = m.merges.merged(a.id, b.id)
		b.rank = noRank
		a.next = b.next
		if b.next >= 0 {
			symbols[b.next].prev = at
		}
		rerank(at)
		if a.prev >= 0 {
			rerank(a.prev)
		}
	}
	w.ids = w.ids[:0]
	for i := int32(0); i >= 0; i = symbols[i].next {
		w.ids = append(w.ids, symbols[i].id)
	}
}
