package kineto

// The lexer knows where JSON values end, and forgives what Kineto gets wrong: bare words (inf, N/A), empty values, bad
// escapes and control characters pass through as raw text. Positions are offsets into the window b; scanning past its
// end gives short, never a panic.

// Results of a scan that did not find what it looked for. They are negative, so that they cannot be offsets.
const (
	short  = -1 // the window ends first
	broken = -2 // the text cannot be what it should be
)

// maxDepth bounds nesting, so that a file of brackets cannot exhaust anything.
const maxDepth = 512

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skipSpace returns the offset of the next byte that is no white space; len(b) if there is none.
func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// endOfString returns the offset after the string whose opening quote is at b[i].
func endOfString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return short
}

// endOfValue returns the offset after the value that starts at b[i]; i itself for an empty one.
func endOfValue(b []byte, i int) int {
	if i >= len(b) {
		return short
	}
	switch b[i] {
	case '"':
		return endOfString(b, i)
	case '{', '[':
		return endOfNested(b, i)
	}
	for ; i < len(b); i++ {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			return i
		case '"', '{', '[':
			return broken
		}
	}
	return short
}

func endOfNested(b []byte, i int) int {
	var stack [maxDepth / 8]byte // one bit per level: 1 for an object
	depth := 0
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			if i = endOfString(b, i); i < 0 {
				return i
			}
			continue
		case '{', '[':
			if depth == maxDepth {
				return broken
			}
			bit := byte(1) << (depth & 7)
			if c == '{' {
				stack[depth>>3] |= bit
			} else {
				stack[depth>>3] &^= bit
			}
			depth++
		case '}', ']':
			depth--
			if (stack[depth>>3]>>(depth&7)&1 == 1) != (c == '}') {
				return broken
			}
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return short
}

// number says whether b is a JSON number, which strconv alone does not (it takes inf, 0x1 and 1_0 too).
func number(b []byte) bool {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	digits := func() bool {
		start := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	first := i
	if !digits() || b[first] == '0' && i > first+1 {
		return false
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(b)
}

// literal says whether a bare token is valid JSON.
func literal(b []byte) bool {
	switch string(b) {
	case "true", "false", "null":
		return true
	}
	return number(b)
}

// endsInString says whether b ends inside a string.
func endsInString(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] == '"' {
			if i = endOfString(b, i); i < 0 {
				return true
			}
			i--
		}
	}
	return false
}
