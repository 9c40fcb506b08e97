package kineto

import (
	"bytes"

	"github.com/inferprof/inferprof/trace/source"
)

// Kineto wrote names into its JSON as they were until 2026: a Python frame named <module> {"device": "cpu"} breaks off
// its own string. Such an event is worth more than a note of its loss, and can be had: the name ends at the first quote
// that is followed by the next of an event's keys.

// repairBytes bounds how far the end of a broken name is looked for.
const repairBytes = 16 << 10

// memberKeys are the keys that can follow a name.
var memberKeys = [][]byte{
	[]byte(`"ph"`), []byte(`"cat"`), []byte(`"pid"`), []byte(`"tid"`), []byte(`"ts"`), []byte(`"dur"`), []byte(`"args"`),
	[]byte(`"id"`), []byte(`"s"`), []byte(`"bp"`),
}

// repair takes the broken event at offset i of the view if quotes in its name are all that is wrong with it. It returns
// the offset after the event; false if the event cannot be had.
func (s *scanner) repair(i int) (int, bool) {
	b := s.w.text()[i:]
	b = b[:min(len(b), repairBytes)]
	start := bytes.Index(b, []byte(`"name"`))
	if start < 0 {
		return 0, false
	}
	start = skipSpace(b, start+len(`"name"`))
	if start >= len(b) || b[start] != ':' {
		return 0, false
	}
	if start = skipSpace(b, start+1); start >= len(b) || b[start] != '"' {
		return 0, false
	}
	start++
	end := endOfBrokenName(b, start)
	if end < 0 || bytes.IndexByte(b[start:end], '"') < 0 {
		return 0, false
	}
	fixed := append([]byte(nil), b[:start]...)
	for _, c := range b[start:end] {
		if c == '"' {
			fixed = append(fixed, '\\')
		}
		fixed = append(fixed, c)
	}
	grown := len(fixed) - end
	fixed = append(fixed, b[end:]...)
	after := s.splitEvent(fixed, 0)
	if after < 0 {
		return 0, false
	}
	s.damage(source.DamageSyntax, i, 0)
	s.takeEvent(fixed, 0, after)
	return i + after - grown, true
}

// endOfBrokenName is the offset of the quote that ends the name which starts at b[i]; -1 if there is none.
func endOfBrokenName(b []byte, i int) int {
	for ; i < len(b); i++ {
		if b[i] != '"' {
			continue
		}
		j := skipSpace(b, i+1)
		if j < len(b) && b[j] == '}' && j > i+1 {
			return i
		}
		if j >= len(b) || b[j] != ',' {
			continue
		}
		j = skipSpace(b, j+1)
		for _, key := range memberKeys {
			if bytes.HasPrefix(b[j:], key) {
				if k := skipSpace(b, j+len(key)); k < len(b) && b[k] == ':' {
					return i
				}
			}
		}
	}
	return -1
}
