package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// component is any normalizer, pre-tokenizer, post-processor or decoder of tokenizer.json: its type, and the fields
// that the types have between them.
type component struct {
	Type string

	Normalizers   []component // of a Sequence
	PreTokenizers []component
	Processors    []component
	Decoders      []component

	Pattern struct{ String, Regex *string } // Split, Replace
	Content string                          // Replace, Strip (decoder)
	Prepend string

	Behavior         string // Split, Punctuation
	Invert           bool   // Split
	IndividualDigits bool   `json:"individual_digits"`
	Delimiter        string // CharDelimiterSplit

	AddPrefixSpace *bool  `json:"add_prefix_space"` // ByteLevel, older Metaspace
	UseRegex       *bool  `json:"use_regex"`        // ByteLevel
	Replacement    string // Metaspace
	PrependScheme  string `json:"prepend_scheme"` // Metaspace
	Split          *bool  // Metaspace

	StripLeft  bool `json:"strip_left"` // Strip (normalizer)
	StripRight bool `json:"strip_right"`
	Start      int  // Strip (decoder)
	Stop       int

	Suffix string // BPEDecoder

	Single []struct { // TemplateProcessing
		Sequence     *struct{ ID string }
		SpecialToken *struct{ ID string }
	}
	SpecialTokens map[string]struct{ IDs []int32 } `json:"special_tokens"`
	CLS, Sep      json.RawMessage                  // RobertaProcessing: ["<s>", 0]
}

func quoteType(name string) string {
	if name == "" {
		return "without a type"
	}
	return fmt.Sprintf("%q", name)
}

func (f folder) loadTokenizerJSON() (*Tokenizer, error) {
	data, err := f.read("tokenizer.json")
	if err != nil {
		return nil, err
	}
	t, err := parseTokenizerJSON(data)
	if err != nil {
		return nil, f.errorIn("tokenizer.json", err)
	}
	return t, nil
}

// parseTokenizerJSON builds a tokenizer from the text of a tokenizer.json.
func parseTokenizerJSON(data []byte) (*Tokenizer, error) {
	parts, err := rawFields(data)
	if err != nil {
		return nil, err
	}
	if parts["model"] == nil {
		return nil, errors.New(`no "model": this is not a tokenizer.json`)
	}
	t := &Tokenizer{}
	if t.model, err = parseModel(parts["model"]); err != nil {
		return nil, err
	}
	if c, err := parseComponent(parts, "normalizer"); err != nil {
		return nil, err
	} else if c != nil {
		if t.normalize, err = newNormalizer(c); err != nil {
			return nil, err
		}
	}
	if c, err := parseComponent(parts, "pre_tokenizer"); err != nil {
		return nil, err
	} else if c != nil {
		if t.pre, t.model.byteLevel, err = newPreTokenizer(c); err != nil {
			return nil, err
		}
	}
	if c, err := parseComponent(parts, "post_processor"); err != nil {
		return nil, err
	} else if c != nil {
		if err = t.addAround(c); err != nil {
			return nil, err
		}
	}
	t.decoder = joinWithSpaces
	if c, err := parseComponent(parts, "decoder"); err != nil {
		return nil, err
	} else if c != nil {
		if t.decoder, err = newDecoder(c); err != nil {
			return nil, err
		}
	}
	var added []addedToken
	if err := unmarshalPart(parts, "added_tokens", &added); err != nil {
		return nil, err
	}
	for _, a := range added {
		if a.ID < 0 || a.ID >= maxTokens {
			return nil, fmt.Errorf("added_tokens: token id %d of %q cannot be", a.ID, a.Content)
		}
	}
	t.finish(added)
	return t, nil
}

// finish sets what follows from the parts that were loaded.
func (t *Tokenizer) finish(added []addedToken) {
	t.addedByID = make(map[int32]addedToken, len(added))
	t.size = len(t.model.vocab.spans)
	var raw, normalized []addedToken
	for _, a := range added {
		if id, ok := t.model.vocab.id(a.Content); ok {
			a.ID = id // as in Hugging Face's library, the model's own id counts
		}
		a.spelling = a.Content
		if a.Normalized && t.normalize != nil {
			a.spelling = t.normalize(a.Content)
		}
		t.addedByID[a.ID] = a
		t.size = max(t.size, int(a.ID)+1)
		if a.Normalized {
			normalized = append(normalized, a)
		} else {
			raw = append(raw, a)
		}
	}
	t.raw = newAddedTokens(raw)
	t.normalized = newAddedTokens(normalized)
	t.model.finish()
	t.workspaces.New = newWorkspace
}

// rawFields returns the values of an object by key. null counts as absent.
func rawFields(data []byte) (map[string][]byte, error) {
	scan := &jsonScanner{data: data}
	fields := map[string][]byte{}
	err := scan.object(func(key []byte) error {
		name := string(key)
		value, err := scan.raw()
		if !bytes.Equal(value, []byte("null")) {
			fields[name] = value
		}
		return err
	})
	if err == nil {
		err = scan.end()
	}
	return fields, err
}

func unmarshalPart(parts map[string][]byte, name string, v any) error {
	if parts[name] == nil {
		return nil
	}
	if err := json.Unmarshal(parts[name], v); err != nil {
		return fmt.Errorf("%s: malformed JSON: %w", name, err)
	}
	return nil
}

// parseComponent returns nil for a component that is not there.
func parseComponent(parts map[string][]byte, name string) (*component, error) {
	var c *component
	err := unmarshalPart(parts, name, &c)
	return c, err
}

// parseModel reads the model part.
func parseModel(data []byte) (*bpe, error) {
	parts, err := rawFields(data)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	var options struct {
		Type         string
		Unknown      *string `json:"unk_token"`
		Prefix       string  `json:"continuing_subword_prefix"`
		Suffix       string  `json:"end_of_word_suffix"`
		FuseUnknown  bool    `json:"fuse_unk"`
		ByteFallback bool    `json:"byte_fallback"`
		IgnoreMerges bool    `json:"ignore_merges"`
	}
	for _, part := range []struct {
		name string
		v    any
	}{
		{"type", &options.Type}, {"unk_token", &options.Unknown}, {"continuing_subword_prefix", &options.Prefix},
		{"end_of_word_suffix", &options.Suffix}, {"fuse_unk", &options.FuseUnknown}, {"byte_fallback", &options.ByteFallback},
		{"ignore_merges", &options.IgnoreMerges},
	} {
		if err := unmarshalPart(parts, part.name, part.v); err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
	}
	if options.Type != "" && options.Type != "BPE" { // old files do not say the type
		return nil, fmt.Errorf("model type %q is not supported: only BPE is", options.Type)
	}
	if parts["vocab"] == nil {
		return nil, errors.New("model: no vocabulary: the file is incomplete; copy it again from the model's repository")
	}
	m := &bpe{unknown: -1, fuseUnknown: options.FuseUnknown, ignoreMerges: options.IgnoreMerges,
		prefix: options.Prefix, suffix: options.Suffix}
	if m.vocab, err = parseVocab(&jsonScanner{data: parts["vocab"]}); err != nil {
		return nil, fmt.Errorf("model: vocab: %w", err)
	}
	merges, err := parseMerges(parts["merges"], m.vocab, m.prefix)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	m.merges = newPairTable(merges)
	if options.Unknown != nil {
		id, ok := m.vocab.id(*options.Unknown)
		if !ok {
			return nil, fmt.Errorf("model: the vocabulary lacks the unknown token %q", *options.Unknown)
		}
		m.unknown = id
	}
	if options.ByteFallback {
		m.fallback = new([256]int32)
		for b := range m.fallback {
			m.fallback[b] = -1
			if id, ok := m.vocab.id(fmt.Sprintf("<0x%02X>", b)); ok {
				m.fallback[b] = id
			}
		}
	}
	return m, nil
}

// parseVocab reads an object from token to id.
func parseVocab(scan *jsonScanner) (*vocabulary, error) {
	b := newVocabularyBuilder(bytes.Count(scan.data, []byte(":")), len(scan.data)/2)
	err := scan.object(func(key []byte) error {
		mark := len(b.texts)
		b.texts = append(b.texts, key...)
		id, err := scan.integer()
		if err != nil {
			return err
		}
		if id < 0 || id >= maxTokens {
			return fmt.Errorf("token id %d of %.60q cannot be", id, b.texts[mark:])
		}
		b.added(mark, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(b.ids) == 0 {
		return nil, errors.New("the vocabulary is empty")
	}
	return b.build(), nil
}

// parseMerges reads a list of merges, each "left right" or, in newer files, ["left", "right"].
func parseMerges(data []byte, vocab *vocabulary, prefix string) ([]pairSlot, error) {
	m := newMergeReader(vocab, prefix, bytes.Count(data, []byte(",")))
	if data == nil {
		return m.done()
	}
	scan := &jsonScanner{data: data}
	var left []byte
	err := scan.array(func() error {
		if scan.peek() != '[' {
			text, err := scan.text()
			if err != nil {
				return err
			}
			left, right, ok := bytes.Cut(text, []byte(" "))
			if !ok || bytes.IndexByte(right, ' ') >= 0 {
				return fmt.Errorf("merge %d: %.60q is not a pair of tokens", len(m.merges)+1, text)
			}
			return m.add(left, right)
		}
		n := 0
		err := scan.array(func() error {
			text, err := scan.text()
			if n++; err != nil || n > 2 {
				return err
			}
			if n == 1 {
				left = append(left[:0], text...)
				return nil
			}
			return m.add(left, text)
		})
		if err == nil && n != 2 {
			err = fmt.Errorf("merge %d: a list of %d tokens is not a pair", len(m.merges)+1, n)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	return m.done()
}
