package tokenizer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScanner reads JSON as a stream of values, without building any. A tokenizer.json is megabytes of vocabulary and
// merges, which encoding/json takes close to a second for; what is small in it is handed to encoding/json as raw text.
// The text must be UTF-8.
type jsonScanner struct {
	data    []byte
	pos     int
	scratch []byte
}

func (s *jsonScanner) errorf(format string, args ...any) error {
	return fmt.Errorf("malformed JSON at byte %d: %s", s.pos, fmt.Sprintf(format, args...))
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *jsonScanner) expect(c byte) error {
	switch got := s.peek(); {
	case got == c:
		s.pos++
		return nil
	case s.pos >= len(s.data):
		return s.errorf("the file ends where %q should be", c)
	default:
		return s.errorf("%q where %q should be", got, c)
	}
}

// object reads an object and calls visit for each key; visit must read the value. The key is valid until it does.
func (s *jsonScanner) object(visit func(key []byte) error) error {
	return s.list('{', '}', func() error {
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		return visit(key)
	})
}

// array reads an array and calls visit for each element, which it must read.
func (s *jsonScanner) array(visit func() error) error { return s.list('[', ']', visit) }

func (s *jsonScanner) list(open, end byte, element func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	if s.peek() == end {
		s.pos++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if s.peek() == end {
			s.pos++
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}

// text reads a string. The result is valid until the next call.
func (s *jsonScanner) text() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.data[start : s.pos-1], nil
		case c == '\\':
			return s.escapedText(start)
		case c < ' ':
			return nil, s.errorf("control character %q in a string", c)
		}
		s.pos++
	}
	return nil, s.errorf("the file ends in a string")
}

// escapedText goes on with text at its first backslash.
func (s *jsonScanner) escapedText(start int) ([]byte, error) {
	buf := append(s.scratch[:0], s.data[start:s.pos]...)
	defer func() { s.scratch = buf }()
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			return buf, nil
		case c < ' ':
			return nil, s.errorf("control character %q in a string", c)
		case c != '\\':
			buf = append(buf, c)
			continue
		}
		if s.pos == len(s.data) {
			break
		}
		c = s.data[s.pos]
		s.pos++
		switch c {
		case '"', '\\', '/':
			buf = append(buf, c)
		case 'b':
			buf = append(buf, '\b')
		case 'f':
			buf = append(buf, '\f')
		case 'n':
			buf = append(buf, '\n')
		case 'r':
			buf = append(buf, '\r')
		case 't':
			buf = append(buf, '\t')
		case 'u':
			r, err := s.hex()
			if err != nil {
				return nil, err
			}
			if utf16.IsSurrogate(r) {
				r = s.lowSurrogate(r)
			}
			buf = utf8.AppendRune(buf, r)
		default:
			return nil, s.errorf("unknown escape %q", []byte{'\\', c})
		}
	}
	return nil, s.errorf("the file ends in a string")
}

// hex reads the four digits of a \u escape.
func (s *jsonScanner) hex() (rune, error) {
	if s.pos+4 > len(s.data) {
		return 0, s.errorf("the file ends in a string")
	}
	v, err := strconv.ParseUint(string(s.data[s.pos:s.pos+4]), 16, 16)
	if err != nil {
		return 0, s.errorf("\\u without four hexadecimal digits")
	}
	s.pos += 4
	return rune(v), nil
}

// lowSurrogate reads the second half of an escaped character; a half without its other half is U+FFFD.
func (s *jsonScanner) lowSurrogate(high rune) rune {
	mark := s.pos
	if bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)) {
		s.pos += 2
		if low, err := s.hex(); err == nil {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				return r
			}
		}
		s.pos = mark
	}
	return utf8.RuneError
}

// integer reads a number that must be an integer of 32 bits.
func (s *jsonScanner) integer() (int32, error) {
	s.peek()
	start := s.pos
	for s.pos < len(s.data) && bytes.IndexByte([]byte("+-.0123456789eE"), s.data[s.pos]) >= 0 {
		s.pos++
	}
	v, err := strconv.ParseInt(string(s.data[start:s.pos]), 10, 32)
	if err != nil {
		s.pos = start
		return 0, s.errorf("no integer where one should be")
	}
	return int32(v), nil
}

// raw skips a value and returns its text. It looks at brackets and strings only: whoever reads the text checks it.
func (s *jsonScanner) raw() ([]byte, error) {
	s.peek()
	start, depth := s.pos, 0
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case '"':
			if err := s.skipString(); err != nil {
				return nil, err
			}
			if depth == 0 {
				return s.data[start:s.pos], nil
			}
			continue
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 { // the end of what the value is in
				if s.pos == start {
					return nil, s.errorf("no value where one should be")
				}
				return bytes.TrimSpace(s.data[start:s.pos]), nil
			}
			if s.data[s.pos] != ',' {
				depth--
				if depth == 0 {
					s.pos++
					return s.data[start:s.pos], nil
				}
			}
		}
		s.pos++
	}
	return nil, s.errorf("the file ends in a value")
}

func (s *jsonScanner) skipString() error {
	for s.pos++; ; {
		i := bytes.IndexByte(s.data[s.pos:], '"')
		if i < 0 {
			return s.errorf("the file ends in a string")
		}
		backslashes := 0
		for i-backslashes > 0 && s.data[s.pos+i-backslashes-1] == '\\' {
			backslashes++
		}
		s.pos += i + 1
		if backslashes%2 == 0 {
			return nil
		}
	}
}

// end checks that only white space is left.
func (s *jsonScanner) end() error {
	if s.peek() != 0 || s.pos < len(s.data) {
		return s.errorf("text after the end")
	}
	return nil
}

// checkText refuses what no JSON file can be, with what it may be instead.
func checkText(data []byte) error {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("the file is empty")
	case bytes.HasPrefix(data, []byte("version https://git-lfs")):
		return errors.New("the file is a Git LFS pointer, not the file itself: fetch it with git lfs pull")
	case !utf8.Valid(data):
		return errors.New("the file is not UTF-8 text")
	}
	return nil
}
