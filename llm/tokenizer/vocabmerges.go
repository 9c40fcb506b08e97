package tokenizer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// loadVocabAndMerges reads the files of GPT-2's tokenizer: vocab.json, an object from token to id, and merges.txt, a
// pair of tokens a line. What they leave open is as with GPT-2: byte-level, its regular expression, <|endoftext|>.
func (f folder) loadVocabAndMerges(s *settings) (*Tokenizer, error) {
	vocab, err := f.readVocab()
	if err != nil {
		return nil, err
	}
	if !f.has("merges.txt") {
		return nil, fmt.Errorf("%s: vocab.json has no merges.txt beside it: copy it there from the model's repository", f.name)
	}
	data, err := f.read("merges.txt")
	if err != nil {
		return nil, err
	}
	merges, err := parseMergesText(data, vocab)
	if err != nil {
		return nil, f.errorIn("merges.txt", err)
	}
	if _, ok := vocab.id("<|endoftext|>"); ok {
		for _, r := range []*tokenRef{&s.BOS, &s.EOS} {
			if !r.said && r.id < 0 {
				*r = tokenRef{said: true, text: "<|endoftext|>"}
			}
		}
	}
	added, err := f.addedToVocab(s, vocab)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{model: &bpe{vocab: vocab, merges: newPairTable(merges), byteLevel: true, unknown: -1}}
	if id, ok := vocab.id(s.Unknown.text); ok && s.Unknown.text != "" {
		t.model.unknown = id
	}
	level := &component{Type: "ByteLevel", AddPrefixSpace: &s.AddPrefixSpace}
	if t.pre, t.model.byteLevel, err = newPreTokenizer(level); err != nil {
		return nil, err
	}
	if t.decoder, err = newDecoder(level); err != nil {
		return nil, err
	}
	t.finish(added)
	if bos := t.find(s.BOS); s.AddBOS && bos >= 0 {
		t.prefix = []int32{bos}
	}
	if eos := t.find(s.EOS); s.AddEOS && eos >= 0 {
		t.suffix = []int32{eos}
	}
	return t, nil
}

func (f folder) readVocab() (*vocabulary, error) {
	data, err := f.read("vocab.json")
	if err != nil {
		return nil, err
	}
	scan := &jsonScanner{data: data}
	vocab, err := parseVocab(scan)
	if err == nil {
		err = scan.end()
	}
	if err != nil {
		return nil, f.errorIn("vocab.json", err)
	}
	return vocab, nil
}

// addedToVocab lists the added tokens: those of the configuration, and of added_tokens.json, from text to id.
func (f folder) addedToVocab(s *settings, vocab *vocabulary) ([]addedToken, error) {
	added, err := s.addedTokens(vocab.id)
	if err != nil {
		return nil, f.errorIn("tokenizer_config.json", err)
	}
	if s.BOS.text == "" && s.BOS.id >= 0 { // named by config.json alone
		if text, ok := vocab.text(s.BOS.id); ok {
			added = append(added, addedToken{ID: s.BOS.id, Content: text, Special: true})
		}
	}
	var more map[string]int32
	if err := f.unmarshalIfThere("added_tokens.json", &more); err != nil {
		return nil, err
	}
	for _, text := range slices.Sorted(maps.Keys(more)) { // of two with one id always the same is shown for it
		id := more[text]
		if id < 0 || id >= maxTokens {
			return nil, f.errorIn("added_tokens.json", fmt.Errorf("token id %d of %q cannot be", id, text))
		}
		added = append(added, addedToken{ID: id, Content: text})
	}
	return added, nil
}

// parseMergesText reads merges.txt. Its first line may be a #version comment.
func parseMergesText(data []byte, vocab *vocabulary) ([]pairSlot, error) {
	m := newMergeReader(vocab, "", bytes.Count(data, []byte("\n"))+1)
	for line := 1; len(data) > 0; line++ {
		var text []byte
		text, data, _ = bytes.Cut(data, []byte("\n"))
		text = bytes.TrimSuffix(text, []byte("\r"))
		if len(text) == 0 || line == 1 && bytes.HasPrefix(text, []byte("#version")) {
			continue
		}
		left, right, ok := bytes.Cut(text, []byte(" "))
		if !ok || bytes.IndexByte(right, ' ') >= 0 {
			return nil, fmt.Errorf("line %d: %.60q is not a pair of tokens", line, text)
		}
		if err := m.add(left, right); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	return m.done()
}

// mergeReader looks up the tokens of merges.
type mergeReader struct {
	vocab  *vocabulary
	skip   int // bytes of continuing_subword_prefix, which a merge drops from its right token
	merges []pairSlot
	text   []byte
}

func newMergeReader(vocab *vocabulary, prefix string, count int) *mergeReader {
	return &mergeReader{vocab: vocab, skip: len(prefix), merges: make([]pairSlot, 0, count)}
}

// add appends a merge. Both its tokens and what it makes must be in the vocabulary.
func (m *mergeReader) add(left, right []byte) error {
	l, ok := m.vocab.idOf(left)
	if !ok {
		return m.missing(left)
	}
	r, ok := m.vocab.idOf(right)
	if !ok {
		return m.missing(right)
	}
	m.text = append(append(m.text[:0], left...), right[min(m.skip, len(right)):]...)
	id, ok := m.vocab.idOf(m.text)
	if !ok {
		return m.missing(m.text)
	}
	m.merges = append(m.merges, pairSlot{l, r, int32(len(m.merges)), id})
	return nil
}

func (m *mergeReader) missing(token []byte) error {
	return fmt.Errorf("merge %d needs the token %.60q, which the vocabulary lacks: vocabulary and merges are of different models",
		len(m.merges)+1, token)
}

func (m *mergeReader) done() ([]pairSlot, error) {
	if len(m.merges) == 0 {
		return nil, errors.New("no merges: the file is incomplete; copy it again from the model's repository")
	}
	return m.merges, nil
}
