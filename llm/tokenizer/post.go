package tokenizer

import (
	"encoding/json"
	"fmt"
)

// addAround puts what a post-processor component adds around a text into t.prefix and t.suffix.
func (t *Tokenizer) addAround(c *component) error {
	switch c.Type {
	case "Sequence":
		for i := range c.Processors {
			if err := t.addAround(&c.Processors[i]); err != nil {
				return err
			}
		}
		return nil
	case "ByteLevel": // changes offsets only
		return nil
	case "TemplateProcessing":
		return t.addTemplate(c)
	case "RobertaProcessing", "BertProcessing":
		before, err := idOfPair(c.CLS)
		if err != nil {
			return fmt.Errorf("post-processor %s: cls: %w", c.Type, err)
		}
		after, err := idOfPair(c.Sep)
		if err != nil {
			return fmt.Errorf("post-processor %s: sep: %w", c.Type, err)
		}
		t.wrap([]int32{before}, []int32{after})
		return nil
	}
	return fmt.Errorf("post-processor %s is not supported", quoteType(c.Type))
}

// addTemplate reads a template for single texts: special tokens, and the text itself as the sequence A.
func (t *Tokenizer) addTemplate(c *component) error {
	var around [2][]int32
	texts := 0
	for _, item := range c.Single {
		switch {
		case item.Sequence != nil:
			texts++
		case item.SpecialToken != nil:
			special, ok := c.SpecialTokens[item.SpecialToken.ID]
			if !ok {
				return fmt.Errorf("post-processor TemplateProcessing: %q is not among its special_tokens", item.SpecialToken.ID)
			}
			for _, id := range special.IDs {
				if id < 0 || id >= maxTokens {
					return fmt.Errorf("post-processor TemplateProcessing: token id %d of %q cannot be", id, item.SpecialToken.ID)
				}
			}
			if texts < 2 {
				around[texts] = append(around[texts], special.IDs...)
			}
		}
	}
	if texts != 1 {
		return fmt.Errorf("post-processor TemplateProcessing: the template for single texts has the text %d times, not once", texts)
	}
	t.wrap(around[0], around[1])
	return nil
}

// wrap puts tokens around what is added already.
func (t *Tokenizer) wrap(before, after []int32) {
	t.prefix = append(append([]int32(nil), before...), t.prefix...)
	t.suffix = append(t.suffix, after...)
}

// idOfPair reads the id of ["</s>", 2].
func idOfPair(raw json.RawMessage) (int32, error) {
	var text string
	var id int32
	if err := json.Unmarshal(raw, &[]any{&text, &id}); err != nil || id < 0 || id >= maxTokens {
		return 0, fmt.Errorf("%.40q is not a token and its id", raw)
	}
	return id, nil
}
