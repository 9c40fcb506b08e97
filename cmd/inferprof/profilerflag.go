package main

import (
	"encoding/json"
	"maps"
)

// profilerJSON is the value of --profiler-config. Given again, as its parts with dots are, it adds up; the last word on a
// key counts.
type profilerJSON struct{ text string }

func (p *profilerJSON) String() string { return p.text }
func (p *profilerJSON) Type() string   { return "JSON" }

// Set takes text that is no JSON object as it is: whoever reads the whole says what is wrong with it.
func (p *profilerJSON) Set(text string) error {
	var before, more map[string]json.RawMessage
	if p.text != "" && json.Unmarshal([]byte(p.text), &before) == nil && json.Unmarshal([]byte(text), &more) == nil {
		maps.Copy(before, more)
		both, err := json.Marshal(before)
		if err != nil {
			return err
		}
		text = string(both)
	}
	p.text = text
	return nil
}

// profilerPart is one key of the configuration as JSON. A value that is no JSON is text.
func profilerPart(key, value string) string {
	var v any = json.RawMessage(value)
	if !json.Valid([]byte(value)) {
		v = value
	}
	text, _ := json.Marshal(map[string]any{key: v}) // of text and of valid JSON: cannot fail
	return string(text)
}
