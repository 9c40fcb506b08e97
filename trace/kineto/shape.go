package kineto

import (
	"encoding/binary"
	"math/bits"

	"github.com/inferprof/inferprof/trace"
)

// A profiler prints its events with a handful of printf formats. A million events, then, are a few dozen constant
// texts with a few numbers and names between them. A shape is one of these formats, learnt from the first event that
// has it: the literal text before each value, what kind of value it is, and where it goes. Reading an event by its
// shape is comparing the literals and parsing the values; nothing else of JSON needs looking at. That is several times
// faster than any parser, and it is exact: a text that differs in one byte from the shape's is no match, the next
// shape is tried, and what none of them fits is taken apart member by member (event.go) and teaches a new shape. Since
// the literals are the file's own text, the three dialects, odd spacing and unknown keys need no code.
//
// Shapes follow each other in patterns (a launch is followed by its arrow), so that each remembers its successor and
// nearly all first guesses are right. Where one thing of an event varies without end (keys in random order), shapes
// stop being learnt at maxShapes and the rest goes the long way.
//
// Shapes also make the original text cheap to keep (texts.go): the shape's number and the values that no column holds.

// maxShapes bounds how many are learnt. Real files have 15 to 90.
const maxShapes = 160

// maxMembers bounds an event that is learnt from: each of its keys is compared with each other. Real ones have up to 30.
const maxMembers = 256

// kind says what a slot holds.
type kind uint8

const (
	kindInt    kind = iota // an integer of at most 18 digits, as short as can be
	kindMicros             // a decimal number with exactly three decimals
	kindShort              // a decimal number with none to two decimals
	kindName               // the inside of a string without escapes, in the name column
	kindRaw                // any value, interned as it is written
)

// destination says where the value of a slot goes, as far as its kind does not.
type destination uint8

const (
	toNothing  destination = iota // it is kept as text only
	toArgument                    // a field of the row, as arguments.go has it
	toShapes                      // the lists of an op's arguments
	toDtypes
	toName // and other values outside args
	toPID
	toTID
	toStart
	toDuration
	toFlow
)

// textual marks the id of a pid's or tid's text among numbers, which have at most 18 digits.
const textual = 1 << 62

// slotsOfNames is how many recent values a slot remembers, by the event's name: an op is often called with the shapes
// that it was called with before.
const slotsOfNames = 32

// maxRaw bounds a value that is read by a slot. A longer one goes the long way: it may be a list that was never closed,
// which no shape should look for the end of.
const maxRaw = 32 << 10

type shapeSlot struct {
	literal string // the text between the value before and this one
	kind    kind
	to      destination
	kept    bool // the value is kept with the text: neither columns nor side tables hold it exactly
	// An integer is stored by one of these: a place in the scanner's row, or a field that converts it.
	into     *int64
	convert  intField
	argument *argument // of toArgument; nil for a counter's series
	field    field
	recent   *[slotsOfNames]trace.StringID // kindRaw: values whose text delimits itself; 0 for none
}

type shape struct {
	number   uint16
	phase    trace.Phase
	category trace.Category
	table    trace.TableKind
	name     trace.StringID // if it is part of the literal text
	slots    []shapeSlot
	tail     string // after the last value
	next     *shape // what followed it last
	hits     int

	pid, tid int64 // of the last event, and its track
	track    trace.TrackID
}

// run takes events from offset i on, where one begins, as long as they follow known shapes. It returns the offset where
// that ended (at an event that does not, at the end of the array, at anything else, or at the end of the text) and
// whether a comma stands before it.
func (s *scanner) run(i int) (end int, comma bool) {
	b, n := s.w.buf, s.w.n
	last := s.lastShape
	comma = true
	for last != nil && i < n && b[i] == '{' {
		end := -1
		if last.next != nil {
			end = s.match(b, n, i, last.next)
		}
		if end < 0 {
			var found *shape
			if found, end = s.search(b, n, i, last.next); found == nil {
				break
			}
			last.next = found
		}
		last = last.next
		last.hits++
		i = end
		for i < n && isSpace(b[i]) {
			i++
		}
		if comma = i < n && b[i] == ','; !comma {
			break
		}
		for i++; i < n && isSpace(b[i]); {
			i++
		}
	}
	s.lastShape = last
	return i, comma
}

// search tries all shapes but the one already tried. The list is kept roughly in the order of use.
func (s *scanner) search(b []byte, n, i int, tried *shape) (*shape, int) {
	for k, sh := range s.shapes {
		if sh == tried {
			continue
		}
		if end := s.match(b, n, i, sh); end >= 0 {
			if k > 0 && sh.hits > s.shapes[k-1].hits {
				s.shapes[k], s.shapes[k-1] = s.shapes[k-1], s.shapes[k]
			}
			return sh, end
		}
	}
	return nil, -1
}

// match reads the event at b[i] if it has shape sh, files it and returns the offset after it; -1 if it does not.
// b has at least 24 bytes after its n bytes of text.
func (s *scanner) match(b []byte, n, i int, sh *shape) int {
	r := s.row
	r.phase, r.category = sh.phase, sh.category
	r.reset(sh.table)
	r.name = sh.name
	values := s.texts.values()
	for k := range sh.slots {
		slot := &sh.slots[k]
		end := i + len(slot.literal)
		if end > n || string(b[i:end]) != slot.literal {
			return -1
		}
		i = end
		switch slot.kind {
		case kindInt:
			v, j := scanInt(b, i)
			if j < 0 {
				return -1
			}
			i = j
			if slot.into != nil {
				*slot.into = v
			} else {
				slot.convert.setInt(r, v)
			}
			if slot.kept {
				values = appendVarint(values, v)
			}
		case kindMicros:
			v, j := scanMicros(b, i)
			if j < 0 {
				return -1
			}
			i = j
			*slot.into = v
		case kindName:
			j := endOfPlain(b, i, n)
			if j < 0 {
				return -1
			}
			id := s.t.Strings.Intern(b[i:j])
			if !s.plain(id) {
				return -1
			}
			r.name = id
			i = j
		case kindShort:
			v, decimals, j := scanShort(b, i)
			if j < 0 {
				return -1
			}
			values = append(values, byte(decimals))
			i = j
			*slot.into = v
		case kindRaw:
			id, j := s.rawValue(b, n, i, slot)
			if j < 0 {
				return -1
			}
			switch slot.to {
			case toNothing:
			case toShapes:
				r.op.Shapes = s.shapesOf(id)
			case toDtypes:
				r.op.Dtypes = s.dtypesOf(id)
			case toPID:
				r.pid = int64(id) | textual
			case toTID:
				r.tid = int64(id) | textual
			case toName:
				r.name = s.decoded(id)
			case toStart, toDuration:
				v, ok := parseMicros(unquoted(b[i:j]))
				if !ok {
					return -1
				}
				*slot.into = v
			case toFlow:
				r.flow, _ = looseInt(b[i:j])
			default:
				slot.field.set(r, b[i:j], s)
			}
			if slot.kept {
				values = appendVarint(values, int64(id))
			}
			i = j
		}
	}
	end := i + len(sh.tail)
	if end > n || string(b[i:end]) != sh.tail || r.dur < 0 {
		return -1
	}
	if r.pid != sh.pid || r.tid != sh.tid {
		sh.pid, sh.tid, sh.track = r.pid, r.tid, s.trackOf(r.pid, r.tid)
	}
	r.track = sh.track
	s.file(r, sh.number, values)
	return end
}

// rawValue reads any value and interns its text. First it tries the text that the slot had for this name before: a
// string, list or object ends where it ends, so that one cannot be the beginning of another.
func (s *scanner) rawValue(b []byte, n, i int, slot *shapeSlot) (trace.StringID, int) {
	recent := &slot.recent[s.row.name%slotsOfNames]
	if *recent != 0 {
		text := s.t.Strings.At(*recent)
		if end := i + len(text); end <= n && string(b[i:end]) == text {
			return *recent, end
		}
	}
	end := endOfValue(b[:min(n, i+maxRaw)], i)
	if end < 0 {
		return 0, -1
	}
	token := b[i:end]
	id := s.t.Strings.Intern(token)
	if !s.sound(id) {
		return 0, -1 // inf, N/A, nothing: the long way notes the damage
	}
	switch first(token) {
	case '"', '[', '{':
		*recent = id
	}
	return id, end
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// digitsIn counts the decimal digits at the low end of eight bytes.
func digitsIn(x uint64) int {
	y := x ^ 0x30*ones
	return bits.TrailingZeros64(((y&^highs)+0x76*ones|y)&highs) >> 3
}

// eightDigits is the value of eight digits, the low byte the first.
func eightDigits(x uint64) uint64 {
	x = (x & (0x0f * ones)) * 2561 >> 8
	x = (x & 0x00ff00ff00ff00ff) * 6553601 >> 16
	return (x & 0x0000ffff0000ffff) * 42949672960001 >> 32
}

var powers = [...]uint64{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}

// scanDigits reads up to 18 digits at b[i], written as short as can be; the offset is -1 for anything else. It loads
// up to 24 bytes from there.
func scanDigits(b []byte, i int) (uint64, int) {
	x := binary.LittleEndian.Uint64(b[i:])
	d := digitsIn(x)
	if d < 8 {
		if d == 0 || d > 1 && byte(x) == '0' {
			return 0, -1
		}
		return eightDigits(x << (64 - 8*uint(d))), i + d
	}
	if byte(x) == '0' {
		return 0, -1
	}
	v := eightDigits(x)
	for k := 8; k <= 16; k += 8 {
		x = binary.LittleEndian.Uint64(b[i+k:])
		if d = digitsIn(x); d < 8 {
			if k+d > 18 {
				return 0, -1
			}
			if d > 0 { // a shift by 64 would keep nothing, but say so
				v = v*powers[d&15] + eightDigits(x<<(64-8*uint(d)))
			}
			return v, i + k + d
		}
		v = v*powers[8] + eightDigits(x)
	}
	return 0, -1
}

// scanInt reads an integer that strconv would print the same; -1 as offset for anything else.
func scanInt(b []byte, i int) (int64, int) {
	if b[i] != '-' {
		v, j := scanDigits(b, i)
		return int64(v), j
	}
	v, j := scanDigits(b, i+1)
	if v == 0 {
		j = -1
	}
	return -int64(v), j
}

// scanMicros reads microseconds with exactly three decimals, not negative, as nanoseconds.
func scanMicros(b []byte, i int) (int64, int) {
	v, j := scanDigits(b, i)
	if j < 0 || j-i > 15 {
		return 0, -1
	}
	x := binary.LittleEndian.Uint64(b[j:])
	if byte(x) != '.' || digitsIn(x>>8) != 3 {
		return 0, -1
	}
	return int64(v*1000 + x>>8&15*100 + x>>16&15*10 + x>>24&15), j + 4
}

// scanShort reads microseconds with none to two decimals, not negative, as nanoseconds.
func scanShort(b []byte, i int) (ns int64, decimals, end int) {
	v, j := scanDigits(b, i)
	if j < 0 || j-i > 15 {
		return 0, 0, -1
	}
	v *= 1000
	if b[j] == '.' {
		x := binary.LittleEndian.Uint64(b[j+1:])
		switch digitsIn(x) {
		case 1:
			v += x & 15 * 100
			return int64(v), 1, j + 2
		case 2:
			v += x&15*100 + x>>8&15*10
			return int64(v), 2, j + 3
		}
		return 0, 0, -1
	}
	if b[j] == 'e' || b[j] == 'E' {
		return 0, 0, -1
	}
	return int64(v), 0, j
}
