package kineto

import (
	"encoding/binary"
	"slices"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// member is one key and its value: where they stand in the view. The key is without its quotes.
type member struct {
	keyAt, keyEnd, valueAt, valueEnd int
	argument                         bool // inside args
}

func (m *member) key(b []byte) []byte   { return b[m.keyAt:m.keyEnd] }
func (m *member) value(b []byte) []byte { return b[m.valueAt:m.valueEnd] }

// splitEvent lists the members of the event object at b[i], args flattened into the list, and returns the offset after
// it; short or broken if it has none.
func (s *scanner) splitEvent(b []byte, i int) int {
	s.members = s.members[:0]
	s.loneComma = false
	inArgs, afterComma := false, false
	i++ // the brace
	for {
		i = skipSpace(b, i)
		if i >= len(b) {
			return short
		}
		if b[i] != '"' {
			// The end of an object that is empty or ends in a comma.
			if b[i] != '}' {
				return broken
			}
			s.loneComma = s.loneComma || afterComma
		} else {
			keyEnd := endOfString(b, i)
			if keyEnd < 0 {
				return short
			}
			keyAt := i + 1
			j := skipSpace(b, keyEnd)
			if j >= len(b) {
				return short
			}
			if b[j] != ':' {
				return broken
			}
			i = skipSpace(b, j+1)
			if i >= len(b) {
				return short
			}
			if !inArgs && b[i] == '{' && string(b[keyAt:keyEnd-1]) == "args" {
				inArgs, afterComma = true, false
				i++
				continue
			}
			e := endOfValue(b, i)
			if e < 0 {
				return e
			}
			s.members = append(s.members, member{keyAt, keyEnd - 1, i, e, inArgs})
			i = e
		}
		for {
			i = skipSpace(b, i)
			if i >= len(b) {
				return short
			}
			if b[i] == ',' {
				i++
				afterComma = true
				break
			}
			if b[i] != '}' {
				return broken
			}
			i++
			if !inArgs {
				return i
			}
			inArgs = false
		}
	}
}

// phaseDeclaration is the phase of metadata events: names of processes and threads.
const phaseDeclaration = 'M'

// takeEvent files the event at b[at:end], whose members have been split.
func (s *scanner) takeEvent(b []byte, at, end int) {
	if len(s.members) == 0 && !s.loneComma { // {}, so that each event before it may end in a comma
		return
	}
	var phase, category, name, pid, tid, ts, dur, id []byte
	for _, m := range s.members {
		if m.argument {
			continue
		}
		switch string(m.key(b)) {
		case "ph":
			phase = unquoted(m.value(b))
		case "cat":
			category = m.value(b)
		case "name":
			name = m.value(b)
		case "pid":
			pid = m.value(b)
		case "tid":
			tid = m.value(b)
		case "ts":
			ts = m.value(b)
		case "dur":
			dur = m.value(b)
		case "id":
			id = m.value(b)
		}
	}
	r := s.row
	r.phase = trace.PhaseComplete
	known := len(phase) == 1 && (phase[0]|0x20)-'a' < 26
	if known {
		r.phase = trace.Phase(phase[0])
	}
	faulty := !known || s.loneComma
	for _, m := range s.members {
		faulty = faulty || !soundMember(b, m)
	}
	if r.phase == phaseDeclaration {
		s.takeDeclaration(b, name, pid, tid)
		switch {
		case faulty:
			s.damage(source.DamageValue, at, 0)
		case s.tally == nil:
			s.texts.declarations = append(s.texts.declarations, string(b[at:end]))
		}
		return
	}
	r.category = s.category(unquoted(category), r.phase, name)
	r.reset(trace.TableOf(r.category, r.phase))
	r.name = s.text(name)
	r.track = s.track(pid, tid)
	var ok bool
	if r.start, ok = parseMicros(unquoted(ts)); !ok {
		s.damage(source.DamageValue, at, 1)
		return
	}
	if dur != nil {
		switch r.dur, ok = parseMicros(unquoted(dur)); {
		case !ok:
			s.damage(source.DamageValue, at, 0)
			r.dur = 0
		case r.dur < 0:
			s.damage(source.DamageDuration, at, 0)
			r.dur = 0
		}
	}
	if r.table == trace.TableFlow {
		if v, ok := looseInt(id); ok {
			r.flow = v
		}
	}
	for _, m := range s.members {
		if m.argument {
			if _, field := s.argumentFor(r.table, m.key(b)); field != nil {
				field.set(r, m.value(b), s)
			}
		}
	}
	if faulty {
		s.damage(source.DamageValue, at, 0)
	}
	values := binary.AppendUvarint(s.texts.values(), uint64(end-at))
	s.file(r, 0, append(values, b[at:end]...))
}

// file takes a row over, with the number of its shape and the values to keep.
func (s *scanner) file(r *row, number uint16, values []byte) {
	if s.tally != nil {
		s.tally.add(r, s.t)
		s.texts.spare = values[:0]
		return
	}
	r.put(s.t)
	s.texts.add(number, values)
}

// text interns the text of a string token.
func (s *scanner) text(token []byte) trace.StringID { return internText(token, s.t.Strings) }

// first is the first byte of a token; 0 if it is empty.
func first(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (s *scanner) findCategory(text []byte, phase trace.Phase, name []byte) trace.Category {
	switch phase {
	case 's', 't', 'f':
		return trace.CategoryFlow
	}
	if len(text) == 0 {
		if string(name) == `"[memory]"` {
			return trace.CategoryInstant
		}
		return trace.CategoryNone
	}
	c, ok := acceleratorCategory(text, name)
	if !ok {
		c = s.t.Events.CategoryOf(text)
	}
	if c >= trace.CategoryOther && !slices.Contains(s.unknown, string(text)) && len(s.unknown) < mostUnknown {
		s.unknown = append(s.unknown, string(text))
	}
	return c
}

// mostUnknown bounds how many categories are remembered that are not known.
const mostUnknown = 64

// category finds the category of an event, and remembers it.
func (s *scanner) category(text []byte, phase trace.Phase, name []byte) trace.Category {
	c := s.findCategory(text, phase, name)
	if f := c.Folded(); phase != trace.PhaseCounter && !slices.Contains(s.seen, f) {
		s.seen = append(s.seen, f)
	}
	return c
}
