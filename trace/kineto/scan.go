package kineto

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// scanner turns a file's text into a trace.
type scanner struct {
	w       *window
	t       *trace.Trace
	members []member // of the event split last
	// loneComma tells that a comma stood before the end of that event or of its args.
	loneComma bool
	row       *row   // apart, because shapes point into it and outlive the scanner
	tally     *tally // counts events instead of keeping them, if not nil
	tracks    tracks

	shapes    []*shape // roughly in the order of use
	lastShape *shape   // of the event before; nil before the first
	texts     *texts
	known     []uint8 // by StringID, see knownPlain
	inputs    inputs

	meta    map[string][]byte // top-level keys but traceEvents, raw
	keys    []string          // the same, in the file's order
	places  map[string]place  // where each key stands
	events  bool              // a traceEvents array, or a bare array of events, was found
	closed  bool              // the document's last bracket was found
	seen    []trace.Category  // categories that events have, each once
	unknown []string          // texts of those that are CategoryOther, the first
	lost    int               // 1 if the file ends inside an event
}

func newScanner(w *window) *scanner {
	texts := &texts{}
	t := &trace.Trace{Strings: trace.NewStrings(), Text: texts}
	return &scanner{w: w, t: t, texts: texts, row: &row{}, tracks: newTracks(), meta: map[string][]byte{}, places: map[string]place{}}
}

// next skips white space and returns the byte there, at offset i of the view; false at the end of the text.
func (s *scanner) next(i int) (int, byte, bool) {
	for {
		i = skipSpace(s.w.text(), i)
		if i < s.w.n {
			return i, s.w.buf[i], true
		}
		if !s.w.more(i) {
			return 0, 0, false
		}
		i = 0
	}
}

// value returns the offset after the value at offset i of the view; false if the file ends in it, or it is broken.
// The view may move: what was at i is at the returned start.
func (s *scanner) value(i int) (start, end int, ok bool) {
	for {
		e := endOfValue(s.w.text(), i)
		if e >= 0 && e < s.w.n {
			return i, e, true
		}
		if e == broken || s.w.n-i > maxValue {
			return i, i, false
		}
		if !s.grow(i) {
			return 0, s.w.n, e >= 0
		}
		i = 0
	}
}

// grow drops what lies before offset i and doubles the view, so that scanning a long value again each time costs no
// more than scanning it twice. It returns false if there is no more text.
func (s *scanner) grow(i int) bool {
	if !s.w.more(i) {
		return false
	}
	for want := 2 * (s.w.n - source.BlockBytes); s.w.n < want && s.w.more(0); {
	}
	return true
}

// document scans the whole file.
func (s *scanner) document() error {
	for s.w.n < 4 && s.w.more(0) { // enough for a byte order mark
	}
	if bytes.HasPrefix(s.w.text(), byteOrderMark) {
		s.w.drop(len(byteOrderMark))
	}
	i, c, ok := s.next(0)
	switch {
	case !ok && s.inputFault() == nil:
		return &source.NotTraceError{What: "an empty file"}
	case !ok:
		return &source.NotTraceError{What: "a compressed file without contents (" + s.inputFault().Error() + ")",
			Hint: "its writer died or the disk was full; capture again"}
	case c == '[':
		if err := s.bareArray(i); err != nil {
			return err
		}
	case c == '{':
		if err := s.object(i + 1); err != nil {
			return err
		}
	default:
		return &source.NotTraceError{What: notJSON(s.w.text()[i:])}
	}
	s.finish()
	return nil
}

// object scans the members of the top-level object; i is the offset after its brace.
func (s *scanner) object(i int) error {
	comma := true
	for {
		var c byte
		var ok bool
		if i, c, ok = s.next(i); !ok {
			break
		}
		switch c {
		case ',':
			i++
			comma = true
			continue
		case '}':
			s.closed = true
			s.trailing(i + 1)
			return s.refusal()
		case '"':
			if !comma {
				s.damage(source.DamageSyntax, i, 0)
			}
			comma = false
		default:
			if !s.events {
				return s.refusal()
			}
			s.damage(source.DamageSyntax, i, 0)
			if i, ok = s.resumeKeys(i); !ok {
				return s.refusal()
			}
			continue
		}
		var start, end int
		if start, end, ok = s.value(i); !ok {
			break
		}
		s.w.drop(start) // so that counting its line takes no longer than passing it
		end -= start
		at := place{s.w.offset, s.w.line(0)}
		key := string(s.w.text()[1 : end-1])
		if i, c, ok = s.next(end); !ok || c != ':' {
			break
		}
		if i, c, ok = s.next(i + 1); !ok {
			break
		}
		if key == "traceEvents" && c == '[' {
			s.events = true
			if i = s.eventArray(i + 1); i < 0 {
				break
			}
			continue
		}
		if what := otherFormat(key); what != nil && !s.events {
			return what
		}
		if i, end, ok = s.value(i); !ok {
			break
		}
		if _, dup := s.meta[key]; !dup {
			s.keys = append(s.keys, key)
		}
		s.meta[key], s.places[key] = bytes.Clone(s.w.text()[i:end]), at
		i = end
	}
	return s.refusal()
}

// refusal refuses a document in which no events were found.
func (s *scanner) refusal() error {
	if s.events {
		return nil
	}
	return unknownObject(s.keys, s.w)
}

// resumeKeys finds the next top-level key after damage outside the events: a quote after a comma or a line break.
func (s *scanner) resumeKeys(i int) (int, bool) {
	for {
		j := bytes.IndexByte(s.w.text()[min(i, s.w.n):], '"')
		if j >= 0 {
			return i + j, true
		}
		if !s.w.more(s.w.n) {
			return 0, false
		}
		i = 0
	}
}

// bareArray scans a document that is only the array of events; i is the offset of its bracket.
func (s *scanner) bareArray(i int) error {
	i, c, ok := s.next(i + 1)
	if !ok {
		return &source.NotTraceError{What: "an array that ends at once"}
	}
	if c != '{' && c != ']' {
		return otherArray(c)
	}
	if c == '{' {
		start, end, ok := s.value(i)
		if ok {
			b := s.w.text()[:end]
			s.splitEvent(b, start)
			if !looksLikeEvent(b, s.members) {
				return otherObjects(b, s.members)
			}
		}
		i = start
	}
	s.events = true
	if i = s.eventArray(i); i >= 0 {
		s.closed = true
		s.trailing(i)
	}
	return nil
}

// eventArray scans events from offset i on to the end of the array, and returns the offset after its bracket; -1 if
// the text ends first.
func (s *scanner) eventArray(i int) int {
	afterEvent := false
	for {
		var c byte
		var ok bool
		if i, c, ok = s.next(i); !ok {
			return -1
		}
		switch c {
		case ',':
			i++
			afterEvent = false
			continue
		case ']':
			return i + 1
		case '{':
		default:
			if end, ok := s.standsAlone(i); ok && !afterEvent {
				i, afterEvent = end, true
				continue
			}
			if i, ok = s.resync(i); !ok {
				return -1
			}
			afterEvent = false
			continue
		}
		if afterEvent {
			s.damage(source.DamageSyntax, i, 0) // a comma is missing
		}
		if j, comma := s.run(i); j > i {
			i, afterEvent = j, !comma
			continue
		}
		end := s.splitEvent(s.w.text(), i)
		if s.hidesEvents(i, end) {
			end = broken
		}
		switch {
		case end >= 0:
			if !s.learn(s.w.buf, i, end) {
				s.takeEvent(s.w.text(), i, end)
			}
			i = end
			afterEvent = true
		case end == short && s.w.n-i <= maxValue:
			if s.grow(i) {
				i = 0
				continue
			}
			// The file ends inside this event; or a quote or a bracket too many in it hides those that follow.
			if !endsInString(s.w.text()) && !s.holdsEvent(1, s.w.n) {
				s.lost = 1
				return -1
			}
			if i, ok = s.resync(0); !ok {
				return -1
			}
			afterEvent = false
		default:
			if s.w.n-i < repairBytes {
				s.w.more(i)
				i = 0
			}
			if end, ok := s.repair(i); ok {
				i = end
				afterEvent = true
				continue
			}
			if i, ok = s.resync(i); !ok {
				return -1
			}
			afterEvent = false
		}
	}
}

// standsAlone tells whether a value that is no object, at offset i of the view, stands where an event could: it is JSON, and says
// nothing of any event. It returns the offset after it.
func (s *scanner) standsAlone(i int) (int, bool) {
	b := s.w.text()
	end := endOfValue(b, i)
	if end < 0 || b[i] == '[' || b[i] == '"' {
		return 0, false
	}
	next := skipSpace(b, end)
	return end, next < len(b) && (b[next] == ',' || b[next] == ']') && json.Valid(b[i:end])
}

// trailing looks at what follows the end of the document.
func (s *scanner) trailing(i int) {
	i, _, ok := s.next(i)
	if !ok {
		return
	}
	s.damage(source.DamageTrailing, i, 0)
	for s.w.more(s.w.n) {
	}
}

// inputFault is why the input ended, if that was not its end.
func (s *scanner) inputFault() error {
	if s.w.err == nil || errors.Is(s.w.err, io.EOF) {
		return nil
	}
	return s.w.err
}

// finish notes how the file ended, and decodes what could not be decoded before its end.
func (s *scanner) finish() {
	for s.w.more(s.w.n) { // to the checksum
	}
	if kind, text, damaged := source.EndDamage(s.w.err); damaged {
		s.damageText(kind, s.w.n, text, s.lost)
	} else if !s.closed {
		s.damageText(source.DamageTruncated, s.w.n, "the file ends before its last bracket", s.lost)
	}
	s.nameTracks()
	s.takeMetadata()
}
