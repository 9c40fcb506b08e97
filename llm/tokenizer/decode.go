package tokenizer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decoders turn a list of tokens into text in steps: most rewrite each token, some join them (bytes to characters). To
// serve a stream, a step is a sink that passes on what is settled and holds the rest. A step that has joined all tokens
// passes that one long token on in parts, so each part says whether a token begins and ends with it. A step that has
// to see a token whole collects the parts. What comes out in the end is the same whenever it comes.

// sink takes tokens, or parts of them.
type sink interface {
	put(part string, begins, ends bool)
	close() // no more tokens
}

// newDecoder builds the chain that a decoder component describes, in front of next.
func newDecoder(c *component) (func(next sink) sink, error) {
	switch c.Type {
	case "Sequence":
		var steps []func(sink) sink
		for i := range c.Decoders {
			step, err := newDecoder(&c.Decoders[i])
			if err != nil {
				return nil, err
			}
			steps = append(steps, step)
		}
		return func(next sink) sink {
			for _, step := range slices.Backward(steps) {
				next = step(next)
			}
			return next
		}, nil
	case "ByteLevel":
		return func(next sink) sink { return &byteLevelDecoder{fused: fused{next: next}} }, nil
	case "ByteFallback":
		return func(next sink) sink { return &byteFallbackDecoder{next: next} }, nil
	case "Fuse":
		return func(next sink) sink { return &fused{next: next} }, nil
	case "Metaspace":
		mark, keep := metaspaceMark(c), metaspaceScheme(c) == "never"
		return func(next sink) sink {
			first := !keep
			return &perToken{next: next, rewrite: func(token string) string {
				with := " "
				if first {
					with = ""
				}
				first = false
				return strings.ReplaceAll(token, mark, with)
			}}
		}, nil
	case "Replace":
		replace, err := newReplace(c)
		if err != nil {
			return nil, fmt.Errorf("decoder Replace: %w", err)
		}
		return func(next sink) sink { return &perToken{next: next, rewrite: replace} }, nil
	case "Strip":
		if utf8.RuneCountInString(c.Content) != 1 || c.Start < 0 || c.Stop < 0 {
			return nil, fmt.Errorf("decoder Strip: content %q, start %d and stop %d: one character and two counts are needed",
				c.Content, c.Start, c.Stop)
		}
		return func(next sink) sink { return newStrip(next, c.Content, c.Start, c.Stop) }, nil
	case "BPEDecoder":
		suffix := c.Suffix
		if suffix == "" {
			suffix = "</w>"
		}
		return func(next sink) sink { return &wordEndDecoder{next: next, suffix: suffix} }, nil
	}
	return nil, fmt.Errorf("decoder %s is not supported", quoteType(c.Type))
}

// joinWithSpaces is what Hugging Face does without a decoder.
func joinWithSpaces(next sink) sink {
	first := true
	return &perToken{next: next, rewrite: func(token string) string {
		if first {
			first = false
			return token
		}
		return " " + token
	}}
}

// wholeToken collects the parts of a token.
type wholeToken struct{ parts []byte }

func (w *wholeToken) add(part string, ends bool) (token string, whole bool) {
	if ends && len(w.parts) == 0 {
		return part, true
	}
	w.parts = append(w.parts, part...)
	if !ends {
		return "", false
	}
	token = string(w.parts)
	w.parts = w.parts[:0]
	return token, true
}

// perToken rewrites each token by itself.
type perToken struct {
	next    sink
	rewrite func(string) string
	wholeToken
}

func (d *perToken) put(part string, _, ends bool) {
	if token, whole := d.add(part, ends); whole {
		d.next.put(d.rewrite(token), true, true)
	}
}

func (d *perToken) close() { d.next.close() }

// fused makes one token of all.
type fused struct {
	next  sink
	begun bool
}

func (d *fused) put(part string, _, _ bool) {
	if part != "" {
		d.next.put(part, !d.begun, false)
		d.begun = true
	}
}

func (d *fused) close() {
	d.next.put("", !d.begun, true)
	d.next.close()
}

// byteLevelDecoder joins the bytes that byte-level tokens spell into characters.
type byteLevelDecoder struct {
	fused
	wholeToken
	bytes []byte // the beginning of a character
	text  []byte
}

func (d *byteLevelDecoder) put(part string, _, ends bool) {
	token, whole := d.add(part, ends)
	if !whole {
		return
	}
	d.bytes = appendCharBytes(d.bytes, token)
	var tail []byte
	if end, ok := d.next.(*textSink); ok { // the usual case, without a copy
		end.text, tail = appendValid(end.text, d.bytes)
		d.bytes = append(d.bytes[:0], tail...)
		return
	}
	d.text, tail = appendValid(d.text[:0], d.bytes)
	d.bytes = append(d.bytes[:0], tail...)
	d.fused.put(string(d.text), false, false)
}

func (d *byteLevelDecoder) close() {
	d.fused.put(string(appendLossy(nil, d.bytes)), false, false)
	d.fused.close()
}

// byteFallbackDecoder joins runs of byte tokens, <0x00> to <0xFF>. A run that is not UTF-8 as a whole becomes one
// U+FFFD for each byte, as it does at Hugging Face, so nothing of a run is settled before its end.
type byteFallbackDecoder struct {
	next sink
	wholeToken
	run []byte
}

func (d *byteFallbackDecoder) put(part string, _, ends bool) {
	token, whole := d.add(part, ends)
	if !whole {
		return
	}
	if b, ok := byteToken(token); ok {
		d.run = append(d.run, b)
		return
	}
	d.settle()
	d.next.put(token, true, true)
}

func (d *byteFallbackDecoder) settle() {
	if len(d.run) == 0 {
		return
	}
	if utf8.Valid(d.run) {
		d.next.put(string(d.run), true, true)
	} else {
		for range d.run {
			d.next.put("\uFFFD", true, true)
		}
	}
	d.run = d.run[:0]
}

func (d *byteFallbackDecoder) close() {
	d.settle()
	d.next.close()
}

// byteToken reads a token such as <0x0A>.
func byteToken(token string) (byte, bool) {
	if len(token) != 6 || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(b), err == nil
}

// stripDecoder takes up to start characters of one kind off the beginning of each token, and passes parts on.
type stripDecoder struct {
	next    sink
	content string
	start   int
	left    int // to be taken off the token at hand
}

// newStrip builds a Strip decoder. Only one that strips ends as well has to see tokens whole.
func newStrip(next sink, content string, start, stop int) sink {
	if stop > 0 {
		next = &perToken{next: next, rewrite: func(token string) string {
			for left := stop; left > 0 && strings.HasSuffix(token, content); left-- {
				token = strings.TrimSuffix(token, content)
			}
			return token
		}}
	}
	return &stripDecoder{next: next, content: content, start: start}
}

func (d *stripDecoder) put(part string, begins, ends bool) {
	if begins {
		d.left = d.start
	}
	for d.left > 0 && part != "" {
		rest, ok := strings.CutPrefix(part, d.content)
		if !ok {
			d.left = 0
			break
		}
		part = rest
		d.left--
	}
	d.next.put(part, begins, ends)
}

func (d *stripDecoder) close() { d.next.close() }

// wordEndDecoder turns the mark at a word's end into a space, but for the last token, where it is dropped.
type wordEndDecoder struct {
	next sink
	wholeToken
	suffix string
	held   string
	holds  bool
}

func (d *wordEndDecoder) put(part string, _, ends bool) {
	token, whole := d.add(part, ends)
	if !whole {
		return
	}
	if d.holds {
		d.next.put(strings.ReplaceAll(d.held, d.suffix, " "), true, true)
	}
	d.held, d.holds = token, true
}

func (d *wordEndDecoder) close() {
	if d.holds {
		d.next.put(strings.ReplaceAll(d.held, d.suffix, ""), true, true)
	}
	d.next.close()
}
