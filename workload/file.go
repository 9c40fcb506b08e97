package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/sampling"
)

// maxLineBytes bounds a line: longer ones are not prompts.
const maxLineBytes = 8 << 20

// FromFile reads a file of prompts; p holds the parameters of those that do not bring their own. In *.jsonl, *.ndjson
// and *.json files each line is an object:
//
//	{"prompt": "Hello, my name is", "max_tokens": 8, "temperature": 0}
//	{"prompt_token_ids": [1, 2, 3], "id": "three tokens"}
//
// with any of the fields of sampling.Params beside the prompt. In all other files each line is a prompt. Blank lines are
// passed over. Errors name the file and the line.
func FromFile(path string, p sampling.Params) ([]engine.Request, error) {
	f, err := os.Open(path)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, fmt.Errorf("reading prompts %s: %w", path, err)
	}
	defer f.Close()
	parse := parseText
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jsonl", ".ndjson", ".json":
		parse = parseJSON
	}
	requests, err := read(f, parse, p)
	if err != nil {
		return nil, fmt.Errorf("reading prompts %s: %w", path, err)
	}
	return requests, nil
}

// read makes a request of each line that is not blank. The IDs of those that have none count from 0.
func read(r io.Reader, parse func(line []byte, p sampling.Params) (engine.Request, error), p sampling.Params) ([]engine.Request, error) {
	var requests []engine.Request
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLineBytes)
	number := 0
	for lines.Scan() {
		number++
		line := lines.Bytes()
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\uFEFF"))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if !utf8.Valid(line) {
			return nil, fmt.Errorf("line %d: not UTF-8 text", number)
		}
		request, err := parse(line, clone(p))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if request.ID == "" {
			request.ID = strconv.Itoa(len(requests))
		}
		requests = append(requests, request)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d: longer than %d MiB: a prompt is one line", number+1, maxLineBytes>>20)
	case err != nil:
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, err
	case len(requests) == 0:
		return nil, errors.New("no prompts in it: write one on each line")
	}
	return requests, nil
}

func parseText(line []byte, p sampling.Params) (engine.Request, error) {
	return engine.Request{Prompt: string(line), Params: p}, nil
}

func parseJSON(line []byte, p sampling.Params) (engine.Request, error) {
	fields := struct {
		ID             string  `json:"id"`
		Prompt         *string `json:"prompt"`
		PromptTokenIDs []int32 `json:"prompt_token_ids"`
		*sampling.Params
	}{Params: &p}
	var none engine.Request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&fields); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errors.New("the line ends within it; an object must be on one line")
		}
		return none, fmt.Errorf(`not an object such as {"prompt": "Hello", "max_tokens": 16}: %s`, strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return none, errors.New("text after the object: one object a line")
	}
	switch {
	case fields.Prompt == nil && fields.PromptTokenIDs == nil:
		return none, errors.New(`no prompt: give "prompt" or "prompt_token_ids"`)
	case fields.Prompt != nil && fields.PromptTokenIDs != nil:
		return none, errors.New(`both "prompt" and "prompt_token_ids": give one of them`)
	case fields.Prompt != nil && *fields.Prompt == "", fields.Prompt == nil && len(fields.PromptTokenIDs) == 0:
		return none, errors.New("the prompt is empty: give at least one token")
	}
	for _, id := range fields.PromptTokenIDs {
		if id < 0 {
			return none, fmt.Errorf("prompt_token_ids: %d is no token id", id)
		}
	}
	if err := p.Validate(); err != nil {
		return none, err
	}
	r := engine.Request{ID: fields.ID, PromptTokenIDs: fields.PromptTokenIDs, Params: p}
	if fields.Prompt != nil {
		r.Prompt = *fields.Prompt
	}
	return r, nil
}
