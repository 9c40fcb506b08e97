package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// settings is what the configuration files in a model's folder say of its tokenizer. The JSON names are those of
// tokenizer_config.json, and of special_tokens_map.json, which has a part of them.
type settings struct {
	BOS        tokenRef              `json:"bos_token"`
	EOS        tokenRef              `json:"eos_token"`
	Unknown    tokenRef              `json:"unk_token"`
	Pad        tokenRef              `json:"pad_token"`
	Additional []tokenRef            `json:"additional_special_tokens"`
	Added      map[string]addedToken `json:"added_tokens_decoder"` // by id

	AddBOS         bool `json:"add_bos_token"`
	AddEOS         bool `json:"add_eos_token"`
	AddPrefixSpace bool `json:"add_prefix_space"`
}

// tokenRef names a token: by text, or, only where the files that would say the text do not mention it, by id.
type tokenRef struct {
	said bool // text counts; "" is none
	text string
	id   int32 // -1: none
}

// UnmarshalJSON reads a token's text as the configuration files have it: a string, an object with content, or null.
func (r *tokenRef) UnmarshalJSON(data []byte) error {
	r.said, r.text = true, ""
	if json.Unmarshal(data, &r.text) == nil {
		return nil
	}
	var object struct{ Content string }
	if err := json.Unmarshal(data, &object); err != nil {
		return fmt.Errorf("%.40q is neither a token's text nor an object with it", data)
	}
	r.text = object.Content
	return nil
}

// find returns the id of the token that r names, or -1.
func (t *Tokenizer) find(r tokenRef) int32 {
	if r.said {
		if id, ok := t.tokenID(r.text); ok && r.text != "" {
			return id
		}
		return -1
	}
	if _, ok := t.tokenText(r.id); ok {
		return r.id
	}
	return -1
}

// settings reads the configuration files that are there.
func (f folder) settings() (*settings, error) {
	var model struct {
		ModelType string          `json:"model_type"`
		BOS       json.RawMessage `json:"bos_token_id"`
		EOS       json.RawMessage `json:"eos_token_id"`
	}
	if err := f.unmarshalIfThere("config.json", &model); err != nil {
		return nil, err
	}
	s := &settings{BOS: tokenRef{id: firstID(model.BOS)}, EOS: tokenRef{id: firstID(model.EOS)}}
	s.AddBOS = model.ModelType == "opt"                                                 // OPT was trained so, and not all of its folders say it
	for _, file := range []string{"special_tokens_map.json", "tokenizer_config.json"} { // the latter overrules
		if err := f.unmarshalIfThere(file, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// unmarshalIfThere reads a small JSON file into v, and leaves v as it is if there is no such file.
func (f folder) unmarshalIfThere(file string, v any) error {
	if !f.has(file) {
		return nil
	}
	data, err := f.read(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return f.errorIn(file, fmt.Errorf("malformed JSON: %w", err))
	}
	return nil
}

// firstID reads a token id, or the first of a list of them; -1 if there is none.
func firstID(raw json.RawMessage) int32 {
	var one *int32
	var many []int32
	switch {
	case json.Unmarshal(raw, &one) == nil && one != nil:
		return *one
	case json.Unmarshal(raw, &many) == nil && len(many) > 0:
		return many[0]
	}
	return -1
}

// addedTokens lists the added tokens that s tells of, as far as text finds them in the vocabulary.
func (s *settings) addedTokens(find func(text string) (int32, bool)) ([]addedToken, error) {
	var tokens []addedToken
	known := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(s.Added)) {
		token := s.Added[key]
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 || id >= maxTokens {
			return nil, fmt.Errorf("added_tokens_decoder: %.40q is no token id", key)
		}
		token.ID = int32(id)
		known[token.Content] = true
		tokens = append(tokens, token)
	}
	for _, r := range append([]tokenRef{s.BOS, s.EOS, s.Unknown, s.Pad}, s.Additional...) {
		if id, ok := find(r.text); ok && r.text != "" && !known[r.text] {
			known[r.text] = true
			tokens = append(tokens, addedToken{ID: id, Content: r.text, Special: true})
		}
	}
	return tokens, nil
}
