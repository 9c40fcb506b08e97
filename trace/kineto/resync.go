package kineto

import (
	"bytes"

	"github.com/inferprof/inferprof/trace/source"
)

// After damage the scanner goes on at the next place that looks like the start of an event: a brace that follows a
// comma or a bracket and is followed by one of the keys that events start with. What lay between is lost and noted.
// In Kineto's own layout this loses one event per damaged place; the ones around it are kept.

var eventKeys = [][]byte{[]byte(`"ph"`), []byte(`"name"`), []byte(`"cat"`), []byte(`"ts"`), []byte(`"pid"`), []byte(`"args"`)}

// resync notes the damage in the event that starts at offset at, and returns the offset of the next event after it;
// false if there is none.
func (s *scanner) resync(at int) (int, bool) {
	lost := 0
	if at < s.w.n && s.w.buf[at] == '{' {
		lost = 1
	}
	s.damage(source.DamageSyntax, at, lost)
	i := at + 1
	for {
		if j := s.nextEvent(i); j >= 0 {
			return j, true
		}
		// Keep enough for a comma, white space and a key that straddle the end.
		keep := max(i, s.w.n-resyncContext)
		if !s.w.more(keep) {
			return s.endOfEvents(0)
		}
		i = 1
	}
}

const resyncContext = 256

// nextEvent looks for the start of an event in the view from offset i on; -1 if there is none.
func (s *scanner) nextEvent(i int) int {
	b := s.w.text()
	for i < len(b) {
		j := bytes.IndexByte(b[i:], '{')
		if j < 0 {
			return -1
		}
		i += j
		before := i - 1
		for before >= 0 && isSpace(b[before]) {
			before--
		}
		after := skipSpace(b, i+1)
		if before >= 0 && (b[before] == ',' || b[before] == '[' || b[before] == '}') {
			for _, key := range eventKeys {
				if bytes.HasPrefix(b[after:], key) {
					return i
				}
			}
		}
		i++
	}
	return -1
}

// endOfEvents finds the bracket that ends the array of events when no further event follows damage, in the last of the
// text: the first one after which nothing comes but members of the document and its last brace. It returns false if
// there is none, which means that the file was cut.
func (s *scanner) endOfEvents(i int) (int, bool) {
	b := s.w.text()
	for k := max(i, 0); k < len(b); k++ {
		if b[k] == ']' && endsDocument(b, k+1) {
			return k, true
		}
	}
	return 0, false
}

// endsDocument says whether b[i:] is the end of an object: more members or none, a brace, and white space.
func endsDocument(b []byte, i int) bool {
	for {
		i = skipSpace(b, i)
		if i >= len(b) {
			return false
		}
		if b[i] == '}' {
			return skipSpace(b, i+1) == len(b)
		}
		if b[i] != ',' {
			return false
		}
		if i = skipSpace(b, i+1); i >= len(b) || b[i] != '"' {
			return false
		}
		if i = endOfString(b, i); i < 0 {
			return false
		}
		if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
			return false
		}
		if i = endOfValue(b, skipSpace(b, i+1)); i < 0 {
			return false
		}
	}
}

// An event that is cut inside a list goes on, for all that JSON can tell, with the events that follow: they are more
// members of the list, up to the bracket that ends the document. So an event that is longer than events are is looked
// into for others.
const (
	longEvent = 4 << 10  // one that ends
	openEvent = 64 << 10 // what there is of one that does not end in view
	lookInto  = 256 << 10
)

// hidesEvents says whether the event at offset i of the view, which ends at end (negative: not in view), is a broken one
// that has swallowed those after it.
func (s *scanner) hidesEvents(i, end int) bool {
	switch {
	case end >= 0:
		return end-i > longEvent && s.holdsEvent(i+1, end)
	case end == short:
		return s.w.n-i > openEvent && s.holdsEvent(i+1, s.w.n)
	}
	return false
}

// holdsEvent says whether a whole event stands after a comma in the view between two offsets. The members that were
// split last stay as they are.
func (s *scanner) holdsEvent(from, to int) bool {
	const tries = 16
	to = min(to, from+lookInto)
	members, loneComma := s.members, s.loneComma
	s.members = nil
	found := false
	for range tries {
		if from = s.nextEvent(from); from < 0 || from >= to {
			break
		}
		if s.splitEvent(s.w.text()[:to], from) >= 0 && isEvent(s.w.text(), s.members) {
			found = true
			break
		}
		from++
	}
	s.members, s.loneComma = members, loneComma
	return found
}

// isEvent says whether an object has what every event has.
func isEvent(b []byte, members []member) bool {
	phase, process := false, false
	for i := range members {
		if m := &members[i]; !m.argument {
			phase = phase || string(m.key(b)) == "ph" && m.valueEnd-m.valueAt == len(`"X"`)
			process = process || string(m.key(b)) == "pid"
		}
	}
	return phase && process
}
