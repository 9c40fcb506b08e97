package tokenizer

import "math/bits"

// maxTokens bounds token ids, so that a damaged file does not ask for tables of any size. The largest vocabularies of
// today have a sixteenth of it.
const maxTokens = 1 << 22

// vocabulary maps the texts of tokens to ids and back. All texts lie in one string.
type vocabulary struct {
	ids     map[string]int32
	texts   string
	spans   []span // by id
	longest int    // bytes of the longest text
}

type span struct{ start, end uint32 } // of texts; end 0: no token has this id

// vocabularyBuilder collects tokens. Texts begin at 1, so that a span's end is never 0.
type vocabularyBuilder struct {
	texts []byte
	spans []span
	ids   []int32 // of each span
	max   int32
}

func newVocabularyBuilder(tokens, textBytes int) *vocabularyBuilder {
	return &vocabularyBuilder{texts: append(make([]byte, 0, textBytes+1), 0),
		spans: make([]span, 0, tokens), ids: make([]int32, 0, tokens), max: -1}
}

// added tells that texts[start:] is a token; id must be in [0, maxTokens).
func (b *vocabularyBuilder) added(start int, id int32) {
	b.spans = append(b.spans, span{uint32(start), uint32(len(b.texts))})
	b.ids = append(b.ids, id)
	b.max = max(b.max, id)
}

// build makes the vocabulary. Of two tokens with one text the later one counts, as with any JSON object; of two with
// one id both are found by their text, and the id stands for the first.
func (b *vocabularyBuilder) build() *vocabulary {
	v := &vocabulary{ids: make(map[string]int32, len(b.ids)), texts: string(b.texts), spans: make([]span, b.max+1)}
	for i, s := range b.spans {
		v.ids[v.texts[s.start:s.end]] = b.ids[i]
		v.longest = max(v.longest, int(s.end-s.start))
		if v.spans[b.ids[i]].end == 0 {
			v.spans[b.ids[i]] = s
		}
	}
	return v
}

func (v *vocabulary) id(text string) (int32, bool) {
	id, ok := v.ids[text]
	return id, ok
}

func (v *vocabulary) idOf(text []byte) (int32, bool) {
	id, ok := v.ids[string(text)]
	return id, ok
}

func (v *vocabulary) text(id int32) (string, bool) {
	if id < 0 || int(id) >= len(v.spans) || v.spans[id].end == 0 {
		return "", false
	}
	return v.texts[v.spans[id].start:v.spans[id].end], true
}

// pairTable maps pairs of tokens to the merge that joins them: an open-addressed hash table, which for this one use is
// several times as fast as a map.
type pairTable struct {
	slots []pairSlot // a power of two of them, at most three quarters full
	shift uint
}

type pairSlot struct {
	left, right int32 // left -1: free
	rank        int32 // the merge's place in the list
	merged      int32 // the token that it makes
}

// newPairTable makes a table of merges. Of two for one pair the later one counts.
func newPairTable(merges []pairSlot) pairTable {
	logSize := bits.Len(uint(len(merges) + len(merges)/3))
	t := pairTable{make([]pairSlot, 1<<logSize), uint(64 - logSize)}
	for i := range t.slots {
		t.slots[i].left = -1
	}
	for _, m := range merges {
		*t.find(m.left, m.right) = m
	}
	return t
}

// find returns the slot of a pair, or the free one where it would be.
func (t *pairTable) find(left, right int32) *pairSlot {
	hash := (uint64(uint32(left))<<32 | uint64(uint32(right))) * 0x9E3779B97F4A7C15 // Fibonacci hashing
	mask := len(t.slots) - 1
	for i := int(hash>>t.shift) & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.left == left && s.right == right || s.left < 0 {
			return s
		}
	}
}

// rank returns the rank of the merge of a pair, or noRank.
func (t *pairTable) rank(left, right int32) int32 {
	if s := t.find(left, right); s.left >= 0 {
		return s.rank
	}
	return noRank
}

// merged returns the token that a pair makes. There must be a merge for it.
func (t *pairTable) merged(left, right int32) int32 { return t.find(left, right).merged }

// pair is a heap entry: a rank, and the place of the pair that has it. Smaller is merged first.
type pair uint64

func newPair(rank, at int32) pair { return pair(uint64(rank)<<32 | uint64(at)) }

func (p pair) split() (rank, at int32) { return int32(p >> 32), int32(uint32(p)) }

// pairHeap is a binary min-heap.
type pairHeap []pair

// order makes a heap of pairs in any order.
func (h pairHeap) order() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
}

func (h *pairHeap) push(p pair) {
	*h = append(*h, p)
	s := *h
	i := len(s) - 1
	for i > 0 && s[(i-1)/2] > p {
		s[i] = s[(i-1)/2]
		i = (i - 1) / 2
	}
	s[i] = p
}

func (h *pairHeap) pop() pair {
	s := *h
	top := s[0]
	s[0] = s[len(s)-1]
	*h = s[:len(s)-1]
	h.sink(0)
	return top
}

func (h pairHeap) sink(i int) {
	if i >= len(h) {
		return
	}
	p := h[i]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[child] >= p {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = p
}
